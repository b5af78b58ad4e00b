"""From what a worker reports to an input of the owner. What no worker of ours can mean is not believed."""

import json
import math
from collections.abc import Iterable
from datetime import datetime

from tradewind.core.inputs import Ask, AssetUpdate, AttemptFinished, Defer, XCom
from tradewind.core.records import Person
from tradewind.core.retries import LONGEST_DELAY_SECONDS
from tradewind.core.soundness import MOST
from tradewind.store.times import FIRST_US, LAST_US, from_us
from tradewind.wire.messages import Deferral, Finished, Question, XComValue

OUTCOMES = (
    "success", "skipped", "failed", "failed_for_good", "rescheduled", "deferred", "awaiting_input", "lost",
    "cancelled", "not_started",
)  # fmt: skip
"""How an attempt can end; `wire.Finished` says what they mean."""

MOST_BYTES = 2**62
"""More than any machine has, and what every database keeps."""


def fault_of(report: Finished) -> str:
    """What in a report cannot be, as one sentence; empty when it can be used."""
    if report.outcome not in OUTCOMES:
        return f"its outcome {report.outcome[:60]!r} is none of {', '.join(OUTCOMES)}"
    if report.outcome == "deferred" and report.defer is None:
        return "it defers its task, and does not say what for"
    if fault := fault_of_xcoms(report.xcoms) or _length(report.length, "its value"):
        return fault
    times = {"start_us": report.start_us, "end_us": report.end_us, "reschedule_us": report.reschedule_us}
    if report.defer is not None:
        times["defer.at_us"] = report.defer.at_us
    for name, us in times.items():
        if us is not None and not FIRST_US <= us <= LAST_US:
            return f"{name} {us} is no moment between the years 2 and 9800"
    if fault := _duration(report.retry_delay_seconds, "retry_delay_seconds"):
        return fault
    return "" if report.defer is None else _defer_fault(report.defer)


def fault_of_xcoms(xcoms: Iterable[XComValue]) -> str:
    """What is wrong with values that a report brings; empty when nothing is."""
    return next((fault for xcom in xcoms if (fault := _length(xcom.length, f"XCom {xcom.key[:60]!r}"))), "")


def moment_said(us: int, otherwise: datetime) -> datetime:
    """A time that a worker says, where it can be one."""
    at = moment_in(us)
    return at if at is not None else otherwise


def moment_in(us: int) -> datetime | None:
    """A time in microseconds, or None where no calendar has it."""
    return from_us(us) if FIRST_US <= us <= LAST_US else None


def _length(length: int | None, what: str) -> str:
    return (
        "" if length is None or 0 <= length <= MOST else f"{what} is {length} long, which is not between 0 and {MOST}"
    )


def _duration(seconds: float | None, name: str) -> str:
    """Negative ones are in the past, which is a moment like any other."""
    if seconds is None or (math.isfinite(seconds) and abs(seconds) <= LONGEST_DELAY_SECONDS):
        return ""
    return f"{name} {seconds} is no number of seconds up to {LONGEST_DELAY_SECONDS:.0f}"


def _defer_fault(said: Deferral) -> str:
    for name, encoded in (("kwargs", said.kwargs), ("method_kwargs", said.method_kwargs)):
        try:
            is_object = isinstance(json.loads(encoded), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            return f"{name} of its trigger {said.classpath[:60]!r} are no JSON of an object"
    return _duration(said.timeout_seconds, "the timeout of its trigger")


def attempt_finished(report: Finished) -> AttemptFinished:
    """The end of an attempt as `decide` takes it. One that cannot be used has failed, for that reason."""
    if fault := fault_of(report):
        error = f"What its worker reported cannot be used: {fault}."
        return AttemptFinished(attempt=report.attempt, outcome="failed_for_good", error=error)
    xcoms = [XCom(name=x.key, value=x.value, length=x.length) for x in report.xcoms]
    if report.value is not None:
        xcoms.append(XCom(name="return_value", value=report.value, length=report.length))
    return AttemptFinished(
        attempt=report.attempt,
        outcome=report.outcome,
        start_date=from_us(report.start_us),
        end_date=from_us(report.end_us),
        error=report.error,
        xcoms=tuple(xcoms),
        skip=tuple(report.skip),
        retry_delay_seconds=report.retry_delay_seconds,
        reschedule_at=from_us(report.reschedule_us),
        defer=_defer(report.defer) if report.defer is not None else None,
        ask=_ask(report.ask) if report.ask is not None else None,
        rendered=report.rendered,
        map_label=report.map_label,
        asset_events=tuple(
            AssetUpdate(
                name=said.name,
                uri=said.uri,
                group=said.group,
                extra=said.extra,
                aliases=tuple(said.aliases),
                partition_key=said.partition_key,
            )
            for said in report.asset_events
            if said.name or said.uri
        ),
        died=report.died,
        cpu_seconds=report.cpu_seconds if math.isfinite(report.cpu_seconds) else 0.0,
        peak_bytes=min(max(report.peak_bytes, 0), MOST_BYTES),
    )


def _defer(said: Deferral) -> Defer:
    return Defer(
        classpath=said.classpath,
        kwargs=said.kwargs,
        method=said.method,
        method_kwargs=said.method_kwargs,
        timeout_seconds=said.timeout_seconds,
        at=from_us(said.at_us),
        at_event=said.at_event,
        at_ends=said.at_ends,
    )


def _ask(said: Question) -> Ask:
    return Ask(
        subject=said.subject,
        options=tuple(said.options),
        body=said.body,
        defaults=None if said.defaults is None else tuple(said.defaults),
        multiple=said.multiple,
        params=said.params,
        assigned=tuple(Person(*each) for each in said.assigned),
        method=said.method,
        method_kwargs=said.method_kwargs,
        timeout_seconds=said.timeout_seconds,
    )
