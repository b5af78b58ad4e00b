"""Clear and mark: what people do to tasks and runs."""

from __future__ import annotations

import pytest

from tradewind.core.errors import InvalidInput
from tradewind.testing.builders import dag
from tradewind.testing.world import Play

BRANCH = dag("choose >> [left, right] >> join", tasks={
    "choose": {"skips_downstream": True}, "join": {"trigger_rule": "none_failed_min_one_success"}})  # fmt: skip


def finish(play: Play, *task_ids: str) -> None:
    for task_id in task_ids:
        play.succeed(task_id)


def test_a_cleared_run_runs_once_more_and_keeps_the_numbers_of_its_tries(play: Play) -> None:
    play.start(dag("a >> b", retries=1))
    finish(play, "a", "b")
    play.clear()
    assert play.states() == {"a": "queued", "b": "none"}
    assert (play.run_state(), play.run().clear_number) == ("running", 1)
    assert (play.task("a").try_number, play.task("a").max_tries) == (2, 2)
    finish(play, "a", "b")
    assert play.run_state() == "success"


def test_clearing_one_task_leaves_the_others_as_they_are(play: Play) -> None:
    play.start(dag("a >> b >> c"))
    finish(play, "a", "b", "c")
    play.clear(["b"])
    assert play.states() == {"a": "success", "b": "queued", "c": "success"}
    finish(play, "b")
    assert play.run_state() == "success"


def test_clearing_a_failed_task_with_its_downstream_lets_the_run_succeed(play: Play) -> None:
    play.start(dag("a >> b >> c"))
    play.succeed("a")
    play.fail("b")
    assert play.run_state() == "failed"
    play.clear(["b", "c"])
    finish(play, "b", "c")
    assert play.run_state() == "success"


def test_a_task_cleared_while_it_runs_is_stopped_and_then_begins_anew(play: Play) -> None:
    play.start(dag("a >> b", retries=0))
    old = play.begin("a")
    play.clear(["a"])
    assert play.state("a") == "restarting"
    assert [a.id for a in play.stopped] == [old.id]
    play.report(old, "cancelled")
    assert play.state("a") == "queued"
    assert play.attempt("a").id != old.id
    finish(play, "a", "b")
    assert play.run_state() == "success"


def test_a_task_that_ends_well_while_it_is_being_restarted_begins_anew_all_the_same(play: Play) -> None:
    play.start(dag("a >> b"))
    old = play.begin("a")
    play.clear(["a"])
    play.report(old, "success")
    assert play.state("a") == "queued"
    assert play.state("b") == "none"


def test_a_task_cleared_twice_while_it_runs_starts_once(play: Play) -> None:
    play.start(dag("a"))
    old = play.begin("a")
    play.clear(["a"])
    play.clear(["a"])
    play.report(old, "cancelled")
    assert play.state("a") == "queued"
    assert len(play.offered) == 2


def test_a_task_waiting_for_its_retry_can_be_cleared(play: Play) -> None:
    play.start(dag("a", retries=1, retry_delay_seconds=600))
    play.fail("a")
    play.clear(["a"])
    assert play.state("a") == "queued"
    play.advance(seconds=600)
    finish(play, "a")
    assert play.run_state() == "success"


def test_clearing_what_a_branch_skipped_keeps_the_decision(play: Play) -> None:
    play.start(BRANCH)
    play.succeed("choose", skip=("right",))
    finish(play, "left", "join")
    play.clear(["right"])
    assert play.state("right") == "skipped"
    assert play.run_state() == "success"


def test_clearing_the_branch_with_its_downstream_lets_it_choose_again(play: Play) -> None:
    play.start(BRANCH)
    play.succeed("choose", skip=("right",))
    finish(play, "left", "join")
    play.clear()
    assert play.state("right") == "none"
    play.succeed("choose", skip=("left",))
    assert play.states() == {"choose": "success", "left": "skipped", "right": "queued", "join": "none"}
    finish(play, "right", "join")
    assert play.run_state() == "success"


def test_a_cleared_run_queues_when_all_active_runs_are_taken(play: Play) -> None:
    spec = dag("a", max_active_runs=1)
    first = play.start(spec)
    finish(play, "a")
    second = play.start(spec)
    play.clear(run=first)
    assert play.run_state(first) == "queued"
    play.succeed("a", run=second)
    assert play.run_state(first) == "running"


def test_a_dry_run_of_a_clear_changes_nothing(play: Play) -> None:
    run = play.start(dag("a"))
    finish(play, "a")
    before = (dict(play.tasks), dict(play.runs))
    plan = play.rerun([run], dry_run=True)
    assert [key.task_id for key in plan.targets] == ["a"]
    assert (play.tasks, play.runs) == before
    assert not play.world.runs


def test_a_task_marked_success_lets_its_downstream_run(play: Play) -> None:
    play.start(dag("a >> b"))
    old = play.begin("a")
    play.mark("a", "success")
    assert play.states() == {"a": "success", "b": "queued"}
    assert [a.id for a in play.stopped] == [old.id]
    play.report(old, "failed")
    assert play.state("a") == "success"
    finish(play, "b")
    assert play.run_state() == "success"


def test_a_task_marked_failed_fails_its_downstream(play: Play) -> None:
    play.start(dag("a >> b"))
    play.mark("a", "failed")
    assert play.states() == {"a": "failed", "b": "upstream_failed"}
    assert play.run_state() == "failed"
    play.report(play.offered[0], "cancelled")
    assert not play.world.runs


def test_a_task_marked_skipped_lets_its_downstream_be_skipped(play: Play) -> None:
    play.start(dag("a >> b"))
    attempt = play.begin("a")
    play.mark("a", "skipped")
    assert [stopped.id for stopped in play.stopped] == [attempt.id]
    assert play.states() == {"a": "skipped", "b": "skipped"}
    play.clear(["a", "b"])
    play.report(attempt, "cancelled")
    assert play.states() == {"a": "queued", "b": "none"}, "what somebody skipped runs when it is cleared"


def test_a_task_is_marked_with_an_end_only(play: Play) -> None:
    play.start(dag("a"))
    with pytest.raises(InvalidInput):
        play.mark("a", "running")


def test_a_marked_task_that_is_cleared_waits_until_its_old_attempt_is_gone(play: Play) -> None:
    play.start(dag("a; b"))
    old = play.begin("a")
    play.mark("a", "success")
    play.clear(["a"])
    assert play.state("a") == "scheduled"
    assert play.why("a")[0].code == "being_stopped"
    play.report(old, "cancelled")
    assert play.state("a") == "queued"
    assert play.attempt("a").id != old.id


def test_a_run_marked_failed_stops_its_tasks(play: Play) -> None:
    play.start(dag("a >> b; c", retries=3))
    old = play.begin("a")
    play.fail("c")
    play.mark_run("failed")
    assert play.states() == {"a": "failed", "b": "skipped", "c": "skipped"}
    assert play.run_state() == "failed"
    play.report(old, "cancelled")
    assert play.states() == {"a": "failed", "b": "skipped", "c": "skipped"}
    play.advance(hours=1)
    assert not play.world.runs


def test_a_run_marked_success_has_successful_tasks(play: Play) -> None:
    play.start(dag("a >> b"))
    play.fail("a")
    play.mark_run("success")
    assert play.states() == {"a": "success", "b": "success"}
    assert play.run_state() == "success"


def test_a_queued_run_can_be_ended_by_hand(play: Play) -> None:
    spec = dag("a", max_active_runs=1)
    play.start(spec)
    second = play.start(spec)
    play.mark_run("failed", run=second)
    assert play.run_state(second) == "failed"


def test_clearing_several_runs_at_once_starts_each(play: Play) -> None:
    spec = dag("a >> b", never_sent=True)
    runs = [play.start(spec) for _ in range(3)]
    play.rerun(runs)
    assert {play.run(run).clear_number for run in runs} == {1}
    assert {play.run_state(run) for run in runs} == {"success"}


def test_a_clear_gives_the_free_losses_back(play: Play) -> None:
    play.start(dag("a", retries=1))
    play.lose_worker()
    play.advance(seconds=0)
    play.succeed("a")
    play.clear()
    assert (play.task("a").losses, play.task("a").max_tries) == (0, 3)
