"""`run_callback`: what a callback's own process does. It calls author code, sends the mail, tells of a deadline."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from tradewind.sdk.context import current_context
from tradewind.sdk.execution.attempt import Attempt
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.outcome import one_line
from tradewind.sdk.execution.prepared import PreparedDag
from tradewind.sdk.execution.runtime import Runtime, RuntimeRequestError, runtime_installed
from tradewind.sdk.execution.tracebacks import author_traceback
from tradewind.sdk.types import TaskInstanceState
from tradewind.wire.messages import Finished, Offer

log = logging.getLogger("tradewind.task")

STATES = {
    "on_success": TaskInstanceState.SUCCESS,
    "on_skipped": TaskInstanceState.SKIPPED,
    "on_retry": TaskInstanceState.UP_FOR_RETRY,
    "on_failure": TaskInstanceState.FAILED,
}


class _NotNow(Exception):
    """The engine could not say whether it may be done: it is tried again by whoever asked for it."""


def run_callback(
    prepared: PreparedDag,
    offer: Offer,
    runtime: Runtime,
    clock_us: Callable[[], int] | None = None,
    on_begun: Callable[[int], None] = lambda at_us: None,
) -> Finished:
    """Carry out what the offer names: callbacks (`dag:on_success`, `task:on_failure` …), a mail
    (`task:email_on_failure`), or several of them (joined by `+`), or a missed deadline.

    The context has the run, and the offer's `reason`. A callback that raises is logged; the report then says `failed`
    with its error, which touches neither run nor task. `on_begun` is told the time from which it must not be started
    again.
    """
    clock = clock_us or (lambda: time.time_ns() // 1000)
    report = Finished(attempt=offer.attempt, outcome="success", start_us=clock())
    problems: list[str] = []
    with runtime_installed(runtime):
        try:
            attempt = Attempt(prepared, offer)
            with current_context(attempt.context):
                if offer.callback.startswith("reference:"):
                    report.moment_us = _worked_out(attempt)
                    return report
                problems = _carry_out(attempt, lambda: _may_begin(runtime, lambda: on_begun(clock())))
        except _NotNow as why:
            report.outcome, report.error = "not_started", str(why)
        except Exception as error:
            log_error(error, one_line(error))
            problems = [one_line(error)]
    if problems:
        report.outcome, report.error = "failed", masker().mask(problems[0])
    report.end_us = clock()
    return report


def _worked_out(attempt: Attempt) -> int | None:
    from tradewind.sdk.execution.lateness import deadline_of_run

    return deadline_of_run(attempt, attempt.offer.callback.removeprefix("reference:"))


def _carry_out(attempt: Attempt, may_begin: Callable[[], str]) -> list[str]:
    offer, context = attempt.offer, attempt.context
    context["reason"] = offer.reason
    owner, _, what = offer.callback.partition(":")
    if owner == "deadline" or what in ("sla_miss", "email_sla_miss"):
        from tradewind.sdk.execution import lateness

        if what == "email_sla_miss":
            return lateness.mail_of_sla(attempt, may_begin)
        tell = lateness.deadline_missed if owner == "deadline" else lateness.sla_missed
        return tell(attempt, what)
    if owner == "dag":
        return call_all(attempt.prepared.dag, what, context)
    context["exception"], context["try_number"] = offer.reason, offer.try_number
    problems: list[str] = []
    for event in what.split("+"):
        attempt.ti.state = STATES.get(event.removeprefix("email_"), attempt.ti.state)
        if event.startswith("email_"):
            from tradewind.sdk.execution.alert_mail import send_alert

            problems += send_alert(attempt, event, may_begin)
        else:
            problems += call_all(attempt.task, event, context)
    return problems


def call_all(whose: Any, event: str, context: Any) -> list[str]:
    """Call what a task or Dag has for this event; what went wrong, a sentence each."""
    callbacks = getattr(whose, f"{event}_callback", None)
    return call_each(callbacks, context, event) if callbacks else []


def _may_begin(runtime: Runtime, begun: Callable[[], None]) -> str:
    """Ask whether what must not be done twice may be done now; empty, or why not."""
    try:
        answer = str(runtime.request("callback.begin") or "")
    except RuntimeRequestError as error:
        raise _NotNow(str(error)) from error
    if not answer:
        begun()
    return answer


def call_each(callbacks: Any, context: Any, event: str) -> list[str]:
    """Call one callback or several; what one raises is logged, is in the list that comes back, and stops no other."""
    problems = []
    for callback in [callbacks] if callable(callbacks) or not isinstance(callbacks, Iterable) else list(callbacks):
        name = getattr(callback, "__qualname__", None) or type(callback).__qualname__
        try:
            if not callable(callback):
                raise TypeError(f"{event}_callback is {callback!r}, which cannot be called; give a function.")
            callback(context)
        except Exception as error:
            problems.append(one_line(error))
            log_error(error, f"The callback {name} for {event} failed, which changes nothing: {one_line(error)}")
    return problems


def log_error(error: BaseException, text: str) -> None:
    """One line, with the traceback as the author wants it."""
    try:
        trace = author_traceback(error)
    except Exception:  # an exception that cannot even be printed
        trace = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s", text, extra={"author_trace": trace})
