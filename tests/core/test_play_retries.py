"""Tries: failures, delays, lost workers, reschedules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tradewind.core.inputs import AttemptFinished, XCom
from tradewind.testing.builders import dag
from tradewind.testing.world import Play


def test_a_failed_task_is_tried_again_after_its_delay(play: Play) -> None:
    play.start(dag("a", retries=1, retry_delay_seconds=60))
    play.fail("a", error="ValueError: no")
    assert play.state("a") == "up_for_retry"
    assert "in 60 s" in play.why("a")[0].sentence
    play.advance(seconds=59)
    assert play.state("a") == "up_for_retry"
    play.advance(seconds=1)
    assert play.state("a") == "queued"
    assert play.task("a").try_number == 2
    play.succeed("a")
    assert play.run_state() == "success"


def test_a_growing_delay_stops_at_the_installations_longest(play: Play) -> None:
    play.world.max_retry_delay_seconds = 90.0
    play.start(dag("a", retries=9, retry_delay_seconds=60, retry_backoff=10.0))
    for _ in range(3):
        play.fail("a")
        play.advance(seconds=89)
        assert play.state("a") == "up_for_retry"
        play.advance(seconds=1)
        assert play.state("a") == "queued"


def test_a_task_fails_when_its_tries_are_used_up(play: Play) -> None:
    play.start(dag("a >> b", retries=2, retry_delay_seconds=60))
    for _ in range(2):
        play.fail("a")
        play.advance(seconds=60)
    play.fail("a", error="third")
    assert play.states() == {"a": "failed", "b": "upstream_failed"}
    assert (play.task("a").try_number, play.task("a").reason) == (3, "third")
    assert play.run_state() == "failed"


def test_a_failure_for_good_is_not_tried_again(play: Play) -> None:
    play.start(dag("a", retries=5))
    play.end("a", "failed_for_good")
    assert play.state("a") == "failed"


def test_a_retry_policy_replaces_the_delay(play: Play) -> None:
    play.start(dag("a", retries=1, retry_delay_seconds=3600))
    play.fail("a", retry_delay_seconds=5)
    play.advance(seconds=5)
    assert play.state("a") == "queued"


def test_each_start_of_a_task_is_another_attempt(play: Play) -> None:
    play.start(dag("a", retries=1, retry_delay_seconds=1))
    first = play.attempt("a")
    play.fail("a")
    play.advance(seconds=1)
    second = play.attempt("a")
    play.end("a", "not_started")
    third = play.attempt("a")
    assert len({first.id, second.id, third.id}) == 3


def test_a_second_try_begins_without_the_values_of_the_first(play: Play) -> None:
    play.start(dag("a", retries=1, retry_delay_seconds=1))
    play.fail("a", xcoms=(XCom(name="half", value=b"1"),))
    assert play.xcoms
    play.advance(seconds=1)
    assert not play.xcoms


def test_a_rescheduled_task_continues_its_try_at_the_moment_it_named(play: Play) -> None:
    play.start(dag("sensor", retries=0))
    began = play.now
    for minute in range(1, 4):
        play.end("sensor", "rescheduled", reschedule_at=play.now + timedelta(minutes=1))
        assert play.state("sensor") == "up_for_reschedule"
        assert play.world.total_active == 0
        play.advance(minutes=1)
        play.begin("sensor")
        task = play.task("sensor")
        assert (task.try_number, task.leg, task.start_date) == (1, minute, began)
    play.succeed("sensor")
    assert play.run_state() == "success"


@pytest.mark.parametrize("minutes_wrong", [-10, 10])
def test_a_rescheduled_task_waits_as_long_as_it_said_whatever_its_workers_clock_shows(
    play: Play, minutes_wrong: int
) -> None:
    play.start(dag("sensor", retries=0))
    attempt = play.begin("sensor")
    there = play.now + timedelta(minutes=minutes_wrong)
    play.give(
        AttemptFinished(
            attempt=attempt.id, outcome="rescheduled", end_date=there, reschedule_at=there + timedelta(minutes=1)
        )
    )
    play.advance(seconds=59)
    assert play.state("sensor") == "up_for_reschedule"
    play.advance(seconds=1)
    assert play.state("sensor") == "queued"


# --- lost workers ---


def test_a_task_that_its_worker_never_started_is_given_back_without_consuming_a_try(play: Play) -> None:
    play.start(dag("a", retries=0))
    play.end("a", "not_started")
    assert play.state("a") == "queued"
    assert (play.task("a").try_number, play.task("a").max_tries) == (1, 0)


@pytest.mark.parametrize("started", [True, False])
def test_a_task_lost_with_its_worker_is_tried_again_twice_at_no_cost(play: Play, started: bool) -> None:
    play.start(dag("a", retries=1, retry_delay_seconds=60))
    for losses in (1, 2):
        if started:
            play.begin("a")
        play.lose_worker()
        play.advance(seconds=0)
        task = play.task("a")
        assert (task.state, task.losses, task.max_tries) == ("queued", losses, 1 + losses)
    play.lose_worker()
    assert play.state("a") == "up_for_retry", "the third loss consumes the retry, with its delay"
    play.advance(seconds=60)
    play.lose_worker()
    assert play.state("a") == "failed"


def test_a_lost_task_asked_for_at_most_once_fails(play: Play) -> None:
    play.start(dag("a", retries=0))
    play.begin("a")
    play.lose_worker()
    assert play.state("a") == "failed"
    assert play.run_state() == "failed"
    assert "w1" in play.task("a").reason


def test_the_lost_policy_overrides_the_number_of_retries(play: Play) -> None:
    play.start(dag("yes; no", tasks={"yes": {"lost_policy": "retry"}, "no": {"lost_policy": "fail", "retries": 3}}))
    play.lose_worker()
    play.advance(seconds=0)
    assert play.states() == {"yes": "queued", "no": "failed"}
    for _ in range(2):
        play.lose_worker()
        play.advance(seconds=0)
    assert play.state("yes") == "failed"


def test_a_loss_asks_for_the_callback_that_the_worker_could_not_run(play: Play) -> None:
    spec = dag("a; b", tasks={"a": {"retries": 1, "callbacks": ("on_retry",)}, "b": {"callbacks": ("on_failure",)}})
    play.start(spec)
    play.lose_worker()
    assert sorted((c.key.task_id, c.kind) for c in play.callbacks.values()) == [
        ("a", "task:on_retry"), ("b", "task:on_failure")]  # fmt: skip


def test_an_unknown_outcome_counts_as_a_failure(play: Play) -> None:
    play.start(dag("a"))
    play.end("a", "cancelled")
    assert play.state("a") == "failed"
