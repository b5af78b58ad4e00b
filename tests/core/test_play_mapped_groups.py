"""Mapped task groups: inside, each element goes its own way; outside, all of them are waited for."""

from __future__ import annotations

import pytest

from tradewind.core.dag import DagSpec
from tradewind.core.world import LiveRun
from tradewind.testing.builders import dag, expand, mapped_group
from tradewind.testing.world import Play


def group_of(edges: str, names: str, *, over: int | str = 3, **given: object) -> DagSpec:
    return mapped_group(dag(edges, **given), "g", names, expand(x=over))  # type: ignore[arg-type]


def test_inside_a_mapped_group_each_element_goes_on_by_itself(play: Play) -> None:
    play.start(group_of("x >> y >> z", "x y"))
    play.succeed("x", 1)
    assert play.state("y", 0) == "none"
    assert play.state("y", 1) == "queued"
    assert play.state("y", 2) == "none"
    play.succeed("y", 1)
    assert play.state("z") == "none"
    for index in (0, 2):
        play.succeed("x", index)
        play.succeed("y", index)
    assert play.state("z") == "queued"


def test_a_group_expands_as_a_whole_when_it_is_known_over_what(play: Play) -> None:
    play.start(group_of("a >> x >> y >> z", "x y", over="a"))
    assert play.states() == {"a": "queued", "x": "none", "y": "none", "z": "none"}
    play.succeed("a", value=["p", "q"])
    assert play.states() == {
        "a": "success", "x[0]": "queued", "x[1]": "queued", "y[0]": "none", "y[1]": "none", "z": "none",
    }  # fmt: skip


def test_a_failure_inside_concerns_its_own_element(play: Play) -> None:
    play.start(group_of("x >> y >> z", "x y", tasks={"z": {"trigger_rule": "all_done"}}))
    play.fail("x", 0)
    assert play.state("y", 0) == "upstream_failed"
    for index in (1, 2):
        play.succeed("x", index)
        assert play.state("y", index) == "queued"
        play.succeed("y", index)
    assert play.state("z") == "queued"
    play.succeed("z")
    assert play.run_state() == "success"


def test_a_group_with_nothing_to_expand_over_is_skipped(play: Play) -> None:
    play.start(group_of("a >> x >> y >> z", "x y", over="a", tasks={"y": {"trigger_rule": "all_done"}}))
    play.succeed("a", value=[])
    assert play.states() == {"a": "success", "x": "skipped", "y": "skipped", "z": "skipped"}


@pytest.mark.parametrize("rule", ["all_success", "all_done"])
def test_a_group_whose_source_failed_does_not_run(play: Play, rule: str) -> None:
    play.start(group_of("a >> x >> y", "x y", over="a", tasks={"y": {"trigger_rule": rule}}))
    play.fail("a")
    assert play.states() == {"a": "failed", "x": "upstream_failed", "y": "upstream_failed"}


def test_what_lies_outside_is_waited_for_by_every_element(play: Play) -> None:
    play.start(group_of("[x, b] >> y", "x y"))
    for index in range(3):
        play.succeed("x", index)
    assert [play.state("y", n) for n in range(3)] == ["none"] * 3
    play.succeed("b")
    assert [play.state("y", n) for n in range(3)] == ["queued"] * 3


def test_what_an_outside_task_has_said_already_counts_when_the_group_expands(play: Play) -> None:
    play.start(group_of("a >> x >> y; b >> y", "x y", over="a", tasks={"y": {"trigger_rule": "one_success"}}))
    play.succeed("b")
    assert play.state("y") == "none"
    play.succeed("a", value=[1, 2])
    assert play.state("y", 0) == "queued"
    assert play.state("y", 1) == "queued"


def test_a_mapped_task_inside_has_its_own_length_for_each_element(play: Play) -> None:
    play.start(group_of("x >> y >> z", "x y z", over=2, tasks={"y": {"map": expand(n=3)}}))
    assert len(play.states()) == 2 + 6 + 2
    play.succeed("x", 1)
    assert [play.state("y", n) for n in range(6)] == ["none"] * 3 + ["queued"] * 3
    for index in (3, 4):
        play.succeed("y", index)
    assert play.state("z", 1) == "none"
    play.succeed("y", 5)
    assert play.state("z", 1) == "queued"
    assert play.state("z", 0) == "none"


def test_a_branch_inside_decides_for_its_own_element(play: Play) -> None:
    spec = group_of("a >> x >> [y, z] >> end", "x y z end", over="a", tasks={"x": {"skips_downstream": True}, "end": {
        "trigger_rule": "none_failed_min_one_success"}})  # fmt: skip
    play.start(spec)
    play.succeed("a", value=[1, 2])
    play.succeed("x", 0, skip=["y[0]"])
    play.succeed("x", 1, skip=["z[1]"])
    assert play.state("y", 0) == "skipped"
    assert play.state("z", 0) == "queued"
    assert play.state("y", 1) == "queued"
    assert play.state("z", 1) == "skipped"
    play.succeed("z", 0)
    assert play.state("end", 0) == "queued"
    assert play.state("end", 1) == "none"


BRANCH = {"x": {"skips_downstream": True}}


def test_a_branch_inside_skips_all_that_a_mapped_task_has_for_its_element(play: Play) -> None:
    play.start(group_of("x >> y", "x y", over=2, tasks={**BRANCH, "y": {"map": expand(n=3)}}))
    play.succeed("x", 1, skip=["y[1]"])
    assert [play.state("y", n) for n in range(6)] == ["none"] * 3 + ["skipped"] * 3
    play.succeed("x", 0)
    assert [play.state("y", n) for n in range(6)] == ["queued"] * 3 + ["skipped"] * 3


@pytest.mark.parametrize("restarts", [False, True])
def test_a_branch_inside_skips_a_mapped_task_that_has_not_expanded_yet(play: Play, restarts: bool) -> None:
    spec = group_of("x >> y >> z; s >> y", "x y z", over=3, tasks={**BRANCH, "y": {"map": expand(n="s")}})
    play.start(spec)
    play.succeed("x", 1, skip=["y[1]"])
    play.succeed("x", 0)
    assert (play.state("y"), play.state("z", 1)) == ("none", "none")
    if restarts:
        live = play.world.runs[1]
        fresh = LiveRun(live.run, live.plan, live.tasks.values())
        fresh.active = live.active
        for key, name in play.xcoms:
            fresh.keep_xcom(key, name, b"", None)
        play.world.runs[1] = fresh
    play.succeed("s", value=["p", "q"])
    assert [play.state("y", n) for n in range(6)] == ["queued"] * 2 + ["skipped"] * 2 + ["none"] * 2
    assert play.state("z", 1) == "skipped"
    assert play.task("y", 2).reason == "x decided to skip it"
    play.succeed("x", 2, skip=["y[2]"])
    assert [play.state("y", n) for n in (4, 5)] == ["skipped"] * 2


def test_a_branch_that_runs_again_decides_anew_about_what_has_not_expanded(play: Play) -> None:
    spec = group_of("x >> y; s >> y", "x y", over=2, tasks={**BRANCH, "y": {"map": expand(n="s")}})
    play.start(spec)
    play.succeed("x", 0, skip=["y[0]"])
    play.clear([("x", 0)])
    play.succeed("x", 0)
    play.succeed("x", 1, skip=["y[1]"])
    play.succeed("s", value=["p", "q"])
    assert [play.state("y", n) for n in range(4)] == ["queued"] * 2 + ["skipped"] * 2


def test_setup_and_teardown_inside_belong_to_their_element(play: Play) -> None:
    tasks = {"up": {"is_setup": True}, "down": {"is_teardown": True, "trigger_rule": "all_done_setup_success"}}
    play.start(group_of("up >> v >> w >> down; up >> down", "up v w down", over=2, tasks=tasks))
    play.succeed("up", 0)
    play.succeed("v", 0)
    assert play.state("w", 0) == "queued"
    assert play.state("w", 1) == "none"
    play.fail("w", 0)
    assert play.state("down", 0) == "queued"
    assert play.state("down", 1) == "none"
    play.fail("up", 1)
    assert play.state("w", 1) == "upstream_failed"
    assert play.state("down", 1) == "upstream_failed"


def test_a_group_that_runs_again_over_less_has_fewer_elements(play: Play) -> None:
    play.start(group_of("a >> x >> y", "x y", over="a"))
    play.succeed("a", value=[1, 2, 3])
    for index in range(3):
        play.succeed("x", index)
        play.succeed("y", index)
    play.clear()
    play.succeed("a", value=[1])
    assert [play.state("x", n) for n in range(3)] == ["queued", "removed", "removed"]
    play.succeed("x", 0)
    play.succeed("y", 0)
    assert play.run_state() == "success"
    play.clear()
    play.succeed("a", value=[1, 2])
    assert play.state("x", 1) == "queued"
    for index in range(2):
        play.succeed("x", index)
        play.succeed("y", index)
    assert play.run_state() == "success"


def test_one_element_cleared_runs_alone(play: Play) -> None:
    play.start(group_of("x >> y", "x y", over=2))
    for index in range(2):
        play.succeed("x", index)
        play.succeed("y", index)
    play.clear([("x", 1), ("y", 1)])
    assert play.state("x", 0) == "success"
    assert play.state("x", 1) == "queued"
    assert play.state("y", 1) == "none"
    play.succeed("x", 1)
    assert play.state("y", 1) == "queued"


def test_an_element_that_waits_says_for_which_of_its_own(play: Play) -> None:
    play.start(group_of("x >> y", "x y"))
    play.succeed("x", 0)
    (reason,) = play.why("y", 1)
    assert reason.code == "upstream"
    assert "x (queued)" in reason.sentence


def test_a_group_expands_also_where_its_first_task_is_skipped_before(play: Play) -> None:
    """A task inside need not be downstream of what the group expands over, nor of a task that still is to end."""
    tasks = {"b": {"skips_downstream": True}, "y": {"trigger_rule": "one_done"}}
    play.start(group_of("a >> x; b >> x >> y; b >> y", "x y", over="a", tasks=tasks))
    play.succeed("b", skip=["x"])
    assert play.states() == {"a": "queued", "b": "success", "x": "skipped", "y": "none"}
    play.succeed("a", value=[1, 2])
    assert play.states() == {"a": "success", "b": "success", "x": "skipped", "y[0]": "queued", "y[1]": "queued"}


def test_a_task_that_might_start_says_what_its_group_waits_for(play: Play) -> None:
    play.start(group_of("[s, a >> x] >> y", "x y", over="a", tasks={"y": {"trigger_rule": "one_done"}}))
    play.succeed("s")
    (reason,) = play.why("y")
    assert reason.details["upstream"] == {"x": ["none"], "a": ["queued"]}
    play.mark("x", "success")
    (reason,) = play.why("y")
    assert reason.details["upstream"] == {"a": ["queued"]}


def test_ten_thousand_elements_cost_what_stands_beside_them(play: Play) -> None:
    play.check = False
    play.start(group_of("a >> x >> y >> z", "x y", over="a", max_active_tasks=4))
    play.succeed("a", value=list(range(10_000)))
    assert sum(name.startswith("y[") for name in play.states()) == 10_000
    active = [a for a in play.world.attempts.values() if a.key.task_id == "x"]
    for attempt in active:
        play.report(attempt, "success")
    assert {play.state("y", a.key.map_index) for a in active} <= {"queued", "scheduled"}
    assert play.state("y", 9_999) == "none"
