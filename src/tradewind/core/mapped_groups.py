"""Mapped task groups: which instances of one task inside stand beside which of another.

All tasks inside expand with their group, so that each instance belongs to one element of what the group expands over.
What lies inside the same group waits for what belongs to the same element; everything else waits for all instances. A
task inside that is mapped itself has as many instances for each element as it is long by itself: instance `n` belongs
to element `n // own length`.
"""

from collections.abc import Iterable
from copy import copy

from tradewind.core.dag import TaskSpec
from tradewind.core.mapping import expansion_length
from tradewind.core.states import TaskState
from tradewind.core.trigger_rules import UpstreamCounts
from tradewind.core.world import LiveRun


def instances_beside(live: LiveRun, other: str, task_id: str, map_index: int) -> Iterable[int]:
    """The map indexes of `other` that an instance of a task has to do with: those of the same element where both are
    in one mapped group and have expanded, else all that there are."""
    known = live.instances.get(other, ())
    if map_index < 0 or (other, -1) in live.tasks or not live.plan.share_a_group(other, task_id):
        return known
    tasks = live.plan.spec.tasks
    own, others = _own_length(live, tasks[task_id]), _own_length(live, tasks[other])
    element = map_index // own
    return [n for n in range(element * others, (element + 1) * others) if (other, n) in live.tasks]


def counts_of(live: LiveRun, spec: TaskSpec, map_index: int) -> UpstreamCounts:
    """The upstream of one instance, by state. Costs what stands beside it, not the size of its group."""
    counts, plan = live.counts[spec.task_id], live.plan
    beside = plan.beside.get(spec.task_id)
    if beside is None:
        return counts
    counts = copy(counts)
    for above in beside.upstream:
        setup = plan.spec.tasks[above].is_setup
        for state in _states(live, above, spec, map_index):
            counts.add(state, setup=setup)
    for further in beside.setups:
        for state in _states(live, further, spec, map_index):
            counts.add_indirect_setup(state)
    for between in beside.between:
        for state in _states(live, between, spec, map_index):
            counts.add_between(state)
    return counts


def _states(live: LiveRun, other: str, spec: TaskSpec, map_index: int) -> list[TaskState]:
    return [live.tasks[other, n].state for n in instances_beside(live, other, spec.task_id, map_index)]


def _own_length(live: LiveRun, spec: TaskSpec) -> int:
    """How many instances the task has for each element of its group."""
    assert spec.map is not None
    own = live.plan.own_inputs(spec)
    return (expansion_length(own, live.length_left) or 1) if own is not None else 1
