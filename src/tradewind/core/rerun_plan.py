"""What clearing or marking would do: which task instances of which runs, from a wish and the runs as they are.

The value that is shown is the value that is carried out: `plan_rerun` changes nothing, and `reruns` takes what it
gave.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tradewind.core.errors import InvalidInput
from tradewind.core.linear_patterns import NotLinear, found_among
from tradewind.core.plan import Plan
from tradewind.core.records import TaskInstance, TaskKey
from tradewind.core.states import FAILED_STATES, RUN_FINISHED, TaskState
from tradewind.core.world import LiveRun


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunWish:
    """Which tasks of the given runs somebody wants to run again. What is left out chooses all."""

    task_ids: frozenset[str] | None = None
    task_regex: str = ""
    map_indexes: frozenset[int] | None = None
    """Only instances with these indexes, also of what is reached upstream and downstream."""
    named: frozenset[tuple[str, int]] = frozenset()
    """Of the tasks of `task_ids` that occur here only these instances; what is reached from them comes whole."""
    instances: frozenset[tuple[str, int]] | None = None
    """Exactly these; whatever else chooses tasks is not looked at."""
    upstream: bool = False
    downstream: bool = False
    only_failed: bool = False
    only_running: bool = False
    around: bool = True
    """With the setups and teardowns of what is chosen."""
    latest: bool | None = None
    """True: the runs take the newest version of their Dag. False: they keep their own. None: each goes by the version
    that it went by so far, which is the newest one unless somebody asked otherwise."""


@dataclass(frozen=True, slots=True)
class RunStep:
    """What becomes of one run. With `refused` nothing does, and that is why."""

    number: int
    dag_id: str
    run_id: str
    state: str
    tasks: tuple[TaskInstance, ...]
    refused: str = ""


@dataclass(frozen=True, slots=True)
class RerunPlan:
    """Runs in their order, each with the task instances that it clears."""

    steps: tuple[RunStep, ...]
    latest: bool | None = None
    notes: tuple[str, ...] = ()
    """What was asked for and is not there; a sentence each."""

    @property
    def targets(self) -> list[TaskKey]:
        return [task.key for step in self.steps for task in step.tasks]

    @property
    def states(self) -> Mapping[TaskState, int]:
        """How many of the task instances are in which state now."""
        return Counter(task.state for step in self.steps for task in step.tasks)


def plan_rerun(wish: RerunWish, lives: Iterable[LiveRun], newest: Plan) -> RerunPlan:
    """What the wish makes of these runs. Where a run is to keep its version, it comes with that version's plan."""
    steps = (run_step(wish, live, newest) for live in sorted(lives, key=lambda live: live.run.number))
    return RerunPlan(tuple(step for step in steps if step is not None), wish.latest)


def run_step(wish: RerunWish, live: LiveRun, newest: Plan) -> RunStep | None:
    """What the wish makes of one run; None where it chooses nothing of it."""
    tasks = tuple(sorted((t for t in _chosen(wish, live) if _in_state(wish, t)), key=lambda task: task.key))
    if not tasks:
        return None
    refused = _refused(wish, live, tasks, newest)
    run = live.run
    return RunStep(run.number, run.dag_id, run.run_id, run.state, () if refused else tasks, refused)


def matching(pattern: str, task_ids: Iterable[str]) -> frozenset[str]:
    """The ids that the regular expression finds. Raises InvalidInput, also for one that may take more than linear
    time: whoever asks must not be able to keep the scheduler busy."""
    return _matching(pattern, frozenset(task_ids))


@lru_cache(maxsize=8)
def _matching(pattern: str, task_ids: frozenset[str]) -> frozenset[str]:
    """Remembered, since a clear of many runs asks the same of each."""
    try:
        return found_among(pattern, task_ids)
    except NotLinear as error:
        raise InvalidInput(
            f"task regex {pattern!r:.200} cannot be matched in linear time ({error}); write it without look-around, "
            "back references and flags, or name the tasks."
        ) from None
    except re.error as error:
        raise InvalidInput(f"task regex {pattern!r:.200} is not a regular expression: {error}.") from None


def _chosen(wish: RerunWish, live: LiveRun) -> Iterable[TaskInstance]:
    if wish.instances is not None:
        return [task for name, task in live.tasks.items() if name in wish.instances]
    asked = _named(wish, live.plan)
    for task_id in tuple(asked):
        if wish.upstream:
            asked |= live.plan.ancestors(task_id)
        if wish.downstream:
            asked |= live.plan.descendants(task_id)
    around = live.plan.with_setups_and_teardowns(asked) - asked if wish.around else frozenset()
    indexes, partly = wish.map_indexes, {task_id for task_id, _ in wish.named}
    return [
        task
        for (task_id, index), task in live.tasks.items()
        if (
            task_id in asked
            and (indexes is None or index in indexes)
            and (task_id not in partly or (task_id, index) in wish.named)
        )
        or task_id in around
    ]


def _named(wish: RerunWish, plan: Plan) -> frozenset[str]:
    known = frozenset(plan.spec.tasks)
    if wish.task_ids is not None:
        return known & wish.task_ids
    return matching(wish.task_regex, known) if wish.task_regex else known


def _in_state(wish: RerunWish, task: TaskInstance) -> bool:
    if wish.only_failed and task.state not in FAILED_STATES:
        return False
    return not wish.only_running or task.state is TaskState.RUNNING


def _refused(wish: RerunWish, live: LiveRun, tasks: tuple[TaskInstance, ...], newest: Plan) -> str:
    """Why a run cannot be run again as asked; empty when it can."""
    run = live.run
    if wish.latest is not False or run.version == newest.version or run.pinned:
        return ""
    if run.state not in RUN_FINISHED:
        return f"{run.run_id} is {run.state} and goes by the newest version of {run.dag_id} already"
    if live.plan.version != run.version:
        return f"the version that {run.run_id} went by is not stored any more"
    gone = sorted({task.key.task_id for task in tasks} - newest.spec.tasks.keys())
    if gone:
        return f"{', '.join(gone)} of {run.run_id} is no longer in the file of {run.dag_id}, whose code would run"
    return ""
