"""The plan of a clear or mark: what is chosen, counted and refused, without anything being changed."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import MarkTasks
from tradewind.core.rerun_plan import RerunWish, matching, plan_rerun
from tradewind.core.states import TaskState
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play

SPEC = dag("get >> clean >> load; get >> count", tasks={"clean": {"map": expand(x=3)}})
SETUP = dag("open >> work >> close; open >> close", tasks={"open": {"is_setup": True}, "close": {"is_teardown": True}})


def finished(play: Play, spec: Any = SPEC) -> Any:
    """A run of which one instance of a mapped task has failed."""
    run = play.start(spec)
    while play.world.attempts:
        attempt = next(iter(play.world.attempts.values()))
        play.report(attempt, "failed" if attempt.key[1:] == ("clean", 1) else "success")
    return run


def chosen(play: Play, run: Any, **wish: Any) -> list[str]:
    live = play.world.runs.get(run.number) or play.stored_run(run.number)
    plan = plan_rerun(RerunWish(**wish), [live], play.world.plans["etl"])
    return [f"{key.task_id}[{key.map_index}]" if key.map_index >= 0 else key.task_id for key in plan.targets]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"task_ids": frozenset({"count"})}, ["count"]),
        ({"task_regex": "^c"}, ["clean[0]", "clean[1]", "clean[2]", "count"]),
        ({"task_ids": frozenset({"clean"}), "map_indexes": frozenset({0, 2})}, ["clean[0]", "clean[2]"]),
        ({"task_ids": frozenset({"load"}), "upstream": True}, ["clean[0]", "clean[1]", "clean[2]", "get", "load"]),
        ({"task_ids": frozenset({"clean"}), "downstream": True}, ["clean[0]", "clean[1]", "clean[2]", "load"]),
        ({"only_failed": True}, ["clean[1]", "load"]),
        ({"only_running": True}, []),
        (
            {"task_ids": frozenset({"clean"}), "named": frozenset({("clean", 1)}), "downstream": True},
            ["clean[1]", "load"],
        ),
        (
            {"task_ids": frozenset({"clean", "load"}), "named": frozenset({("clean", 1)}), "upstream": True},
            ["clean[1]", "get", "load"],
        ),
        ({"instances": frozenset({("clean", 2), ("get", -1)})}, ["clean[2]", "get"]),
    ],
)
def test_a_wish_chooses_these_task_instances(play: Play, wish: dict[str, Any], expected: list[str]) -> None:
    assert chosen(play, finished(play), **wish) == expected


def test_what_is_running_is_chosen_alone(play: Play) -> None:
    run = play.start(SPEC)
    play.begin("get")
    assert chosen(play, run, only_running=True) == ["get"]


def test_setups_and_teardowns_come_along_where_asked(play: Play) -> None:
    run = finished(play, SETUP)
    work = frozenset({"work"})
    assert chosen(play, run, task_ids=work) == ["close", "open", "work"]
    assert chosen(play, run, task_ids=work, around=False) == ["work"]


def test_the_plan_counts_by_state_and_its_steps_go_by_run(play: Play) -> None:
    runs = [finished(play), finished(play)]
    plan = play.rerun(reversed(runs), dry_run=True)
    assert [step.number for step in plan.steps] == [run.number for run in runs]
    assert plan.states == {TaskState.SUCCESS: 8, TaskState.FAILED: 2, TaskState.UPSTREAM_FAILED: 2}


def test_a_bad_regular_expression_is_a_sentence(play: Play) -> None:
    with pytest.raises(InvalidInput, match="not a regular expression"):
        chosen(play, finished(play), task_regex="(")


@pytest.mark.parametrize("regex", [r"(c)\1", "(?=c)ount", "(?i)COUNT", "c{5000}"])
def test_a_regular_expression_that_may_take_for_ever_is_refused_in_a_sentence(play: Play, regex: str) -> None:
    with pytest.raises(InvalidInput, match=r"^task regex .* cannot be matched in linear time \(it has .*\); write it"):
        chosen(play, finished(play), task_regex=regex)
    with pytest.raises(InvalidInput):
        matching(regex, ())


def test_a_regular_expression_that_explodes_in_re_is_answered_at_once() -> None:
    long = "a" * 240 + "!"
    assert matching("^(a+)+$", [long, "aaa"]) == {"aaa"}
    with pytest.raises(InvalidInput, match=r"linear time \(100000 texts are too many for it\)"):
        matching("^(a+)+$", [f"a{number}" for number in range(100_000)])


def test_a_run_that_is_under_way_cannot_keep_a_version_that_is_not_the_newest(play: Play) -> None:
    run = play.start(dag("a"))
    play.load(dag("a >> b"))
    plan = play.rerun([run], latest=False)
    assert "goes by the newest version" in plan.steps[0].refused
    assert not plan.targets
    assert play.run(run).clear_number == 0


def test_a_kept_version_stays_when_the_dag_changes_again_and_is_given_up_on_request(play: Play) -> None:
    run = play.start(dag("a"))
    play.succeed("a")
    play.load(dag("a >> b"))
    play.rerun([run], latest=False)
    play.load(dag("a >> [b, c]"))
    assert play.states(run=run) == {"a": "queued"}
    play.rerun([run], latest=True)
    assert set(play.states(run=run)) == {"a", "b", "c"}
    assert (play.run(run).version, play.run(run).pinned) == ("etl-3", False)


def test_marks_reach_what_the_plan_names_and_a_dry_run_reaches_nothing(play: Play) -> None:
    run = finished(play)
    live = play.stored_run(run.number)
    wish = RerunWish(task_ids=frozenset({"clean"}), map_indexes=frozenset({1}), around=False)
    plan = plan_rerun(wish, [live], play.world.plans["etl"])
    play.give(MarkTasks(plan=plan, state=TaskState.SUCCESS, loaded=(live,), dry_run=True))
    assert play.state("clean", 1) == "failed"
    play.give(MarkTasks(plan=plan, state=TaskState.SUCCESS, loaded=(live,)))
    assert play.state("clean", 1) == "success"
    assert not play.world.runs
