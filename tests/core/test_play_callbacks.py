"""Who is told of the end of a try, and by whom: the attempt's own process, or a callback of its own."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tradewind.core.dag import DagSpec
from tradewind.core.decide import decide
from tradewind.core.decisions import PutCallback
from tradewind.core.inputs import CallbackBegun, Defer
from tradewind.core.records import TaskKey
from tradewind.testing.builders import dag
from tradewind.testing.world import Play

ALL = ("email_on_failure", "email_on_retry", "on_failure", "on_retry")


def calling(callbacks: tuple[str, ...], edges: str = "a", **given: Any) -> DagSpec:
    """A Dag whose tasks have these callbacks."""
    tasks = {task_id: {"callbacks": callbacks, **given} for task_id in re.findall(r"\w+", edges)}
    return dag(edges, tasks=tasks)


def told(play: Play) -> list[tuple[str, int, str]]:
    """What was asked for, in order: kind, try and reason."""
    return [(each.kind, each.try_number, each.reason) for each in play.callbacks.values()]


def test_a_task_that_reports_its_failure_has_called_its_callbacks_itself(play: Play) -> None:
    play.start(calling(("on_failure", "on_retry"), retries=1, retry_delay_seconds=0))
    play.fail("a")
    play.advance(seconds=0)
    play.fail("a")
    assert play.state("a") == "failed"
    assert told(play) == []


def test_a_mail_follows_each_end_that_it_was_asked_for(play: Play) -> None:
    play.start(calling(ALL, retries=1, retry_delay_seconds=0))
    play.fail("a", error="first")
    play.advance(seconds=0)
    play.fail("a", error="second")
    assert told(play) == [("task:email_on_retry", 1, "first"), ("task:email_on_failure", 2, "second")]


@pytest.mark.parametrize("callbacks", [("on_failure",), ("email_on_failure",), ALL, ()])
def test_a_process_that_died_without_a_word_has_its_callbacks_called_by_another(
    play: Play, callbacks: tuple[str, ...]
) -> None:
    play.start(calling(callbacks))
    play.fail("a", error="SIGKILL", died=True)
    wanted = [name for name in ("on_failure", "email_on_failure") if name in callbacks]
    assert told(play) == ([(f"task:{'+'.join(wanted)}", 1, "SIGKILL")] if wanted else [])


def test_a_retry_after_a_death_is_told_as_a_retry(play: Play) -> None:
    play.start(calling(ALL, retries=1))
    play.fail("a", died=True)
    assert [kind for kind, _, _ in told(play)] == ["task:on_retry+email_on_retry"]


def test_a_failure_for_good_is_told_whatever_tries_are_left(play: Play) -> None:
    play.start(calling(ALL, retries=3))
    play.end("a", "failed_for_good", error="no use")
    assert told(play) == [("task:email_on_failure", 1, "no use")]


def test_a_loss_is_told_once_for_each_try(play: Play) -> None:
    play.start(calling(ALL, retries=1, retry_delay_seconds=0))
    for _ in range(4):
        play.begin("a")
        play.lose_worker()
        play.advance(seconds=0)
    assert play.state("a") == "failed"
    kinds = [(kind, number) for kind, number, _ in told(play)]
    assert kinds == [
        ("task:on_retry+email_on_retry", 1),
        ("task:on_retry+email_on_retry", 2),
        ("task:on_retry+email_on_retry", 3),
        ("task:on_failure+email_on_failure", 4),
    ]


def test_a_task_that_no_worker_could_start_is_told_to_have_failed(play: Play) -> None:
    play.start(calling(("on_failure", "email_on_failure")))
    for _ in range(21):
        play.end("a", "not_started", error="no space left on device")
    assert play.state("a") == "failed"
    assert told(play) == [("task:on_failure+email_on_failure", 1, "no space left on device")]


def test_what_a_person_marks_or_stops_is_not_told(play: Play) -> None:
    play.start(calling(ALL, "a; b"))
    attempt = play.begin("a")
    play.mark("a", "failed")
    play.report(attempt, "cancelled")
    play.mark("b", "failed")
    assert play.run_state() == "failed"
    assert told(play) == []


def test_a_task_that_its_trigger_ends_calls_back_in_a_process_of_its_own(play: Play) -> None:
    play.start(calling(("on_success",)))
    at = play.now + timedelta(minutes=5)
    play.end("a", "deferred", defer=Defer(classpath="x.T", at=at, at_ends="success"))
    play.advance(minutes=5)
    assert play.state("a") == "success"
    assert [kind for kind, _, _ in told(play)] == ["task:on_success"]


def test_a_callback_that_has_begun_says_where(play: Play) -> None:
    news = CallbackBegun(id="c", key=TaskKey(1, "a"), kind="task:email_on_retry", reason="r", try_number=2, worker="w1")
    operations, _ = decide(play.world, news, play.now)
    assert operations == [PutCallback("c", TaskKey(1, "a"), "task:email_on_retry", "r", 2, begun_by="w1")]
