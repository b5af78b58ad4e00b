"""apache-airflow-client 2.10 against a server's /api/v1: it checks the type of everything that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from login_stage import PASSWORD
from play import offers
from serving import USER, Served

from tradewind.testing.airflow_clients import imported
from tradewind.testing.builders import dag, expand
from tradewind.testing.servers import Unavailable

RAW = {"asset": {"name": "raw", "uri": "s3://raw/x", "group": "lake", "extra": {"owner": "me"}}}
CLEAN = {"asset": {"name": "clean", "uri": "s3://clean", "group": "lake", "extra": {}}}
JANUARY = datetime(2023, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def airflow() -> Iterator[ModuleType]:
    """The package itself."""
    try:
        with imported("2.10") as client:
            yield client
    except Unavailable as reason:
        pytest.skip(str(reason))


class Apis:
    """`api.dag.DAGApi` and the others, and `api.model.…`, as people import them."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module("airflow_client.client.apis"), name)(self._client)

    def model(self, module: str, name: str, /, **given: Any) -> Any:
        return getattr(import_module(f"airflow_client.client.model.{module}"), name)(**given)


@pytest.fixture(scope="module")
def api(served: Served, airflow: ModuleType) -> Iterator[Apis]:
    served.stage.load(
        dag("extract >> [rows, load]", dag_id="etl", tags=("daily",), description="Moves it.",
            tasks={"rows": {"map": expand(x="extract")},
                   "load": {"extra": {"outlets": [RAW]}, "retries": 1, "retry_delay_seconds": 60.0}})
    )  # fmt: skip
    served.stage.load(dag("read", dag_id="reads", assets={"all": [RAW, CLEAN]}))
    configuration = airflow.Configuration(host=f"{served.url}/api/v1", username=USER, password=PASSWORD)
    with airflow.ApiClient(configuration) as client:
        yield Apis(client)


def trigger(served: Served, api: Apis, run_id: str, **body: Any) -> Any:
    """A run, of a moment that no other run has: in Airflow 2 each has a date of its own."""
    served.stage.seconds += 1
    return api.DAGRunApi.post_dag_run("etl", api.model("dag_run", "DAGRun", dag_run_id=run_id, **body))


def refused(airflow: ModuleType, status: int, call: Any, *args: Any, **given: Any) -> str:
    """What the server says to a call that it must refuse."""
    with pytest.raises(airflow.ApiException) as error:
        call(*args, **given)
    assert error.value.status == status
    assert error.value.headers["content-type"] == "application/problem+json"
    return str(error.value.body)


def test_dags(api: Apis, airflow: ModuleType) -> None:
    listed = api.DAGApi.get_dags(tags=["daily"], limit=10)
    assert [each.dag_id for each in listed.dags] == ["etl"]
    assert listed.total_entries == 1
    [found] = listed.dags
    assert (found.description, found.is_paused, found.is_active, found.tags[0].name) == (
        "Moves it.", False, True, "daily",
    )  # fmt: skip
    details = api.DAGApi.get_dag_details("etl")
    assert (details.catchup, details.concurrency, details.timezone) == (False, 16.0, "UTC")
    dag_model = api.model("dag", "DAG", is_paused=True)
    assert api.DAGApi.patch_dag("etl", dag_model, update_mask=["is_paused"]).is_paused is True
    dag_model = api.model("dag", "DAG", is_paused=False)
    assert api.DAGApi.patch_dags("etl", dag_model).dags[0].is_paused is False
    tasks = {task.task_id: task for task in api.DAGApi.get_tasks("etl").tasks}
    assert tasks["rows"].is_mapped is True
    assert (tasks["load"].retries, tasks["load"].retry_delay.seconds) == (1.0, 60)
    assert api.DAGApi.get_task("etl", "load").class_ref.class_name == "PythonOperator"
    [stats] = api.DagStatsApi.get_dag_stats("etl").dags
    assert {each.state for each in stats.stats} == {"queued", "running", "success", "failed"}
    assert api.DagWarningApi.get_dag_warnings().dag_warnings == []
    assert "nowhere" in refused(airflow, 404, api.DAGApi.get_dag, "nowhere")


def test_runs(served: Served, api: Apis, airflow: ModuleType) -> None:
    made = trigger(served, api, "one", conf={"city": "Seoul"}, logical_date=JANUARY)
    assert (made.dag_run_id, made.conf, made.state.value) == ("one", {"city": "Seoul"}, "running")
    assert (made.execution_date, made.run_type, made.external_trigger) == (JANUARY, "manual", True)
    served.play_through()
    assert api.DAGRunApi.get_dag_run("etl", "one").state.value == "success"
    listed = api.DAGRunApi.get_dag_runs("~", execution_date_lte=JANUARY)
    assert [run.dag_run_id for run in listed.dag_runs] == ["one"]
    form = api.model("list_dag_runs_form", "ListDagRunsForm", dag_ids=["etl"], execution_date_lte=JANUARY)
    assert [run.dag_run_id for run in api.DAGRunApi.get_dag_runs_batch(form).dag_runs] == ["one"]
    note = api.model("set_dag_run_note", "SetDagRunNote", note="enough")
    assert api.DAGRunApi.set_dag_run_note("etl", "one", note).note == "enough"
    state = api.model("update_dag_run_state", "UpdateDagRunState", state="failed")
    assert api.DAGRunApi.update_dag_run_state("etl", "one", state).state.value == "failed"
    seen = api.DAGRunApi.clear_dag_run("etl", "one", api.model("clear_dag_run", "ClearDagRun", dry_run=True))
    assert seen["total_entries"] == 4
    cleared = api.DAGRunApi.clear_dag_run("etl", "one", api.model("clear_dag_run", "ClearDagRun", dry_run=False))
    assert cleared["dag_run_id"] == "one"
    served.play_through()
    assert "already" in refused(airflow, 409, trigger, served, api, "one")
    api.DAGRunApi.delete_dag_run("etl", "one")
    refused(airflow, 404, api.DAGRunApi.get_dag_run, "etl", "one")


def test_a_run_without_a_date_is_one_of_now(served: Served, api: Apis) -> None:
    assert trigger(served, api, "undated").execution_date == served.stage.now()


def test_task_instances(served: Served, api: Apis, airflow: ModuleType) -> None:
    trigger(served, api, "tasks")
    of = ("etl", "tasks")
    assert api.TaskInstanceApi.get_task_instance_dependencies(*of, "load").dependencies[0].reason
    served.play_through()
    listed = api.TaskInstanceApi.get_task_instances(*of)
    assert sorted((task.task_id, task.map_index, task.state.value) for task in listed.task_instances) == [
        ("extract", -1, "success"), ("load", -1, "success"), ("rows", 0, "success"), ("rows", 1, "success"),
    ]  # fmt: skip
    assert api.TaskInstanceApi.get_mapped_task_instances(*of, "rows").total_entries == 2
    one = api.TaskInstanceApi.get_task_instance(*of, "load")
    assert (one.try_number, one.pool, one.hostname) == (1, "default_pool", "local")
    assert api.TaskInstanceApi.get_mapped_task_instance(*of, "rows", 1).map_index == 1
    form = api.model("list_task_instance_form", "ListTaskInstanceForm", dag_ids=["etl"], task_ids=["rows"])
    assert api.TaskInstanceApi.get_task_instances_batch(form).total_entries >= 2
    assert api.TaskInstanceApi.get_extra_links(*of, "load").extra_links == []
    log = api.TaskInstanceApi.get_log(*of, "load", 1)
    assert "no log" in log.content
    note = api.model("set_task_instance_note", "SetTaskInstanceNote", note="seen")
    assert api.TaskInstanceApi.set_task_instance_note(*of, "load", note).note == "seen"
    assert "no instance 7" in refused(airflow, 404, api.TaskInstanceApi.get_mapped_task_instance, *of, "rows", 7)


def test_clearing_and_marking(served: Served, api: Apis) -> None:
    trigger(served, api, "cleared")
    served.play_through()
    wish = {"dag_run_id": "cleared", "task_ids": ["load"], "only_failed": False}
    seen = api.DAGApi.post_clear_task_instances("etl", api.model("clear_task_instances", "ClearTaskInstances", **wish))
    assert [task.task_id for task in seen.task_instances] == ["load"]
    assert offers(served.stage) == []
    wish |= {"dry_run": False, "reset_dag_runs": True}
    api.DAGApi.post_clear_task_instances("etl", api.model("clear_task_instances", "ClearTaskInstances", **wish))
    assert [offer.task_id for offer in offers(served.stage)] == ["load"]
    state = api.model("update_task_state", "UpdateTaskState", value="failed")
    body = api.model("update_task_instance", "UpdateTaskInstance", dry_run=False, new_state=state)
    marked = api.TaskInstanceApi.patch_task_instance("etl", "cleared", "load", body)
    assert (marked.task_id, marked.dag_run_id) == ("load", "cleared")
    assert api.DAGRunApi.get_dag_run("etl", "cleared").state.value == "failed"
    again = api.TaskInstanceApi.patch_task_instance("etl", "cleared", "load", body)
    assert again.task_id == "load"
    date = api.DAGRunApi.get_dag_run("etl", "cleared").execution_date.isoformat()
    form = api.model(
        "update_task_instances_state", "UpdateTaskInstancesState", dry_run=False, task_id="load", execution_date=date,
        new_state=api.model("update_task_state", "UpdateTaskState", value="success"), include_upstream=False,
    )  # fmt: skip
    changed = api.DAGApi.post_set_task_instances_state("etl", form)
    assert [task.task_id for task in changed.task_instances] == ["load"]


def test_xcoms(served: Served, api: Apis) -> None:
    trigger(served, api, "values")
    served.play_through()
    listed = api.XComApi.get_xcom_entries("etl", "values", "extract")
    assert [entry.key for entry in listed.xcom_entries] == ["return_value"]
    entry = api.XComApi.get_xcom_entry("etl", "values", "extract", "return_value")
    assert entry.value == "[1, 2]"


def test_variables_connections_and_pools(api: Apis, airflow: ModuleType) -> None:
    api.VariableApi.post_variables(api.model("variable", "Variable", key="city", value="Seoul", description="where"))
    changed = api.VariableApi.patch_variable("city", api.model("variable", "Variable", key="city", value="Busan"))
    assert (changed.value, changed.description) == ("Busan", "where")
    assert [each.key for each in api.VariableApi.get_variables().variables] == ["city"]
    api.VariableApi.delete_variable("city")
    refused(airflow, 404, api.VariableApi.get_variable, "city")

    given = {"connection_id": "db", "conn_type": "postgres", "host": "here", "port": 5432, "password": "secret"}
    assert api.ConnectionApi.post_connection(api.model("connection", "Connection", **given)).host == "here"
    patch = api.model("connection", "Connection", host="there")
    assert api.ConnectionApi.patch_connection("db", patch, update_mask=["host"]).host == "there"
    kept = api.ConnectionApi.get_connection("db")
    assert (kept.conn_type, kept.port) == ("postgres", 5432)
    assert [each.connection_id for each in api.ConnectionApi.get_connections().connections] == ["db"]
    refused(airflow, 403, api.ConnectionApi.test_connection, api.model("connection", "Connection", **given))
    api.ConnectionApi.delete_connection("db")

    assert api.PoolApi.post_pool(api.model("pool", "Pool", name="small", slots=2)).open_slots == 2
    assert api.PoolApi.patch_pool("small", api.model("pool", "Pool", slots=3), update_mask=["slots"]).slots == 3
    assert [pool.name for pool in api.PoolApi.get_pools().pools] == ["default_pool", "small"]
    api.PoolApi.delete_pool("small")
    refused(airflow, 400, api.PoolApi.delete_pool, "default_pool")


def test_datasets(api: Apis, airflow: ModuleType) -> None:
    uris = [each.uri for each in api.DatasetApi.get_datasets(order_by="uri").datasets]
    assert uris == ["s3://clean", "s3://raw/x"]
    raw = api.DatasetApi.get_dataset("s3://raw/x")
    assert [task.task_id for task in raw.producing_tasks] == ["load"]
    assert [each.dag_id for each in raw.consuming_dags] == ["reads"]
    body = api.model("create_dataset_event", "CreateDatasetEvent", dataset_uri="s3://clean", extra={"by": "hand"})
    event = api.DatasetApi.create_dataset_event(body)
    assert (event.dataset_uri, event.extra["by"]) == ("s3://clean", "hand")
    waiting = api.DatasetApi.get_dag_dataset_queued_events("reads")
    assert "s3://clean" in [each.uri for each in waiting.datasets]
    assert api.DatasetApi.get_dag_dataset_queued_event("reads", "s3://clean").dag_id == "reads"
    assert api.DatasetApi.get_dataset_queued_events("s3://clean").total_entries == 1
    api.DatasetApi.delete_dag_dataset_queued_event("reads", "s3://clean")
    assert "s3://clean" not in str(api.DatasetApi.get_dag_dataset_queued_events("reads"))
    assert api.DatasetApi.get_dataset_events(source_dag_id="nowhere").total_entries == 0
    refused(airflow, 404, api.DatasetApi.get_dataset, "s3://nowhere")


def test_users_and_roles(api: Apis, airflow: ModuleType) -> None:
    role = [{"action": {"name": "can_read"}, "resource": {"name": "DAG:etl"}}]
    made = api.RoleApi.post_role(api.model("role", "Role", name="readers", actions=actions(api, role)))
    assert [(each.action.name, each.resource.name) for each in made.actions] == [("can_read", "DAG:etl")]
    more = [*role, {"action": {"name": "can_edit"}, "resource": {"name": "Pools"}}]
    changed = api.RoleApi.patch_role("readers", api.model("role", "Role", name="readers", actions=actions(api, more)))
    assert len(changed.actions) == 2
    assert "readers" in [each.name for each in api.RoleApi.get_roles().roles]
    assert {each.name for each in api.PermissionApi.get_permissions().actions} >= {"can_read", "can_edit"}
    given = {"username": "ann", "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee"}
    user = api.UserApi.post_user(api.model("user", "User", **given, password="Sea-horse-99", roles=named("readers")))
    assert (user.username, user.active, [each.name for each in user.roles]) == ("ann", True, ["readers"])
    patched = api.UserApi.patch_user("ann", api.model("user", "User", **given | {"email": "a@example.com"}))
    assert patched.email == "a@example.com"
    assert "ann" in [each.username for each in api.UserApi.get_users().users]
    api.UserApi.delete_user("ann")
    refused(airflow, 404, api.UserApi.get_user, "ann")
    api.RoleApi.delete_role("readers")


def named(*roles: str) -> list[Any]:
    module = import_module("airflow_client.client.model.user_collection_item_roles")
    return [module.UserCollectionItemRoles(name=role) for role in roles]


def actions(api: Apis, pairs: list[dict[str, Any]]) -> list[Any]:
    return [
        api.model(
            "action_resource", "ActionResource", action=api.model("action", "Action", **pair["action"]),
            resource=api.model("resource", "Resource", **pair["resource"]),
        )
        for pair in pairs
    ]  # fmt: skip


def test_how_it_is(served: Served, api: Apis, airflow: ModuleType) -> None:
    trigger(served, api, "logged")
    logged = api.EventLogApi.get_event_logs(dag_id="etl", run_id="logged")
    assert logged.total_entries > 0
    assert api.EventLogApi.get_event_log(logged.event_logs[0].event_log_id).dag_id == "etl"
    [section] = api.ConfigApi.get_config(section="core").sections
    assert "parallelism" in [option.key for option in section.options]
    assert api.MonitoringApi.get_health().metadatabase.status.value == "healthy"
    assert api.MonitoringApi.get_version().version
    assert api.ProviderApi.get_providers()["providers"] is not None
    assert api.PluginApi.get_plugins().plugins == []
    assert api.ImportErrorApi.get_import_errors().import_errors == []


def test_whoever_is_nobody_or_may_not_is_told_so(served: Served, api: Apis, airflow: ModuleType) -> None:
    host = f"{served.url}/api/v1"
    with airflow.ApiClient(airflow.Configuration(host=host)) as client:
        assert "Not authenticated" in refused(airflow, 401, Apis(client).DAGApi.get_dags)
    with airflow.ApiClient(airflow.Configuration(host=host, username="kim", password=PASSWORD)) as client:
        kim = Apis(client)
        assert kim.DAGApi.get_dags().total_entries == 2
        refused(airflow, 403, kim.PoolApi.post_pool, api.model("pool", "Pool", name="small", slots=2))
