"""Clearing across Dags: what markers reach, and what keeps them from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tradewind.core.dag import DagSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import Clear
from tradewind.core.markers import Place, plan_across
from tradewind.core.records import DagRun, TaskKey
from tradewind.core.rerun_plan import RerunPlan, RerunWish
from tradewind.core.world import LiveRun
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play

DAY = datetime(2024, 3, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


def marker(dag_id: str, task_id: str = "wait", date: str = "", depth: int = 10, rendered: Any = ()) -> dict[str, Any]:
    """Fields of a TaskSpec that is a marker; what is in `rendered` is known by its row alone."""
    facts = {"external_dag_id": dag_id, "external_task_id": task_id, "logical_date": date}
    fixed = {name: value for name, value in facts.items() if name not in rendered}
    marks = {**fixed, "recursion_depth": depth, "rendered": list(rendered)}
    return {"operator": "ExternalTaskMarker", "extra": {"marker": marks}}


def first(names: str = "b", **facts: Any) -> DagSpec:
    return dag("get >> mark >> tell; get >> aside", dag_id="a", tasks={"mark": marker(names, **facts)})


def link(dag_id: str, to: str, **facts: Any) -> DagSpec:
    return dag("before >> wait >> mark", dag_id=dag_id, tasks={"mark": marker(to, **facts)})


LAST = dag("before >> wait >> work", dag_id="b")


@dataclass
class Rows:
    """What a database would have: the runs that are over, and rendered fields."""

    play: Play
    fields: Mapping[TaskKey, Mapping[str, Any]] = field(default_factory=dict)
    broken: Collection[str] = ()
    keeps_version: bool = False
    looked: list[int] = field(default_factory=list)

    def rendered(self, keys: Collection[TaskKey]) -> dict[TaskKey, Mapping[str, Any]]:
        return {key: self.fields[key] for key in keys if key in self.fields}

    def runs(self, places: Collection[Place]) -> dict[Place, LiveRun | str]:
        self.looked.append(len(places))
        found: dict[Place, LiveRun | str] = {}
        for run in self.play.runs.values():
            if run.logical_date is not None and (place := (run.dag_id, run.logical_date)) in places:
                found[place] = "its row is torn." if run.dag_id in self.broken else self._live(run)
        return found

    def _live(self, run: DagRun) -> LiveRun:
        return self.play.stored_run(run.number, keeps_version=True) if self.keeps_version else live_of(self.play, run)


def live_of(play: Play, run: DagRun) -> LiveRun:
    return play.world.runs.get(run.number) or play.stored_run(run.number)


def finished(play: Play, spec: DagSpec, date: datetime | None = DAY, failing: Collection[str] = ()) -> DagRun:
    """A run that is over."""
    run = play.start(spec, logical_date=date, run_id=f"r{date.day if date else ''}")
    while mine := [one for one in play.world.attempts.values() if one.key.run == run.number]:
        play.report(mine[0], "failed" if mine[0].key.task_id in failing else "success")
    return run


def clear(
    play: Play, *runs: DagRun, task_id: str = "mark", rows: Rows | None = None, dry_run: bool = False, **wish: Any
) -> RerunPlan:
    """Clear a task of these runs with its downstream; what was planned."""
    asked = RerunWish(**{"task_ids": frozenset({task_id}), "downstream": True, **wish})
    lives = [live_of(play, run) for run in runs]
    plan, loaded = plan_across(asked, lives, play.world.plans, rows or Rows(play))
    play.give(Clear(plan=plan, loaded=tuple(loaded), dry_run=dry_run))
    return plan


def chosen(plan: RerunPlan) -> dict[str, list[str]]:
    """Task ids of each run, by `dag.run`."""
    return {f"{step.dag_id}.{step.run_id}": [task.key.task_id for task in step.tasks] for step in plan.steps}


def test_a_marker_brings_the_task_that_it_names_and_what_follows_that(play: Play) -> None:
    other, run = finished(play, LAST), finished(play, first())
    elsewhen = finished(play, LAST, NEXT)
    shown = clear(play, run, dry_run=True)
    assert chosen(shown) == {"b.r1": ["wait", "work"], "a.r1": ["mark", "tell"]}
    assert not shown.notes
    assert play.states(run=other) == {"before": "success", "wait": "success", "work": "success"}
    assert clear(play, run) == shown
    assert play.states(run=run) == {"get": "success", "mark": "queued", "tell": "none", "aside": "success"}
    assert play.states(run=other) == {"before": "success", "wait": "queued", "work": "none"}
    assert play.run(elsewhen).clear_number == 0
    assert [play.run(one).clear_number for one in (run, other)] == [1, 1]


def test_a_marker_downstream_of_what_is_cleared_counts_and_one_beside_it_does_not(play: Play) -> None:
    finished(play, LAST)
    run = finished(play, first())
    assert "b.r1" in chosen(clear(play, run, task_id="get", dry_run=True))
    assert chosen(clear(play, run, task_id="tell", dry_run=True)) == {"a.r1": ["tell"]}
    assert chosen(clear(play, run, task_id="aside", dry_run=True)) == {"a.r1": ["aside"]}


def test_three_dags_in_a_row_are_cleared_together(play: Play) -> None:
    specs = [first("m"), link("m", "n"), link("n", "b"), LAST]
    runs = [finished(play, spec) for spec in specs]
    assert chosen(clear(play, runs[0])) == {
        "a.r1": ["mark", "tell"], "m.r1": ["mark", "wait"], "n.r1": ["mark", "wait"], "b.r1": ["wait", "work"],
    }  # fmt: skip
    assert {play.state("wait", run=run) for run in runs[1:]} == {"queued"}


def test_what_two_markers_name_is_cleared_once_and_what_is_looked_up_is_looked_up_at_once(play: Play) -> None:
    spec = dag("get >> [one, two, three]", dag_id="a", tasks={
        "one": marker("b", "wait"), "two": marker("b", "before"), "three": marker("m", "wait")})  # fmt: skip
    finished(play, LAST)
    finished(play, link("m", "b"))
    rows = Rows(play)
    plan = clear(play, finished(play, spec), task_id="get", rows=rows)
    assert chosen(plan)["b.r1"] == ["before", "wait", "work"]
    assert len(plan.targets) == len(set(plan.targets)) == 9
    assert rows.looked == [2]


@pytest.mark.parametrize(("depth", "fits"), [(2, False), (3, True)])
def test_the_first_marker_says_how_many_may_be_in_a_row(play: Play, depth: int, fits: bool) -> None:
    specs = [first("m", depth=depth), link("m", "n", depth=1), link("n", "b", depth=1), LAST]
    run, *_ = (finished(play, spec) for spec in specs)
    if fits:
        assert len(clear(play, run).steps) == 4
        return
    with pytest.raises(InvalidInput, match=r"marker mark of run r1 of Dag 'n' is number 3 in a row .* allows 2"):
        clear(play, run)
    assert not any(one.clear_number for one in play.runs.values())


def test_of_two_rows_that_meet_the_shorter_allowance_holds(play: Play) -> None:
    spec = dag("get >> [one, two]", dag_id="a", tasks={"one": marker("m"), "two": marker("m", depth=1)})
    finished(play, LAST)
    finished(play, link("m", "b"))
    with pytest.raises(InvalidInput, match="allows 1"):
        clear(play, finished(play, spec), task_id="get")


@pytest.mark.parametrize("circle", [["a"], ["m", "a"], ["m", "n", "a"]])
def test_markers_that_go_round_in_a_circle_are_refused(play: Play, circle: list[str]) -> None:
    names = ["a", *circle]
    loops = [link(one, other, depth=1_000_000) for one, other in pairwise(names)]
    runs = [finished(play, spec) for spec in loops]
    with pytest.raises(InvalidInput, match="circle"):
        clear(play, runs[0])
    assert not any(one.clear_number for one in play.runs.values())


def test_a_chain_through_the_runs_of_one_dag_is_no_circle(play: Play) -> None:
    tomorrow = ("logical_date",)
    runs = [finished(play, link("a", "a", rendered=tomorrow), DAY + timedelta(days=n)) for n in range(3)]
    dates = {TaskKey(run.number, "mark"): {"logical_date": str(run.logical_date + timedelta(days=1))} for run in runs}
    plan = clear(play, runs[0], task_id="wait", rows=Rows(play, dates))
    assert chosen(plan) == {f"a.r{day}": ["mark", "wait"] for day in (1, 2, 3)}
    assert "has no run of 2024-03-04T00:00:00+00:00" in plan.notes[0]
    # Named by one another and by the person, each is in the plan once.
    dry = clear(play, *runs, task_id="wait", rows=Rows(play, dates), dry_run=True)
    assert dry.targets == plan.targets


@pytest.mark.parametrize("text", ["2024-03-02", "2024-03-02T02:00:00+02:00", "2024-03-02 00:00:00", "20240302T000000"])
@pytest.mark.parametrize("is_fixed", [True, False])
def test_the_date_is_the_one_that_is_written_or_was_rendered(play: Play, text: str, is_fixed: bool) -> None:
    here, there = finished(play, LAST), finished(play, LAST, NEXT)
    spec = first(date=text) if is_fixed else first(rendered=("logical_date",))
    run = finished(play, spec)
    clear(play, run, rows=Rows(play, {TaskKey(run.number, "mark"): {"logical_date": text}}))
    assert (play.state("wait", run=here), play.state("wait", run=there)) == ("success", "queued")


def test_each_instance_of_a_mapped_marker_names_what_its_own_fields_were_rendered_to(play: Play) -> None:
    everything = ("external_dag_id", "external_task_id", "logical_date")
    spec = dag("get >> mark", dag_id="a", tasks={
        "mark": {**marker("", rendered=everything), "map": expand(external_dag_id=3)}})  # fmt: skip
    finished(play, LAST)
    finished(play, dag("wait >> work", dag_id="c"))
    run = finished(play, spec)
    fields = {
        TaskKey(run.number, "mark", index): dict(zip(everything, (dag_id, "wait", DAY.isoformat()), strict=True))
        for index, dag_id in enumerate("bc")
    }
    plan = clear(play, run, rows=Rows(play, fields))
    assert chosen(plan) == {"a.r1": ["mark"] * 3, "b.r1": ["wait", "work"], "c.r1": ["wait", "work"]}
    assert plan.notes == (
        "Nothing of another Dag is cleared for marker mark[2] of run r1 of Dag 'a': its external_dag_id is known once "
        "it has run.",
    )
    alone = clear(play, run, map_indexes=frozenset({1}), rows=Rows(play, fields), dry_run=True)
    assert chosen(alone) == {"a.r1": ["mark"], "c.r1": ["wait", "work"]}


def test_a_date_that_was_rendered_to_none_is_that_of_the_run(play: Play) -> None:
    finished(play, LAST)
    run = finished(play, first(rendered=("logical_date",)))
    rows = Rows(play, {TaskKey(run.number, "mark"): {"logical_date": None}})
    assert chosen(clear(play, run, rows=rows)) == {"b.r1": ["wait", "work"], "a.r1": ["mark", "tell"]}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"names": "gone"}, "there is no Dag 'gone'."),
        ({"task_id": "gone"}, "Dag 'b' has no task 'gone'."),
        ({"date": "2024-03-09"}, "Dag 'b' has no run of 2024-03-09T00:00:00+00:00."),
        ({"date": "soon"}, "its logical_date 'soon' is not a date; let it be like 2024-01-31T06:00:00+00:00."),
        ({"rendered": ("logical_date",)}, "its logical_date is known once it has run."),
    ],
)
def test_what_a_marker_names_in_vain_is_a_note_and_the_rest_is_cleared(
    play: Play, facts: dict[str, Any], expected: str
) -> None:
    other = finished(play, LAST)
    run = finished(play, first(**facts))
    plan = clear(play, run)
    about = "Nothing of another Dag is cleared for marker mark of run r1 of Dag 'a': "
    assert plan.notes == (about + expected,)
    assert chosen(plan) == {"a.r1": ["mark", "tell"]}
    assert play.state("mark", run=run) == "queued"
    assert play.run(other).clear_number == 0


def test_a_run_without_a_date_names_none_and_one_that_cannot_be_read_is_left(play: Play) -> None:
    finished(play, LAST)
    plan = clear(play, finished(play, first(), None))
    assert plan.notes[0].endswith("Dag 'a': its run has no logical date.")
    plan = clear(play, finished(play, first()), rows=Rows(play, broken={"b"}))
    assert plan.notes[0].endswith("Dag 'a': its row is torn.")
    assert [step.dag_id for step in plan.steps] == ["a"]


def test_only_what_failed_is_cleared_in_the_other_dag_too(play: Play) -> None:
    other = finished(play, LAST, failing={"wait"})
    run = finished(play, first(), failing={"get"})
    plan = clear(play, run, task_id="get", only_failed=True)
    assert chosen(plan) == {"b.r1": ["wait", "work"], "a.r1": ["aside", "get", "mark", "tell"]}
    healthy = finished(play, first(), NEXT)
    assert not clear(play, healthy, only_failed=True).steps
    assert play.state("before", run=other) == "success"


def test_what_runs_in_the_other_dag_is_stopped_and_starts_anew(play: Play) -> None:
    run = finished(play, first())
    other = play.start(LAST, logical_date=DAY, run_id="r1")
    play.succeed("before", run=other)
    attempt = play.begin("wait", run=other)
    clear(play, run)
    assert play.stopped == [play.attempts[attempt.id]]
    assert play.state("wait", run=other) == "restarting"


def test_setups_of_the_other_dag_come_along(play: Play) -> None:
    spec = dag("open >> wait >> close; open >> close", dag_id="b", tasks={
        "open": {"is_setup": True}, "close": {"is_teardown": True}})  # fmt: skip
    finished(play, spec)
    plan = clear(play, finished(play, first()))
    assert chosen(plan)["b.r1"] == ["close", "open", "wait"]


def test_a_run_of_the_other_dag_that_cannot_keep_its_version_is_left_with_the_reason(play: Play) -> None:
    run = finished(play, first())
    other = play.start(LAST, logical_date=DAY, run_id="r1")
    play.load(dag("before >> wait >> [work, more]", dag_id="b"))
    plan = clear(play, run, latest=False)
    assert [(step.dag_id, len(step.tasks)) for step in plan.steps] == [("a", 2), ("b", 0)]
    assert "goes by the newest version" in plan.steps[1].refused
    assert play.states(run=other)["before"] == "queued"


@pytest.mark.parametrize("order", [("wait", "gone"), ("gone", "wait")])
def test_of_a_run_that_two_markers_reach_what_can_run_is_cleared_and_what_cannot_is_said(
    play: Play, order: tuple[str, str]
) -> None:
    other = finished(play, dag("wait; gone", dag_id="b"))
    play.load(dag("wait", dag_id="b"))
    tasks = {"one": marker("b", order[0]), "two": marker("b", order[1])}
    run = finished(play, dag("get >> [one, two]", dag_id="a", tasks=tasks))
    plan = clear(play, run, task_id="get", latest=False, rows=Rows(play, keeps_version=True))
    left = [step.refused for step in plan.steps if step.refused]
    assert left == ["gone of r1 is no longer in the file of b, whose code would run"]
    assert [key for key in plan.targets if key.run == other.number] == [TaskKey(other.number, "wait")]
    assert play.states(run=other) == {"wait": "queued", "gone": "success"}
