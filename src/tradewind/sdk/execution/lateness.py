"""What is called when a run, or a task of it, is late: a deadline's callback, and Airflow 2's `sla_miss_callback`."""

from __future__ import annotations

import asyncio
import html
import inspect
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from tradewind.sdk.callables import parameters_of
from tradewind.sdk.compat_helpers import import_string
from tradewind.sdk.execution.attempt import Attempt
from tradewind.sdk.execution.callback import call_each, log_error
from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.outcome import one_line
from tradewind.sdk.notifier import BaseNotifier
from tradewind.sdk.timezone import aware

log = logging.getLogger("tradewind.task")


class RunFacts(dict[str, Any]):
    """A run as the REST interface describes it: a dict whose keys are attributes as well."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class SlaMiss(NamedTuple):
    """A task that was not over in time, as `sla_miss_callback` gets it."""

    task_id: str
    dag_id: str
    execution_date: Any
    timestamp: Any
    description: str = ""
    email_sent: bool = False
    notification_sent: bool = False


def deadline_missed(attempt: Attempt, place: str) -> list[str]:
    """Call the callback of the Dag's deadline at this place."""
    deadlines = attempt.prepared.dag.deadlines
    if int(place) >= len(deadlines):
        log.warning("The Dag has no deadline number %s any more; nobody is called.", place)
        return []
    alert = deadlines[int(place)]
    context = attempt.context
    context["dag_run"] = run_facts(attempt)
    context["deadline"] = RunFacts(
        id=attempt.offer.attempt, deadline_time=datetime.fromisoformat(attempt.offer.reason), alert_name=alert.name
    )
    callback = alert.callback
    try:
        called = callback.callback_callable
        function = import_string(called) if isinstance(called, str) else called
        _call(function, dict(callback.kwargs), context)
    except Exception as error:
        line = f"The callback {callback.path} of a missed deadline failed, which changes nothing: {one_line(error)}"
        log_error(error, line)
        return [line]
    return []


def deadline_of_run(attempt: Attempt, place: str) -> int | None:
    """By when the run is to be over, as the reference says that the author has for the Dag's deadline at this place."""
    dag = attempt.prepared.dag
    if int(place) >= len(dag.deadlines):
        log.warning("The Dag has no deadline number %s any more; the run gets none of it.", place)
        return None
    alert = dag.deadlines[int(place)]
    facts = run_facts(attempt)
    known = {**facts, "dag_run": facts}
    moment = alert.reference.evaluate_with(session=_NoSession(), interval=alert.duration, **known)
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise TypeError(f"{type(alert.reference).__name__} says {moment!r}; a deadline's reference gives a datetime.")
    at = aware(moment, dag.timezone)
    return None if at is None else microseconds(at)


class _NoSession:
    """Stands where Airflow passes a session of its metadata database, to which no code of authors has access here."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"session.{name}: the metadata database is out of reach of Dag files; name what you need of the run in "
            "required_kwargs."
        )


def _call(function: Any, kwargs: dict[str, Any], context: Any) -> None:
    if inspect.isclass(function) and issubclass(function, BaseNotifier):
        function(**kwargs)(context)
        return
    parameters = parameters_of(function)
    if any(each.name == "context" or each.kind is each.VAR_KEYWORD for each in parameters):
        kwargs["context"] = context
    result = function(**kwargs)
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))


async def _awaited(result: Any) -> None:
    await result


def sla_missed(attempt: Attempt, _: str) -> list[str]:
    """Call the Dag's sla_miss_callback with the five values that it gets in Airflow 2."""
    dag, run, task_id = attempt.prepared.dag, attempt.ti.dag_run, attempt.offer.task_id
    late = SlaMiss(task_id, dag.dag_id, run.logical_date, datetime.fromisoformat(attempt.offer.reason))
    blocking, lines = _late_and_blocking(attempt)
    values = (dag, lines[0], "\n".join(lines[1:]), [late], blocking)

    def with_values(callback: Any) -> Any:
        return lambda context: callback(*values)

    callbacks = dag.sla_miss_callback
    several = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return call_each([with_values(callback) for callback in several if callback], attempt.context, "sla_miss")


def _late_and_blocking(attempt: Attempt) -> tuple[list[Any], list[str]]:
    """The task instances that are not done; and a line for the task that is late, and one for each of those."""
    run = attempt.ti.dag_run
    blocking = [each for each in run.get_task_instances() if str(each.state) not in ("success", "skipped")]
    date = run.logical_date or run.run_after
    when = date.isoformat() if date is not None else run.run_id
    names = (attempt.offer.task_id, *(each.task_id for each in blocking))
    return blocking, [f"{name} on {when}" for name in names]


def mail_of_sla(attempt: Attempt, may_begin: Callable[[], str]) -> list[str]:
    """Send the mail about a task that has missed its SLA to the addresses that the task has."""
    from tradewind.sdk.execution.alert_mail import send_once

    if not attempt.task.email or attempt.task.counted_sla is None:
        log.info("No mail is sent: the task asks for none any more.")
        return []
    return send_once("sla_miss", attempt.task.email, lambda: _composed(attempt), may_begin)


def _composed(attempt: Attempt) -> tuple[str, str]:
    _, lines = _late_and_blocking(attempt)
    late, blocking = html.escape(lines[0]), html.escape("\n".join(lines[1:]))
    due = html.escape(attempt.offer.reason)
    return (
        f"[airflow] SLA miss on DAG={attempt.prepared.dag.dag_id}",
        f"<p>Not done by {due}:</p><pre>{late}</pre><p>Not done in its run:</p><pre>{blocking}</pre>",
    )


def run_facts(attempt: Attempt) -> RunFacts:
    """The run, by the names of the REST interface."""
    run, dag = attempt.ti.dag_run, attempt.prepared.dag
    return RunFacts(
        dag_run_id=run.run_id,
        run_id=run.run_id,
        dag_id=run.dag_id,
        dag_display_name=getattr(dag, "dag_display_name", run.dag_id),
        logical_date=run.logical_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_after=run.run_after,
        start_date=run.start_date,
        end_date=run.end_date,
        run_type=run.run_type,
        state=run.state,
        triggered_by=run.triggered_by,
        triggering_user_name=run.triggering_user_name,
        conf=run.conf,
        note=run.note,
    )
