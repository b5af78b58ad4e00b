"""Branches and short circuits."""

from __future__ import annotations

from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play

BRANCH = dag("choose >> [left, right] >> join", tasks={
    "choose": {"skips_downstream": True}, "join": {"trigger_rule": "none_failed_min_one_success"}})  # fmt: skip


def test_a_branch_runs_what_it_chose_and_skips_the_rest(play: Play) -> None:
    play.start(BRANCH)
    play.succeed("choose", skip=("right",))
    assert play.states() == {"choose": "success", "left": "queued", "right": "skipped", "join": "none"}
    play.succeed("left")
    assert play.state("join") == "queued"
    play.succeed("join")
    assert play.run_state() == "success"


def test_a_skip_spreads_as_far_as_the_trigger_rules_let_it(play: Play) -> None:
    play.start(dag("a >> b >> c >> d", tasks={"a": {"skips_downstream": True}, "d": {"trigger_rule": "all_done"}}))
    play.succeed("a", skip=("b",))
    assert play.states() == {"a": "success", "b": "skipped", "c": "skipped", "d": "queued"}


def test_a_short_circuit_may_skip_everything_whatever_the_trigger_rules(play: Play) -> None:
    play.start(dag("a >> b >> c", tasks={"a": {"skips_downstream": True}, "c": {"trigger_rule": "all_done"}}))
    play.succeed("a", skip=("b", "c"))
    assert play.states() == {"a": "success", "b": "skipped", "c": "skipped"}
    assert play.run_state() == "success"


def test_a_task_that_skips_itself_has_skipped_downstream(play: Play) -> None:
    play.start(dag("a >> b"))
    play.skip("a")
    assert play.states() == {"a": "skipped", "b": "skipped"}
    assert play.run_state() == "success"


def test_a_skip_may_name_one_instance_of_a_mapped_task(play: Play) -> None:
    play.start(dag("a >> m", tasks={"a": {"skips_downstream": True}, "m": {"map": expand(x=3)}}))
    play.succeed("a", skip=("m[1]",))
    assert play.states() == {"a": "success", "m[0]": "queued", "m[1]": "skipped", "m[2]": "queued"}


def test_a_mapped_task_is_skipped_before_it_expands(play: Play) -> None:
    play.start(dag("a >> m", tasks={"a": {"skips_downstream": True}, "m": {"map": expand(x="a")}}))
    play.succeed("a", value=[1, 2], skip=("m",))
    assert play.states() == {"a": "success", "m": "skipped"}


def test_a_skip_of_what_the_dag_does_not_have_changes_nothing(play: Play) -> None:
    play.start(dag("a >> b"))
    play.succeed("a", skip=("nobody", "b[7]"))
    assert play.state("b") == "queued"


def test_a_branch_skips_nothing_that_has_begun_without_waiting_for_it(play: Play) -> None:
    spec = dag("[x, b] >> t", tasks={"b": {"skips_downstream": True}, "t": {"trigger_rule": "one_success"}})
    play.start(spec)
    play.succeed("x")
    play.begin("t")
    play.succeed("b", skip=("t",))
    assert play.state("t") == "running"
    play.succeed("t")
    assert play.run_state() == "success"
