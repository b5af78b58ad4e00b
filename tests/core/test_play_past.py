"""depends_on_past and wait_for_downstream: what a run's tasks see of the run before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tradewind.core.dag import DagSpec
from tradewind.core.past import PreviousRun, worth_keeping
from tradewind.core.records import DagRun
from tradewind.core.states import RunType
from tradewind.testing.builders import dag, every
from tradewind.testing.world import START, Play

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


# --- which run is the one before ---------------------------------------------------------------------------------


DAY = timedelta(days=1)
HELD = dag("a; hold", tasks={"a": {"depends_on_past": True}})


def on(play: Play, spec: DagSpec, days: int, run_type: RunType = RunType.MANUAL) -> DagRun:
    return play.start(spec, logical_date=START + days * DAY, run_type=run_type)


def test_the_run_before_is_the_one_with_the_earlier_logical_date_not_the_one_made_earlier(play: Play) -> None:
    third = on(play, HELD, 3)
    play.fail("a", run=third)
    first = on(play, HELD, 1)
    assert play.state("a", run=first) == "queued", "nothing lies before it"
    fourth = on(play, HELD, 4)
    assert play.state("a", run=fourth) == "none", "the third is before it, and failed"
    play.fail("a", run=first)
    second = on(play, HELD, 2)
    assert play.state("a", run=second) == "none"
    play.mark("a", "success", run=first)
    assert play.state("a", run=second) == "queued"
    assert play.state("a", run=fourth) == "none"


def test_a_run_that_is_over_long_ago_is_found_by_its_date(play: Play) -> None:
    for day in (5, 1):
        play.fail("a", run=on(play, PAST, day))
    play.succeed("a", run=on(play, PAST, 0))
    between = on(play, PAST, 3)
    assert play.state("a", run=between) == "none", "the first day's run failed"
    early = on(play, PAST, -1)
    assert play.state("a", run=early) == "queued"


def test_a_run_made_in_between_becomes_the_one_before_those_that_wait(play: Play) -> None:
    first = on(play, HELD, 1)
    third = on(play, HELD, 3)
    second = on(play, HELD, 2)
    assert [play.state("a", run=run) for run in (first, second, third)] == ["queued", "none", "none"]
    play.succeed("a", run=first)
    assert [play.state("a", run=run) for run in (second, third)] == ["queued", "none"]
    play.succeed("a", run=second)
    assert play.state("a", run=third) == "queued"


def test_with_catchup_a_run_made_by_hand_is_nobodys_past(play: Play) -> None:
    spec = dag("a; hold", catchup=True, tasks={"a": {"depends_on_past": True}})
    first = on(play, spec, 1, RunType.SCHEDULED)
    play.succeed("a", run=first)
    by_hand = on(play, spec, 2)
    play.fail("a", run=by_hand)
    third = on(play, spec, 3, RunType.SCHEDULED)
    assert play.state("a", run=third) == "queued"
    another = on(play, spec, 4)
    assert play.state("a", run=another) == "none", "its own past is the scheduled run, which still runs"
    play.succeed("a", run=third)
    assert play.state("a", run=another) == "queued"


def test_without_catchup_a_run_made_by_hand_is_the_past_of_the_next_one(play: Play) -> None:
    play.succeed("a", run=on(play, HELD, 1, RunType.SCHEDULED))
    play.fail("a", run=on(play, HELD, 2))
    assert play.state("a", run=on(play, HELD, 3, RunType.SCHEDULED)) == "none"


def test_with_catchup_a_task_that_begins_later_has_no_past_before_its_start_date(play: Play) -> None:
    late = {"depends_on_past": True, "ignore_first_depends_on_past": False, "start_date": START + 2 * DAY}
    spec = dag("a; hold", catchup=True, tasks={"a": late})
    on(play, spec, 1, RunType.SCHEDULED)
    second = on(play, spec, 2, RunType.SCHEDULED)
    assert play.state("a", run=second) == "queued"


def test_the_schedule_finds_the_run_before_among_runs_made_by_hand_for_later_dates(play: Play) -> None:
    spec = dag(
        "a", timetable=every(days=1), start_date=START, max_active_runs=8, tasks={"a": {"depends_on_past": True}}
    )
    play.load(spec)
    first, second = (play.advance(days=days) or play.runs[max(play.runs)] for days in (0, 1))
    play.succeed("a", run=first)
    play.fail("a", run=second)
    play.mark("a", "success", run=on(play, spec, 40))
    play.advance(days=1)
    following = play.runs[max(play.runs)]
    assert following.run_type is RunType.SCHEDULED
    assert play.state("a", run=following) == "none", "the scheduled run of the day before failed"


def test_what_is_kept_of_runs_that_are_over_is_the_newest_scheduled_one_and_what_came_after() -> None:
    over = [PreviousRun(number=n, at=START + n * DAY, is_manual=n not in (1, 4)) for n in (6, 1, 4, 2, 5)]
    assert [run.number for run in worth_keeping(over, most=16)] == [4, 5, 6]
    assert [run.number for run in worth_keeping(over, most=1)] == [4, 6]
    assert [run.number for run in worth_keeping(over, most=0)] == [4]
    by_hand = [run for run in over if run.is_manual]
    assert [run.number for run in worth_keeping(by_hand, most=2)] == [5, 6]


def test_a_backfill_that_is_ahead_of_the_schedule_does_not_push_out_what_the_schedule_made_last() -> None:
    over = [
        PreviousRun(number=n, at=START + n * DAY, is_manual=n == 5, is_scheduled=n in (1, 2)) for n in (1, 2, 3, 4, 5)
    ]
    assert [run.number for run in worth_keeping(over, most=16)] == [2, 3, 4, 5]
    assert [run.number for run in worth_keeping(over, most=1)] == [2, 4, 5]
    assert [run.number for run in worth_keeping(over, most=0)] == [2, 4]
