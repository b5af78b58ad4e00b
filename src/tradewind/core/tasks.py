"""What becomes of a waiting task: its trigger rule, its past, its expansion, its place in the queue."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from tradewind.core.dag import MapSpec, TaskSpec
from tradewind.core.decisions import PutTask, Record
from tradewind.core.mapped_groups import counts_of, instances_beside
from tradewind.core.mapping import MOST_INSTANCES, expansion_length, sources
from tradewind.core.past import PreviousRun
from tradewind.core.records import TaskInstance, TaskKey
from tradewind.core.states import FINISHED, SUCCESS_STATES, RunState, TaskEvent, TaskState
from tradewind.core.trigger_rules import Verdict, evaluate
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun


def look_at(turn: Turn, live: LiveRun, task_id: str, beside: TaskKey | None = None) -> None:
    """Evaluate a task's trigger rule; its waiting instances start, are skipped, fail with their upstream, or wait.
    `beside`: what has moved; inside a mapped group only what stands beside it is looked at."""
    if live.run.state is not RunState.RUNNING or not live.waiting.get(task_id):
        return
    spec = live.spec_of(task_id)
    if spec is None:
        for task in turn.waiting_instances(live, task_id):
            turn.move(live, task, TaskEvent.REMOVED, reason="the task is no longer in the Dag")
        return
    if task_id in live.plan.beside:
        _look_inside(turn, live, spec, beside)
        return
    verdict = evaluate(spec.trigger_rule, live.counts[task_id])
    if verdict is Verdict.WAIT:
        return
    if verdict is Verdict.RUN and spec.map is not None:
        _revise(turn, live, spec)
    for task in turn.waiting_instances(live, task_id):
        _apply(turn, live, spec, task, verdict)


def _look_inside(turn: Turn, live: LiveRun, spec: TaskSpec, moved: TaskKey | None) -> None:
    """A task inside a mapped group: its instances have each an upstream of their own."""
    assert spec.map is not None
    group = live.plan.group_around(spec.task_id)
    if -1 in live.waiting[spec.task_id]:
        if _sources_are_over(live, spec.map):
            for task_id in {**_grow(turn, live, group), spec.task_id: None}:
                _evaluate_inside(turn, live, live.plan.spec.tasks[task_id], None)
    elif moved is not None and live.plan.share_a_group(moved.task_id, spec.task_id):
        _evaluate_inside(turn, live, spec, moved)
    else:
        for task_id in group:
            _revise(turn, live, live.plan.spec.tasks[task_id])
        _evaluate_inside(turn, live, spec, None)


def _evaluate_inside(turn: Turn, live: LiveRun, spec: TaskSpec, moved: TaskKey | None) -> None:
    """The trigger rule for each waiting instance; after a move inside the group for those beside what moved."""
    if moved is not None and moved.map_index >= 0:
        near = instances_beside(live, spec.task_id, moved.task_id, moved.map_index)
        waiting = [live.tasks[spec.task_id, n] for n in near if n in live.waiting[spec.task_id]]
    else:
        waiting = turn.waiting_instances(live, spec.task_id)
    for task in waiting:
        _apply(turn, live, spec, task, evaluate(spec.trigger_rule, counts_of(live, spec, task.key.map_index)))


def _grow(turn: Turn, live: LiveRun, group: Iterable[str]) -> dict[str, None]:
    """A mapped group knows how long it is: all tasks inside expand at once, so that a branch finds what it skips. Says
    which did."""
    grown: dict[str, None] = {}
    for task_id in group:
        spec = live.plan.spec.tasks[task_id]
        assert spec.map is not None
        placeholder = live.tasks.get((task_id, -1))
        if placeholder is None or placeholder.state is not TaskState.NONE or not _sources_are_over(live, spec.map):
            continue
        if (length := expansion_length(spec.map, live.length_left)) is not None:
            deque(_replace(turn, live, placeholder, length), maxlen=0)
            grown[task_id] = None
            _skip_what_was_decided(turn, live, task_id, group)
    return grown


def decision_about(task_id: str) -> str:
    """Under what a branch inside a mapped group leaves that a task, not expanded yet, is skipped for its element."""
    return f"skips:{task_id}"


def _skip_what_was_decided(turn: Turn, live: LiveRun, task_id: str, group: Iterable[str]) -> None:
    name = decision_about(task_id)
    for decider in (other for other in group if live.plan.spec.tasks[other].skips_downstream):
        for index in live.instances.get(decider, ()):
            if (decider, index, name) in live.pushed:
                skip_beside(turn, live, task_id, TaskKey(live.run.number, decider, index))


def skip_beside(turn: Turn, live: LiveRun, task_id: str, decider: TaskKey) -> None:
    """A branch inside a mapped group has decided: what a task of the group has for its element is skipped."""
    near = instances_beside(live, task_id, decider.task_id, decider.map_index)
    skip_decided(turn, live, task_id, list(near), decider.task_id)


def skip_decided(turn: Turn, live: LiveRun, task_id: str, indexes: Iterable[int], decider: str) -> None:
    """Some other task has decided that these instances are skipped."""
    for map_index in indexes:
        task = live.tasks.get((task_id, map_index))
        # One that has a state already (a rule like one_success did not wait for this) goes on.
        if task is not None and task.state is TaskState.NONE:
            now, reason = turn.now, f"{decider} decided to skip it"
            over = {"start_date": now, "end_date": now}
            turn.move(live, task, TaskEvent.SKIPPED, reason=reason, skip_decided=True, **over)


def _apply(turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance, verdict: Verdict) -> None:
    match verdict:
        case Verdict.WAIT:
            return
        case Verdict.SKIP:
            if not spec.wait_for_past_depends_before_skipping or past_is_met(turn, live, spec):
                reason = f"trigger rule {spec.trigger_rule} can no longer be met"
                turn.move(live, task, TaskEvent.SKIPPED, reason=reason, start_date=turn.now, end_date=turn.now)
        case Verdict.UPSTREAM_FAILED:
            reason = f"trigger rule {spec.trigger_rule}: upstream failed"
            turn.move(live, task, TaskEvent.UPSTREAM_FAILED, reason=reason, start_date=turn.now, end_date=turn.now)
        case Verdict.REMOVE:
            turn.move(live, task, TaskEvent.REMOVED, reason="its upstream shrank")
        case Verdict.RUN:
            _run(turn, live, spec, task)


def _run(turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance) -> None:
    if task.skip_decided:
        turn.move(live, task, TaskEvent.SKIPPED, reason=task.reason or "an upstream task decided to skip it")
    elif not past_is_met(turn, live, spec):
        return
    elif spec.map is not None and task.key.map_index < 0:
        if not _sources_are_over(live, spec.map):
            return  # a trigger rule may say yes before the values are there
        _expand(turn, live, spec, task)
    elif spec.never_sent:
        turn.move(
            live,
            task,
            TaskEvent.SUCCEEDED,
            try_number=task.try_number + 1,
            start_date=turn.now,
            end_date=turn.now,
        )
    else:
        make_ready(turn, live, spec, task)


def make_ready(turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance, reason: str = "") -> None:
    """The task waits for nothing but a slot now; a new try begins unless it only continues the old one."""
    waited = task.state in (TaskState.DEFERRED, TaskState.AWAITING_INPUT)
    if waited or task.state is TaskState.UP_FOR_RESCHEDULE:
        changes: dict[str, Any] = {"leg": task.leg + 1}
    else:
        changes = {"try_number": task.try_number + 1, "leg": 0, "start_date": None, "end_date": None}
    event = TaskEvent.RESUMES if waited else TaskEvent.READY
    moved = turn.move(live, task, event, not_before=None, scheduled_at=turn.now, reason=reason, **changes)
    if moved is not None:
        turn.world.queue_ready(live, moved, spec)


def _expand(turn: Turn, live: LiveRun, spec: TaskSpec, placeholder: TaskInstance) -> None:
    """Replace the unexpanded instance by as many as its inputs are long."""
    assert spec.map is not None
    length = expansion_length(spec.map, live.length_left)
    if length is None:
        reason = "an upstream task left no value to expand over"
        turn.move(live, placeholder, TaskEvent.UPSTREAM_FAILED, reason=reason, end_date=turn.now)
        return
    for instance in _replace(turn, live, placeholder, length):
        _run(turn, live, spec, instance)


def _replace(turn: Turn, live: LiveRun, placeholder: TaskInstance, length: int) -> Iterator[TaskInstance]:
    """The instances in the place of the unexpanded one, as they are made; it is skipped where there are none."""
    run = live.run
    if not 0 <= length <= MOST_INSTANCES:
        reason = f"it would expand into {length} instances; {MOST_INSTANCES} is the most"
        turn.move(live, placeholder, TaskEvent.UPSTREAM_FAILED, reason=reason, end_date=turn.now)
        return
    turn.do(Record("task.expanded", run.dag_id, run.run_id, placeholder.key.task_id, body={"length": length}))
    if length == 0:
        turn.move(live, placeholder, TaskEvent.SKIPPED, reason="nothing to expand over", end_date=turn.now)
        return
    turn.drop(live, placeholder)
    for index in range(length):
        key = TaskKey(run.number, placeholder.key.task_id, index)
        instance = placeholder._replace(key=key)
        live.put(instance, None)
        turn.do(PutTask(instance, None))
        yield instance


def _sources_are_over(live: LiveRun, map: MapSpec) -> bool:
    return all(
        live.tasks[task_id, index].state in FINISHED
        for task_id in sources(map)
        for index in live.instances.get(task_id, ())
    )


def _revise(turn: Turn, live: LiveRun, spec: TaskSpec) -> None:
    """A mapped task that runs again, after its inputs have changed their length, has as many instances as they say."""
    indexes = live.instances.get(spec.task_id, [])
    assert spec.map is not None
    length = expansion_length(spec.map, live.length_left) if indexes and -1 not in indexes else None
    if length is None or not 0 <= length <= MOST_INSTANCES:
        return
    for index in [n for n in indexes if n >= length]:
        task = live.tasks[spec.task_id, index]
        if task.state is TaskState.NONE:
            turn.move(live, task, TaskEvent.REMOVED, reason="what it expands over has become shorter")
    for index in range(length):
        known = live.tasks.get((spec.task_id, index))
        if known is None:
            key = TaskKey(live.run.number, spec.task_id, index)
            turn.put(live, TaskInstance(key=key, max_tries=spec.retries), None)
        elif known.state is TaskState.REMOVED:
            turn.move(live, known, TaskEvent.CLEARED, max_tries=known.try_number + spec.retries)


def past_is_met(turn: Turn, live: LiveRun, spec: TaskSpec) -> bool:
    """depends_on_past and wait_for_downstream, as Airflow has them."""
    if not (spec.depends_on_past or spec.wait_for_downstream):
        return True
    held = turn.world.backfill_of(live.run)
    if held is not None and held.first == live.run.number:
        return True  # a backfill begins where it was told to
    if live.previous is None or _began_later(live, spec, live.previous):
        return True
    before = turn.world.states_before
    own = before(live, spec.task_id)
    if own is None:
        return spec.ignore_first_depends_on_past
    further = live.plan.down.get(spec.task_id, ()) if spec.wait_for_downstream else ()
    states = (*own, *(state for task_id in further for state in before(live, task_id) or ()))
    return all(state in SUCCESS_STATES for state in states)


def _began_later(live: LiveRun, spec: TaskSpec, before: PreviousRun) -> bool:
    return live.plan.spec.catchup and spec.start_date is not None and before.at < spec.start_date


def follow(turn: Turn) -> None:
    """Work through everything that the moves so far have made possible, until nothing more follows."""
    world = turn.world
    while turn.touched:
        live, task = turn.touched.popleft()
        task_id = task.key.task_id
        plan = live.plan
        further = (*plan.needed_by.get(task_id, ()), *plan.closed_by.get(task_id, ()), *plan.grows.get(task_id, ()))
        for downstream in (*plan.down.get(task_id, ()), *further):
            look_at(turn, live, downstream, task.key)
        for after in world.followers_of(live) if task.state in FINISHED else ():
            for waiting in (task_id, *_upstream(after, task_id)):
                if waiting in after.plan.past:
                    look_at(turn, after, waiting)


def _upstream(live: LiveRun, task_id: str) -> tuple[str, ...]:
    spec = live.spec_of(task_id)
    return spec.upstream if spec else ()
