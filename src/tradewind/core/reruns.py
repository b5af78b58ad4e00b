"""Clear and mark: what people do to tasks that have run, or are running."""

from collections.abc import Iterable, Iterator, Sequence

from tradewind.core import deadlines, runs
from tradewind.core.decisions import PutRun
from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import Clear, DropPartitions, MarkTasks, TakeNewTasks
from tradewind.core.records import TaskInstance
from tradewind.core.rerun_plan import RerunPlan
from tradewind.core.states import FINISHED, RUN_FINISHED, RunState, TaskEvent, TaskState
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun


def clear(turn: Turn, wish: Clear) -> RerunPlan:
    """Give task instances no state again, so that they run once more. Says which; with dry_run only says it."""
    if not wish.dry_run:
        for live, tasks in _lives(turn, wish.plan, wish.loaded):
            _clear_run(turn, live, tasks, wish.plan.latest)
    return wish.plan


def take_new_tasks(turn: Turn, wish: TakeNewTasks) -> tuple[str, ...]:
    """The run has the tasks that the newest version of its Dag has and it has not. Says which; with none, nothing
    changes."""
    live = _live(turn, wish.run, wish.loaded)
    newest = turn.world.plans[live.run.dag_id]
    new = tuple(task_id for task_id in newest.spec.tasks if task_id not in live.instances)
    if new:
        _clear_run(turn, live, (), latest=True)
    turn.changed_runs[wish.run] = None
    return new


def drop_partitions(turn: Turn, wish: DropPartitions) -> RerunPlan:
    """Runs are for no partition any more; the plan says which, and what of them runs once more."""
    if not wish.dry_run:
        for step in wish.plan.steps:
            live = _live(turn, step.number, wish.loaded)
            live.run = live.run._replace(partition_key=None, partition_date=None)
            turn.do(PutRun(live.run, live.run.state))
            turn.record_run("run.unpartitioned", live.run)
            if wish.clear:
                _clear_run(turn, live, step.tasks, latest=None)
            turn.changed_runs[step.number] = None
    return wish.plan


def clear_whole(turn: Turn, live: LiveRun, *, latest: bool | None) -> None:
    """All of a run that is over runs once more."""
    runs.bring_back(turn, live)
    _clear_run(turn, live, tuple(live.tasks.values()), latest)


def _clear_run(turn: Turn, live: LiveRun, chosen: Sequence[TaskInstance], latest: bool | None) -> None:
    live = _as_asked(turn, live, latest)
    cleared = {task.key.task_id for task in chosen}
    for task in chosen:
        _clear_task(turn, live, task, keeps_skip=not _decider_cleared(live, task, cleared))
    if live.run.state in RUN_FINISHED:
        live.run = live.run._replace(clear_number=live.run.clear_number + 1, quarantine="")
        turn.move_run(live, RunState.QUEUED, reason="cleared", start_date=None, end_date=None, queued_at=turn.now)
        deadlines.watch(turn, live, again=True)
    runs.fit(turn, live)
    runs.start_queued(turn, live.run.dag_id)


def _as_asked(turn: Turn, live: LiveRun, latest: bool | None) -> LiveRun:
    """The run on the version that it is to have: the newest one, or its own from now on."""
    run, newest = live.run, turn.world.plans.get(live.run.dag_id)
    if latest is None or newest is None:
        return live
    changed = run._replace(pinned=not latest, version=newest.version if latest else run.version)
    if changed != run:
        live.run = changed
        turn.do(PutRun(changed, run.state))
    if latest and live.plan is not newest:
        runs.adopt(turn, live)
    return turn.world.runs[run.number]


def _decider_cleared(live: LiveRun, task: TaskInstance, cleared: set[str]) -> bool:
    """Whether the branch that decided about this task decides anew."""
    return any(
        (spec := live.spec_of(ancestor)) is not None and spec.skips_downstream and ancestor in cleared
        for ancestor in live.plan.ancestors(task.key.task_id)
    )


def _clear_task(turn: Turn, live: LiveRun, task: TaskInstance, *, keeps_skip: bool) -> None:
    if task.attempt is not None and task.state in (TaskState.QUEUED, TaskState.RUNNING):
        runs.stop(turn, live, task, "cleared")
        turn.move(live, task, TaskEvent.RESTARTS, pending="clear", reason="cleared while it ran")
        return
    spec = live.spec_of(task.key.task_id)
    turn.move(
        live,
        task,
        TaskEvent.CLEARED,
        attempt=None,
        not_before=None,
        leg=0,
        losses=0,
        pending="",
        max_tries=task.try_number + (spec.retries if spec else 0),
        skip_decided=task.skip_decided and keeps_skip,
        start_date=None,
        end_date=None,
    )


def mark_tasks(turn: Turn, wish: MarkTasks) -> RerunPlan:
    """A person says how tasks ended. Running attempts are stopped; downstream sees the new state."""
    event = _MARKS.get(wish.state)
    if event is None:
        raise InvalidInput(f"A task can be marked {', '.join(_MARKS)}, not {wish.state}.")
    if not wish.dry_run:
        for live, tasks in _lives(turn, wish.plan, wish.loaded):
            _mark_in_run(turn, live, tasks, event)
    return wish.plan


_MARKS = {
    TaskState.SUCCESS: TaskEvent.MARKED_SUCCESS,
    TaskState.FAILED: TaskEvent.MARKED_FAILED,
    TaskState.SKIPPED: TaskEvent.MARKED_SKIPPED,
}


def _mark_in_run(turn: Turn, live: LiveRun, chosen: Sequence[TaskInstance], event: TaskEvent) -> None:
    for task in chosen:
        runs.stop(turn, live, task, event.replace("_", " "))
        turn.move(live, task, event, reason="marked by hand", end_date=turn.now, not_before=None)
    if live.run.state in RUN_FINISHED and any(t.state not in FINISHED for t in live.tasks.values()):
        turn.move_run(live, RunState.QUEUED, reason="a task was marked", end_date=None)
        deadlines.watch(turn, live, again=True)
        runs.start_queued(turn, live.run.dag_id)
    turn.changed_runs[live.run.number] = None


def _live(turn: Turn, number: int, loaded: Iterable[LiveRun]) -> LiveRun:
    """A run that is in memory, or is brought there."""
    for live in loaded:
        if live.run.number == number:
            runs.bring_back(turn, live)
    return turn.world.runs[number]


def _lives(
    turn: Turn, plan: RerunPlan, loaded: Iterable[LiveRun]
) -> Iterator[tuple[LiveRun, tuple[TaskInstance, ...]]]:
    """The runs in which the plan changes something, brought into memory one by one."""
    brought = {live.run.number: live for live in loaded}
    for step in plan.steps:
        if step.tasks:
            if (live := brought.get(step.number)) is not None:
                runs.bring_back(turn, live)
            yield turn.world.runs[step.number], step.tasks
