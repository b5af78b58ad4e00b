"""The books of jobs against made-up histories: each promise that is broken is seen, and none that is kept."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tradewind.core.backfill_plan import Backfill, Reprocess, decision, plan_backfill
from tradewind.core.dag import DagSpec, DeadlineSpec
from tradewind.core.records import DagRun
from tradewind.core.states import RunState, RunType
from tradewind.testing.builders import dag, every
from tradewind.testing.simulation import backfill_reference
from tradewind.testing.simulation.backfill_book import BackfillBook
from tradewind.testing.simulation.backfill_reference import becomes, dates_of, micros
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.deadline_book import DeadlineBook
from tradewind.testing.simulation.event_log import EventRow
from tradewind.testing.simulation.job_actions import StartBackfill
from tradewind.testing.simulation.jobs_workload import with_jobs
from tradewind.testing.simulation.kept_values import KeptValues
from tradewind.testing.simulation.past_book import PastBook
from tradewind.testing.simulation.workload import BEGIN, PERIOD, draw_workload
from tradewind.wire.messages import Offer, RunInfo

NOW = micros(BEGIN)
FIVE = 300_000_000
"""Five minutes in microseconds."""


class Rows:
    """Stands for the database: what each table answers, whatever is asked."""

    def __init__(self, **tables: Iterable[Any]) -> None:
        self.tables = dict(tables)

    def rows(self, query: str, *values: Any) -> list[Any]:
        table = query.partition(" FROM ")[2].split()[0]
        found = self.tables.get(table, [])
        return list(found(*values) if callable(found) else found)


# --- the reference of backfills ----------------------------------------------------------------------------------


def scheduled(*, intervals: bool = False, **given: Any) -> DagSpec:
    return dag("a", timetable=every(minutes=5, data_interval=intervals), start_date=BEGIN - 2 * PERIOD, **given)


def minutes_of(spec: DagSpec, first: float, last: float, **given: Any) -> list[tuple[float, float]]:
    found = dates_of(spec, BEGIN + timedelta(minutes=first), BEGIN + timedelta(minutes=last), NOW, **given)
    return [((date.logical - NOW) / 6e7, (date.due - NOW) / 6e7) for date in found]


def test_the_dates_of_a_backfill_are_those_of_its_schedule_that_are_due() -> None:
    assert minutes_of(scheduled(), -10, 20) == [(-10, -10), (-5, -5), (0, 0)]
    assert minutes_of(scheduled(intervals=True), -10, 20) == [(-10, -5), (-5, 0)]
    assert minutes_of(scheduled(), -8, -1) == [(-5, -5)]
    assert minutes_of(scheduled(), -10, -5, backwards=True) == [(-5, -5), (-10, -10)]
    assert minutes_of(scheduled(), -21, -10) == [(-21, -21), (-16, -16), (-11, -11)]  # counted from what was asked for


def test_what_becomes_of_a_date_depends_on_its_run_alone() -> None:
    states = (None, "queued", "running", "success", "failed")
    assert [becomes(state, "none") for state in states] == ["create", "leave", "leave", "leave", "leave"]
    assert [becomes(state, "failed") for state in states] == ["create", "leave", "leave", "leave", "clear"]
    assert [becomes(state, "completed") for state in states] == ["create", "leave", "leave", "clear", "clear"]


def test_core_and_reference_agree_about_drawn_backfills() -> None:
    plans = 0
    for seed in range(200):
        workload = with_jobs(draw_workload(Random(seed)), Random(f"{seed}/jobs"), always=True)
        specs = {spec.dag_id: spec for spec in workload.dags}
        for action in workload.actions:
            if isinstance(action, StartBackfill):
                spec, now = specs[action.dag_id], BEGIN + action.at
                known = dates_of(spec, action.first, action.last, micros(now), backwards=action.backwards)
                wish = Backfill(
                    id=0, dag_id=spec.dag_id, from_date=action.first, to_date=action.last, backwards=action.backwards
                )
                if known:
                    slots = plan_backfill(spec, wish, {}, now).slots
                    assert [(micros(s.due.logical_date), micros(s.due.run_after)) for s in slots] == known
                    plans += 1
    assert plans > 200


@pytest.mark.parametrize("reprocess", Reprocess)
@pytest.mark.parametrize("state", [None, *RunState])
def test_core_and_reference_agree_about_a_date(reprocess: Reprocess, state: RunState | None) -> None:
    run = None
    if state is not None:
        run = DagRun(
            number=1, dag_id="etl", run_id="r", run_type=RunType.SCHEDULED, state=state, version="v", run_after=BEGIN
        )
    assert decision(run, reprocess)[0].value == becomes(state.value if state else None, reprocess.value)


def test_the_reference_decides_without_the_core() -> None:
    tree = ast.parse(inspect.getsource(backfill_reference))
    imported = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {name for name in imported if name.startswith("tradewind.")} == {"tradewind.core.dag"}


# --- backfills ---------------------------------------------------------------------------------------------------


class History:
    """A backfill of three dates, told event by event; `limit` runs at once."""

    def __init__(self, reprocess: str = "none", limit: int = 1) -> None:
        self.dates = [NOW - 2 * FIVE, NOW - FIVE, NOW]
        self.numbers: dict[str, int] = {}
        self.done: dict[int, tuple[str, int]] = {}
        self.state = "active"
        row = (self.dates[0], NOW, reprocess, limit, False)
        self.database = Rows(
            run=lambda dag_id, run_id: [(self.numbers[run_id], self.dates[int(run_id[-1])], self.owner)],
            backfill=lambda *values: [row] if values else [(7, self.state)],
            backfill_run=self.slots,
        )
        self.owner: int | None = 7
        self.book = BackfillBook(self.database, {"etl": scheduled()}, PastBook(self.database, []))  # type: ignore[arg-type]
        self.seq = 0
        self.asked = False

    def slots(self, backfill: int, run: int | None = None) -> list[Any]:
        if run is not None:
            return [(1,) for action, number in self.done.values() if action == "clear" and number == run]
        if not self.asked:
            return [(date, date) for date in self.dates]
        return [(position, *slot) for position, slot in self.done.items()]

    def tell(self, name: str, run_id: str = "", before: str = "", after: str = "", reason: str = "") -> None:
        self.seq += 1
        event = EventRow(self.seq, NOW, name, "etl", run_id, "", -1, before, after, reason, {"backfill": 7})
        self.book.take(event)
        self.asked = self.asked or name == "backfill.created"
        if name in ("backfill.cancelled", "backfill.completed"):
            self.state = name.partition(".")[2]

    def make(self, date: int, *, by: str = "backfill", owner: int | None = 7) -> None:
        """A run for this date, the first of which is 0."""
        self.owner = owner
        run_id = f"{'backfill' if by == 'backfill' else 'scheduled'}__{date}"
        self.numbers[run_id] = len(self.numbers) + 1
        if by == "backfill":
            self.done[date + 1] = "create", self.numbers[run_id]
        self.tell("run.created", run_id, after="queued", reason=by)

    def move(self, date: int, before: str, after: str, *, by: str = "backfill", reason: str = "") -> None:
        self.tell("run.moved", f"{by}__{date}", before, after, reason)

    def run_to_the_end(self, date: int, by: str = "backfill") -> None:
        self.move(date, "queued", "running", by=by)
        self.move(date, "running", "success", by=by)


def test_a_backfill_that_keeps_its_promises_is_passed() -> None:
    history = History()
    history.tell("backfill.created")
    for date in range(3):
        history.make(date)
        history.book.look()
        history.run_to_the_end(date)
    history.tell("backfill.completed")
    history.book.look()
    history.book.check_end(1)


def test_a_date_that_has_a_run_already_is_left_as_it_is() -> None:
    history = History(limit=2)
    history.make(0, by="timetable", owner=None)
    history.tell("backfill.created")
    history.done[1] = "leave", 1
    history.book.look()
    history.make(1)
    history.make(2)
    history.run_to_the_end(1)
    history.run_to_the_end(2)
    history.tell("backfill.completed")
    history.book.look()
    history.book.check_end(1)


def test_a_run_that_is_over_is_cleared_where_that_was_asked_for() -> None:
    history = History("completed")
    history.make(0, by="timetable", owner=None)
    history.run_to_the_end(0, by="scheduled")
    history.tell("backfill.created")
    history.done[1] = "clear", 1
    history.move(0, "success", "queued", by="scheduled", reason="cleared")
    history.book.look()


def cancelled(history: History) -> None:
    history.tell("backfill.cancelled")
    history.make(0)


def beyond_its_limit(history: History) -> None:
    history.make(0)
    history.make(1)


def running_beyond_its_limit(history: History) -> None:
    history.make(0)
    history.run_to_the_end(0)
    history.make(1)
    history.move(1, "queued", "running")
    history.move(0, "success", "queued", reason="a task was marked")
    history.move(0, "queued", "running")


def while_it_is_paused(history: History) -> None:
    history.tell("backfill.paused")
    history.make(0)


def while_its_dag_is_paused(history: History) -> None:
    history.tell("dag.paused")
    history.make(0)


def out_of_order(history: History) -> None:
    history.make(1)
    history.run_to_the_end(1)
    history.make(0)


def twice(history: History) -> None:
    history.make(0)
    history.run_to_the_end(0)
    history.numbers["again__0"] = 9
    history.tell("run.created", "again__0", after="queued", reason="timetable")


def another_date(history: History) -> None:
    history.dates.append(NOW + FIVE)
    history.make(3)


def a_lie_in_its_rows(history: History) -> None:
    history.done[1] = "create", 1
    history.book.look()


def left_without_a_run(history: History) -> None:
    history.done[1] = "leave", None  # type: ignore[assignment]
    history.book.look()


def completed_too_soon(history: History) -> None:
    history.make(0)
    history.tell("backfill.completed")


def completed_with_dates_left(history: History) -> None:
    history.make(0)
    history.run_to_the_end(0)
    history.tell("backfill.completed")
    history.book.check_end(1)


def never_ended(history: History) -> None:
    history.book.check_end(1)


def more_than_were_asked_for(history: History) -> None:
    history.tell("backfill.cancelled")
    history.book.check_end(0)


@pytest.mark.parametrize(
    "deed",
    [
        cancelled, beyond_its_limit, running_beyond_its_limit, while_it_is_paused, while_its_dag_is_paused,
        out_of_order, twice, another_date, a_lie_in_its_rows, left_without_a_run, completed_too_soon,
        completed_with_dates_left, never_ended, more_than_were_asked_for,
    ],
    ids=lambda deed: deed.__name__,
)  # fmt: skip
def test_a_backfill_that_does_otherwise_is_seen(deed: Any) -> None:
    history = History()
    history.tell("backfill.created")
    with pytest.raises(Broken, match="I16"):
        deed(history)


# --- deadlines ---------------------------------------------------------------------------------------------------

LATE = NOW + 10_000_000
"""Ten seconds after the run was queued."""


class Deadlines:
    """A run with a deadline ten seconds after it is queued, told event by event."""

    def __init__(self, **given: Any) -> None:
        spec = dag("a", deadlines=(DeadlineSpec(reference="queued_at", interval_seconds=10.0),), **given)
        database = Rows(run=[(None, None, NOW, "scheduled")], event=lambda *_: [(1,)] if self.told else [])
        self.book = DeadlineBook(database, {"etl": spec}, ())  # type: ignore[arg-type]
        self.told = 0
        self.tell("run.created", 0)

    def tell(self, name: str, second: float, **given: Any) -> None:
        values = {"seq": 0, "name": name, "dag_id": "etl", "run_id": "r", "task_id": "", "map_index": -1}
        rest = {"before": "", "after": "", "reason": "", "body": {}, "at": NOW + round(second * 1e6)}
        self.book.take(EventRow(**{**values, **rest, **given}))

    def ends(self, second: float, state: str = "success") -> None:
        self.tell("run.moved", second, after=state)

    def misses(self, second: float, late: int = LATE, what: str = "deadline:0", **given: Any) -> None:
        self.told += 1
        moment = BEGIN + timedelta(microseconds=late - NOW)
        self.tell("run.deadline_missed", second, reason=moment.isoformat(), body={"deadline": what}, **given)

    def calls(self, *ids: str, kind: str = "deadline:0") -> None:
        for _ in ids:
            self.book.calls(("etl", "r"), kind)
        self.book.check_end({(("etl", "r"), kind, id) for id in ids}, ())


def test_the_average_is_that_of_runs_that_have_ended_and_of_nothing_else() -> None:
    spec = dag("a", deadlines=(DeadlineSpec(reference="average_runtime", interval_seconds=1, max_runs=2, min_runs=2),))
    book = DeadlineBook(Rows(run=[(None, None, NOW, "manual")]), {"etl": spec}, ())  # type: ignore[arg-type]

    def tell(name: str, run_id: str, second: float, **given: Any) -> None:
        values = {"seq": 0, "dag_id": "etl", "task_id": "", "map_index": -1, "before": "", "after": "", "body": {}}
        moment = NOW + round(second * 1e6)
        book.take(EventRow(**{**values, "name": name, "run_id": run_id, "reason": "", "at": moment, **given}))

    for n, took in enumerate((100, 10, 20)):
        tell("run.created", f"r{n}", 0)
        tell("run.moved", f"r{n}", 5, before="queued", after="running")
        tell("run.moved", f"r{n}", 5 + took, before="running", after="success")
    tell("run.moved", "r2", 900, before="success", after="failed", reason="marked")
    tell("run.created", "r3", 1000)
    late = BEGIN + timedelta(seconds=1016)
    for wrong, reason in ((1000, "before it has come"), (1020, "told before")):
        with pytest.raises(Broken, match=reason):
            tell("run.deadline_missed", "r3", wrong, reason=late.isoformat(), body={"deadline": "deadline:0"})


def test_a_deadline_that_was_met_is_told_nobody() -> None:
    deadlines = Deadlines()
    deadlines.ends(9.9)
    deadlines.book.check_end((), ())
    with pytest.raises(Broken, match="has missed no deadline"):
        deadlines.calls("x")


def test_a_deadline_that_is_missed_is_told_once_and_once_more_after_a_clear() -> None:
    deadlines = Deadlines()
    deadlines.misses(10)
    deadlines.ends(20)
    deadlines.tell("run.moved", 30, after="queued", reason="cleared")
    deadlines.misses(41, LATE + 30_000_000)
    deadlines.ends(50)
    deadlines.calls("x", "y")


@pytest.mark.parametrize("called", [(), ("x", "y")])
def test_one_call_follows_from_each_miss(called: tuple[str, ...]) -> None:
    deadlines = Deadlines()
    deadlines.misses(10)
    deadlines.ends(20)
    deadlines.calls("x")
    with pytest.raises(Broken, match="was missed 1 times"):
        deadlines.calls(*called)


def test_a_callback_that_was_given_up_may_never_have_been_carried_out() -> None:
    deadlines = Deadlines()
    deadlines.misses(10)
    deadlines.ends(20)
    deadlines.book.check_end((), {("etl", "r")})


def test_nobody_is_told_too_soon_too_late_twice_or_never() -> None:
    with pytest.raises(Broken, match="before it has come"):
        Deadlines().misses(9)
    with pytest.raises(Broken, match=f"and was {LATE}"):
        Deadlines().misses(10, LATE + 1)
    with pytest.raises(Broken, match="nobody was told"):
        Deadlines().ends(10)
    twice = Deadlines()
    twice.misses(10)
    with pytest.raises(Broken, match="told before"):
        twice.misses(11)
    late = Deadlines()
    late.ends(5)
    with pytest.raises(Broken, match="told before, or never set"):
        late.misses(10)


def test_a_run_that_failed_in_time_is_late_when_its_moment_comes() -> None:
    deadlines = Deadlines()
    deadlines.ends(5, "failed")
    deadlines.misses(10)
    deadlines.calls("x")


def test_a_run_that_goes_on_after_its_end_is_not_told_of_what_is_past() -> None:
    deadlines = Deadlines()
    deadlines.ends(5)
    deadlines.tell("run.moved", 20, after="queued", reason="a task was marked")
    with pytest.raises(Broken, match="never set"):
        deadlines.misses(21)


def test_a_task_that_is_over_in_time_misses_nothing() -> None:
    given = {"callbacks": ("sla_miss",), "tasks": {"a": {"sla_seconds": 10.0}}}
    in_time = Deadlines(**given)
    in_time.tell("task.moved", 5, task_id="a", after="success")
    with pytest.raises(Broken, match="the task had met it before"):
        in_time.misses(10, what="sla", task_id="a")
    with pytest.raises(Broken, match="nobody was told"):
        Deadlines(**given).tell("task.moved", 10, task_id="a", after="success")
    failed = Deadlines(**given)
    failed.tell("task.moved", 5, task_id="a", after="failed")
    failed.misses(10, what="sla", task_id="a")
    late = Deadlines(**given)
    late.misses(10, what="sla", task_id="a")
    late.misses(10)
    late.tell("task.moved", 11, task_id="a", after="failed")
    late.ends(12)
    assert late.book.missed == {(("etl", "r"), "dag:sla_miss"): 1, (("etl", "r"), "deadline:0"): 1}


# --- kept state --------------------------------------------------------------------------------------------------

PLACE = ("asset", "a")
ME = Offer(
    attempt="one", run=RunInfo(number=1, dag_id="etl", run_id="r", run_type="manual", run_after_us=0), task_id="t",
    map_index=-1, try_number=1, max_tries=0, file="etl.py", version="v",
)  # fmt: skip


class Kept:
    """Kept values whose stored value and clock the test sets."""

    def __init__(self, *, doubles: bool = False) -> None:
        self.now = 0
        self.stored: bytes | None = None
        rows = Rows(asset_state_store=lambda *_: [(self.stored,)] if self.stored is not None else [])
        self.values = KeptValues(rows, lambda: self.now, doubles)  # type: ignore[arg-type]

    def write(self, value: bytes, attempt: str = "one", *, heard: bool = True) -> Any:
        self.now += 1
        write = self.values.writes(PLACE, attempt, value)
        self.now += 1
        self.stored = value
        if heard:
            self.values.acknowledged(PLACE, write)
        return write

    def read(self, value: bytes | None) -> None:
        self.now += 1
        self.values.read(PLACE, value, self.now, "reader")


def test_what_was_acknowledged_is_read_back_and_nothing_older() -> None:
    kept = Kept()
    kept.read(None)
    kept.write(b"1")
    kept.read(b"1")
    with pytest.raises(Broken, match="I18"):
        kept.read(None)
    kept.write(b"2")
    kept.read(b"2")
    for wrong in (b"1", None, b"of somebody else"):
        with pytest.raises(Broken, match="I18"):
            kept.read(wrong)
    kept.values.check_end()


def test_what_is_acknowledged_and_not_stored_is_seen_at_once() -> None:
    kept = Kept()
    write = kept.write(b"1", heard=False)
    kept.stored = None
    with pytest.raises(Broken, match="is stored"):
        kept.values.acknowledged(PLACE, write)


def test_a_write_without_an_answer_may_have_happened_or_not() -> None:
    kept = Kept()
    kept.write(b"1")
    kept.write(b"2", heard=False)
    kept.read(b"1")
    kept.read(b"2")
    kept.write(b"3", "two")
    kept.read(b"2")  # it may be late: its attempt is not over
    kept.values.ended("one")
    kept.write(b"4", "two")
    with pytest.raises(Broken, match="I18"):
        kept.read(b"2")


def test_the_next_attempt_of_a_task_ends_what_the_one_before_had_under_way() -> None:
    kept = Kept()
    kept.values.began(ME)
    kept.write(b"1", heard=False)
    kept.values.began(replace_attempt(ME, "two"))
    kept.write(b"2", "two")
    with pytest.raises(Broken, match="I18"):
        kept.read(b"1")


def replace_attempt(offer: Offer, attempt: str) -> Offer:
    return Offer(**{name: getattr(offer, name) for name in offer.__struct_fields__} | {"attempt": attempt})


@pytest.mark.parametrize("doubles", [False, True])
def test_where_messages_come_twice_a_write_may_happen_again_while_its_attempt_lasts(doubles: bool) -> None:
    kept = Kept(doubles=doubles)
    kept.write(b"1")
    kept.write(b"2", "two")
    if doubles:
        kept.read(b"1")
        kept.values.ended("one")
        kept.values.ended("two")
        kept.write(b"3", "three")
    with pytest.raises(Broken, match="I18"):
        kept.read(b"1")


def test_drawn_histories_of_one_register_are_passed() -> None:
    """Whatever is written at a moment between being sent and being acknowledged may be read from then on."""
    for seed in range(100):
        rng, kept, flights = Random(seed), Kept(), list[Any]()
        for n in range(60):
            kept.now += 1
            dice = rng.random()
            if dice < 0.4:
                flights.append([kept.values.writes(PLACE, f"attempt{n}", b"%d" % n), b"%d" % n, False])
            elif dice < 0.7 and flights:
                flight = rng.choice(flights)
                if not flight[2]:
                    kept.stored, flight[2] = flight[1], True
                elif rng.random() < 0.7:
                    flights.remove(flight)
                    kept.values.acknowledged(PLACE, flight[0])
            else:
                kept.values.read(PLACE, kept.stored, kept.now, "reader")


def test_what_somebody_cleans_is_gone_and_what_is_kept_afterwards_is_not() -> None:
    now = [0]
    stored: list[Any] = []
    rows = Rows(asset_state_store=lambda *_: [(value,) for value in stored])
    values = KeptValues(rows, lambda: now[0], doubles=False)  # type: ignore[arg-type]
    first = values.writes(("asset", "a"), "one", b"1")
    stored[:] = [b"1"]
    values.acknowledged(("asset", "a"), first)
    now[0] = 10
    cleaning = values.cleans("clean")
    stored.clear()
    now[0] = 20
    values.cleaned(cleaning, was_done=True)
    now[0] = 30
    with pytest.raises(Broken, match="I18"):
        values.read(("asset", "a"), b"1", 25, "late")
    second = values.writes(("asset", "a"), "two", b"2")
    stored[:] = [b"2"]
    values.acknowledged(("asset", "a"), second)
    now[0] = 40
    values.read(("asset", "a"), b"2", 35, "late")
    with pytest.raises(Broken, match="I18"):
        values.read(("asset", "a"), None, 35, "late")
