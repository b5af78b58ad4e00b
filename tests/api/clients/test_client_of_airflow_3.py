"""apache-airflow-client 3.3 against a server: it checks each answer against its own models while it reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from play import offers
from serving import Served

from tradewind.testing.airflow_clients import imported
from tradewind.testing.builders import dag, every, expand
from tradewind.testing.scheduler_stage import START
from tradewind.testing.servers import Unavailable

RAW = {"asset": {"name": "raw", "uri": "s3://raw", "group": "lake", "extra": {"owner": "me"}}}


@pytest.fixture(scope="module")
def airflow() -> Iterator[ModuleType]:
    """The package itself."""
    try:
        with imported("3.3") as client:
            yield client
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def api(served: Served, airflow: ModuleType) -> Iterator[Any]:
    """`api.DAGApi` and the others, as people make them."""
    served.stage.load(
        dag("extract >> [rows, load]", dag_id="etl", tags=("daily",), description="Moves it.",
            tasks={"rows": {"map": expand(x="extract")}, "load": {"extra": {"outlets": [RAW]}, "retries": 1}})
    )  # fmt: skip
    served.stage.load(dag("read", dag_id="reads", assets=RAW))
    served.stage.load(
        dag("copy", dag_id="days", timetable=every(days=1), start_date=START - timedelta(days=30), catchup=False)
    )
    configuration = airflow.Configuration(host=served.url, access_token=served.token())

    class Apis:
        def __getattr__(self, name: str) -> Any:
            return getattr(airflow, name)(client)

    with airflow.ApiClient(configuration) as client:
        yield Apis()


def trigger(api: Any, airflow: ModuleType, run_id: str, **body: Any) -> Any:
    given = airflow.TriggerDAGRunPostBody(dag_run_id=run_id, logical_date=None, **body)
    return api.DagRunApi.trigger_dag_run("etl", given)


def test_dags(api: Any, airflow: ModuleType) -> None:
    listed = api.DAGApi.get_dags(tags=["daily"])
    assert [each.dag_id for each in listed.dags] == ["etl"]
    assert listed.total_entries == 1
    [found] = listed.dags
    assert (found.description, found.is_paused, found.tags[0].name) == ("Moves it.", False, "daily")
    details = api.DAGApi.get_dag_details("etl")
    assert details.catchup is False
    assert details.latest_dag_version.version_number == 1
    paused = api.DAGApi.patch_dag("etl", airflow.DAGPatchBody(is_paused=True))
    assert paused.is_paused is True
    assert api.DAGApi.get_dag("etl").is_paused is True
    assert api.DAGApi.patch_dags(airflow.DAGPatchBody(is_paused=False), tags=["daily"]).dags[0].is_paused is False
    assert api.DAGApi.get_dag_tags().tags == ["daily"]
    assert {task.task_id for task in api.TaskApi.get_tasks("etl").tasks} == {"extract", "rows", "load"}
    assert api.DagVersionApi.get_dag_versions("etl").total_entries == 1
    assert api.DagStatsApi.get_dag_stats().total_entries == 3
    assert api.DagWarningApi.list_dag_warnings().dag_warnings == []
    with pytest.raises(airflow.exceptions.NotFoundException) as refused:
        api.DAGApi.get_dag("nowhere")
    assert "nowhere" in refused.value.body


def test_runs(served: Served, api: Any, airflow: ModuleType) -> None:
    made = trigger(api, airflow, "one", conf={"city": "Seoul"}, note="why not")
    assert (made.dag_run_id, made.conf, made.note, made.state) == ("one", {"city": "Seoul"}, "why not", "running")
    served.play_through()
    assert api.DagRunApi.get_dag_run("etl", "one").state == "success"
    trigger(api, airflow, "two")
    listed = api.DagRunApi.get_dag_runs("~", order_by=["-run_id"], run_id_pattern="one|two")
    assert [run.dag_run_id for run in listed.dag_runs] == ["two", "one"]
    batch = api.DagRunApi.get_list_dag_runs_batch("~", airflow.DAGRunsBatchBody(dag_ids=["etl"], states=["success"]))
    assert "one" in [run.dag_run_id for run in batch.dag_runs]
    marked = api.DagRunApi.patch_dag_run("etl", "two", airflow.DAGRunPatchBody(state="failed", note="enough"))
    assert (marked.state, marked.note) == ("failed", "enough")
    with pytest.raises(airflow.exceptions.ConflictException):
        trigger(api, airflow, "two")
    api.DagRunApi.delete_dag_run("etl", "one")
    with pytest.raises(airflow.exceptions.NotFoundException):
        api.DagRunApi.get_dag_run("etl", "one")


def test_what_cannot_be_used_is_refused_with_a_sentence_or_field_by_field(api: Any, airflow: ModuleType) -> None:
    with pytest.raises(airflow.exceptions.BadRequestException) as refused:
        api.DagRunApi.get_dag_runs("etl", order_by=["nonsense"])
    assert "nonsense" in refused.value.data.detail.actual_instance
    with pytest.raises(airflow.exceptions.UnprocessableEntityException) as unfit:
        api.TaskInstanceApi.get_mapped_task_instance("etl", "one", "rows", -2)
    assert [each.actual_instance for each in unfit.value.data.detail[0].loc] == ["path", "map_index"]


def test_task_instances(served: Served, api: Any, airflow: ModuleType) -> None:
    trigger(api, airflow, "tasks")
    waits = api.TaskInstanceApi.get_task_instance_dependencies("etl", "tasks", "load")
    assert waits.dependencies[0].reason
    served.play_through()
    listed = api.TaskInstanceApi.get_task_instances("etl", "tasks", order_by=["task_id"])
    assert [(task.task_id, task.map_index, task.state) for task in listed.task_instances] == [
        ("extract", -1, "success"), ("load", -1, "success"), ("rows", 0, "success"), ("rows", 1, "success"),
    ]  # fmt: skip
    mapped = api.TaskInstanceApi.get_mapped_task_instances("etl", "tasks", "rows")
    assert mapped.total_entries == 2
    one = api.TaskInstanceApi.get_task_instance("etl", "tasks", "load")
    assert (one.try_number, one.pool, one.hostname) == (1, "default_pool", "local")
    tries = api.TaskInstanceApi.get_task_instance_tries("etl", "tasks", "load")
    assert [each.try_number for each in tries.task_instances] == [1]
    everywhere = api.TaskInstanceApi.get_task_instances_batch(
        "~", "~", airflow.TaskInstancesBatchBody(dag_run_ids=["tasks"], task_ids=["rows"])
    )
    assert everywhere.total_entries == 2


def test_clearing_and_marking(served: Served, api: Any, airflow: ModuleType) -> None:
    trigger(api, airflow, "cleared")
    served.play_through()
    wish = {
        "dag_run_id": "cleared", "only_failed": False, "task_ids": [airflow.ClearTaskInstancesBodyTaskIdsInner("load")],
    }  # fmt: skip
    seen = api.TaskInstanceApi.post_clear_task_instances("etl", airflow.ClearTaskInstancesBody(dry_run=True, **wish))
    assert [task.task_id for task in seen.task_instances] == ["load"]
    assert api.TaskInstanceApi.get_task_instance("etl", "cleared", "load").state == "success"
    api.TaskInstanceApi.post_clear_task_instances("etl", airflow.ClearTaskInstancesBody(dry_run=False, **wish))
    assert [offer.task_id for offer in offers(served.stage)] == ["load"]
    assert api.DagRunApi.get_dag_run("etl", "cleared").state == "running"
    body = airflow.PatchTaskInstanceBody(new_state="failed", note="by hand")
    marked = api.TaskInstanceApi.patch_task_instance("etl", "cleared", "load", body)
    assert [(task.state, task.note) for task in marked.task_instances] == [("failed", "by hand")]
    assert api.DagRunApi.get_dag_run("etl", "cleared").state == "failed"
    cleared = api.DagRunApi.clear_dag_run("etl", "cleared", airflow.DAGRunClearBody(dry_run=False))
    assert cleared.actual_instance.dag_run_id == "cleared"
    assert api.DagRunApi.get_dag_run("etl", "cleared").state in ("queued", "running")


def test_xcoms(served: Served, api: Any, airflow: ModuleType) -> None:
    trigger(api, airflow, "values")
    served.play_through()
    extract = {"dag_id": "etl", "dag_run_id": "values", "task_id": "extract"}
    listed = api.XComApi.get_xcom_entries(**extract)
    assert [entry.key for entry in listed.xcom_entries] == ["return_value"]
    native = api.XComApi.get_xcom_entry(**extract, xcom_key="return_value")
    assert native.actual_instance.value == [1, 2]
    text = api.XComApi.get_xcom_entry(**extract, xcom_key="return_value", stringify=True)
    assert text.actual_instance.value == "[1, 2]"
    made = api.XComApi.create_xcom_entry(
        **extract | {"task_id": "load"}, x_com_create_body=airflow.XComCreateBody(key="k", value={"a": 1})
    )
    assert made.value == {"a": 1}


def test_variables(api: Any, airflow: ModuleType) -> None:
    api.VariableApi.post_variable(airflow.VariableBody(key="city/of", value="Seoul", description="where"))
    changed = api.VariableApi.patch_variable("city/of", airflow.VariableBody(key="city/of", value="Busan"))
    assert (changed.value, changed.description) == ("Busan", "where")
    assert api.VariableApi.get_variable("city/of").value == "Busan"
    entities = [airflow.VariableBody(key="a", value="1"), airflow.VariableBody(key="city/of", value="2")]
    action = airflow.BulkCreateActionVariableBody(action="create", entities=entities)
    done = api.VariableApi.bulk_variables(airflow.BulkBodyVariableBody(actions=[airflow.ActionsInner4(action)]))
    assert done.create.errors
    assert {each.key for each in api.VariableApi.get_variables().variables} >= {"city/of"}
    api.VariableApi.delete_variable("city/of")
    with pytest.raises(airflow.exceptions.NotFoundException):
        api.VariableApi.get_variable("city/of")


def test_connections(api: Any, airflow: ModuleType) -> None:
    body = airflow.ConnectionBody(
        connection_id="db", conn_type="postgres", host="here", port=5432, login="me", password="secret",
        extra='{"sslmode": "require"}',
    )  # fmt: skip
    made = api.ConnectionApi.post_connection(body)
    assert (made.connection_id, made.host, made.port) == ("db", "here", 5432)
    assert made.password != "secret"
    assert [each.connection_id for each in api.ConnectionApi.get_connections().connections] == ["db"]
    changed = airflow.ConnectionBody(connection_id="db", conn_type="postgres", host="there")
    assert api.ConnectionApi.patch_connection("db", changed, update_mask=["host"]).host == "there"
    assert api.ConnectionApi.get_connection("db").login == "me"
    api.ConnectionApi.delete_connection("db")
    with pytest.raises(airflow.exceptions.NotFoundException):
        api.ConnectionApi.get_connection("db")


def test_pools(api: Any, airflow: ModuleType) -> None:
    made = api.PoolApi.post_pool(airflow.PoolBody(name="small", slots=2, description="few"))
    assert (made.slots, made.open_slots, made.occupied_slots) == (2, 2, 0)
    assert api.PoolApi.patch_pool("small", airflow.PoolPatchBody(slots=3), update_mask=["slots"]).slots == 3
    assert [pool.name for pool in api.PoolApi.get_pools().pools] == ["default_pool", "small"]
    api.PoolApi.delete_pool("small")
    with pytest.raises(airflow.exceptions.BadRequestException):
        api.PoolApi.delete_pool("default_pool")


def test_assets(served: Served, api: Any, airflow: ModuleType) -> None:
    [asset] = api.AssetApi.get_assets().assets
    assert (asset.name, asset.group, asset.producing_tasks[0].task_id) == ("raw", "lake", "load")
    event = api.AssetApi.create_asset_event(airflow.CreateAssetEventsBody(asset_id=asset.id, extra={"by": "hand"}))
    assert event.extra["by"] == "hand"
    events = api.AssetApi.get_asset_events(asset_id=asset.id)
    assert events.total_entries == 1
    assert events.asset_events[0].created_dagruns[0].dag_id == "reads"
    [run] = api.DagRunApi.get_dag_runs("reads").dag_runs
    assert run.run_type == "asset_triggered"
    upstream = api.DagRunApi.get_upstream_asset_events("reads", run.dag_run_id)
    assert upstream.total_entries == 1
    with pytest.raises(airflow.exceptions.NotFoundException):
        api.AssetApi.get_asset(10**9)


def test_backfills(api: Any, airflow: ModuleType) -> None:
    body = {"dag_id": "days", "from_date": START - timedelta(days=9), "to_date": START - timedelta(days=7)}
    planned = api.BackfillApi.create_backfill_dry_run(airflow.BackfillPostBody(**body))
    assert planned.total_entries == 3
    made = api.BackfillApi.create_backfill(airflow.BackfillPostBody(max_active_runs=1, **body))
    assert made.dag_id == "days"
    assert [each.id for each in api.BackfillApi.list_backfills("days").backfills] == [made.id]
    assert api.BackfillApi.pause_backfill(made.id).is_paused is True
    assert api.BackfillApi.cancel_backfill(made.id).completed_at is not None


def test_the_event_log(api: Any, airflow: ModuleType) -> None:
    trigger(api, airflow, "logged")
    logged = api.EventLogApi.get_event_logs(dag_id="etl")
    assert logged.total_entries > 0
    one = api.EventLogApi.get_event_log(logged.event_logs[0].event_log_id)
    assert one.dag_id == "etl"
    assert one.when <= datetime.now(UTC)


def test_config_and_how_it_is(served: Served, api: Any, airflow: ModuleType) -> None:
    [section] = api.ConfigApi.get_config(section="core").sections
    assert section.name == "core"
    value = api.ConfigApi.get_config_value("core", "parallelism").sections[0].options[0].value.actual_instance
    assert int(value) > 0
    health = api.MonitorApi.get_health()
    assert health.metadatabase.status == "healthy"
    assert api.VersionApi.get_version().version
    assert api.ProviderApi.get_providers().total_entries >= 0
    assert api.PluginApi.get_plugins().total_entries >= 0
    assert api.JobApi.get_jobs().total_entries >= 0
    assert api.ImportErrorApi.get_import_errors().import_errors == []


def test_whoever_is_nobody_or_may_not_is_told_so(served: Served, airflow: ModuleType) -> None:
    with airflow.ApiClient(airflow.Configuration(host=served.url)) as client:
        with pytest.raises(airflow.exceptions.UnauthorizedException):
            airflow.DAGApi(client).get_dags()
    token = served.token("kim")
    with airflow.ApiClient(airflow.Configuration(host=served.url, access_token=token)) as client:
        assert airflow.DAGApi(client).get_dags().total_entries == 3
        with pytest.raises(airflow.exceptions.ForbiddenException):
            airflow.PoolApi(client).post_pool(airflow.PoolBody(name="small", slots=2))


def test_a_run_is_made_once_however_often_it_is_sent(served: Served, api: Any, airflow: ModuleType) -> None:
    configuration = airflow.Configuration(host=served.url, access_token=served.token())
    with airflow.ApiClient(configuration, "Idempotency-Key", "mine") as client:
        body = airflow.TriggerDAGRunPostBody(logical_date=None, note="once")
        first, second = (airflow.DagRunApi(client).trigger_dag_run("etl", body).dag_run_id for _ in range(2))
    assert first == second
    runs = api.DagRunApi.get_dag_runs("etl", run_type=["manual"], order_by=["-id"]).dag_runs
    assert [run.note for run in runs].count("once") == 1
