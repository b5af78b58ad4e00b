"""Backfills: the runs of a past range, a few at a time, beside the schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.core.errors import BackfillNotFound, DagNotFound, InvalidInput
from tradewind.core.inputs import BackfillFound
from tradewind.testing.builders import CONTINUOUS, NEVER, dag, every
from tradewind.testing.world import START, Play

DAY = timedelta(days=1)
FIRST = datetime(2023, 12, 1, tzinfo=UTC)
DAILY = dag("a", timetable=every(days=1), start_date=FIRST, max_active_runs=1)


def days(play: Play) -> list[tuple[int, str]]:
    """Day of the month and state of every backfill run, in the order in which they were made."""
    runs = sorted(run for run in play.runs.values() if run.run_type == "backfill")
    return [(run.logical_date.day if run.logical_date else 0, run.state) for run in runs]


def end_all(play: Play, outcome: str = "success") -> None:
    """Everything that runs now ends so."""
    for attempt in list(play.world.attempts.values()):
        play.report(attempt, outcome)


def state_of(play: Play, number: int) -> str:
    return str(play.backfills[number]["state"])


@pytest.fixture
def daily(play: Play) -> Play:
    """A Dag that runs daily; the run of today, the first of January, is over."""
    play.load(DAILY)
    end_all(play)
    return play


def test_its_runs_come_from_the_ticks_of_the_schedule_a_few_at_once_and_in_order(daily: Play) -> None:
    plan = daily.backfill("etl", FIRST + timedelta(hours=5), FIRST + 4 * DAY, max_active=2)
    assert [slot.due.logical_date for slot in plan.slots] == [FIRST + n * DAY for n in (1, 2, 3, 4)]
    assert days(daily) == [(2, "running"), (3, "running")]
    end_all(daily)
    assert days(daily)[2:] == [(4, "running"), (5, "running")]
    end_all(daily)
    assert state_of(daily, plan.backfill.id) == "completed"
    assert {state for _, state in days(daily)} == {"success"}
    assert not daily.world.backfills
    assert not daily.world.runs


def test_it_takes_a_new_run_for_each_that_ends(daily: Play) -> None:
    daily.backfill("etl", FIRST, FIRST + 9 * DAY, max_active=3)
    attempt = next(a for a in daily.world.attempts.values() if daily.runs[a.key.run].logical_date == FIRST + DAY)
    daily.report(attempt, "success")
    assert days(daily) == [(1, "running"), (2, "success"), (3, "running"), (4, "running")]


def test_backwards_begins_with_the_newest(daily: Play) -> None:
    daily.backfill("etl", FIRST, FIRST + 2 * DAY, max_active=1, backwards=True)
    for _ in range(3):
        end_all(daily)
    assert [day for day, _ in days(daily)] == [3, 2, 1]


def test_a_dry_run_shows_the_plan_that_would_be_carried_out_and_changes_nothing(daily: Play) -> None:
    before = (dict(daily.runs), dict(daily.tasks), daily.world.next_run_number)
    shown = daily.backfill("etl", FIRST, FIRST + 2 * DAY, dry_run=True)
    assert (daily.runs, daily.tasks, daily.world.next_run_number) == before
    assert not daily.backfills
    made = daily.backfill("etl", FIRST, FIRST + 2 * DAY)
    assert made.slots == shown.slots


def test_its_runs_do_not_count_against_the_runs_of_the_schedule(daily: Play) -> None:
    daily.backfill("etl", FIRST, FIRST + 5 * DAY, max_active=2)
    daily.advance(days=1)
    running = [run.run_type for run in daily.runs.values() if run.state == "running"]
    assert sorted(running) == ["backfill", "backfill", "scheduled"]


def test_its_runs_are_named_and_conf_is_theirs(daily: Play) -> None:
    daily.backfill("etl", FIRST, FIRST, conf={"x": 1}, user="kim")
    run = max(daily.runs.values())
    assert (run.run_id, run.conf, run.triggered_by) == ("backfill__2023-12-01T00:00:00+00:00", {"x": 1}, "backfill")
    assert (run.triggering_user, run.data_interval_end) == ("kim", FIRST)


@pytest.mark.parametrize(
    ("reprocess", "expected"),
    [
        ("none", ["leave", "leave", "create"]),
        ("failed", ["leave", "clear", "create"]),
        ("completed", ["clear", "clear", "create"]),
    ],
)
def test_runs_that_are_over_are_reprocessed_as_asked(play: Play, reprocess: str, expected: list[str]) -> None:
    play.load(DAILY)
    end_all(play)
    for day, outcome in ((0, "success"), (1, "failed")):
        play.start(DAILY, logical_date=FIRST + day * DAY)
        end_all(play, outcome)
    plan = play.backfill("etl", FIRST, FIRST + 2 * DAY, reprocess=reprocess)
    assert [slot.action for slot in plan.slots] == expected
    end_all(play)
    rerun = [run for run in play.runs.values() if run.clear_number]
    assert len(rerun) == expected.count("clear")
    assert all(run.backfill == plan.backfill.id and run.state == "success" for run in rerun)
    assert [row["action"] for _, row in sorted(play.slots.items())] == expected
    assert state_of(play, plan.backfill.id) == "completed"


def test_a_run_that_is_under_way_is_left_alone(daily: Play) -> None:
    daily.start(DAILY, logical_date=FIRST)
    plan = daily.backfill("etl", FIRST, FIRST + DAY, reprocess="completed")
    assert [slot.action for slot in plan.slots] == ["leave", "create"]
    assert "running already" in plan.slots[0].reason


def test_a_date_that_somebody_took_meanwhile_is_left_alone(daily: Play) -> None:
    plan = daily.backfill("etl", FIRST, FIRST + 2 * DAY, max_active=1)
    daily.start(DAILY, logical_date=FIRST + DAY, run_id="mine")
    for _ in range(3):
        end_all(daily)
    row = daily.slots[plan.backfill.id, 2]
    assert (row["action"], daily.runs[row["run"]].run_id) == ("leave", "mine")
    assert "mine was success" in row["reason"] or "already" in row["reason"]
    assert [day for day, _ in days(daily)] == [1, 3]
    assert state_of(daily, plan.backfill.id) == "completed"


def test_a_paused_backfill_starts_nothing_until_it_goes_on(daily: Play) -> None:
    number = daily.backfill("etl", FIRST, FIRST + 3 * DAY, max_active=1).backfill.id
    daily.pause_backfill(number)
    end_all(daily)
    daily.advance(hours=1)
    assert days(daily) == [(1, "success")]
    daily.pause_backfill(number, paused=False)
    assert days(daily) == [(1, "success"), (2, "running")]


def test_the_backfill_of_a_paused_dag_waits_for_it(daily: Play) -> None:
    daily.pause()
    daily.backfill("etl", FIRST, FIRST + DAY)
    assert not days(daily)
    daily.unpause()
    assert days(daily) == [(1, "running"), (2, "running")]


def test_a_cancelled_backfill_starts_nothing_more_and_lets_what_runs_end(daily: Play) -> None:
    number = daily.backfill("etl", FIRST, FIRST + 3 * DAY, max_active=1).backfill.id
    daily.cancel_backfill(number)
    assert (state_of(daily, number), days(daily)) == ("cancelled", [(1, "running")])
    end_all(daily)
    assert days(daily) == [(1, "success")]
    with pytest.raises(BackfillNotFound):
        daily.cancel_backfill(number)


def test_queued_runs_of_a_cancelled_backfill_have_failed(daily: Play) -> None:
    number = daily.backfill("etl", FIRST, FIRST + 3 * DAY, max_active=1).backfill.id
    first = max(daily.runs.values())
    end_all(daily)
    daily.clear(run=first)
    assert daily.run_state(first) == "queued"
    assert daily.why("a", run=first)[0].code == "backfill_full"
    daily.pause_backfill(number)
    assert daily.why("a", run=first)[0].code == "backfill_paused"
    daily.cancel_backfill(number)
    assert daily.run_state(first) == "failed"


def test_a_run_of_a_backfill_that_is_cleared_meanwhile_runs_before_the_others(daily: Play) -> None:
    daily.backfill("etl", FIRST, FIRST + 3 * DAY, max_active=1)
    first = max(daily.runs.values())
    end_all(daily)
    daily.clear(run=first)
    end_all(daily)
    assert days(daily) == [(1, "running"), (2, "success")]
    for _ in range(4):
        end_all(daily)
    assert days(daily) == [(1, "success"), (2, "success"), (3, "success"), (4, "success")]
    assert not daily.world.backfills


def test_it_is_over_only_when_its_last_run_is(daily: Play) -> None:
    number = daily.backfill("etl", FIRST, FIRST).backfill.id
    daily.pause_backfill(number)
    assert state_of(daily, number) == "active"
    end_all(daily, "failed")
    assert state_of(daily, number) == "completed"


def test_a_backfill_of_tasks_that_never_go_to_a_worker_ends_by_itself(play: Play) -> None:
    play.load(dag("a >> b", timetable=every(days=1), start_date=FIRST, never_sent=True))
    number = play.backfill("etl", FIRST, FIRST + 20 * DAY, max_active=2).backfill.id
    assert state_of(play, number) == "completed"
    assert len(days(play)) == 21


def test_its_first_run_looks_at_no_run_before_and_the_others_do(play: Play) -> None:
    spec = dag("a", timetable=every(days=1), start_date=FIRST, depends_on_past=True)
    play.load(spec)
    end_all(play)
    play.start(spec, logical_date=FIRST)
    end_all(play, "failed")
    play.backfill("etl", FIRST + DAY, FIRST + 3 * DAY)
    assert [play.state("a", run=run) for run in sorted(play.runs.values()) if run.backfill] == [
        "queued",
        "none",
        "none",
    ]
    for _ in range(3):
        end_all(play)
    assert {state for _, state in days(play)} == {"success"}


def test_tasks_that_begin_later_than_a_date_are_run_for_it_all_the_same(play: Play) -> None:
    play.load(dag("a", timetable=every(days=1), start_date=datetime(2024, 1, 1, tzinfo=UTC)))
    plan = play.backfill("etl", FIRST, FIRST + DAY)
    assert [slot.due.logical_date for slot in plan.slots] == [FIRST, FIRST + DAY]
    assert play.state("a") == "queued"


def test_what_is_not_due_yet_is_not_in_the_plan(daily: Play) -> None:
    plan = daily.backfill("etl", daily.now - DAY, daily.now + 10 * DAY, dry_run=True)
    assert plan.slots[-1].due.run_after <= daily.now


def test_a_date_before_the_answer_came_is_asked_for_once(daily: Play) -> None:
    daily.answers_looks = False
    plan = daily.backfill("etl", FIRST, FIRST + DAY)
    daily.start(DAILY, logical_date=FIRST)
    assert daily.looks == ["etl"]
    daily.answer_looks()
    assert [row["action"] for _, row in sorted(daily.slots.items())] == ["leave", "create"]
    stale = BackfillFound(dag_id="etl", id=plan.backfill.id, found=((1, None, None), (2, None, None)))
    daily.give(stale)
    assert len(days(daily)) == 1


def test_room_that_was_taken_before_the_answer_came_is_not_used_twice(daily: Play) -> None:
    daily.answers_looks = False
    daily.backfill("etl", FIRST, FIRST + 3 * DAY, max_active=1)
    daily.answer_looks()
    first = max(daily.runs.values())
    end_all(daily)
    daily.clear(run=first)
    daily.give(BackfillFound(dag_id="etl", id=next(iter(daily.backfills)), found=((2, None, None), (3, None, None))))
    assert days(daily) == [(1, "running")]


def refused(play: Play, **wish: object) -> str:
    asked = {"begin": FIRST, "end": FIRST + DAY, "dag_id": "etl", **wish}
    before = (dict(play.runs), dict(play.backfills))
    with pytest.raises(InvalidInput) as error:
        play.backfill(**asked)  # type: ignore[arg-type]
    assert (play.runs, play.backfills) == before
    return str(error.value)


def test_each_refusal_is_a_sentence_that_names_its_reason(daily: Play) -> None:
    assert "swap" in refused(daily, begin=FIRST + DAY, end=FIRST)
    assert "at least 1" in refused(daily, max_active=0)
    assert "no run by its schedule" in refused(daily, begin=daily.now + DAY, end=daily.now + 2 * DAY)
    daily.load(dag("a", dag_id="by_hand", timetable=NEVER))
    assert "names no dates" in refused(daily, dag_id="by_hand")
    daily.load(dag("a", dag_id="always", timetable=CONTINUOUS, never_sent=True), paused=True)
    assert "names no dates" in refused(daily, dag_id="always")
    daily.load(dag("a", dag_id="often", timetable=every(minutes=1), start_date=FIRST), paused=True)
    assert "at most 10000" in refused(daily, dag_id="often", end=FIRST + 30 * DAY)
    past = dag("a", dag_id="past", timetable=every(days=1), depends_on_past=True, start_date=FIRST)
    daily.load(past, paused=True)
    assert "backwards" in refused(daily, dag_id="past", backwards=True)
    daily.backfill("etl", FIRST, FIRST + DAY)
    assert "one at a time" in refused(daily)
    with pytest.raises(DagNotFound):
        daily.backfill("nobody", FIRST, FIRST + DAY)


def test_a_run_that_it_clears_waits_for_one_that_it_has_made_before_it(play: Play) -> None:
    """Both in one turn: when the later one was read, the earlier one was not there yet."""
    looks_back = replace(DAILY, tasks=dag("a", tasks={"a": {"depends_on_past": True}}).tasks, max_active_runs=16)
    play.load(looks_back)
    end_all(play)
    play.start(looks_back, logical_date=FIRST + 2 * DAY)
    end_all(play)
    play.backfill("etl", FIRST, FIRST + 2 * DAY, reprocess="completed", max_active=3)
    early, middle, again = sorted(play.world.runs.values(), key=lambda live: live.run.logical_date or START)
    assert [live.run.clear_number for live in (early, middle, again)] == [0, 0, 1]
    assert [live.previous and live.previous.number for live in (middle, again)] == [early.run.number, middle.run.number]
    assert [a.key.run for a in play.world.attempts.values()] == [early.run.number]
    end_all(play)
    end_all(play)
    assert [a.key.run for a in play.world.attempts.values()] == [again.run.number]


def test_a_cleared_run_begins_although_the_one_that_waits_for_it_has_the_only_place(play: Play) -> None:
    """Seed 13286: each waited for the other."""
    play.load(dag("a >> b", timetable=every(days=1), start_date=FIRST, tasks={"b": {"depends_on_past": True}}))
    end_all(play)
    end_all(play)
    play.backfill("etl", FIRST, FIRST + DAY, max_active=1)
    first = max(play.runs.values())
    end_all(play)
    end_all(play)
    assert days(play) == [(1, "success"), (2, "running")]
    play.clear(run=first)
    assert days(play) == [(1, "queued"), (2, "running")], "it goes on with what it has before it"
    end_all(play)
    assert days(play) == [(1, "running"), (2, "running")]
    end_all(play)
    assert [a.key.task_id for a in play.world.attempts.values()] == ["b"], "the second still waits"
    end_all(play)
    end_all(play)
    assert days(play) == [(1, "success"), (2, "success")]
    assert not play.world.backfills


def test_a_run_of_the_schedule_looks_at_its_own_past_although_a_backfill_is_ahead_of_it(play: Play) -> None:
    """Seeds 5170 and 5292: of the runs that were over, only the one that the backfill had made was known."""
    tasks = dag("a", tasks={"a": {"depends_on_past": True}}).tasks
    play.load(replace(DAILY, tasks=tasks, start_date=START - 2 * DAY, catchup=True, max_active_runs=1))
    play.advance(seconds=0)
    (first,) = play.world.runs.values()
    play.backfill("etl", START, START)
    begins_anew = next(a for a in play.world.attempts.values() if a.key.run != first.run.number)
    play.report(begins_anew, "success")
    end_all(play, "failed")
    play.advance(seconds=0)
    (second,) = play.world.runs.values()
    assert second.run.logical_date == START - DAY
    assert second.previous is not None
    assert second.previous.number == first.run.number
    assert play.state("a", run=second.run) == "none", "it failed the day before"
