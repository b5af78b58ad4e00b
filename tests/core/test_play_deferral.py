"""Deferred tasks: what they wait for, what they hold meanwhile, and how they go on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tradewind.core.inputs import Defer, TriggerAnswered, XCom
from tradewind.core.records import Answer, Pool
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import START, Play

WAITS = Defer(classpath="pack.FileTrigger", kwargs=b'{"path": "x"}', method="go_on", method_kwargs=b'{"n": 1}')


def defer(play: Play, task_id: str, wish: Defer = WAITS, map_index: int = -1) -> str:
    """The task's attempt defers; the id of its trigger."""
    play.report(play.attempt(task_id, map_index), "deferred", defer=wish)
    return next(iter(play.triggers), "")


def answer(play: Play, trigger: str, **said: object) -> None:
    play.triggers.pop(trigger, None)
    play.give(TriggerAnswered(id=trigger, **said))  # type: ignore[arg-type]


def test_a_deferred_task_holds_no_slot_and_goes_on_in_the_same_try(play: Play) -> None:
    play.start(dag("a >> b", retries=1))
    trigger = defer(play, "a")
    assert (play.state("a"), play.world.total_active) == ("deferred", 0)
    assert play.why("a")[0].code == "deferred"
    assert "FileTrigger" in play.why("a")[0].sentence
    answer(play, trigger, event=b"7")
    assert play.state("a") == "queued"
    attempt, deferral = play.attempt("a"), play.world.deferrals[play.task("a").key]
    assert (attempt.try_number, attempt.leg) == (1, 1)
    assert (deferral.method, deferral.answer) == ("go_on", Answer(event=b"7"))
    play.succeed("a")
    assert play.state("b") == "queued"
    assert play.deferrals == {}
    play.succeed("b")
    assert play.run_state() == "success"


def test_only_the_first_word_of_a_trigger_counts(play: Play) -> None:
    play.start(dag("a"))
    trigger = defer(play, "a")
    answer(play, trigger, event=b"1")
    answer(play, trigger, event=b"2")
    assert play.world.deferrals[play.task("a").key].answer == Answer(event=b"1")
    assert play.records[-1].name == "trigger.stale_answer"


def test_a_task_that_defers_again_has_another_trigger(play: Play) -> None:
    play.start(dag("a"))
    first = defer(play, "a")
    answer(play, first, event=b"1")
    second = defer(play, "a")
    assert second != first
    answer(play, first, event=b"old")
    assert play.state("a") == "deferred"
    answer(play, second, event=b"new")
    assert (play.attempt("a").leg, play.attempt("a").try_number) == (2, 1)


def test_a_moment_needs_no_triggerer(play: Play) -> None:
    play.start(dag("a"))
    defer(
        play, "a", Defer(classpath="pack.DateTimeTrigger", method="go_on", at=START + timedelta(hours=1), at_event=b"3")
    )
    assert play.triggers == {}
    assert "3600 s from now" in play.why("a")[0].sentence
    play.advance(seconds=3599)
    assert play.state("a") == "deferred"
    play.advance(seconds=1)
    assert play.state("a") == "queued"
    assert play.world.deferrals[play.task("a").key].answer == Answer(event=b"3")


def test_a_moment_may_end_its_task(play: Play) -> None:
    play.start(dag("a >> b"))
    defer(play, "a", Defer(classpath="pack.DateTimeTrigger", at=START + timedelta(minutes=1), at_ends="success"))
    play.advance(minutes=1)
    assert play.states() == {"a": "success", "b": "queued"}


@pytest.mark.parametrize("ends", ["success", "failed", "skipped"])
def test_a_trigger_may_say_how_its_task_ends(play: Play, ends: str) -> None:
    play.start(dag("a", retries=3))
    answer(play, defer(play, "a"), ends=ends, xcoms=(XCom(name="return_value", value=b"9"),))
    assert play.state("a") == ends
    assert play.xcoms[play.task("a").key, "return_value"].value == b"9"
    assert play.deferrals == {}


def test_a_trigger_that_takes_too_long_is_stopped_and_its_task_is_told(play: Play) -> None:
    play.start(dag("a"))
    defer(play, "a", Defer(classpath="pack.Slow", method="go_on", timeout_seconds=30.0))
    play.advance(seconds=30)
    assert play.triggers == {}
    assert play.world.deferrals[play.task("a").key].answer == Answer(error="timeout")
    play.fail("a")
    assert play.state("a") == "failed"


def test_a_trigger_that_fails_has_its_task_go_on_with_the_failure(play: Play) -> None:
    play.start(dag("a", retries=1, retry_delay_seconds=60))
    answer(play, defer(play, "a"), error="ValueError: no")
    assert play.world.deferrals[play.task("a").key].answer == Answer(event=b'"ValueError: no"', error="failure")
    assert "ValueError: no" in play.task("a").reason or play.state("a") == "queued"
    play.fail("a")
    play.advance(seconds=60)
    assert (play.attempt("a").try_number, play.attempt("a").leg) == (2, 0)
    assert play.deferrals == {}


def test_a_resumed_attempt_that_was_given_back_is_offered_with_the_same_answer(play: Play) -> None:
    play.start(dag("a"))
    answer(play, defer(play, "a"), event=b"7")
    play.end("a", "not_started")
    assert play.attempt("a").leg == 2
    assert play.world.deferrals[play.task("a").key].answer == Answer(event=b"7")


@pytest.mark.parametrize("how", ["clear", "mark", "run", "timeout"])
def test_nobody_waits_any_more_when_a_deferred_task_is_taken_from_it(play: Play, how: str) -> None:
    run = play.start(dag("a", dagrun_timeout_seconds=60.0))
    trigger = defer(play, "a")
    match how:
        case "clear":
            play.clear(["a"])
            assert play.state("a") == "queued"
        case "mark":
            play.mark("a", "success")
        case "run":
            play.mark_run("failed")
        case "timeout":
            play.advance(seconds=60)
    assert play.triggers == {}
    answer(play, trigger, event=b"late")
    assert play.records[-1].name == "trigger.stale_answer"
    assert play.run(run).run_id == run.run_id


def test_deferred_tasks_hold_slots_of_a_pool_that_includes_them(play: Play) -> None:
    play.world.set_pool(Pool(name="p", slots=1, include_deferred=True))
    play.start(dag("a; b", pool="p", tasks={"a": {"effective_weight": 9}}))
    trigger = defer(play, "a")
    assert play.active() == []
    assert play.why("b")[0].code == "pool_full"
    assert "etl.a" in play.why("b")[0].sentence
    answer(play, trigger, event=b"1")
    assert play.active() == ["a"]
    play.succeed("a")
    assert play.active() == ["b"]


def test_deferred_instances_count_towards_the_limits_of_their_task(play: Play) -> None:
    play.start(dag("m", tasks={"m": {"map": expand(x=3), "max_active_tis_per_dag": 1}}))
    defer(play, "m", map_index=0)
    assert play.active() == []
    assert play.why("m", 1)[0].code == "task_limit"


def test_a_run_with_a_deferred_task_is_not_stuck(play: Play) -> None:
    play.start(dag("a"))
    defer(play, "a")
    play.advance(days=3)
    assert play.run_state() == "running"
