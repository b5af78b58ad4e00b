"""Deadlines: by when a run, or one task of it, should be over, and who is told when it is not.

The moments are worked out when the run is made, kept beside it, and dropped when it ends. Each is told once. Where a
reference is code of the author's own, a process that has it is asked for the moment, as one is that calls back.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tradewind.core.callbacks import call_back
from tradewind.core.dag import DagSpec, DeadlineSpec
from tradewind.core.decisions import DropRows, PutRow, Record
from tradewind.core.ids import callback_id
from tradewind.core.inputs import CallbackFinished
from tradewind.core.records import DagRun, TaskKey
from tradewind.core.states import FINISHED, RUN_FINISHED, RunType
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun, World

SLA = "sla:"
"""Begins the name of a task's deadline; the task's id follows. Those of the run are `deadline:` and their place."""

ASKED = "reference:"
"""Begins the kind of a callback that works a deadline out; the deadline's place follows."""

AGAIN = "again"
"""Reason of such a callback for a run that goes on after its end."""


def watch(turn: Turn, live: LiveRun, *, again: bool = False) -> None:
    """Set the deadlines of a run that was made or, `again`, goes on after its end: then what is past is not told."""
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


def drop(turn: Turn, live: LiveRun) -> None:
    """The run is over: nothing of it is late any more. The run tells the average of the next ones."""
    run = live.run
    if live.deadlines:
        live.deadlines.clear()
        turn.do(DropRows("deadline", {"run": run.number}))
    most = runtimes_wanted(live.plan.spec)
    if most and run.start_date is not None:
        world, seconds = turn.world, (turn.now - run.start_date).total_seconds()
        world.runtimes[run.dag_id] = (seconds, *world.runtimes.get(run.dag_id, ()))[:most]


def on_timer(turn: Turn, subject: tuple[int, str]) -> None:
    """The moment has come: who waits for it is told, unless what it is about is over."""
    number, name = subject
    live = turn.world.runs.get(number)
    if live is None or live.quarantine or live.run.state in RUN_FINISHED:
        return
    at = live.deadlines.get(name)
    if at is None or at > turn.now:
        return
    del live.deadlines[name]
    turn.do(DropRows("deadline", {"run": number, "name": name}))
    run, moment = live.run, at.isoformat()
    if not name.startswith(SLA):
        turn.do(Record("run.deadline_missed", run.dag_id, run.run_id, reason=moment, body={"deadline": name}))
        call_back(turn, TaskKey(number, ""), name, moment, run.clear_number)
        return
    task_id = name.removeprefix(SLA)
    if any(live.tasks[task_id, index].state not in FINISHED for index in live.instances.get(task_id, ())):
        turn.do(Record("run.deadline_missed", run.dag_id, run.run_id, task_id, reason=moment, body={"deadline": "sla"}))
        call_back(turn, TaskKey(number, task_id), "dag:sla_miss", moment, run.clear_number)


def runtimes_wanted(spec: DagSpec) -> int:
    """How many of its past runs a Dag's deadlines look at."""
    return max((each.max_runs for each in spec.deadlines if each.reference == "average_runtime"), default=0)


def _moments(world: World, live: LiveRun) -> Iterator[tuple[str, datetime]]:
    """Every deadline of the run that has a moment: those of its Dag, and those of its tasks in a scheduled run."""
    run, spec = live.run, live.plan.spec
    for place, deadline in enumerate(spec.deadlines):
        if (at := _after(_reference(world, run, deadline), deadline.interval_seconds)) is not None:
            yield f"deadline:{place}", at
    if run.run_type is not RunType.SCHEDULED or "sla_miss" not in spec.callbacks:
        return
    since = run.data_interval_end or run.run_after
    for task in spec.tasks.values():
        at = _after(since, task.sla_seconds) if task.sla_seconds is not None else None
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
