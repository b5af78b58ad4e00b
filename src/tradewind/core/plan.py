"""Plan: what follows from a DagSpec's shape, worked out once per version."""

from collections.abc import Iterable

from tradewind.core.dag import DagSpec
from tradewind.core.partition_queue import Partitions


class Plan:
    """A DagSpec with its derived structure.

    `down`: direct downstream ids; `leaves`: the tasks whose states decide the run's; `feeds`: XComs that some
    downstream task is known to read, by task; `past`: tasks that look at the previous run; `needed_by`: of a setup, the
    tasks further down that need it; `closed_by`: of a task, the teardowns further down that wait for its end;
    `partitions`: how those of the Dag follow from those of its assets, where it has any.
    """

    __slots__ = ("closed_by", "down", "feeds", "leaves", "needed_by", "partitions", "past", "spec", "version")

    def __init__(self, spec: DagSpec, version: str) -> None:
        self.spec = spec
        self.version = version
        self.down = spec.downstream()
        self.partitions = Partitions(spec.partitions) if spec.partitions else None
        self.leaves = _leaves(spec, self.down)
        self.past = frozenset(t.task_id for t in spec.tasks.values() if t.depends_on_past or t.wait_for_downstream)
        self.needed_by = _needed_by(self)
        self.closed_by = _closed_by(self)
        feeds: dict[str, set[str]] = {}
        for task in spec.tasks.values():
            for source, key in task.reads:
                feeds.setdefault(source, set()).add(key)
        self.feeds = {task_id: frozenset(keys) for task_id, keys in feeds.items()}

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
