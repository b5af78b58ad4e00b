"""Dags over HTTP."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from play import do, end

from tradewind.api.app import make_app
from tradewind.api.routing import served_by
from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.timetables import TimetableSpec
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, every


@pytest.fixture
def dags(stage: ApiStage) -> ApiStage:
    for name, tags, folder in (
        ("etl", ("daily",), "etl"),
        ("weather", ("daily", "kma"), "weather"),
        ("old", (), "etl"),
    ):
        stage.load(dag("a >> b", dag_id=name, tags=tags, file=f"{folder}/{name}.py"))
    return stage


def ids(stage: ApiStage, **query: object) -> list[str]:
    answer = stage.client.get("/api/v2/dags", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [each["dag_id"] for each in answer.json()["dags"]]


def test_dags_are_listed_by_what_is_asked_for(dags: ApiStage) -> None:
    assert ids(dags) == ["etl", "old", "weather"]
    assert ids(dags, order_by="-dag_id") == ["weather", "old", "etl"]
    assert ids(dags, tags=["kma", "x"]) == ["weather"]
    assert ids(dags, tags=["kma", "daily"], tags_match_mode="all") == ["weather"]
    assert ids(dags, dag_id_pattern="LD | eath") == ["old", "weather"]
    assert ids(dags, limit=1, offset=1) == ["old"]


def test_a_dag_is_paused_and_goes_on(dags: ApiStage) -> None:
    assert dags.client.patch("/api/v2/dags/etl", json={"is_paused": True}).json()["is_paused"] is True
    assert ids(dags, paused=True) == ["etl"]
    assert dags.client.patch("/api/v2/dags/etl", json={"is_paused": False}).json()["is_paused"] is False


def test_an_order_or_a_field_that_there_is_not_is_named(dags: ApiStage) -> None:
    answer = dags.client.get("/api/v2/dags", params={"order_by": "nonsense"})
    assert answer.status_code == 400
    assert "'nonsense'" in answer.json()["detail"]
    answer = dags.client.patch("/api/v2/dags/etl", json={"is_paused": True, "speed": 3})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "speed"]
    assert dags.client.get("/api/v2/dags/none").status_code == 404


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (DagScope(ids=frozenset({"old"})), ["old"]),
        (DagScope(tags=frozenset({"daily"})), ["etl", "weather"]),
        (DagScope(tags=frozenset({"dail"})), []),
        (DagScope(folders=frozenset({"etl"})), ["etl", "old"]),
        (DagScope(folders=frozenset({"et"})), []),
    ],
)
def test_whoever_may_see_some_dags_sees_these_alone(dags: ApiStage, scope: DagScope, seen: list[str]) -> None:
    """S03"""
    reads = Grant(frozenset({Action.READ}), frozenset({Resource.DAG}), scope)
    dags.gate.be("kim", Role("some", (reads,)))
    answer = dags.client.get("/api/v2/dags")
    if not scope:
        assert answer.status_code == 403
        return
    assert [each["dag_id"] for each in answer.json()["dags"]] == seen
    assert answer.json()["total_entries"] == len(seen)
    for name in ("etl", "weather", "old"):
        assert dags.client.get(f"/api/v2/dags/{name}").status_code == (200 if name in seen else 404)
        status = dags.client.patch(f"/api/v2/dags/{name}", json={"is_paused": True}).status_code
        assert status == 403, "reading is no right to change"


def test_a_viewer_changes_nothing(dags: ApiStage) -> None:
    dags.gate.be("lee", "Viewer")
    assert dags.client.patch("/api/v2/dags/etl", json={"is_paused": True}).status_code == 403
    dags.gate.be("", "Public")
    assert dags.client.get("/api/v2/dags").status_code == 403


def test_without_a_scheduler_reading_goes_on_and_writing_says_so(dags: ApiStage) -> None:
    dags.is_away = True
    assert ids(dags) == ["etl", "old", "weather"]
    answer = dags.client.patch("/api/v2/dags/etl", json={"is_paused": True})
    assert answer.status_code == 503
    assert "scheduler" in answer.json()["detail"]


def test_a_body_too_large_or_too_deep_is_refused(dags: ApiStage) -> None:
    """S20"""
    answer = dags.client.patch("/api/v2/dags/etl", content=b"[" * 70, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "64 levels" in answer.json()["detail"][0]["msg"]
    answer = dags.client.patch("/api/v2/dags/etl", content=b" " * (1 << 20) + b"{}")
    assert answer.status_code == 413


READ_DAGS = Grant(frozenset({Action.READ}), frozenset({Resource.DAG}))


def test_a_dag_is_shown_with_everything_that_is_known_of_it(stage: ApiStage) -> None:
    spec = dag(
        "a >> b", dag_id="etl", display_name="Load it", description="loads", tags=("x",), owners=("ann", "kim"),
        timetable=every(days=1, description="Each day"), max_consecutive_failed_dag_runs=3, catchup=True,
        extra={"allowed_run_types": ["backfill", "manual"]}, tasks={"a": {"max_active_tis_per_dag": 2}},
        doc_md="# Docs", dagrun_timeout_seconds=5400.0, owner_links={"ann": "mailto:ann@example.com"},
        params={"n": {"value": 1, "schema": {"type": "integer"}, "description": "how many"}},
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    stage.load(spec)
    shown = stage.client.get("/api/v2/dags/etl").json()
    assert len(shown.pop("file_token")) == 40
    assert shown.pop("fileloc").endswith("/etl.py")
    assert shown == {
        "dag_id": "etl", "dag_display_name": "Load it", "is_paused": False, "is_stale": False,
        "last_parsed_time": None, "last_parse_duration": None, "last_expired": None, "bundle_name": "dags-folder",
        "bundle_version": None, "relative_fileloc": "etl.py", "description": "loads",
        "timetable_summary": "86400 s", "timetable_description": "Each day", "timetable_partitioned": False,
        "timetable_periodic": True, "tags": [{"name": "x", "dag_id": "etl", "dag_display_name": "Load it"}],
        "max_active_tasks": 16, "max_active_runs": 16, "max_consecutive_failed_dag_runs": 3,
        "has_task_concurrency_limits": True, "has_import_errors": False,
        "next_dagrun_logical_date": "2024-01-01T00:00:00Z", "next_dagrun_data_interval_start": "2024-01-01T00:00:00Z",
        "next_dagrun_data_interval_end": "2024-01-01T00:00:00Z", "next_dagrun_run_after": "2024-01-01T00:00:00Z",
        "allowed_run_types": ["backfill", "manual"], "owners": ["ann", "kim"], "is_backfillable": True,
    } | {name: value for name, value in shown.items() if name.startswith("next_")}  # fmt: skip
    details = stage.client.get("/api/v2/dags/etl/details").json()
    version = details.pop("latest_dag_version")
    assert (version["version_number"], version["dag_display_name"]) == (1, "Load it")
    assert shown.items() <= details.items()
    assert {name: details[name] for name in details.keys() - shown.keys() - {"file_token", "fileloc"}} == {
        "catchup": True, "dag_run_timeout": "PT1H30M", "asset_expression": None, "doc_md": "# Docs",
        "start_date": "2024-01-01T00:00:00Z", "end_date": None, "is_paused_upon_creation": None,
        "params": {"n": {"value": 1, "schema": {"type": "integer"}, "description": "how many"}},
        "render_template_as_native_obj": False, "template_search_path": None, "timezone": "UTC",
        "last_parsed": None, "default_args": None, "rerun_with_latest_version": None,
        "owner_links": {"ann": "mailto:ann@example.com"}, "is_favorite": False,
        "active_runs_count": stage.client.get("/api/v2/dags/etl/dagRuns").json()["total_entries"], "concurrency": 16,
    }  # fmt: skip
    assert stage.client.get("/api/v2/dags/none/details").status_code == 404


def test_dags_are_found_by_what_their_versions_say(dags: ApiStage) -> None:
    salt = {"any": [{"asset": {"name": "salt", "uri": "s3://salt"}}, {"asset_ref": {"uri": "s3://pepper"}}]}
    dags.load(dag("a", dag_id="eats", display_name="Eats 소금", assets=salt, timetable=TimetableSpec(kind="asset")))
    dags.load(dag("a", dag_id="daily", timetable=every(days=1)))
    assert ids(dags, dag_display_name_pattern="소금") == ["eats"]
    assert ids(dags, dag_display_name_pattern="e_ts% 소 | ETL") == ["eats", "etl"]
    assert ids(dags, dag_display_name_prefix_pattern="Eats") == ["eats"]
    assert ids(dags, dag_display_name_prefix_pattern="eats") == [], "what a prefix says is compared as it is written"
    assert ids(dags, has_asset_schedule=True) == ["eats"]
    assert ids(dags, has_asset_schedule=False, dag_id_pattern="daily") == ["daily"]
    assert ids(dags, asset_dependency="PEPPER") == ["eats"]
    assert ids(dags, asset_dependency="sugar") == []
    assert ids(dags, timetable_type="airflow.timetables.trigger.DeltaTriggerTimetable") == ["daily"]
    assert ids(dags, timetable_type=["AssetTriggeredTimetable", "DeltaTriggerTimetable"]) == ["daily", "eats"]
    assert ids(dags, bundle_name="dags-folder", dag_id_pattern="daily") == ["daily"]
    assert ids(dags, bundle_name="other") == ids(dags, bundle_version="1") == []


def test_dags_are_found_and_ordered_by_their_last_runs(dags: ApiStage) -> None:
    do(dags, "run.create", dag_id="etl", run_id="one")
    end(dags, "failed_for_good")
    dags.wait(3600)
    do(dags, "run.create", dag_id="old", run_id="one")
    assert ids(dags, last_dag_run_state="failed") == ["etl"]
    assert ids(dags, dag_run_state=["failed", "running"]) == ["etl", "old"]
    assert ids(dags, dag_run_state=["failed"], last_dag_run_state="running") == []
    assert ids(dags, dag_run_start_date_gte="2024-01-01T01:00:00Z") == ["old"]
    assert ids(dags, dag_run_end_date_lte="2024-01-01T01:00:00Z") == ["etl"]
    assert ids(dags, order_by="last_run_state") == ["etl", "old", "weather"]
    assert ids(dags, order_by="-last_run_start_date") == ["old", "etl", "weather"], "what never ran comes last"


def test_dags_are_paused_as_a_list(dags: ApiStage) -> None:
    some = DagScope(ids=frozenset({"etl", "weather"}))
    dags.gate.be("kim", Role("some", (READ_DAGS, Grant(frozenset({Action.EDIT}), frozenset({Resource.DAG}), some))))
    answer = dags.client.patch("/api/v2/dags", params={"dag_id_pattern": "~"}, json={"is_paused": True})
    assert answer.status_code == 200, answer.text
    assert [(each["dag_id"], each["is_paused"]) for each in answer.json()["dags"]] == [("etl", True), ("weather", True)]
    assert ids(dags, paused=False) == ["old"], "a Dag that one may only see stays as it is"
    again = dags.client.patch("/api/v2/dags", params={"tags": "kma", "paused": True}, json={"is_paused": False}).json()
    assert ([each["dag_id"] for each in again["dags"]], again["total_entries"]) == (["weather"], 1)
    wrong = dags.client.patch("/api/v2/dags", params={"update_mask": "speed"}, json={"is_paused": False})
    assert wrong.status_code == 400


def test_everybody_has_favourites_of_their_own(dags: ApiStage) -> None:
    dags.gate.be("kim", "Viewer")
    for _ in range(2):
        assert dags.client.post("/api/v2/dags/weather/favorite").status_code == 204
    assert ids(dags, is_favorite=True) == ["weather"]
    assert dags.client.get("/api/v2/dags/weather/details").json()["is_favorite"] is True
    dags.gate.be("lee", "Viewer")
    assert ids(dags, is_favorite=True) == []
    assert ids(dags, is_favorite=False) == ["etl", "old", "weather"]
    assert dags.client.post("/api/v2/dags/weather/unfavorite").status_code == 409
    dags.gate.be("kim", "Viewer")
    assert dags.client.post("/api/v2/dags/weather/unfavorite").status_code == 204
    assert ids(dags, is_favorite=True) == []
    assert dags.client.post("/api/v2/dags/none/favorite").status_code == 404
    own = Grant(frozenset(Action), frozenset({Resource.OWN}))
    dags.gate.be("park", Role("own", (own, replace(READ_DAGS, dags=DagScope(ids=frozenset({"etl"}))))))
    assert dags.client.post("/api/v2/dags/weather/favorite").status_code == 404
    assert dags.client.post("/api/v2/dags/etl/favorite").status_code == 204


def test_a_dag_goes_with_its_runs_and_favourites_once_they_are_over(dags: ApiStage) -> None:
    dags.client.post("/api/v2/dags/etl/favorite")
    do(dags, "run.create", dag_id="etl", run_id="one")
    assert dags.client.delete("/api/v2/dags/etl").status_code == 409
    do(dags, "run.mark", dag_id="etl", run_id="one", state="failed")
    end(dags, "cancelled")
    assert dags.client.delete("/api/v2/dags/etl").status_code == 200
    assert dags.client.get("/api/v2/dags/etl").status_code == 404
    dags.load(dag("a", dag_id="etl"))
    assert ids(dags, is_favorite=True) == []


def test_most_routes_come_when_the_first_of_them_is_asked_for(dags: ApiStage) -> None:
    installation = dags.app.state.installation
    app = make_app(installation.settings, dags.reading, link=dags, gate=dags.gate)
    client = TestClient(app)
    assert client.get("/api/v2/dags").json()["total_entries"] == 3
    assert client.get("/api/v2/monitor/health").status_code == 200
    assert not app.state.late.are_there
    assert client.get("/api/v2/pools").status_code == 200
    assert app.state.late.are_there
    assert {(one.method, one.path) for one in served_by(app)} == {(one.method, one.path) for one in served_by(dags.app)}
    assert client.get("/api/v2/nothing").status_code == 404
