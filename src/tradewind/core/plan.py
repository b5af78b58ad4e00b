"""Plan: what follows from a DagSpec's shape, worked out once per version."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tradewind.core.dag import DagSpec, MapSpec, TaskSpec
from tradewind.core.mapping import sources
from tradewind.core.partition_queue import Partitions

Edges = Mapping[str, tuple[str, ...]]


class Beside(NamedTuple):
    """What a task inside a mapped group waits for inside the same group, and so element by element."""

    upstream: tuple[str, ...]
    setups: tuple[str, ...]
    """Setups further up that it needs."""
    between: tuple[str, ...]
    """Of a teardown: what its setups began, further up."""


class Plan:
    """A DagSpec with its derived structure.

    `down`: direct downstream ids; `leaves`: the tasks whose states decide the run's; `feeds`: XComs that some
    downstream task is known to read, by task; `past`: tasks that look at the previous run; `needed_by`: of a setup, the
    tasks further down that need it; `closed_by`: of a task, the teardowns further down that wait for its end;
    `counted` are these three without what lies inside one mapped group; `beside`: that, by task; `grows`: of a task
    whose value mapped groups expand over, those inside that are not directly downstream of it; `partitions`: how
    those of the Dag follow from those of its assets, where it has any.
    """

    __slots__ = (
        "__weakref__", "_group_maps", "_groups", "beside", "closed_by", "counted", "down", "feeds", "grows", "leaves",
        "needed_by", "partitions", "past", "spec", "version",
    )  # fmt: skip

    def __init__(self, spec: DagSpec, version: str) -> None:
        self.spec = spec
        self.version = version
        self.down = spec.downstream()
        self.partitions = Partitions(spec.partitions) if spec.partitions else None
        self.leaves = _leaves(spec, self.down)
        self.past = frozenset(t.task_id for t in spec.tasks.values() if t.depends_on_past or t.wait_for_downstream)
        self.needed_by = _needed_by(self)
        self.closed_by = _closed_by(self)
        self._group_maps = {group.group_id or "": group.map for group in spec.groups if group.map is not None}
        self._groups: dict[str, list[str]] = {}
        for task in spec.tasks.values():
            if task.mapped_group in self._group_maps and task.map is not None:
                self._groups.setdefault(task.mapped_group, []).append(task.task_id)
        self.counted = tuple(self._apart(edges) for edges in (self.down, self.needed_by, self.closed_by))
        self.beside = _beside(self)
        self.grows = _grows(self)
        feeds: dict[str, set[str]] = {}
        for task in spec.tasks.values():
            for source, key in task.reads:
                feeds.setdefault(source, set()).add(key)
        self.feeds = {task_id: frozenset(keys) for task_id, keys in feeds.items()}

    def share_a_group(self, one: str, other: str) -> bool:
        """Whether both are inside the same mapped group."""
        return bool(self._groups) and other in self.group_around(one)

    def group_around(self, task_id: str) -> Sequence[str]:
        """The tasks of the mapped group that a task is in, itself among them; none where it is in no such group."""
        task = self.spec.tasks.get(task_id)
        return self._groups.get(task.mapped_group or "", ()) if task is not None else ()

    def own_inputs(self, task: TaskSpec) -> MapSpec | None:
        """What a task inside a mapped group expands over by itself, beyond what its group does."""
        assert task.map is not None
        own = task.map.inputs[len(self._group_maps[task.mapped_group or ""].inputs) :]
        return MapSpec(mode=task.map.mode, inputs=own) if own else None

    def _apart(self, edges: Edges) -> Edges:
        """The edges that do not lie inside one mapped group."""
        if not self._groups:
            return edges
        return {one: tuple(o for o in others if not self.share_a_group(one, o)) for one, others in edges.items()}

    def descendants(self, task_id: str) -> frozenset[str]:
        """Every task downstream of this one, at any distance."""
        return _reach(task_id, self.down)

    def ancestors(self, task_id: str) -> frozenset[str]:
        """Every task upstream of this one, at any distance."""
        return _reach(task_id, {t.task_id: t.upstream for t in self.spec.tasks.values()})

    def with_setups_and_teardowns(self, task_ids: Iterable[str]) -> frozenset[str]:
        """These tasks, the setups that they need, and the teardowns of all those setups."""
        chosen = frozenset(task_ids)
        for setup in [t.task_id for t in self.spec.tasks.values() if t.is_setup]:
            if setup in chosen or not chosen.isdisjoint(_span(self, setup)):
                chosen |= {setup, *_teardowns(self, setup)}
        return chosen


def _beside(plan: Plan) -> dict[str, Beside]:
    found = {}
    for task_id in plan.spec.tasks:
        if not plan.group_around(task_id):
            continue
        tables = (plan.down, plan.needed_by, plan.closed_by)
        found[task_id] = Beside(*(tuple(_before(plan, task_id, edges)) for edges in tables))
    return found


def _grows(plan: Plan) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for task_id in plan.beside:
        task = plan.spec.tasks[task_id]
        for source in sorted(sources(task.map).difference(task.upstream)) if task.map is not None else ():
            found[source] = (*found.get(source, ()), task_id)
    return found


def _before(plan: Plan, task_id: str, edges: Edges) -> Iterable[str]:
    return sorted(one for one, others in edges.items() if task_id in others and plan.share_a_group(one, task_id))


def _needed_by(plan: Plan) -> dict[str, tuple[str, ...]]:
    setups = [t.task_id for t in plan.spec.tasks.values() if t.is_setup]
    return {setup: tuple(sorted(_span(plan, setup).difference(plan.down[setup]))) for setup in setups}


def _span(plan: Plan, setup: str) -> frozenset[str]:
    """The tasks for which a setup is made: what lies before its teardowns; all that follows, if it has none."""
    after = frozenset(t for t in plan.descendants(setup) if not plan.spec.tasks[t].is_teardown)
    teardowns = _teardowns(plan, setup)
    return after.intersection(frozenset().union(*map(plan.ancestors, teardowns))) if teardowns else after


def _teardowns(plan: Plan, setup: str) -> list[str]:
    return [t for t in plan.down[setup] if plan.spec.tasks[t].is_teardown]


def _closed_by(plan: Plan) -> dict[str, tuple[str, ...]]:
    """A teardown ends what its setups began: it waits for all that lies between them and itself."""
    found: dict[str, list[str]] = {}
    for teardown in (t for t in plan.spec.tasks.values() if t.is_teardown):
        setups = [t for t in teardown.upstream if t in plan.spec.tasks and plan.spec.tasks[t].is_setup]
        before = plan.ancestors(teardown.task_id) if setups else frozenset()
        between = before.intersection(frozenset().union(*(plan.descendants(setup) for setup in setups)))
        for task_id in between - {*teardown.upstream}:
            found.setdefault(task_id, []).append(teardown.task_id)
    return {task_id: tuple(sorted(teardowns)) for task_id, teardowns in found.items()}


def _reach(start: str, edges: dict[str, tuple[str, ...]]) -> frozenset[str]:
    seen: set[str] = set()
    todo = list(edges.get(start, ()))
    while todo:
        task_id = todo.pop()
        if task_id not in seen:
            seen.add(task_id)
            todo.extend(edges.get(task_id, ()))
    return frozenset(seen)


def _leaves(spec: DagSpec, down: dict[str, tuple[str, ...]]) -> frozenset[str]:
    """Tasks with nothing after them but teardowns that cannot fail the run; such teardowns themselves are no leaves."""

    def ignorable(task_id: str) -> bool:
        task = spec.tasks[task_id]
        return task.is_teardown and not task.on_failure_fail_dagrun

    leaves = frozenset(t for t in spec.tasks if not ignorable(t) and all(ignorable(d) for d in down[t]))
    return leaves or frozenset(t for t in spec.tasks if not down[t])  # of teardowns alone, the last ones
