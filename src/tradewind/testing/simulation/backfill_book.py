"""What backfills have done, from the event log: every run at most once, never too many, none that nobody wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tradewind.core.dag import DagSpec
from tradewind.testing.simulation.backfill_reference import EPOCH, Date, becomes, dates_of
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.event_log import EventRow
from tradewind.testing.simulation.past_book import PastBook
from tradewind.testing.simulation.workload import RunKey

OVER = ("success", "failed")


@dataclass(slots=True)
class _Run:
    number: int
    date: int | None
    state: str = "queued"
    backfill: int | None = None
    lately: set[str] = field(default_factory=set)
    """Every state that it has had since the last look."""


@dataclass(slots=True)
class _Backfill:
    id: int
    dag_id: str
    reprocess: str
    max_active: int
    dates: list[Date]
    """In the order in which they are to be run; the positions of their rows count from 1."""
    state: str = "active"
    is_paused: bool = False
    begun: dict[int, str] = field(default_factory=dict)
    """What has become of the dates whose turn has come, by position: `create`, `clear` or `leave`."""

    def __str__(self) -> str:
        return f"backfill {self.id} of {self.dag_id}"


class BackfillBook:
    """Follows the events of backfilled Dags. Raises Broken for I16 the moment it does not hold."""

    def __init__(self, database: Database, specs: dict[str, DagSpec], past: PastBook) -> None:
        self._database = database
        self._specs = specs
        self._past = past
        """Of Dags whose runs wait for earlier ones, and perhaps for ever."""
        self._runs: dict[str, dict[str, _Run]] = {dag_id: {} for dag_id in specs}
        self._backfills: dict[int, _Backfill] = {}
        self._active: dict[str, _Backfill] = {}
        self._is_paused = dict.fromkeys(specs, False)
        self._lately: list[_Backfill] = []
        """Those that were under way since the last look."""

    # --- what happens ---

    def take(self, event: EventRow) -> None:
        """One more row of the event log."""
        if event.dag_id not in self._specs:
            return
        match event.name.split("."):
            case ["run", "created"]:
                self._created(event)
            case ["run", "moved"]:
                self._moved(event)
            case ["dag", "paused" | "unpaused" as state]:
                self._is_paused[event.dag_id] = state == "paused"
            case ["backfill", "created"]:
                self._asked(event)
            case ["backfill", "paused" | "unpaused" as state]:
                self._running(event).is_paused = state == "paused"
            case ["backfill", "cancelled" | "completed" as state]:
                self._ended(event, state)

    def _asked(self, event: EventRow) -> None:
        if event.dag_id in self._active:
            raise Broken(f"I16: {event.dag_id} has another backfill beside {self._active[event.dag_id]}")
        number = event.body["backfill"]
        row = self._database.rows(
            "SELECT from_date, to_date, reprocess, max_active, backwards FROM backfill WHERE id = ?", number
        )
        if not row:
            raise Broken(f"I16: backfill {number} of {event.dag_id} has no row")
        first, last, reprocess, max_active, backwards = row[0]
        spec, since, until = self._specs[event.dag_id], _moment(first), _moment(last)
        dates = dates_of(spec, since, until, event.at, backwards=bool(backwards))
        assert isinstance(number, int)
        made = _Backfill(number, event.dag_id, reprocess, max_active, dates)
        self._backfills[made.id] = self._active[made.dag_id] = made
        self._lately.append(made)
        slots = self._database.rows(
            "SELECT logical_date, run_after FROM backfill_run WHERE backfill = ? ORDER BY position", made.id
        )
        if [Date(*slot) for slot in slots] != dates:
            raise Broken(
                f"I16: {made} has {len(slots)} dates, from {slots[:1]}, and not {len(dates)}, from {dates[:1]}"
            )

    def _running(self, event: EventRow) -> _Backfill:
        found = self._active.get(event.dag_id)
        if found is None or found.id != event.body["backfill"]:
            raise Broken(f"I16: {event.name} of {event.dag_id} is about {event.body}, and {found} is under way")
        return found

    def _ended(self, event: EventRow, state: str) -> None:
        ended = self._running(event)
        ended.state = state
        del self._active[event.dag_id]
        if state == "completed" and (still := [run.number for run in self._open(ended)]):
            raise Broken(f"I16: {ended} is completed, and its runs {still} are not over")

    def _created(self, event: EventRow) -> None:
        query = "SELECT number, logical_date, backfill FROM run WHERE dag_id = ? AND run_id = ?"
        runs = self._runs[event.dag_id]
        number, date, backfill = self._database.rows(query, event.dag_id, event.run_id)[0]
        if date is not None and any(run.date == date for run in runs.values()):
            raise Broken(f"I16: {event.dag_id} has two runs for {_moment(date)}, one of them {event.run_id}")
        run = runs[event.run_id] = _Run(number, date)
        run.lately.add("queued")
        if event.reason == "backfill":
            run.backfill = backfill
            self._begins(event, run, "create", None)
        elif event.run_id.startswith("backfill__"):
            raise Broken(f"I16: {event.dag_id} {event.run_id} was made by {event.reason}")

    def _moved(self, event: EventRow) -> None:
        run = self._runs[event.dag_id][event.run_id]
        before, run.state = run.state, event.after
        run.lately.add(event.after)
        active = self._active.get(event.dag_id)
        if event.after == "queued" and event.reason == "cleared" and active is not None:
            query = "SELECT 1 FROM backfill_run WHERE backfill = ? AND run = ? AND action = 'clear' AND is_done"
            if self._database.rows(query, active.id, run.number) and run.backfill != active.id:
                run.backfill = active.id
                self._begins(event, run, "clear", before)
        if active is not None and event.after == "running" and run.backfill == active.id:
            self._check_may_start(active)
            # One that only waits for the run before it holds no place.
            running = 1 + sum(
                each.state == "running" and each.backfill == active.id and each is not run
                and not self._past.holds(RunKey(event.dag_id, name))
                for name, each in self._runs[event.dag_id].items()
            )  # fmt: skip
            if running > active.max_active:
                raise Broken(f"I16: {running} runs of {active} are running, and it may have {active.max_active}")

    def _begins(self, event: EventRow, run: _Run, action: str, state: str | None) -> None:
        """The turn of a date has come: its run was made, or cleared."""
        name = f"{event.dag_id} {event.run_id}"
        active = self._active.get(event.dag_id)
        if active is None or run.backfill != active.id:
            raise Broken(f"I16: {name} was made by backfill {run.backfill}, and {active} is under way")
        self._check_may_start(active)
        positions = [n for n, date in enumerate(active.dates, 1) if date.logical == run.date]
        if not positions:
            raise Broken(f"I16: {name} is none of the dates of {active}")
        if positions[0] in active.begun or any(n > positions[0] for n in active.begun if active.begun[n] != "leave"):
            raise Broken(f"I16: {name} is date {positions[0]} of {active}, which has begun {sorted(active.begun)}")
        if becomes(state, active.reprocess) != action:
            raise Broken(f"I16: {name} was {state}, and {active} (reprocess {active.reprocess}) did {action} it")
        active.begun[positions[0]] = action
        if (many := len(list(self._open(active)))) > active.max_active:
            raise Broken(f"I16: {many} runs of {active} are not over, and it may have {active.max_active}")

    def _check_may_start(self, backfill: _Backfill) -> None:
        if backfill.is_paused or self._is_paused[backfill.dag_id]:
            whose = "it" if backfill.is_paused else "its Dag"
            raise Broken(f"I16: a run of {backfill} begins while {whose} is paused")

    def _open(self, backfill: _Backfill) -> list[_Run]:
        runs = self._runs[backfill.dag_id].values()
        return [run for run in runs if run.backfill == backfill.id and run.state not in OVER]

    # --- what is there ---

    def look(self) -> None:
        """Hold the rows of the dates against what the events have said."""
        for backfill in {one.id: one for one in (*self._lately, *self._active.values())}.values():
            self._look_at(backfill)
        self._lately.clear()
        for runs in self._runs.values():
            for run in runs.values():
                run.lately = {run.state}

    def _look_at(self, backfill: _Backfill) -> None:
        query = "SELECT position, action, run FROM backfill_run WHERE backfill = ? AND is_done ORDER BY position"
        done = {position: (action, number) for position, action, number in self._database.rows(query, backfill.id)}
        if missing := backfill.begun.keys() - done.keys():
            raise Broken(f"I16: the dates {sorted(missing)} of {backfill} have begun, and their rows do not say so")
        for position, (action, number) in done.items():
            if position not in backfill.begun and action == "leave":
                self._check_left(backfill, position, number)
                backfill.begun[position] = action
            if (known := backfill.begun.get(position, "nothing")) != action:
                raise Broken(f"I16: date {position} of {backfill} says {action}, and what was done is {known}")

    def _check_left(self, backfill: _Backfill, position: int, number: int | None) -> None:
        """A date that is left has a run, which since the last look was in a state in which it is to be left."""
        date = backfill.dates[position - 1]
        runs = [run for run in self._runs[backfill.dag_id].values() if run.date == date.logical]
        if [run.number for run in runs] != [number]:
            raise Broken(f"I16: {backfill} left date {position} for run {number}, and there is {runs}")
        if all(becomes(state, backfill.reprocess) != "leave" for state in runs[0].lately):
            raise Broken(f"I16: {backfill} left date {position} (reprocess {backfill.reprocess}) with {runs[0]}")

    def check_end(self, asked: int) -> None:
        """Every backfill is over, and has made all that it had to; `asked` is how many were taken."""
        stored = self._database.rows("SELECT id, state FROM backfill")
        if dict(stored) != {one.id: one.state for one in self._backfills.values()}:
            raise Broken(f"I16: the events have other backfills than there are: {[tuple(row) for row in stored]}")
        if len(stored) != asked:
            raise Broken(f"I16: {asked} wishes for backfills were taken, and there are {len(stored)}")
        for backfill in self._backfills.values():
            if backfill.state == "active" and backfill.dag_id not in self._past.dag_ids:
                paused = ", which is paused" if backfill.is_paused else ""
                raise Broken(f"I16: {backfill}{paused} never ended; {len(backfill.begun)} of its dates have begun")
            known = {run.date for run in self._runs[backfill.dag_id].values()}
            missing = [date for date in backfill.dates if date.logical not in known]
            if backfill.state == "completed" and missing:
                raise Broken(f"I16: {backfill} is completed without runs for {[_moment(d.logical) for d in missing]}")


def _moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
