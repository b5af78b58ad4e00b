"""From what a worker reports to an input of the owner."""

from tradewind.core.inputs import Ask, AssetUpdate, AttemptFinished, Defer, XCom
from tradewind.core.records import Person
from tradewind.store.times import from_us
from tradewind.wire.messages import Deferral, Finished, Question


def attempt_finished(report: Finished) -> AttemptFinished:
    """The end of an attempt as `decide` takes it."""
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
            AssetUpdate(name=said.name, uri=said.uri, group=said.group, extra=said.extra, aliases=tuple(said.aliases))
            for said in report.asset_events
            if said.name or said.uri
        ),
        cpu_seconds=report.cpu_seconds,
        peak_bytes=report.peak_bytes,
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
