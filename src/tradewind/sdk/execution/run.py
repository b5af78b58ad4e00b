"""`run_attempt`: one offer from its templates to its report."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tradewind.sdk.context import current_context
from tradewind.sdk.exceptions import AirflowTaskTimeout
from tradewind.sdk.execution.asking import forget
from tradewind.sdk.execution.attempt import Attempt
from tradewind.sdk.execution.callback import STATES, call_all, log_error
from tradewind.sdk.execution.deferral import first_step, time_left
from tradewind.sdk.execution.interrupts import StopOnRequest, TimeLimit, call_on_kill
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.outcome import Outcome, one_line, outcome_of
from tradewind.sdk.execution.outlets import updates_of
from tradewind.sdk.execution.prepared import PreparedDag
from tradewind.sdk.execution.runtime import Runtime, runtime_installed
from tradewind.sdk.execution.shown import shown_fields
from tradewind.sdk.progress import begin as begin_progress
from tradewind.wire.messages import Finished, Offer

log = logging.getLogger("tradewind.task")

Execute = Callable[[Callable[[], Any], Any], Any]
"""Given what the operator itself would do, and its context, the result of the task."""


def run_attempt(
    prepared: PreparedDag,
    offer: Offer,
    runtime: Runtime,
    on_started: Callable[[int], None],
    clock_us: Callable[[], int],
    *,
    alone: bool = False,
    triggers_here: bool = False,
    execute: Execute | None = None,
) -> Finished:
    """Run what the offer names and say how it ended; nothing that author code raises comes out of here.

    `on_started` is told the time when the templates are rendered and `execute` is about to begin. `alone` says that
    the process runs no other attempt, so that an operator without templates need not be copied. With `triggers_here`
    a task that defers waits for its trigger in this process, and goes on. `execute` is called in place of what the
    operator would do, and may call that: a test stands in for a task with it.
    """
    report = Finished(attempt=offer.attempt, outcome="failed", start_us=clock_us())
    used = time.process_time()
    begin_progress(offer.attempt)
    try:
        with runtime_installed(runtime):
            attempt = _made(prepared, offer, report, alone)
            if attempt is not None:
                attempt.triggers_here = triggers_here
                _run(attempt, on_started, clock_us, report, execute)
    finally:
        begin_progress("")
        forget(offer.attempt)
    report.error = masker().mask(report.error)
    if report.ask is not None:  # it is kept, and shown to people
        report.ask.subject, report.ask.body = masker().mask(report.ask.subject), masker().mask(report.ask.body)
    report.end_us = report.end_us or clock_us()
    report.cpu_seconds = time.process_time() - used
    report.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return report


def _made(prepared: PreparedDag, offer: Offer, report: Finished, alone: bool) -> Attempt | None:
    try:
        return Attempt(prepared, offer, alone=alone)
    except Exception as problem:
        log_error(problem, one_line(problem))
        report.error = one_line(problem)
        return None


def _run(
    attempt: Attempt,
    on_started: Callable[[int], None],
    clock_us: Callable[[], int],
    report: Finished,
    execute: Execute | None,
) -> None:
    error: BaseException | None = None
    with current_context(attempt.context):
        try:
            with StopOnRequest(lambda: _on_kill(attempt)) as stop:
                try:
                    _execute(attempt, on_started, clock_us, report, execute)
                except BaseException as raised:
                    error = raised
        except BaseException as raised:  # the request to stop came between the lines
            error = raised
        outcome = _outcome(attempt, error, stopped=stop.requested)
        if outcome.kind == "success" and (problem := _note_updates(attempt, report)) is not None:
            error, outcome = problem, _outcome(attempt, problem, stopped=False)
        attempt.ti.end_us = report.end_us = clock_us()
        _fill(report, outcome, attempt)
        if error is not None:
            _log_end(outcome, error)
        _label(attempt, report)
        _call_back(attempt, outcome, error)


def _execute(
    attempt: Attempt,
    on_started: Callable[[int], None],
    clock_us: Callable[[], int],
    report: Finished,
    execute: Execute | None,
) -> None:
    """From the task's arguments to its result, in the order in which Airflow calls things."""
    context = attempt.context
    attempt.unmap()
    attempt.check_params()
    attempt.set_environment()
    attempt.render()
    report.rendered = attempt.rendered_fields()
    task = attempt.task
    report.start_us = clock_us()
    attempt.ti.start_us = attempt.offer.first_start_us or report.start_us
    on_started(report.start_us)

    task.pre_execute(context)
    call_all(task, "on_execute", context)
    limit = time_left(getattr(task, "execution_timeout", None), attempt.offer, report.start_us)
    try:
        with TimeLimit(limit, task.task_id):
            result = _result(attempt) if execute is None else execute(partial(_result, attempt), context)
    except AirflowTaskTimeout:
        call_on_kill(task.on_kill)
        raise
    finally:
        if getattr(task, "overwrite_rtif_after_execution", False):
            report.rendered = shown_fields(task)
    task.post_execute(context, result)
    attempt.keep(result, report)


def _result(attempt: Attempt) -> Any:
    """What `execute` returns, or the method with which a deferred task goes on."""
    task, offer, context = attempt.task, attempt.offer, attempt.context
    if attempt.triggers_here:
        from tradewind.sdk.execution.inline import result_with_triggers

        return result_with_triggers(task, offer, context)
    return first_step(task, offer, context)


def _outcome(attempt: Attempt, error: BaseException | None, *, stopped: bool) -> Outcome:
    if stopped:
        return Outcome("cancelled", "The attempt was stopped on request.")
    if error is None:
        return Outcome("success")
    offer = attempt.offer
    try:
        return outcome_of(
            error, task=attempt.task, try_number=offer.try_number, max_tries=offer.max_tries, context=attempt.context
        )  # fmt: skip
    except Exception as problem:  # a retry policy of the author's
        log_error(problem, f"The retry policy failed, so the tries that are left decide: {one_line(problem)}")
        return Outcome("failed", one_line(error), will_retry=0 < offer.max_tries >= offer.try_number)


def _fill(report: Finished, outcome: Outcome, attempt: Attempt) -> None:
    report.outcome, report.error = outcome.kind, outcome.error
    report.reschedule_us, report.retry_delay_seconds = outcome.reschedule_us, outcome.retry_delay_seconds
    report.defer, report.ask = outcome.defer, outcome.ask
    if outcome.kind == "success":
        report.skip = [*attempt.skipped(), *outcome.skip]
    else:
        report.value = report.length = None
        report.xcoms = []


def _note_updates(attempt: Attempt, report: Finished) -> Exception | None:
    """Report the assets that the task updated; what keeps that from being done."""
    try:
        report.asset_events = list(updates_of(attempt.task, attempt.context))
    except Exception as problem:  # author code says what an update is about
        return problem
    return None


def _label(attempt: Attempt, report: Finished) -> None:
    try:
        report.map_label = attempt.ti.rendered_map_index = attempt.map_label()
    except Exception as error:
        log.warning("map_index_template cannot be rendered: %s", one_line(error))


def _on_kill(attempt: Attempt) -> None:
    on_kill = getattr(attempt.task, "on_kill", None)
    if on_kill is not None:
        on_kill()


# --- callbacks ---------------------------------------------------------------------------------------------------


def _call_back(attempt: Attempt, outcome: Outcome, error: BaseException | None) -> None:
    """Tell the task's callbacks how it ended."""
    event = outcome.callback
    if not event:
        return
    attempt.ti.state = STATES[event]
    if event in ("on_failure", "on_retry"):
        attempt.context["exception"] = error
        attempt.context["try_number"] = attempt.offer.try_number
    call_all(attempt.task, event, attempt.context)


# --- the log -----------------------------------------------------------------------------------------------------


def _log_end(outcome: Outcome, error: BaseException) -> None:
    match outcome.kind:
        case "skipped":
            log.info("The task is skipped: %s", outcome.error)
        case "rescheduled":
            log.info("The task will start again at %s.", getattr(error, "reschedule_date", "the time that it named"))
        case "deferred" if outcome.defer is not None:
            wait = outcome.defer
            log.info("The task frees its slot until %s fires; %s() goes on then.", wait.classpath, wait.method)
        case "awaiting_input" if outcome.ask is not None:
            log.info("The task frees its slot until somebody has answered: %s", outcome.ask.subject)
        case "cancelled":
            log.warning("%s", outcome.error)
        case "success":
            log.info("The task succeeded and decided to skip: %s", ", ".join(outcome.skip))
        case _:
            log_error(error, f"The task failed: {outcome.error}")
