"""Workers that come, go and come back, and reports that come too late."""

from __future__ import annotations

import pytest

from tradewind.core.inputs import AttemptFinished, AttemptStarted, CallbackFinished, WorkerExpired, WorkerLeft
from tradewind.testing.builders import dag
from tradewind.testing.world import Play


def test_a_worker_that_reconnects_with_its_attempts_goes_on(play: Play) -> None:
    play.start(dag("a"))
    attempt = play.begin("a")
    play.give(WorkerLeft(name="w1", epoch=play.epoch))
    assert play.state("a") == "running"
    play.join_worker(holds=[attempt.id], fresh=False)
    assert play.world.workers["w1"].used == 1
    play.succeed("a")
    assert play.run_state() == "success"


def test_nothing_is_given_to_a_worker_that_left(play: Play) -> None:
    play.start(dag("a >> b"))
    attempt = play.begin("a")
    play.give(WorkerLeft(name="w1", epoch=play.epoch))
    play.report(attempt, "success")
    assert play.state("b") == "scheduled"
    assert play.why("b")[0].code == "no_worker"
    play.join_worker(fresh=False)
    assert play.state("b") == "queued"


def test_an_offer_that_never_arrived_is_made_again(play: Play) -> None:
    play.start(dag("a"))
    attempt = play.attempt("a")
    play.give(WorkerLeft(name="w1", epoch=play.epoch))
    play.join_worker(fresh=False)
    assert [a.id for a in play.offered] == [attempt.id, attempt.id]


def test_an_attempt_that_the_same_instance_does_not_know_is_lost(play: Play) -> None:
    play.start(dag("a", retries=1))
    play.begin("a")
    play.join_worker(fresh=False)
    play.advance(seconds=0)
    assert (play.state("a"), play.task("a").losses) == ("queued", 1)


def test_a_new_instance_means_that_what_the_old_one_held_is_lost(play: Play) -> None:
    play.start(dag("a; b", retries=1))
    play.begin("a")
    play.join_worker(fresh=True)
    play.advance(seconds=0)
    assert {play.task(t).losses for t in "ab"} == {1}
    assert play.world.workers["w1"].used == 2


def test_a_cancel_that_never_arrived_is_sent_again(play: Play) -> None:
    play.start(dag("a"))
    attempt = play.begin("a")
    play.clear(["a"])
    play.join_worker(holds=[attempt.id], fresh=False)
    assert [a.id for a in play.stopped] == [attempt.id, attempt.id]


def test_a_cancelled_offer_that_never_arrived_is_not_made_again(play: Play) -> None:
    play.start(dag("a"))
    attempt = play.attempt("a")
    play.clear(["a"])
    play.join_worker(fresh=False)
    assert attempt.id not in [a.id for a in play.offered[1:]]
    assert play.state("a") == "queued"


def test_the_end_of_an_older_lease_does_not_touch_a_worker_that_has_joined_again(play: Play) -> None:
    play.start(dag("a"))
    attempt = play.begin("a")
    before = play.epoch
    play.join_worker(holds=[attempt.id], fresh=False)
    play.give(WorkerExpired(name="w1", epoch=before))
    play.give(WorkerLeft(name="w1", epoch=before))
    assert play.state("a") == "running"
    assert "w1" in play.world.workers


def test_losing_one_worker_leaves_the_tasks_of_the_others_alone() -> None:
    play = Play(capacity=1)
    play.join_worker("w2", capacity=1)
    play.start(dag("a; b", retries=1))
    other = next(a for a in play.world.attempts.values() if a.worker == "w2")
    play.give(WorkerExpired(name="w1", epoch=1))
    assert list(play.world.attempts.values()) == [other]


def test_reports_of_an_attempt_that_is_over_change_nothing(play: Play) -> None:
    play.start(dag("a >> b", retries=1))
    old = play.begin("a")
    play.lose_worker()
    play.advance(seconds=0)
    before = (dict(play.tasks), dict(play.runs), dict(play.attempts))
    for outcome in ("success", "failed", "lost", "rescheduled", "not_started"):
        play.report(old, outcome, skip=("b",))
    play.give(AttemptStarted(attempt=old.id, start_date=play.now))
    play.give(AttemptFinished(attempt="nobody knows it", outcome="success"))
    assert (play.tasks, play.runs, play.attempts) == before
    assert "attempt.stale_report" in [record.name for record in play.records]


def test_a_report_comes_twice_and_counts_once(play: Play) -> None:
    play.start(dag("a", retries=2, retry_delay_seconds=1))
    attempt = play.begin("a")
    play.report(attempt, "failed")
    play.report(attempt, "failed")
    assert play.task("a").try_number == 1
    assert play.moves("a").count("up_for_retry") == 1


def test_a_finish_may_overtake_the_news_of_the_start(play: Play) -> None:
    play.start(dag("a >> b"))
    attempt = play.attempt("a")
    play.report(attempt, "success", start_date=play.now)
    play.give(AttemptStarted(attempt=attempt.id, start_date=play.now))
    assert play.states() == {"a": "success", "b": "queued"}
    assert play.task("a").start_date == play.now


def test_a_finished_callback_is_forgotten(play: Play) -> None:
    play.start(dag("a", callbacks=("on_failure",)))
    play.fail("a")
    play.give(CallbackFinished(id=next(iter(play.callbacks))))


@pytest.mark.parametrize("outcome", ["success", "failed", "skipped", "cancelled", "lost", "not_started"])
def test_whatever_ends_an_attempt_of_a_marked_task_frees_its_slot(play: Play, outcome: str) -> None:
    play.start(dag("a; b"))
    attempt = play.begin("a")
    play.mark("a", "success")
    play.report(attempt, outcome)
    assert play.state("a") == "success"
    assert play.active() == ["b"]
