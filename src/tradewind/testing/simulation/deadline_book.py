"""Deadlines as the event log has them: each that is missed is told once, none that was met, and who waits is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tradewind.core.dag import DagSpec, DeadlineSpec
from tradewind.testing.simulation.backfill_reference import micros
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.event_log import EventRow

SLA = "sla:"
UNTOLD_US = 60_000_000
"""How long after its moment a deadline may be told to the end of a play: clocks differ, and an owner may be away."""

MET = frozenset({"success", "skipped"})
"""What a task with an SLA must be in time; a run with a deadline must have succeeded."""

FROM_THE_START = ("cleared", "marked")
"""Reasons for which a run that is queued again counts its time from then on."""

TIMED_OUT = "the run took longer than dagrun_timeout"
"""Reason of a task that its run skipped when its own time was over: of two moments in one turn that was the earlier."""

Run = tuple[str, str]
"""Dag and run id."""


@dataclass(slots=True)
class _Watched:
    """A run, and what of it will be late when."""

    logical: int | None
    ends: int | None
    """When its data interval ends, or else when it is due."""
    is_scheduled: bool
    queued_at: int
    started: int | None = None
    set_at: int = 0
    """When its deadlines were set: one that was past by then is told in a later turn."""
    is_over: bool = False
    open: dict[str, int] = field(default_factory=dict)
    """When what is not told yet will be late."""
    unsure: set[str] = field(default_factory=set)
    """Deadlines of tasks that had met them and perhaps have no more: whether these are late depends on the moment."""
    met: set[str] = field(default_factory=set)
    """Deadlines of tasks that have met them."""


def watched(spec: DagSpec) -> bool:
    """Whether runs of the Dag, or its tasks, should be over by some moment."""
    return bool(spec.deadlines) or "sla_miss" in spec.callbacks


class DeadlineBook:
    """Follows the runs of Dags with deadlines. Raises Broken for I17 the moment it does not hold."""

    def __init__(self, database: Database, specs: dict[str, DagSpec], edited: Collection[str]) -> None:
        self._database = database
        self._specs = {d: s for d, s in specs.items() if watched(s) and d not in edited}
        self._runs: dict[Run, _Watched] = {}
        self._took_us: dict[str, list[int]] = {}
        """How long the ends of each Dag's runs had taken, in their order."""
        self.missed: Counter[tuple[Run, str]] = Counter()
        """How often a deadline was missed, by run and the kind of its callback."""
        self._not_followed = {
            d: {f"{SLA}{task.task_id}" for task in s.tasks.values() if task.map is not None}
            for d, s in self._specs.items()
        }
        self._last = 0
        """The latest moment that the log speaks of."""

    @property
    def dag_ids(self) -> frozenset[str]:
        """The Dags that are followed."""
        return frozenset(self._specs)

    def take(self, event: EventRow) -> None:
        """One more row of the event log."""
        self._last = max(self._last, event.at)
        if event.dag_id not in self._specs:
            return
        run = event.dag_id, event.run_id
        match event.name:
            case "run.created":
                self._created(event)
            case "run.moved" if event.after in ("success", "failed"):
                self._took(event, self._runs[run])
                self._ends(event, self._runs[run], event.after == "success")
            case "run.moved" if event.after == "running":
                self._runs[run].started = event.at
            case "run.moved" if event.after == "queued":
                watched = self._runs[run]
                watched.is_over = False
                if event.reason in FROM_THE_START:
                    watched.queued_at, watched.started = event.at, None
                self._watch(event, watched, again=True)
            case "task.moved":
                self._task_moved(event, self._runs[run])
            case "run.deadline_missed":
                self._missed(event, self._runs[run])

    def _created(self, event: EventRow) -> None:
        query = "SELECT logical_date, data_interval_end, run_after, run_type FROM run WHERE dag_id = ? AND run_id = ?"
        logical, ends, due, kind = self._database.rows(query, event.dag_id, event.run_id)[0]
        watched = _Watched(logical, due if ends is None else ends, kind == "scheduled", event.at)
        self._runs[event.dag_id, event.run_id] = watched
        self._watch(event, watched, again=False)

    def _watch(self, event: EventRow, run: _Watched, *, again: bool) -> None:
        run.set_at = event.at
        run.open.clear()
        for name, at in self._moments(self._specs[event.dag_id], run).items():
            if not again or at > event.at:
                run.open[name] = at
        if again:
            run.unsure.update(run.open)

    def _moments(self, spec: DagSpec, run: _Watched) -> dict[str, int]:
        found = {}
        for place, deadline in enumerate(spec.deadlines):
            fixed = None if deadline.at is None else micros(deadline.at)
            since = {
                "queued_at": run.queued_at, "logical_date": run.logical, "fixed": fixed,
                "average_runtime": self._usual_end(spec.dag_id, deadline, run),
            }[deadline.reference]  # fmt: skip
            if since is not None:
                found[f"deadline:{place}"] = since + round(deadline.interval_seconds * 1e6)
        if run.is_scheduled and "sla_miss" in spec.callbacks and run.ends is not None:
            late = {t.task_id: t.sla_seconds for t in spec.tasks.values() if t.sla_seconds is not None}
            found |= {f"{SLA}{task_id}": run.ends + round(seconds * 1e6) for task_id, seconds in late.items()}
        return found

    def _took(self, event: EventRow, run: _Watched) -> None:
        """The run is over, however it ended: it counts for the average of those to come."""
        if event.before == "running" and run.started is not None:
            self._took_us.setdefault(event.dag_id, []).append(max(0, event.at - run.started))

    def _usual_end(self, dag_id: str, deadline: DeadlineSpec, run: _Watched) -> int | None:
        """When the run would end if it took as long as the last ones did; None while too few have ended."""
        last = [us / 1e6 for us in self._took_us.get(dag_id, [])[: -deadline.max_runs - 1 : -1]]
        if len(last) < max(1, deadline.min_runs):
            return None
        return run.queued_at + timedelta(seconds=sum(last) / len(last)) // timedelta(microseconds=1)

    def _task_moved(self, event: EventRow, run: _Watched) -> None:
        name, spec = f"{SLA}{event.task_id}", self._specs[event.dag_id].tasks.get(event.task_id)
        if name not in run.open or spec is None or spec.map is not None:
            return
        if event.after not in MET:
            run.unsure |= {name} & run.met
        elif name not in run.unsure:
            run.met.add(name)
            if event.reason != TIMED_OUT:
                self._check_told(event, run, name)

    def _ends(self, event: EventRow, run: _Watched, succeeded: bool) -> None:
        """What has been met is not told any more; the rest is, when its moment comes: of a run that failed in the turn
        of that moment, perhaps after its end."""
        run.is_over = True
        for name in list(run.open):
            if succeeded and not name.startswith(SLA):
                self._check_told(event, run, name)
            if succeeded if not name.startswith(SLA) else name in run.met - run.unsure:
                del run.open[name]

    def _check_told(self, event: EventRow, run: _Watched, name: str) -> None:
        """What it is about is over, and was not told to be late: it is not."""
        # What is over in the turn that set the deadline was never looked at.
        if run.open[name] <= event.at != run.set_at:
            late = (event.at - run.open[name]) / 1e6
            raise Broken(f"I17: {event.dag_id} {event.run_id} ended {late:g} s after {name}, and nobody was told")

    def _missed(self, event: EventRow, run: _Watched) -> None:
        name = str(event.body["deadline"]) if event.body["deadline"] != "sla" else f"{SLA}{event.task_id}"
        what = f"{name} of {event.dag_id} {event.run_id}"
        at = micros(datetime.fromisoformat(event.reason))
        if (known := run.open.pop(name, None)) != at:
            raise Broken(f"I17: {what} is told to have been at {at}, and was {known or 'told before, or never set'}")
        if event.at < at:
            raise Broken(f"I17: {what} is told {(at - event.at) / 1e6:g} s before it has come")
        if name in run.met - run.unsure:
            raise Broken(f"I17: {what} is told, and the task had met it before")
        kind = "dag:sla_miss" if name.startswith(SLA) else name
        self.missed[(event.dag_id, event.run_id), kind] += 1

    # --- callbacks ---

    def calls(self, run: Run, kind: str) -> None:
        """Somebody is called back because of a missed deadline: there must be one."""
        if run[0] in self._specs and not self._database.rows(
            "SELECT 1 FROM event WHERE name = 'run.deadline_missed' AND dag_id = ? AND run_id = ?", *run
        ):
            raise Broken(f"I17: {run} calls back {kind}, and has missed no deadline")

    def check_end(self, called: Collection[tuple[Run, str, str]], given_up: Collection[Run]) -> None:
        """Everybody was called that had to be: `called` has run, kind and id of what was carried out at least once."""
        carried_out = Counter((run, kind) for run, kind, _ in called if kind.startswith(("deadline:", "dag:sla_")))
        for wanted in self.missed.keys() | {each for each in carried_out if each[0][0] in self._specs}:
            count, known = carried_out[wanted], self.missed[wanted]
            if count > known or (count < known and wanted[0] not in given_up):
                raise Broken(f"I17: {wanted} was missed {known} times and called back {count} times")
        for run, watched in self._runs.items():
            if not watched.is_over:
                raise Broken(f"I17: {run} with deadlines never ended")
            for name in watched.open.keys() - watched.unsure - watched.met - self._not_followed[run[0]]:
                if watched.open[name] < self._last - UNTOLD_US:
                    raise Broken(f"I17: {run} missed {name}, and nobody was ever told")
