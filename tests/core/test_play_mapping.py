"""Mapped tasks: how many instances there are, from when on, and who waits for them."""

from __future__ import annotations

from tradewind.core.dag import LengthSpec
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play


def test_a_literal_length_is_known_when_the_run_is_made(play: Play) -> None:
    play.start(dag("a >> m >> z", tasks={"m": {"map": expand(x=2)}}))
    assert play.states() == {"a": "queued", "m[0]": "none", "m[1]": "none", "z": "none"}


def test_a_mapped_task_expands_over_what_its_upstream_left(play: Play) -> None:
    play.start(dag("a >> m >> z", tasks={"m": {"map": expand(x="a")}}))
    assert play.states() == {"a": "queued", "m": "none", "z": "none"}
    play.succeed("a", value=["x", "y", "z"])
    assert play.states() == {"a": "success", "m[0]": "queued", "m[1]": "queued", "m[2]": "queued", "z": "none"}
    for index in range(3):
        assert play.state("z") == "none"
        play.succeed("m", index)
    assert play.state("z") == "queued"


def test_nothing_to_expand_over_is_a_skip(play: Play) -> None:
    play.start(dag("a >> m >> z", tasks={"m": {"map": expand(x="a")}}))
    play.succeed("a", value=[])
    assert play.states() == {"a": "success", "m": "skipped", "z": "skipped"}


def test_a_missing_value_is_an_upstream_failure(play: Play) -> None:
    play.start(dag("a >> m", tasks={"m": {"map": expand(x="a")}}))
    play.succeed("a")
    assert play.state("m") == "upstream_failed"
    assert play.run_state() == "failed"


def test_a_failed_upstream_leaves_the_mapped_task_unexpanded(play: Play) -> None:
    play.start(dag("a >> m >> z", tasks={"m": {"map": expand(x="a")}}))
    play.fail("a")
    assert play.states() == {"a": "failed", "m": "upstream_failed", "z": "upstream_failed"}


def test_a_thousand_instances_run_within_their_limit(play: Play) -> None:
    play.start(dag("a >> m >> z", max_active_tasks=64, tasks={"m": {"map": expand(x="a")}}))
    play.check = False
    play.succeed("a", value=list(range(1000)))
    assert len(play.world.attempts) == 64
    done = 0
    while active := list(play.world.attempts.values()):
        if active[0].key.task_id == "z":
            break
        for attempt in active:
            play.report(attempt, "success")
            done += 1
    assert done == 1000
    play.check = True
    play.succeed("z")
    assert play.run_state() == "success"


def test_several_inputs_are_a_product(play: Play) -> None:
    play.start(dag("[a, b] >> m", tasks={"m": {"map": expand(x="a", y="b", z=2)}}))
    play.succeed("a", value=[1, 2, 3])
    play.succeed("b", value={"k": 1})
    assert sorted(play.states()) == ["a", "b", *(f"m[{n}]" for n in range(6))]


def test_the_results_of_a_mapped_task_are_one_sequence(play: Play) -> None:
    after = {"map": expand(x="m"), "trigger_rule": "all_done"}
    play.start(dag("m >> n", tasks={"m": {"map": expand(x=3)}, "n": after}))
    play.succeed("m", 0, value=1)
    play.skip("m", 1)
    assert play.state("n") == "none"
    play.succeed("m", 2, value="long text")
    assert [name for name in play.states() if name.startswith("n")] == ["n[0]", "n[1]"]


def test_a_mapped_task_whose_instances_left_nothing_is_an_empty_sequence(play: Play) -> None:
    after = {"map": expand(x="m"), "trigger_rule": "all_done"}
    play.start(dag("m >> n", tasks={"m": {"map": expand(x=2)}, "n": after}))
    play.skip("m", 0)
    play.skip("m", 1)
    assert play.state("n") == "skipped"


def test_a_trigger_rule_that_says_yes_early_waits_for_the_values_all_the_same(play: Play) -> None:
    play.start(dag("[a, b] >> m", tasks={"m": {"map": expand(x="b"), "trigger_rule": "one_success"}}))
    play.succeed("a")
    assert play.state("m") == "none"
    play.succeed("b", value=[1])
    assert play.state("m", 0) == "queued"


def test_an_always_mapped_task_waits_for_the_values(play: Play) -> None:
    play.start(dag("a >> m", tasks={"m": {"map": expand(x="a"), "trigger_rule": "always"}}))
    assert play.state("m") == "none"
    play.succeed("a", value=[1, 2])
    assert play.states() == {"a": "success", "m[0]": "queued", "m[1]": "queued"}


def test_zip_and_concat_of_results_have_the_length_they_say(play: Play) -> None:
    both = tuple(LengthSpec(kind="xcom", task_id=name) for name in "ab")
    spec = dag("[a, b] >> [short, long, all]", tasks={
        "short": {"map": expand(x=LengthSpec(kind="zip", parts=both))},
        "long": {"map": expand(x=LengthSpec(kind="zip", parts=both, fill=True))},
        "all": {"map": expand(x=LengthSpec(kind="concat", parts=both))},
    })  # fmt: skip
    play.start(spec)
    play.succeed("a", value=[1, 2, 3])
    play.succeed("b", value=[1])
    counts = [sum(name.startswith(task) for name in play.states()) for task in ("short", "long", "all")]
    assert counts == [1, 3, 4]


def test_one_failed_instance_fails_what_needs_them_all(play: Play) -> None:
    play.start(dag("m >> z", tasks={"m": {"map": expand(x=3)}}))
    play.fail("m", 1)
    assert play.state("z") == "upstream_failed"
    assert play.run_state() == "running"
    play.succeed("m", 0)
    play.succeed("m", 2)
    assert play.run_state() == "failed"


def test_a_cleared_map_has_as_many_instances_as_its_new_input(play: Play) -> None:
    spec = dag("a >> m >> z", tasks={"m": {"map": expand(x="a")}})
    play.start(spec)
    play.succeed("a", value=[1, 2])
    play.succeed("m", 0)
    play.succeed("m", 1)
    play.succeed("z")
    play.clear()
    play.succeed("a", value=[1, 2, 3])
    assert {n: s for n, s in play.states().items() if n[0] == "m"} == {f"m[{n}]": "queued" for n in range(3)}
    for index in range(3):
        play.succeed("m", index)
    play.succeed("z")
    assert play.run_state() == "success"

    play.clear()
    play.succeed("a", value=[1])
    assert {n: s for n, s in play.states().items() if n[0] == "m"} == {
        "m[0]": "queued", "m[1]": "removed", "m[2]": "removed"}  # fmt: skip
    play.succeed("m", 0)
    play.succeed("z")
    assert play.run_state() == "success"

    play.clear()
    play.succeed("a", value=[1, 2, 3])
    assert play.state("m", 2) == "queued"
