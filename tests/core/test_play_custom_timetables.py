"""Runs of a custom timetable: named ahead by its code, made by the core, asked for again in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tradewind.core.dag import DagSpec
from tradewind.core.timetables import DataInterval, DueRun, RunsAhead, TimetableSpec
from tradewind.core.timetables.ahead import FEW
from tradewind.testing.builders import dag
from tradewind.testing.world import START, Play

CUSTOM = TimetableSpec(kind="custom", summary="Tides", custom="tides.Tides")
HOUR = timedelta(hours=1)


def tidal(**given: object) -> DagSpec:
    return dag("a", timetable=CUSTOM, never_sent=True, **given)


def hourly(first: datetime, count: int, *, is_all: bool = False) -> RunsAhead:
    due = [first + n * HOUR for n in range(count)]
    runs = tuple(DueRun(at - HOUR, DataInterval(at - HOUR, at), at) for at in due)
    return RunsAhead(runs, START, is_all)


def times_of(play: Play) -> list[datetime]:
    return [run.run_after for run in play.runs.values()]


def test_named_runs_are_made_when_they_are_due(play: Play) -> None:
    play.load(tidal(), ahead=hourly(START + HOUR, 100))
    play.advance(minutes=59)
    assert not play.runs
    play.advance(hours=2, minutes=1)
    assert times_of(play) == [START + HOUR, START + 2 * HOUR, START + 3 * HOUR]
    newest = list(play.runs.values())[-1]
    assert (newest.logical_date, newest.data_interval_end) == (START + 2 * HOUR, START + 3 * HOUR)


def test_a_named_run_has_the_name_that_its_code_gave_it(play: Play) -> None:
    ahead = hourly(START + HOUR, 2)
    play.load(tidal(), ahead=replace(ahead, runs=(replace(ahead.runs[0], run_id="flood-1"), ahead.runs[1])))
    play.advance(hours=2)
    assert [run.run_id for run in play.runs.values()] == ["flood-1", "scheduled__2024-01-01T02:00:00+00:00"]


def test_its_code_is_asked_again_before_the_named_runs_are_used_up(play: Play) -> None:
    play.load(tidal(), ahead=hourly(START + HOUR, FEW + 3))
    play.advance(hours=2)
    assert not play.asked_to_name
    play.advance(hours=1)
    assert play.asked_to_name == ["etl"]
    play.load(tidal(), ahead=hourly(START + 4 * HOUR, 100))
    play.advance(hours=40)
    assert play.asked_to_name == ["etl"]
    assert times_of(play) == [START + n * HOUR for n in range(1, 44)]


def test_an_answer_that_ends_is_not_asked_for_again(play: Play) -> None:
    play.load(tidal(), ahead=hourly(START + HOUR, 2, is_all=True))
    play.advance(hours=10)
    assert len(play.runs) == 2
    assert not play.asked_to_name


def test_used_up_runs_wait_for_the_answer_and_then_go_on(play: Play) -> None:
    play.load(tidal(), ahead=hourly(START + HOUR, 1))
    play.advance(hours=5)
    assert (len(play.runs), play.asked_to_name) == (1, ["etl"])
    play.load(tidal(), ahead=hourly(play.now + HOUR, 100))
    play.advance(hours=1)
    assert len(play.runs) == 2


def test_an_answer_that_was_on_its_way_while_a_run_was_made_makes_none_twice(play: Play) -> None:
    play.load(tidal(), ahead=hourly(START + HOUR, 100))
    play.advance(hours=3)
    play.load(tidal(), ahead=hourly(START + HOUR, 100))
    play.advance(hours=1)
    assert times_of(play) == [START + n * HOUR for n in range(1, 5)]


@pytest.mark.parametrize(("catchup", "made"), [(True, 7), (False, 2)])
def test_what_was_missed_during_a_pause_is_for_the_code_to_decide_unless_the_dag_catches_up(
    play: Play, catchup: bool, made: int
) -> None:
    spec = tidal(catchup=catchup)
    play.load(spec, ahead=hourly(START + HOUR, 100))
    play.advance(hours=1)
    play.pause()
    play.advance(hours=5, minutes=30)
    play.unpause()
    if not catchup:
        assert (len(play.runs), play.asked_to_name) == (1, ["etl"])
        play.load(spec, ahead=hourly(START + 7 * HOUR, 100))
    play.advance(minutes=30)
    assert len(play.runs) == made


def test_runs_that_the_code_itself_names_in_the_past_are_made(play: Play) -> None:
    play.advance(hours=3, minutes=30)
    play.load(tidal(), ahead=hourly(START + HOUR, 100))
    play.advance(minutes=1)
    assert times_of(play) == [START + HOUR, START + 2 * HOUR, START + 3 * HOUR], "it knew the time when it named them"


def test_a_new_answer_takes_the_place_of_a_run_that_is_still_ahead(play: Play) -> None:
    play.load(tidal(), ahead=hourly(START + HOUR, 100))
    play.load(tidal(), ahead=hourly(START + 2 * HOUR, 100))
    play.advance(hours=2)
    assert times_of(play) == [START + 2 * HOUR]


def test_code_that_fails_leaves_the_planned_run_and_plans_no_further(play: Play) -> None:
    play.load(tidal(), ahead=hourly(START + HOUR, 100))
    play.load(tidal(), ahead=None)
    play.advance(hours=5)
    assert times_of(play) == [START + HOUR]
    assert play.asked_to_name == ["etl"], "asked once, not for ever"
    play.load(tidal(), ahead=None)
    play.advance(hours=5)
    assert play.asked_to_name == ["etl"]


def test_a_changed_dag_whose_timetable_fails_has_no_planned_run(play: Play) -> None:
    play.load(tidal(), ahead=hourly(START + HOUR, 100))
    play.load(tidal(description="new"), ahead=None)
    play.advance(hours=5)
    assert not play.runs


def test_the_end_date_bounds_what_the_code_names(play: Play) -> None:
    play.load(tidal(end_date=START + HOUR), ahead=hourly(START + HOUR, 100))
    play.advance(hours=10)
    assert times_of(play) == [START + HOUR, START + 2 * HOUR]
    assert not play.asked_to_name


def test_a_run_made_by_hand_for_the_same_date_is_passed_over(play: Play) -> None:
    spec = dag("a", timetable=CUSTOM)
    play.load(spec, ahead=hourly(START + HOUR, 100))
    play.start("etl", logical_date=START)
    play.advance(hours=2)
    assert [run.logical_date for run in play.runs.values()] == [START, START + HOUR]
