"""A Dag that changes while its runs are live."""

from __future__ import annotations

from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play


def test_a_task_that_is_new_joins_a_live_run(play: Play) -> None:
    play.start(dag("a >> b"))
    play.load(dag("a >> b >> c"))
    assert play.states() == {"a": "queued", "b": "none", "c": "none"}
    for task_id in "abc":
        play.succeed(task_id)
    assert play.run_state() == "success"


def test_a_new_task_whose_upstream_is_over_starts_at_once(play: Play) -> None:
    play.start(dag("a >> b"))
    play.succeed("a")
    play.load(dag("a >> [b, c]"))
    assert play.state("c") == "queued"


def test_a_new_mapped_task_joins_with_all_its_instances(play: Play) -> None:
    play.start(dag("a >> b"))
    play.load(dag("a >> [b, c]", tasks={"c": {"map": expand(x=3)}}))
    assert [name for name in play.states() if name.startswith("c")] == ["c[0]", "c[1]", "c[2]"]


def test_a_task_that_vanished_is_removed_and_its_downstream_goes_on(play: Play) -> None:
    play.start(dag("a >> b >> c"))
    old = play.begin("a")
    play.load(dag("b >> c"))
    assert play.states() == {"a": "removed", "b": "queued", "c": "none"}
    assert [a.id for a in play.stopped] == [old.id]
    play.report(old, "cancelled")
    play.succeed("b")
    play.succeed("c")
    assert play.run_state() == "success"


def test_a_task_that_ended_before_it_vanished_stays_as_it_was(play: Play) -> None:
    play.start(dag("a >> b"))
    play.succeed("a")
    play.load(dag("b"))
    assert play.states() == {"a": "success", "b": "queued"}


def test_a_removed_task_that_is_back_runs(play: Play) -> None:
    spec = dag("a; b")
    play.start(spec)
    play.load(dag("b"))
    play.load(spec)
    assert play.state("a") == "scheduled", "its old attempt is still being stopped"
    play.report(play.stopped[0], "cancelled")
    assert play.state("a") == "queued"


def test_the_last_open_task_vanishes_and_the_run_ends(play: Play) -> None:
    play.start(dag("a; b"))
    play.succeed("b")
    play.load(dag("b"))
    assert play.run_state() == "success"
    play.report(play.stopped[0], "cancelled")
    assert not play.world.runs


def test_a_changed_trigger_rule_holds_for_the_live_run(play: Play) -> None:
    play.start(dag("a >> c; b >> c"))
    play.succeed("a")
    play.load(dag("a >> c; b >> c", tasks={"c": {"trigger_rule": "one_success"}}))
    assert play.state("c") == "queued"


def test_changed_edges_are_counted_anew(play: Play) -> None:
    play.start(dag("a >> b; c"))
    play.load(dag("a; c >> b"))
    play.succeed("c")
    assert play.state("b") == "queued"


def test_an_attempt_records_the_version_it_ran(play: Play) -> None:
    play.start(dag("a >> b"))
    play.load(dag("a >> b >> c"))
    play.succeed("a")
    assert [a.version for a in play.offered] == ["etl-1", "etl-2"]
    assert play.run().version == "etl-1"


def test_the_same_version_again_changes_nothing(play: Play) -> None:
    spec = dag("a >> b")
    play.start(spec)
    records = len(play.records)
    play.load(spec)
    assert len(play.records) == records


def test_a_live_map_keeps_its_instances_when_the_dag_changes(play: Play) -> None:
    play.start(dag("a >> m", tasks={"m": {"map": expand(x="a")}}))
    play.succeed("a", value=[1, 2])
    play.succeed("m", 0)
    play.load(dag("a >> m >> z", tasks={"m": {"map": expand(x="a")}}))
    assert play.states() == {"a": "success", "m[0]": "success", "m[1]": "queued", "z": "none"}
    play.succeed("m", 1)
    play.succeed("z")
    assert play.run_state() == "success"


def test_a_cleared_run_runs_as_the_dag_is_now(play: Play) -> None:
    run = play.start(dag("a"))
    play.succeed("a")
    play.load(dag("a >> b"))
    play.clear(run=run)
    play.succeed("a")
    assert play.states() == {"a": "success", "b": "queued"}
