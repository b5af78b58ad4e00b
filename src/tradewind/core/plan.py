"""Plan: what follows from a DagSpec's shape, worked out once per version."""

from tradewind.core.dag import DagSpec


class Plan:
    """A DagSpec with its derived structure.

    `down`: direct downstream ids; `leaves`: the tasks whose states decide the run's; `feeds`: XComs that some
    downstream task is known to read, by task; `past`: tasks that look at the previous run.
    """

    __slots__ = ("down", "feeds", "leaves", "past", "spec", "version")

    def __init__(self, spec: DagSpec, version: str) -> None:
        self.spec = spec
        self.version = version
        self.down = spec.downstream()
        self.leaves = _leaves(spec, self.down)
        self.past = frozenset(t.task_id for t in spec.tasks.values() if t.depends_on_past or t.wait_for_downstream)
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

    return frozenset(t for t in spec.tasks if not ignorable(t) and all(ignorable(d) for d in down[t]))
