"""What the web UI's pages ask for."""

import base64

import pytest
from play import get

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.dag import GroupSpec
from tradewind.store.reading.grid import PACKED
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, every
from tradewind.testing.scheduler_stage import START

ETL = dag(
    "a >> load.x >> load.deep.y >> b", dag_id="etl", retries=0,
    groups=(
        GroupSpec(group_id="load", task_ids=("load.deep.y", "load.x")),
        GroupSpec(group_id="load.deep", label="Deep", parent="load", task_ids=("load.deep.y",)),
    ),
)  # fmt: skip


@pytest.fixture
def runs(stage: ApiStage) -> ApiStage:
    stage.load(ETL)
    stage.load(dag("a", dag_id="quiet"))
    stage.load(dag("a", dag_id="late", timetable=every(days=1), start_date=START, max_active_runs=1, catchup=True))
    for run_id in ("one", "two"):
        stage.create_run("etl", run_id)
        stage.finish("etl", run_id, "a", "success" if run_id == "one" else "failed")
    return stage


def test_what_needs_attention_comes_first_with_its_last_runs(runs: ApiStage) -> None:
    listed = get(runs, "/ui/dags")
    first = listed["dags"][0]
    assert (first["dag_id"], first["last_state"], first["open_runs"]) == ("etl", "failed", 1)
    assert [run["state"] for run in listed["dags"][0]["runs"]] == ["running", "failed"]
    assert listed["counts"]["failing"] == 1
    assert listed["counts"]["all"] == listed["total"] == 3
    assert [row["dag_id"] for row in get(runs, "/ui/dags", show="failing")["dags"]] == ["etl"]
    assert [row["dag_id"] for row in get(runs, "/ui/dags", search="qui")["dags"]] == ["quiet"]


def test_a_grid_has_groups_in_reading_order_and_a_byte_for_each_state(runs: ApiStage) -> None:
    grid = get(runs, "/ui/dags/etl/grid")
    assert grid["tasks"] == ["a", "load.x", "load.deep.y", "b"]
    assert [(row["label"], row["depth"], row["is_group"], row["tasks"]) for row in grid["rows"]] == [
        ("a", 0, False, [0]), ("load", 0, True, [1, 2]), ("x", 1, False, [1]), ("Deep", 1, True, [2]),
        ("y", 2, False, [2]), ("b", 0, False, [3]),
    ]  # fmt: skip
    packed = base64.b64decode(grid["states"])
    names = [[PACKED[code] for code in packed[at : at + 4]] for at in (0, 4)]
    assert [run["run_id"] for run in grid["runs"]] == ["one", "two"]
    assert names[0][0] == "success"
    assert names[0][1] in ("queued", "running", "scheduled")
    assert names[1] == ["failed", "upstream_failed", "upstream_failed", "upstream_failed"]


def test_a_panel_says_what_why_and_which_tries(runs: ApiStage) -> None:
    panel = get(runs, "/ui/dags/etl/task", run_id="two", task_id="a")
    assert (panel["state"], panel["why"], [each["state"] for each in panel["tries"]]) == ("failed", [], ["failed"])
    waiting = get(runs, "/ui/dags/etl/task", run_id="one", task_id="b")
    assert waiting["why"][0]["code"] == "upstream"
    assert runs.client.get("/ui/dags/etl/task", params={"run_id": "one", "task_id": "z"}).status_code == 404


def test_a_reader_of_one_dag_sees_no_trace_of_another(runs: ApiStage) -> None:
    reads = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(ids=frozenset({"quiet"})))
    runs.gate.be("kim", Role("some", (reads,)))
    listed = runs.client.get("/ui/dags")
    assert "etl" not in listed.text
    assert listed.json()["counts"] == {"all": 1, "failing": 0, "running": 0, "late": 0, "paused": 0}
    assert runs.client.get("/ui/dags/etl/grid").status_code == 404
    assert runs.client.get("/ui/dags/etl/task", params={"run_id": "one", "task_id": "a"}).status_code == 404


def test_the_head_of_a_dag_says_how_it_fares(runs: ApiStage) -> None:
    head = get(runs, "/ui/dags/etl/head")
    assert (head["last_state"], head["failed_in_a_row"], head["may_run"]) == ("failed", 1, True)
    assert get(runs, "/ui/dags/quiet/head")["last_state"] is None
    assert runs.client.get("/ui/dags/nowhere/head").status_code == 404


def test_a_grid_is_true_again_after_a_task_of_a_run_that_was_over_is_cleared_or_marked(runs: ApiStage) -> None:
    def fresh() -> tuple[str, str]:
        asked = get(runs, "/ui/dags/etl/grid")["states"]
        runs.app.state.installation.columns.__init__()
        return asked, get(runs, "/ui/dags/etl/grid")["states"]

    first, again = fresh()
    assert first == again
    answer = runs.client.post(
        "/api/v2/dags/etl/clearTaskInstances",
        json={
            "dry_run": False,
            "dag_run_id": "two",
            "task_ids": ["a"],
            "include_downstream": True,
            "only_failed": False,
        },
    )
    assert answer.status_code == 200, answer.text
    cleared, again = fresh()
    assert cleared == again != first
    runs.finish("etl", "two", "a", "failed")
    answer = runs.client.patch("/api/v2/dags/etl/dagRuns/two/taskInstances/b", json={"new_state": "success"})
    assert answer.status_code == 200, answer.text
    marked, again = fresh()
    assert marked == again
    assert marked not in (first, cleared)
