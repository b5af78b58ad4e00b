"""What a run's page in the web UI asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from play import do, end, get, offers
from sqlalchemy import Engine, event

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.dag import GroupSpec
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, expand

ETL = dag(
    "a >> load.x >> b", dag_id="etl", retries=1, retry_delay_seconds=30.0,
    groups=(GroupSpec(group_id="load", task_ids=("load.x",)),),
)  # fmt: skip
WIDE = dag("each >> after", dag_id="wide", tasks={"each": {"map": expand(n=60)}}, retries=0)


def task(timeline: dict[str, Any], task_id: str) -> dict[str, Any]:
    return next(each for each in timeline["tasks"] if each["task_id"] == task_id)


@pytest.fixture
def run(stage: ApiStage) -> ApiStage:
    stage.load(ETL)
    stage.create_run("etl", "one", conf={"day": "2026-11-22"}, note="by hand")
    return stage


def test_the_head_of_a_run_says_what_it_is_and_how_its_tasks_stand(run: ApiStage) -> None:
    began = to_us(run.now())
    run.wait(5)
    run.finish("etl", "one", "a")
    head = get(run, "/ui/dags/etl/run", run_id="one")
    assert (head["state"], head["run_type"], head["start"], head["end"]) == ("running", "manual", began, None)
    assert (head["conf"], head["note"], head["version"]) == ('{"day": "2026-11-22"}', "by hand", 1)
    assert head["states"] == {"success": 1, "queued": 1, "none": 1}
    assert (head["may_change"], head["may_delete"], head["failed"], head["is_newest_version"]) == (True, True, [], True)
    assert (head["run_before"], head["run_after_it"], head["usual"]) == (None, None, None)


def test_a_run_knows_its_neighbours_what_is_usual_and_that_its_version_is_old(run: ApiStage) -> None:
    for seconds, run_id in ((10, "one"), (30, "two"), (20, "three")):
        if run_id != "one":
            run.create_run("etl", run_id)
        for _ in range(3):
            run.wait(seconds / 3)
            end(run)
    run.create_run("etl", "four")
    head = get(run, "/ui/dags/etl/run", run_id="four")
    assert (head["run_before"], head["run_after_it"]) == ("three", None)
    assert head["usual"] == pytest.approx(20e6, abs=10)
    assert get(run, "/ui/dags/etl/run", run_id="two")["run_after_it"] == "three"
    run.load(dag("a >> load.x >> b >> c", dag_id="etl"))
    assert get(run, "/ui/dags/etl/run", run_id="one")["is_newest_version"] is False


def test_a_run_that_is_made_in_the_web_ui_says_so(run: ApiStage) -> None:
    for run_id, headers, way in (("ui", {"x-tradewind": "ui"}, "ui"), ("api", {}, "rest_api")):
        body = {"logical_date": None, "dag_run_id": run_id}
        assert run.client.post("/api/v2/dags/etl/dagRuns", json=body, headers=headers).status_code == 200
        assert get(run, "/ui/dags/etl/run", run_id=run_id)["triggered_by"] == way


def test_what_failed_itself_is_named_and_what_follows_is_not(stage: ApiStage) -> None:
    stage.load(dag("a >> b; c", dag_id="etl", retries=0))
    stage.create_run("etl", "one")
    end(stage, "failed")
    head = get(stage, "/ui/dags/etl/run", run_id="one")
    assert (head["state"], head["states"]) == ("failed", {"failed": 2, "upstream_failed": 1})
    assert head["failed"] == [{"task_id": "a", "map_index": -1}, {"task_id": "c", "map_index": -1}]


def test_a_timeline_has_each_try_with_when_it_waited_and_ran(run: ApiStage) -> None:
    began = to_us(run.now())
    run.wait(3)
    run.finish("etl", "one", "a", "failed", error="no such table")
    run.wait(31)
    timeline = get(run, "/ui/dags/etl/run/timeline", run_id="one")
    assert [each["task_id"] for each in timeline["tasks"]] == ["a", "load.x", "b"]
    assert [(row["id"], row["depth"], row["is_group"]) for row in timeline["rows"]] == [
        ("a", 0, False), ("load", 0, True), ("load.x", 1, False), ("b", 0, False),
    ]  # fmt: skip
    assert [each["upstream"] for each in timeline["tasks"]] == [[], [0], [1]]
    [instance] = task(timeline, "a")["instances"]
    assert instance["state"] == "queued"
    first, second = instance["tries"]
    assert (first["number"], first["state"], first["assigned"], first["end"]) == (1, "failed", began, began + 3_000_000)
    assert "no such table" in first["reason"]
    assert (second["number"], second["assigned"], second["start"], second["end"]) == (2, began + 34_000_000, None, None)
    assert task(timeline, "b")["instances"][0]["tries"] == []


def test_of_many_instances_those_that_tell_most_are_shown_and_all_are_counted(stage: ApiStage) -> None:
    stage.load(WIDE)
    stage.create_run("wide", "one")
    for offer in offers(stage)[:12]:
        _end(stage, offer, "failed" if offer.map_index == 7 else "success")
    each = task(get(stage, "/ui/dags/wide/run/timeline", run_id="one"), "each")
    assert sum(each["states"].values()) == 60
    assert (each["states"]["success"], each["states"]["failed"]) == (11, 1)
    indexes = [instance["map_index"] for instance in each["instances"]]
    assert len(indexes) == 50
    assert indexes == sorted(indexes)
    assert 7 in indexes


def _end(stage: ApiStage, offer: Any, outcome: str) -> None:
    from tradewind.wire.messages import Finished, Started

    stage.agent.answered.add(offer.attempt)
    at = to_us(stage.now())
    stage.say(Started(attempt=offer.attempt, start_us=at))
    stage.say(Finished(attempt=offer.attempt, outcome=outcome, start_us=at, end_us=at))
    stage.play()


def test_a_timeline_costs_the_same_queries_for_many_instances_as_for_one(
    stage: ApiStage, count_queries: Callable[[Engine, Callable[[], Any]], int]
) -> None:
    stage.load(dag("a", dag_id="small"))
    stage.load(WIDE)
    stage.create_run("small", "one")
    stage.create_run("wide", "one")
    for dag_id in ("small", "wide"):  # versions are read once
        get(stage, f"/ui/dags/{dag_id}/run/timeline", run_id="one")
    costs = [
        count_queries(stage.reading, lambda: get(stage, f"/ui/dags/{dag_id}/run/timeline", run_id="one"))  # noqa: B023
        for dag_id in ("small", "wide")
    ]
    assert costs[0] == costs[1]


@pytest.fixture
def count_queries() -> Callable[[Engine, Callable[[], Any]], int]:
    def counted(engine: Engine, work: Callable[[], Any]) -> int:
        seen: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            seen.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            work()
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    return counted


def test_a_run_that_waits_says_why_once_for_all_its_tasks(stage: ApiStage) -> None:
    stage.load(dag("[a, c] >> b", dag_id="etl"))
    do(stage, "dag.pause", dag_id="etl", paused=True)
    stage.create_run("etl", "one")
    [reason] = get(stage, "/ui/dags/etl/run/why", run_id="one")["reasons"]
    assert (reason["code"], reason["tasks"]) == ("paused", [])


def test_a_run_that_runs_says_which_tasks_wait_for_what(run: ApiStage) -> None:
    reasons = {reason["code"]: reason for reason in get(run, "/ui/dags/etl/run/why", run_id="one")["reasons"]}
    assert [task_id for reason in reasons.values() for task_id in reason["tasks"]].count("a") == 1
    assert "b" in reasons["upstream"]["tasks"] or "load.x" in reasons["upstream"]["tasks"]
    run.is_away = True
    [away] = get(run, "/ui/dags/etl/run/why", run_id="one")["reasons"]
    assert (away["code"], away["count"]) == ("unknown", 0)


def test_a_run_that_is_over_waits_for_nothing(run: ApiStage) -> None:
    for _ in range(3):
        end(run)
    assert get(run, "/ui/dags/etl/run/why", run_id="one") == {"reasons": []}


def test_an_unknown_run_and_a_dag_that_one_may_not_see_are_not_there(run: ApiStage) -> None:
    run.load(dag("a", dag_id="quiet"))
    pages = ("run", "run/why", "run/timeline")
    assert {run.client.get(f"/ui/dags/etl/{page}", params={"run_id": "none"}).status_code for page in pages} == {404}
    reads = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(ids=frozenset({"quiet"})))
    run.gate.be("kim", Role("some", (reads,)))
    for page in pages:
        answer = run.client.get(f"/ui/dags/etl/{page}", params={"run_id": "one"})
        assert answer.status_code == 404
        assert "by hand" not in answer.text


def test_a_viewer_may_look_and_not_change(run: ApiStage) -> None:
    run.gate.be("kim", "Viewer")
    head = get(run, "/ui/dags/etl/run", run_id="one")
    assert (head["may_change"], head["may_delete"], head["may_run"]) == (False, False, False)
