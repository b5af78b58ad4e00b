"""Deadlines: by when a run, or one task of it, should be over, and who is told when it is not.

The moments are worked out when the run is made, kept beside it, and dropped when it succeeds: as in Airflow, a run that
has failed is late when its moment comes. Each is told once. Where a reference is code of the author's own, a process
that has it is asked for the moment, as one is that calls back.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from tradewind.core.callbacks import call_back
from tradewind.core.dag import DagSpec, DeadlineSpec
from tradewind.core.decisions import DropRows, PutRow, Record
from tradewind.core.ids import callback_id
from tradewind.core.inputs import CallbackFinished
from tradewind.core.records import DagRun, Overdue, TaskKey
from tradewind.core.states import RUN_FINISHED, RunState, RunType, TaskState
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun, World

SLA = "sla:"
"""Begins the name of a task's deadline; the task's id follows. Those of the run are `deadline:` and their place."""

MAIL = "email_sla_miss"
"""Callback of a task whose author gave it an SLA, and addresses."""

ASKED = "reference:"
"""Begins the kind of a callback that works a deadline out; the deadline's place follows."""

AGAIN = "again"
"""Reason of such a callback for a run that goes on after its end."""


def watch(turn: Turn, live: LiveRun, *, again: bool = False) -> None:
    """Set the deadlines of a run that was made or, `again`, goes on after its end: then what is past is not told."""
    if turn.world.overdue.pop(live.run.number, None) is not None:
        live.deadlines.clear()
        turn.do(DropRows("deadline", {"run": live.run.number}))
    for name, at in _moments(turn.world, live):
        _set(turn, live, name, at, again=again)
    for place, deadline in enumerate(live.plan.spec.deadlines):
        if deadline.reference == "custom":
            key, kind = TaskKey(live.run.number, ""), f"{ASKED}{place}"
            call_back(turn, key, kind, AGAIN if again else "", live.run.clear_number)


def worked_out(turn: Turn, report: CallbackFinished) -> None:
    """A callback is over. If it was asked for a deadline, that is set, unless it was asked for an end before this."""
    if report.asked is None:
        return
    key, kind, reason = report.asked
    live = turn.world.runs.get(key.run)
    if live is None or live.run.state in RUN_FINISHED or not kind.startswith(ASKED):
        return
    run, name = live.run, f"deadline:{kind.removeprefix(ASKED)}"
    if report.id != callback_id(run.number, run.clear_number, kind):
        return
    if report.error:
        body = {"deadline": name}
        turn.do(Record("run.deadline_unknown", run.dag_id, run.run_id, reason=report.error, body=body))
    elif report.moment is not None:
        _set(turn, live, name, report.moment, again=reason == AGAIN)


def _set(turn: Turn, live: LiveRun, name: str, at: datetime, *, again: bool) -> None:
    if again and at <= turn.now:
        return
    number = live.run.number
    live.deadlines[name] = at
    turn.do(PutRow("deadline", {"run": number, "name": name, "at": at}))
    turn.world.at(at, "deadline", (number, name))


def ended(turn: Turn, live: LiveRun, *, has_run: bool) -> None:
    """The run is over. What it was to have done in time is met if it has succeeded, as is what one of its tasks was to
    have done; the rest is missed when its moment comes. One that `has_run` until now tells the average of the next."""
    world, run = turn.world, live.run
    if (kept := world.overdue.pop(run.number, None)) is not None:
        live.deadlines = {**kept.deadlines, **live.deadlines}
    met = [name for name in live.deadlines if _is_met(live, name)]
    for name in met:
        del live.deadlines[name]
        if live.deadlines:
            turn.do(DropRows("deadline", {"run": run.number, "name": name}))
    if live.deadlines:
        world.overdue[run.number] = overdue(run, live.deadlines)
    elif met:
        turn.do(DropRows("deadline", {"run": run.number}))
    most = runtimes_wanted(live.plan.spec)
    if most and has_run and run.start_date is not None:
        seconds = max(0.0, (turn.now - run.start_date).total_seconds())  # a clock may have been set back
        keep_runtimes(turn, run.dag_id, (seconds, *world.runtimes.get(run.dag_id, ()))[:most])


def keep_runtimes(turn: Turn, dag_id: str, seconds: tuple[float, ...]) -> None:
    """How long a Dag's last runs took, newest first: what an average of the next ones looks at."""
    turn.world.runtimes[dag_id] = seconds
    turn.world.set_aside.pop(("runtime", dag_id), None)
    turn.do(PutRow("runtime", {"dag_id": dag_id, "seconds": json.dumps(seconds)}))


def _is_met(live: LiveRun, name: str) -> bool:
    if not name.startswith(SLA):
        return live.run.state is RunState.SUCCESS
    task_id = name.removeprefix(SLA)
    return all(live.tasks[task_id, index].state in _DONE for index in live.instances.get(task_id, ()))


_DONE = (TaskState.SUCCESS, TaskState.SKIPPED)


def on_timer(turn: Turn, subject: tuple[int, str]) -> None:
    """The moment has come: who waits for it is told, unless what it is about is done."""
    number, name = subject
    world, live = turn.world, turn.world.runs.get(number)
    if live is not None and live.quarantine:
        return
    about = world.overdue.get(number)
    if about is None and live is not None and live.run.state not in RUN_FINISHED:
        about = overdue(live.run, live.deadlines)
    at = about.deadlines.get(name) if about is not None else None
    if about is None or at is None or at > turn.now:
        return
    del about.deadlines[name]
    if not about.deadlines:
        world.overdue.pop(number, None)
    turn.do(DropRows("deadline", {"run": number, "name": name}))
    if name.startswith(SLA) and live is not None and _is_met(live, name):
        return
    task_id, moment = name.removeprefix(SLA) if name.startswith(SLA) else "", at.isoformat()
    body = {"deadline": "sla" if task_id else name}
    turn.do(Record("run.deadline_missed", about.dag_id, about.run_id, task_id, reason=moment, body=body))
    for kind in _who_is_told(world, about.dag_id, task_id) if task_id else (name,):
        call_back(turn, TaskKey(number, task_id), kind, moment, about.clear_number)


def _who_is_told(world: World, dag_id: str, task_id: str) -> Iterator[str]:
    """The callbacks for a task that has missed its SLA: the Dag's, and the mail to the task's own addresses."""
    plan = world.plans.get(dag_id)
    task = plan.spec.tasks.get(task_id) if plan is not None else None
    if plan is not None and "sla_miss" in plan.spec.callbacks:
        yield "dag:sla_miss"
    if task is not None and MAIL in task.callbacks:
        yield f"task:{MAIL}"


def overdue(run: DagRun, deadlines: dict[str, datetime]) -> Overdue:
    """What is still to be told of a run."""
    return Overdue(run.dag_id, run.run_id, run.clear_number, deadlines)


def runtimes_wanted(spec: DagSpec) -> int:
    """How many of its past runs a Dag's deadlines look at."""
    return max((each.max_runs for each in spec.deadlines if each.reference == "average_runtime"), default=0)


def _moments(world: World, live: LiveRun) -> Iterator[tuple[str, datetime]]:
    """Every deadline of the run that has a moment: those of its Dag, and those of its tasks in a scheduled run."""
    run, spec = live.run, live.plan.spec
    for place, deadline in enumerate(spec.deadlines):
        if (at := _after(_reference(world, run, deadline), deadline.interval_seconds)) is not None:
            yield f"deadline:{place}", at
    if run.run_type is not RunType.SCHEDULED:
        return
    since = run.data_interval_end or run.run_after
    for task in spec.tasks.values():
        told = task.sla_seconds is not None and ("sla_miss" in spec.callbacks or MAIL in task.callbacks)
        at = _after(since, task.sla_seconds or 0.0) if told else None
        if at is not None and task.task_id in live.instances:
            yield f"{SLA}{task.task_id}", at


def _after(moment: datetime | None, seconds: float) -> datetime | None:
    try:
        return moment + timedelta(seconds=seconds) if moment is not None else None
    except OverflowError:
        return None  # no calendar has that moment, so nobody is late


def _reference(world: World, run: DagRun, deadline: DeadlineSpec) -> datetime | None:
    match deadline.reference:
        case "logical_date":
            return run.logical_date
        case "queued_at":
            return run.queued_at
        case "fixed":
            return deadline.at
        case "average_runtime":
            known = world.runtimes.get(run.dag_id, ())[: deadline.max_runs]
            if not known or len(known) < deadline.min_runs:
                return None
            return _after(run.queued_at, sum(known) / len(known))
        case _:
            return None
