"""What the page of a Dag's graph asks for."""

import pytest
from play import get

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.dag import GroupSpec
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag

ETL = dag(
    "a >> load.x >> load.deep.y >> b", dag_id="etl", retries=0, edge_labels=(("a", "load.x", "all of it"),),
    groups=(
        GroupSpec(group_id="load", task_ids=("load.deep.y", "load.x")),
        GroupSpec(group_id="load.deep", label="Deep", parent="load", task_ids=("load.deep.y",)),
    ),
)  # fmt: skip


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    stage.load(ETL)
    return stage


def test_a_graph_has_tasks_with_what_is_before_them_and_the_group_right_around_them(etl: ApiStage) -> None:
    graph = get(etl, "/ui/dags/etl/graph")
    assert [(task["id"], task["label"], task["group"], task["upstream"]) for task in graph["tasks"]] == [
        ("a", "a", None, []),
        ("load.x", "x", "load", ["a"]),
        ("load.deep.y", "y", "load.deep", ["load.x"]),
        ("b", "b", None, ["load.deep.y"]),
    ]
    assert graph["groups"] == [
        {"id": "load", "label": "load", "parent": None},
        {"id": "load.deep", "label": "Deep", "parent": "load"},
    ]
    assert graph["labels"] == [{"upstream": "a", "downstream": "load.x", "text": "all of it"}]
    assert graph["number"] == 1


def test_an_older_version_keeps_its_own_graph(etl: ApiStage) -> None:
    etl.create_run("etl", "before")
    etl.load(dag("a >> c", dag_id="etl"))
    assert [task["id"] for task in get(etl, "/ui/dags/etl/graph")["tasks"]] == ["a", "c"]
    assert len(get(etl, "/ui/dags/etl/graph", version=1)["tasks"]) == 4
    missing = etl.client.get("/ui/dags/etl/graph", params={"version": 9})
    assert (missing.status_code, "no version 9" in missing.json()["detail"]) == (404, True)


def test_the_states_of_a_run_are_those_of_its_tasks_with_all_their_instances(etl: ApiStage) -> None:
    assert get(etl, "/ui/dags/etl/run_states") is None
    etl.create_run("etl", "one")
    etl.finish("etl", "one", "a", "failed")
    etl.create_run("etl", "two")
    etl.finish("etl", "two", "a", "success")
    newest = get(etl, "/ui/dags/etl/run_states")
    assert (newest["run_id"], newest["version"], newest["tasks"]["a"]["state"]) == ("two", 1, "success")
    assert newest["tasks"]["a"]["end"] >= newest["tasks"]["a"]["start"]
    failed = get(etl, "/ui/dags/etl/run_states", run_id="one")
    assert failed["tasks"]["b"]["counts"] == {"upstream_failed": 1}
    assert (failed["state"], failed["tasks"]["a"]["try_number"]) == ("failed", 1)
    assert etl.client.get("/ui/dags/etl/run_states", params={"run_id": "nine"}).status_code == 404


def test_nobody_sees_the_graph_of_a_dag_that_they_may_not_see(etl: ApiStage) -> None:
    etl.load(dag("a", dag_id="quiet"))
    reads = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(ids=frozenset({"quiet"})))
    etl.gate.be("kim", Role("some", (reads,)))
    assert etl.client.get("/ui/dags/quiet/graph").status_code == 200
    for page in ("graph", "run_states"):
        assert etl.client.get(f"/ui/dags/etl/{page}").status_code == 404
    without_runs = Grant(frozenset({Action.READ}), frozenset({Resource.DAG, Resource.TASK}), DagScope(everything=True))
    etl.gate.be("lee", Role("graph", (without_runs,)))
    assert etl.client.get("/ui/dags/etl/run_states").status_code in (403, 404)
