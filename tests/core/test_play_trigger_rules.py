"""Every trigger rule where it acts: in a Dag, over the ends of its upstream."""

from __future__ import annotations

import pytest

from tradewind.core.plan import Plan
from tradewind.testing.builders import dag
from tradewind.testing.world import Play

S, F, K, U = "success", "failed", "skipped", "upstream_failed"
RUNS = "queued"


def upstream_of(play: Play, rule: str, ends: str) -> str:
    """The state of a task with this rule after its upstream ended so: success, failed, k for skipped, u, . for open."""
    names = [f"t{n}" for n, _ in enumerate(ends)]
    failing = [f"boss{n}" for n, end in enumerate(ends) if end == "u"]
    chains = [f"boss{n} >> t{n}" for n, end in enumerate(ends) if end == "u"]
    play.start(dag("; ".join([f"[{', '.join(names)}] >> last", *chains]), tasks={"last": {"trigger_rule": rule}}))
    for name in failing:
        play.fail(name)
    for name, end in zip(names, ends, strict=True):
        if play.world.task(play.task(name).key) is None:
            continue  # the run ended before
        if end in "sfk" and play.state(name) == "queued":
            {"s": play.succeed, "f": play.fail, "k": play.skip}[end](name)
    return play.state("last")


@pytest.mark.parametrize(
    ("rule", "outcomes"),
    [
        ("all_success", {"ss": RUNS, "s.": "none", "sf": U, "f.": U, "k.": K, "sk": K, "u.": U}),
        ("all_failed", {"ff": RUNS, "fu": RUNS, "f.": "none", "s.": K, "k.": K}),
        ("all_done", {"sf": RUNS, "ku": RUNS, "sk": RUNS, "s.": "none"}),
        ("all_done_min_one_success", {"ss": RUNS, "sf": RUNS, "ff": U, "k.": K, "s.": "none"}),
        ("all_done_setup_success", {"sf": RUNS, "s.": "none"}),
        ("one_success", {"s.": RUNS, "f.": "none", "ff": U, "kk": K, "fk": U}),
        ("one_failed", {"f.": RUNS, "s.": "none", "ss": K, "sk": K, "su": RUNS}),
        ("one_done", {"s.": RUNS, "f.": RUNS, "k.": "none", "kk": K}),
        ("none_failed", {"ss": RUNS, "sk": RUNS, "kk": RUNS, "f.": U, "k.": "none"}),
        ("none_failed_min_one_success", {"sk": RUNS, "kk": K, "f.": U, "s.": "none"}),
        ("none_skipped", {"sf": RUNS, "k.": K, "s.": "none"}),
        ("all_skipped", {"kk": RUNS, "k.": "none", "s.": K, "f.": K}),
        ("always", {"..": RUNS}),
    ],
)
def test_a_trigger_rule_decides_what_becomes_of_a_task(rule: str, outcomes: dict[str, str]) -> None:
    assert {ends: upstream_of(Play(), rule, ends) for ends in outcomes} == outcomes


def test_a_failure_spreads_to_everything_downstream_in_one_step(play: Play) -> None:
    play.start(dag("a >> b >> c >> d"))
    play.fail("a")
    assert play.states() == {"a": F, "b": U, "c": U, "d": U}
    assert play.run_state() == "failed"


def test_a_run_succeeds_when_its_leaf_does_whatever_failed_before(play: Play) -> None:
    play.start(dag("a >> b", tasks={"b": {"trigger_rule": "all_done"}}))
    play.fail("a")
    play.succeed("b")
    assert play.run_state() == "success"


def test_a_teardown_that_fails_leaves_its_run_successful(play: Play) -> None:
    spec = dag("up >> work >> down; up >> down", tasks={
        "up": {"is_setup": True}, "down": {"is_teardown": True, "trigger_rule": "all_done_setup_success"}})  # fmt: skip
    play.start(spec)
    play.succeed("up")
    play.succeed("work")
    play.fail("down")
    assert play.run_state() == "success"


def test_a_teardown_runs_when_the_work_failed_but_not_when_the_setup_did(play: Play) -> None:
    spec = dag("up >> work >> down; up >> down", tasks={
        "up": {"is_setup": True}, "down": {"is_teardown": True, "trigger_rule": "all_done_setup_success"}})  # fmt: skip
    play.start(spec)
    play.succeed("up")
    play.fail("work")
    assert play.state("down") == "queued"
    play.succeed("down")
    assert play.run_state() == "failed"

    play.start(spec)
    play.fail("up")
    assert play.states() == {"up": F, "work": U, "down": U}


def test_an_empty_operator_succeeds_without_a_worker(play: Play) -> None:
    play.start(dag("start >> [a, b] >> end", never_sent=True, tasks={"b": {"never_sent": False}}))
    assert play.states() == {"start": S, "a": S, "b": "queued", "end": "none"}
    assert [attempt.key.task_id for attempt in play.offered] == ["b"]
    play.succeed("b")
    assert (play.state("end"), play.run_state()) == (S, S)


def test_a_run_of_empty_operators_is_over_as_soon_as_it_starts(play: Play) -> None:
    run = play.start(dag("a >> b >> c", never_sent=True))
    assert run.state == "success"
    assert run.end_date == play.now
    assert not play.world.runs


def test_a_dag_without_tasks_has_successful_runs(play: Play) -> None:
    assert play.start(dag("")).state == "success"


# --- setup and teardown ------------------------------------------------------------------------------------------

SETUP = {"is_setup": True}
TEARDOWN = {"is_teardown": True, "trigger_rule": "all_done_setup_success"}


def test_work_further_down_needs_the_setup_too_whatever_its_own_rule_says(play: Play) -> None:
    spec = dag("up >> a >> b >> down; up >> down", tasks={
        "up": SETUP, "b": {"trigger_rule": "all_done"}, "down": TEARDOWN})  # fmt: skip
    play.start(spec)
    play.fail("up")
    assert play.states() == {"up": F, "a": U, "b": U, "down": U}
    play.start(spec)
    play.skip("up")
    assert play.states() == {"up": "skipped", "a": "skipped", "b": "skipped", "down": "skipped"}


def test_work_waits_for_a_setup_further_up_that_is_not_over(play: Play) -> None:
    spec = dag("up >> a >> b >> down; up >> down; other >> b", tasks={
        "up": SETUP, "b": {"trigger_rule": "one_success"}, "down": TEARDOWN})  # fmt: skip
    play.start(spec)
    play.succeed("other")
    assert play.state("b") == "none"
    assert play.why("b")[0].details["upstream"] == {"a": ["none"], "up": ["queued"]}
    play.succeed("up")
    assert play.state("b") == "queued"


def test_a_setup_counts_for_nothing_after_its_teardown(play: Play) -> None:
    spec = dag("up >> a >> down >> later; up >> down", tasks={
        "up": SETUP, "down": TEARDOWN, "later": {"trigger_rule": "all_done"}})  # fmt: skip
    play.start(spec)
    play.fail("up")
    assert play.states() == {"up": F, "a": U, "down": U, "later": "queued"}


def test_a_setup_without_teardown_counts_for_everything_after_it(play: Play) -> None:
    play.start(dag("up >> a >> b", tasks={"up": SETUP, "b": {"trigger_rule": "all_done"}}))
    play.fail("up")
    assert play.states() == {"up": F, "a": U, "b": U}


def test_a_teardown_waits_for_all_work_between_its_setup_and_itself(play: Play) -> None:
    spec = dag("up >> [fast, slow] >> end >> down; up >> down", tasks={"up": SETUP, "down": TEARDOWN})
    play.start(spec)
    play.succeed("up")
    play.begin("slow")
    play.fail("fast")
    assert play.states() == {"up": S, "fast": F, "slow": "running", "end": U, "down": "none"}
    assert play.why("down")[0].details["upstream"] == {"slow": ["running"]}
    play.succeed("slow")
    assert play.state("down") == "queued"
    play.succeed("down")
    assert play.run_state() == "failed"


def test_clearing_work_clears_its_setups_and_teardowns() -> None:
    plan = Plan(dag("up >> a >> b >> down; up >> down; before >> a; b >> after; loose", tasks={
        "up": SETUP, "down": TEARDOWN}), "v")  # fmt: skip
    assert plan.with_setups_and_teardowns({"b"}) == {"b", "up", "down"}
    assert plan.with_setups_and_teardowns({"a"}) == {"a", "up", "down"}
    assert plan.with_setups_and_teardowns({"up"}) == {"up", "down"}
    assert plan.with_setups_and_teardowns({"down"}) == {"down"}
    assert plan.with_setups_and_teardowns({"after", "before", "loose"}) == {"after", "before", "loose"}


def test_a_teardown_that_fails_the_run_is_what_decides_it(play: Play) -> None:
    spec = dag("up >> a >> down; up >> down", tasks={"up": SETUP, "down": {**TEARDOWN, "on_failure_fail_dagrun": True}})
    play.start(spec)
    for task_id in ("up", "a"):
        play.succeed(task_id)
    play.fail("down")
    assert play.run_state() == "failed"


def test_a_run_of_teardowns_alone_ends_as_they_do(play: Play) -> None:
    play.start(dag("down", tasks={"down": TEARDOWN}))
    play.fail("down")
    assert play.run_state() == "failed"
