"""depends_on_past and wait_for_downstream where runs are made out of their order: no task begins before it may.

Backfills make runs for dates before, between and after those that there are, so which run is the one before changes
while things go on. The book looks at the moment in which a task stops waiting: what the run before it has come to then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.event_log import EventRow
from tradewind.testing.simulation.workload import RunKey, waits_for_past

PASSED = frozenset({"success", "skipped"})
WAITS = ("none", "scheduled")
"""From the first of these to the second goes a task that has nothing more to wait for."""


@dataclass(slots=True)
class _Run:
    place: tuple[int, int]
    """When it stands for, and its number."""
    is_manual: bool
    states: dict[str, dict[int, str]] = field(default_factory=dict)
    """Of each task's instances, by map index."""


class PastBook:
    """Follows the runs of Dags that look back. Raises Broken for I19 the moment it does not hold."""

    def __init__(self, database: Database, specs: Iterable[DagSpec]) -> None:
        self._database = database
        self._specs = {spec.dag_id: spec for spec in specs}
        self._runs: dict[str, dict[str, _Run]] = {dag_id: {} for dag_id in self._specs}
        self.began = self.looked = 0
        """Tasks that went on, and those of them for which there was a run before."""

    @property
    def dag_ids(self) -> frozenset[str]:
        """The Dags that are followed."""
        return frozenset(self._specs)

    def take(self, event: EventRow) -> None:
        """One more row of the event log."""
        if event.dag_id not in self._specs:
            return
        runs = self._runs[event.dag_id]
        match event.name:
            case "run.created":
                query = "SELECT logical_date, run_after, number, run_type FROM run WHERE dag_id = ? AND run_id = ?"
                logical, due, number, kind = self._database.rows(query, event.dag_id, event.run_id)[0]
                run = _Run((due if logical is None else logical, number), kind == "manual")
                for task_id, index in self._database.rows(
                    "SELECT task_id, map_index FROM task_instance WHERE run = ?", number
                ):
                    run.states.setdefault(task_id, {})[index] = "none"
                runs[event.run_id] = run
            case "task.deleted":
                runs[event.run_id].states[event.task_id].pop(event.map_index, None)
            case "task.moved":
                run, task = runs[event.run_id], self._specs[event.dag_id].tasks[event.task_id]
                if (event.before, event.after) == WAITS:
                    self._check(event, run, task)
                run.states.setdefault(event.task_id, {})[event.map_index] = event.after

    def _check(self, event: EventRow, run: _Run, task: TaskSpec) -> None:
        if not waits_for_past(task):
            return
        self.began += 1
        if (unmet := self._unmet(event.dag_id, run, task)) and not self._is_first_of_a_backfill(run):
            raise Broken(f"I19: {event.dag_id} {event.run_id} {task.task_id} goes on, and the run before has {unmet}")
        self.looked += self._before(event.dag_id, run) is not None

    def _before(self, dag_id: str, run: _Run) -> _Run | None:
        """The run before: in Dags that make up for missed runs one that nobody made by hand."""
        catchup = self._specs[dag_id].catchup
        others = self._runs[dag_id].values()
        earlier = [one for one in others if one.place < run.place and not (catchup and one.is_manual)]
        return max(earlier, key=lambda one: one.place, default=None)

    def _unmet(self, dag_id: str, run: _Run, task: TaskSpec) -> dict[str, dict[int, str]]:
        """What in the run before is not as the task wants it, by task and map index."""
        before = self._before(dag_id, run)
        if before is None:
            return {}
        spec = self._specs[dag_id]
        below = spec.downstream()[task.task_id] if task.wait_for_downstream else ()
        seen = {name: before.states.get(name, {-1: "none"}) for name in (task.task_id, *below)}
        return {name: states for name, states in seen.items() if not PASSED.issuperset(states.values())}

    def _is_first_of_a_backfill(self, run: _Run) -> bool:
        """Whether a backfill has begun with this run: there it was told to begin, whatever was before."""
        return any(
            number == run.place[1]
            for (number,) in self._database.rows(
                "SELECT d.run FROM run r JOIN backfill_run d ON d.backfill = r.backfill WHERE r.number = ? "
                "AND d.is_done AND d.action <> 'leave' ORDER BY d.position LIMIT 1",
                run.place[1],
            )
        )

    def holds(self, key: RunKey) -> bool:
        """Whether the run has a task that rightly waits for the run before, or its turn has not come since such runs
        have all places."""
        if key.dag_id not in self._specs:
            return False
        dag_id, run = key.dag_id, self._runs[key.dag_id][key.run_id]
        return any(
            self._unmet(dag_id, run, task) for task in self._specs[dag_id].tasks.values() if waits_for_past(task)
        )
