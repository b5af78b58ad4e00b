"""depends_on_past and wait_for_downstream: what a run's tasks see of the run before."""

from __future__ import annotations

import pytest

from tradewind.testing.builders import dag
from tradewind.testing.world import Play

PAST = dag("a >> b", tasks={"a": {"depends_on_past": True}})


def test_the_first_run_has_no_past_to_wait_for(play: Play) -> None:
    play.start(PAST)
    assert play.state("a") == "queued"


def test_a_task_waits_for_itself_in_the_run_before_while_that_is_live(play: Play) -> None:
    first, second = play.start(PAST), play.start(PAST)
    assert play.state("a", run=second) == "none"
    assert play.why("a", run=second)[0].code == "depends_on_past"
    play.succeed("a", run=first)
    assert play.state("a", run=second) == "queued"


def test_a_task_waits_for_itself_in_the_run_before_when_that_is_over(play: Play) -> None:
    first = play.start(PAST)
    play.fail("a", run=first)
    assert first.number not in play.world.runs
    second = play.start(PAST)
    assert play.state("a", run=second) == "none"
    assert play.run_state(second) == "running", "a run that waits for its past is no deadlock"


@pytest.mark.parametrize("end", ["succeed", "skip"])
def test_a_success_or_skip_in_the_past_lets_a_task_go_on(play: Play, end: str) -> None:
    first, second = play.start(PAST), play.start(PAST)
    getattr(play, end)("a", run=first)
    assert play.state("a", run=second) == "queued"


def test_a_run_goes_on_when_the_failed_task_before_it_is_cleared_and_succeeds(play: Play) -> None:
    first = play.start(PAST)
    play.fail("a", run=first)
    second = play.start(PAST)
    play.clear(run=first)
    assert play.state("a", run=first) == "queued"
    assert play.state("a", run=second) == "none"
    play.succeed("a", run=first)
    assert play.state("a", run=second) == "queued"


def test_a_run_goes_on_when_the_failed_task_before_it_is_marked_success(play: Play) -> None:
    first = play.start(PAST)
    play.fail("a", run=first)
    second = play.start(PAST)
    play.mark("a", "success", run=first)
    assert play.state("a", run=second) == "queued"


def test_a_run_goes_on_when_the_run_before_it_is_marked_success(play: Play) -> None:
    first, second = play.start(PAST), play.start(PAST)
    play.mark_run("success", run=first)
    assert play.state("a", run=second) == "queued"


def test_an_empty_operator_that_is_cleared_lets_the_next_run_go_on(play: Play) -> None:
    spec = dag("a; hold", tasks={"a": {"depends_on_past": True, "never_sent": True}})
    first = play.start(spec)
    play.mark("a", "failed", run=first)
    second = play.start(spec)
    assert play.state("a", run=second) == "none"
    play.clear(["a"], run=first)
    assert play.state("a", run=second) == "success"


def test_a_cleared_run_looks_at_its_own_past_again(play: Play) -> None:
    first, second = play.start(PAST), play.start(PAST)
    for run in (first, second):
        play.succeed("a", run=run)
        play.succeed("b", run=run)
    assert not play.world.runs
    play.mark("a", "failed", run=first)
    play.clear(run=second)
    assert play.state("a", run=second) == "none"
    play.clear(["a"], run=first)
    play.succeed("a", run=first)
    assert play.state("a", run=second) == "queued"


def test_the_run_before_is_the_newest_one_even_if_older_ones_are_still_live(play: Play) -> None:
    slow = dag("a >> b; slow", tasks={"a": {"depends_on_past": True}})
    first, second = play.start(slow), play.start(slow)
    play.succeed("a", run=first)
    play.fail("a", run=second)
    play.succeed("slow", run=second)
    assert play.run_state(second) == "failed"
    assert play.run_state(first) == "running"
    third = play.start(slow)
    assert play.state("a", run=third) == "none", "the second run is the one before, and its task failed"


def test_an_old_run_that_is_done_again_is_not_the_past_of_the_next_one(play: Play) -> None:
    first, second = play.start(PAST), play.start(PAST)
    play.succeed("a", run=first)
    play.succeed("b", run=first)
    play.fail("a", run=second)
    play.clear(["b"], run=first)
    play.succeed("b", run=first)
    third = play.start(PAST)
    assert play.state("a", run=third) == "none"


def test_waiting_for_downstream_means_the_tasks_after_it_too(play: Play) -> None:
    spec = dag("a >> b >> c", tasks={"a": {"wait_for_downstream": True}})
    first, second = play.start(spec), play.start(spec)
    play.succeed("a", run=first)
    assert play.state("a", run=second) == "none"
    play.succeed("b", run=first)
    assert play.state("a", run=second) == "queued", "direct downstream is enough"


def test_a_task_that_is_new_in_the_dag_may_ignore_its_missing_past(play: Play) -> None:
    play.start(dag("a"))
    play.succeed("a")
    strict = {"depends_on_past": True, "ignore_first_depends_on_past": False}
    play.start(dag("a; b; c", tasks={"b": {"depends_on_past": True}, "c": strict}))
    assert (play.state("b"), play.state("c")) == ("queued", "none")


def test_a_skip_may_wait_until_the_past_is_known(play: Play) -> None:
    spec = dag("choose >> a", tasks={
        "choose": {}, "a": {"depends_on_past": True, "wait_for_past_depends_before_skipping": True}})  # fmt: skip
    first, second = play.start(spec), play.start(spec)
    play.skip("choose", run=second)
    assert play.state("a", run=second) == "none"
    play.succeed("choose", run=first)
    play.succeed("a", run=first)
    assert play.state("a", run=second) == "skipped"
    assert play.run_state(second) == "success"


def test_an_earlier_run_that_is_cleared_is_not_kept_out_by_the_later_one_that_waits_for_it(play: Play) -> None:
    spec = dag("a", max_active_runs=1, tasks={"a": {"depends_on_past": True}})
    first = play.start(spec)
    play.fail("a", run=first)
    second = play.start(spec)
    assert (play.run_state(second), play.state("a", run=second)) == ("running", "none")
    play.clear(run=first)
    play.succeed("a", run=first)
    play.succeed("a", run=second)
    assert [play.run_state(run) for run in (first, second)] == ["success", "success"]
