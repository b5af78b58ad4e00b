"""/api/v1 where it differs from what stands behind it: Airflow 2's words, problem documents, what could be lost on the
way. That its client can read it is tested in clients/."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from play import at
from task_play import begin, finish, start
from test_dag_versions import keep_sources

from tradewind.config import load_settings
from tradewind.core.access import ALL_ACTIONS, DagScope, Grant, Resource, Role
from tradewind.core.decisions import PutRow
from tradewind.scheduler.owner import Rows
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.log_files import log_path
from tradewind.wire.messages import Question

V1 = "/api/v1"
RUNS = f"{V1}/dags/etl/dagRuns"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    stage.load(dag("a >> b", dag_id="etl", tags=("daily",)), source="# the file")
    return stage


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[ApiStage]:
    """An installation in which nothing is changed: what is asked of it is refused, or changes nothing."""
    home = tmp_path_factory.mktemp("quiet")
    shutil.copy(migrated, home / "tradewind.db")
    stage = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(home)}))
    stage.load(dag("a >> b", dag_id="etl", tags=("daily",)))
    yield stage
    stage.close()


def get(stage: ApiStage, path: str, status: int = 200, **query: Any) -> Any:
    answer = stage.client.get(V1 + path, params=query or None)
    assert answer.status_code == status, answer.text
    return answer.json()


def send(stage: ApiStage, method: str, path: str, body: Any = None, status: int = 200, **query: Any) -> Any:
    answer = stage.client.request(method, V1 + path, json=body, params=query)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


# --- problems --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "title"),
    [
        ("GET", "/dags/none", None, 404, "Not Found"),
        ("GET", "/nowhere", None, 404, "Not Found"),
        ("GET", "/dags?limit=many", None, 400, "Bad Request"),
        ("GET", "/dags?order_by=shoe_size", None, 400, "Bad Request"),
        ("GET", "/pools/%00", None, 400, "Bad Request"),
        ("PUT", "/dags", None, 405, "Method Not Allowed"),
        ("POST", "/pools", b'{"name": "x", "slots": "many"}', 400, "Bad Request"),
        ("POST", "/pools", b"{", 400, "Bad Request"),
        ("POST", "/pools", b"[" * 100, 400, "Bad Request"),
        ("POST", "/pools", b'"' + b"x" * (1 << 20) + b'"', 413, None),
        ("POST", "/dags/etl/dagRuns", b'{"shoe_size": 1}', 400, "Bad Request"),
        ("POST", "/dags/etl/dagRuns", b'{"data_interval_start": "2024-01-01T00:00:00Z"}', 400, "Bad Request"),
        ("POST", "/connections", b'{"connection_id": "no such/id", "conn_type": "http"}', 400, "Bad Request"),
        ("POST", "/connections/test", b'{"connection_id": null}', 400, "Bad Request"),
    ],
)
def test_what_is_refused_is_a_problem_document(
    quiet: ApiStage, method: str, path: str, sent: bytes | None, status: int, title: str | None
) -> None:
    answer = quiet.client.request(method, V1 + path, content=sent, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status
    assert found["type"] == "about:blank"
    assert title in (None, found["title"])
    assert found["detail"]
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_problem_names_the_field(quiet: ApiStage) -> None:
    assert "body.slots" in send(quiet, "POST", "/pools", {"name": "x", "slots": "many"}, 400)["detail"]


def test_a_fault_of_the_server_is_a_problem_too(quiet: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewind.api.public import pools

    def fails(*_: Any) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(pools, "get_pools", fails)
    answer = quiet.client.get(f"{V1}/pools")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "canary" not in answer.text


def test_where_the_scheduler_is_away_a_change_says_when_to_ask_again(etl: ApiStage) -> None:
    etl.is_away = True
    answer = etl.client.post(f"{V1}/pools", json={"name": "x", "slots": 1})
    assert (answer.status_code, answer.json()["status"], answer.headers["retry-after"]) == (503, 503, "2")


def test_todays_api_keeps_its_own_shape(quiet: ApiStage) -> None:
    answer = quiet.client.get("/api/v2/dags/none")
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"detail"}


# --- Dags ------------------------------------------------------------------------------------------------------------


def test_a_dag_in_airflow_2s_words(quiet: ApiStage) -> None:
    [row] = get(quiet, "/dags")["dags"]
    today = quiet.client.get("/api/v2/dags/etl").json()
    assert row["is_active"] is True
    assert row["tags"] == [{"name": "daily"}]
    assert row["schedule_interval"] is None
    assert row["file_token"] == today["file_token"]
    assert row["next_dagrun_create_after"] == today["next_dagrun_run_after"]
    assert (row["is_subdag"], row["root_dag_id"], row["scheduler_lock"]) == (False, None, None)


def test_only_the_fields_that_are_asked_for(quiet: ApiStage) -> None:
    assert get(quiet, "/dags", fields=["dag_id", "is_paused"])["dags"] == [{"dag_id": "etl", "is_paused": False}]
    assert get(quiet, "/dags/etl", fields="dag_id") == {"dag_id": "etl"}
    assert get(quiet, "/dags/etl/details", fields="catchup") == {"catchup": False}
    assert "shoe_size" in get(quiet, "/dags/etl", 400, fields="shoe_size")["detail"]


def test_dags_are_paused_by_pattern_or_all(etl: ApiStage) -> None:
    etl.load(dag("a", dag_id="other"))
    paused = send(etl, "PATCH", "/dags", {"is_paused": True}, dag_id_pattern="oth")
    assert [(row["dag_id"], row["is_paused"]) for row in paused["dags"]] == [("other", True)]
    assert send(etl, "PATCH", "/dags", {"is_paused": True}, dag_id_pattern="~")["total_entries"] == 2
    send(etl, "PATCH", "/dags", {"is_paused": False}, 400)


def test_the_source_of_a_file_is_for_whoever_may_read_every_dag_in_it(etl: ApiStage) -> None:
    etl.load(dag("a", dag_id="canary", file="etl.py"))
    keep_sources(etl)
    row = {"file": "etl.py", "digest": "", "parsed_at": 0, "seconds": 0.0}
    etl.scheduler.submit(Rows((PutRow("dag_file", row),)))
    etl.play()
    url = f"{V1}/dagSources/{get(etl, '/dags/etl')['file_token']}"
    assert list(etl.client.get(url).json()) == ["content"]
    assert etl.client.get(url, headers={"accept": "text/plain"}).text.startswith("# ")
    assert etl.client.get(url, headers={"accept": "image/png"}).status_code == 406
    assert etl.client.get(f"{V1}/dagSources/nonsense").status_code == 404
    scope = DagScope(ids=frozenset({"etl"}))
    etl.gate.be("kim", Role("some", (Grant(ALL_ACTIONS, frozenset({Resource.DAG, Resource.CODE}), scope),)))
    refused = etl.client.get(url)
    assert (refused.status_code, "canary" in refused.text) == (403, False)


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_in_airflow_2s_words(etl: ApiStage) -> None:
    made = send(etl, "POST", "/dags/etl/dagRuns", {"dag_run_id": "one", "conf": {"a": 1}, "note": "why"})
    assert made == {
        "dag_run_id": "one", "dag_id": "etl", "logical_date": at(etl), "execution_date": at(etl),
        "start_date": at(etl), "end_date": None, "data_interval_start": at(etl), "data_interval_end": at(etl),
        "last_scheduling_decision": None, "run_type": "manual", "state": "running", "external_trigger": True,
        "conf": {"a": 1}, "note": "why",
    }  # fmt: skip
    assert get(etl, "/dags/etl/dagRuns/one") == made
    assert get(etl, "/dags/etl/dagRuns", order_by="-execution_date") == {"dag_runs": [made], "total_entries": 1}


def test_a_date_may_go_by_either_name_but_not_by_two(etl: ApiStage) -> None:
    for name in ("execution_date", "logical_date"):
        made = send(etl, "POST", "/dags/etl/dagRuns", {name: f"2023-01-0{len(name) - 11}T00:00:00Z"})
        assert made["execution_date"].startswith("2023-01-0")
    both = {"execution_date": "2023-02-01T00:00:00Z", "logical_date": "2023-02-02T00:00:00Z"}
    assert "two names" in send(etl, "POST", "/dags/etl/dagRuns", both, 400)["detail"]


def test_a_run_of_no_date_has_none(etl: ApiStage) -> None:
    begin(etl)
    assert get(etl, "/dags/etl/dagRuns/r")["execution_date"] is None


def test_lists_are_bounded_and_paged(etl: ApiStage) -> None:
    for day in range(1, 4):
        begin(etl, run_id=f"r{day}", logical_date=f"2023-01-0{day}")
    bounds = {"execution_date_gte": "2023-01-02", "execution_date_lte": "2023-01-03T00:00:00Z"}
    found = get(etl, "/dags/~/dagRuns", **bounds, order_by="dag_run_id")
    assert [run["dag_run_id"] for run in found["dag_runs"]] == ["r2", "r3"]
    page = get(etl, "/dags/etl/dagRuns", limit=1, offset=1, order_by="-dag_run_id")
    assert ([run["dag_run_id"] for run in page["dag_runs"]], page["total_entries"]) == (["r2"], 3)
    tasks = get(etl, "/dags/~/dagRuns/~/taskInstances", **bounds, limit=3)
    assert (len(tasks["task_instances"]), tasks["total_entries"]) == (3, 4)


# --- task instances --------------------------------------------------------------------------------------------------


def test_a_task_that_waits_for_an_answer_is_deferred(etl: ApiStage) -> None:
    begin(etl)
    finish(etl, "a", "awaiting_input", ask=Question(subject="Go on?", options=["yes"], method="go_on"))
    assert get(etl, "/dags/etl/dagRuns/r/taskInstances/a")["state"] == "deferred"
    found = get(etl, "/dags/etl/dagRuns/r/taskInstances", state="deferred")
    assert [row["task_id"] for row in found["task_instances"]] == ["a"]
    form = {"state": ["deferred"], "dag_ids": ["etl"]}
    assert send(etl, "POST", "/dags/~/dagRuns/~/taskInstances/list", form)["total_entries"] == 1


def test_a_list_takes_what_has_no_state(etl: ApiStage) -> None:
    begin(etl)
    for state in ("none", None):
        found = send(etl, "POST", "/dags/~/dagRuns/~/taskInstances/list", {"state": [state]})
        assert [(row["task_id"], row["state"]) for row in found["task_instances"]] == [("b", None)]


def test_clearing_says_what_it_would_do_unless_it_is_told_to(etl: ApiStage) -> None:
    begin(etl)
    finish(etl, "a", "failed")
    wish = {"dag_run_id": "r"}
    found = send(etl, "POST", "/dags/etl/clearTaskInstances", wish)
    assert [row["task_id"] for row in found["task_instances"]] == ["a", "b"]
    assert get(etl, "/dags/etl/dagRuns/r")["state"] == "failed"
    refused = send(etl, "POST", "/dags/etl/clearTaskInstances", {**wish, "dry_run": False}, 400)
    assert "reset_dag_runs" in refused["detail"]
    send(etl, "POST", "/dags/etl/clearTaskInstances", {**wish, "dry_run": False, "reset_dag_runs": True})
    assert get(etl, "/dags/etl/dagRuns/r")["state"] == "running"


def test_marking_says_what_it_would_do_unless_it_is_told_to(etl: ApiStage) -> None:
    begin(etl)
    reference = send(etl, "PATCH", "/dags/etl/dagRuns/r/taskInstances/a", {"new_state": "success"})
    assert reference == {"task_id": "a", "dag_id": "etl", "dag_run_id": "r", "execution_date": None}
    assert get(etl, "/dags/etl/dagRuns/r/taskInstances/a")["state"] == "queued"
    body = {"new_state": "skipped", "dry_run": False, "task_id": "a", "dag_run_id": "r", "include_downstream": True}
    changed = send(etl, "POST", "/dags/etl/updateTaskInstancesState", body)
    assert [row["task_id"] for row in changed["task_instances"]] == ["a", "b"]
    assert send(etl, "POST", "/dags/etl/updateTaskInstancesState", body) == {"task_instances": []}
    body = {"new_state": "failed", "task_id": "a"}
    assert "execution_date" in send(etl, "POST", "/dags/etl/updateTaskInstancesState", body, 400)["detail"]
    body |= {"execution_date": "2020-01-01T00:00:00Z"}
    send(etl, "POST", "/dags/etl/updateTaskInstancesState", body, 404)


def test_a_log_is_text_and_goes_on_by_its_token(etl: ApiStage) -> None:
    begin(etl)
    start(etl, "a")
    path = log_path(etl.app.state.installation.settings.logging.base_log_folder, "etl", "r", "a", -1, 1)
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"t":"2024-01-01T00:00:00Z","l":"error","m":"went wrong","x":"Traceback\\n  x"}\n')
    url = f"{V1}/dags/etl/dagRuns/r/taskInstances/a/logs/1"
    text = etl.client.get(url)
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text == "[2024-01-01T00:00:00Z] ERROR - went wrong\nTraceback\n  x\n"
    found = etl.client.get(url, headers={"accept": "application/json"}).json()
    assert found["content"] == text.text
    more = etl.client.get(url, headers={"accept": "application/json"}, params={"token": found["continuation_token"]})
    assert more.json()["content"] == ""
    finish_log = etl.client.get(url, params={"token": "nonsense"})
    assert finish_log.status_code == 400


def test_an_xcom_is_text_unless_it_is_asked_for_as_it_is(etl: ApiStage) -> None:
    begin(etl)
    finish(etl, "a", value=b'{"rows": 3}')
    path = "/dags/etl/dagRuns/r/taskInstances/a/xcomEntries"
    [row] = get(etl, path)["xcom_entries"]
    assert set(row) == {"key", "timestamp", "execution_date", "map_index", "task_id", "dag_id"}
    assert get(etl, f"{path}/return_value")["value"] == '{"rows": 3}'
    assert get(etl, f"{path}/return_value", stringify=False)["value"] == {"rows": 3}


# --- what administers ------------------------------------------------------------------------------------------------


def test_a_patch_changes_what_it_names(etl: ApiStage) -> None:
    send(etl, "POST", "/variables", {"key": "city", "value": "Seoul", "description": "where"})
    send(etl, "PATCH", "/variables/city", {"description": "there"})
    assert get(etl, "/variables/city") == {"key": "city", "value": "Seoul", "description": "there"}
    send(etl, "PATCH", "/variables/city", {"value": "Busan", "description": "no"}, update_mask="value")
    assert get(etl, "/variables/city") == {"key": "city", "value": "Busan", "description": "there"}
    send(etl, "PATCH", "/variables/city", {"key": "town", "value": "x"}, 400)
    send(etl, "PATCH", "/variables/city", {"value": "x"}, 400, update_mask="shoe_size")
    send(etl, "POST", "/pools", {"name": "small", "slots": 1, "description": "few"})
    send(etl, "PATCH", "/pools/small", {"slots": 2})
    assert get(etl, "/pools/small")["description"] == "few"
    given = {"connection_id": "db", "conn_type": "http", "host": "here", "password": "secret", "schema": "s"}
    assert "password" not in send(etl, "POST", "/connections", given)
    send(etl, "PATCH", "/connections/db", {"host": "there"})
    kept = etl.client.get("/api/v2/connections/db").json()
    assert (kept["host"], kept["conn_type"], kept["schema"], kept["password"]) == ("there", "http", "s", "***")


@pytest.mark.parametrize(("path", "body", "named"), [
    ("/variables", {"key": "x"}, "value"), ("/pools", {"slots": 1}, "name"), ("/connections", {}, "conn_type"),
    ("/users", {"username": "ann"}, "password"), ("/roles", {}, "name"),
])  # fmt: skip
def test_a_new_thing_needs_its_name(quiet: ApiStage, path: str, body: Any, named: str) -> None:
    assert named in send(quiet, "POST", path, body, 400)["detail"]


def test_a_right_that_these_words_cannot_say_is_not_lost(etl: ApiStage) -> None:
    scoped = {"actions": ["read"], "resources": ["run"], "dags": {"ids": ["etl"]}}
    etl.client.post("/ui/roles", json={"name": "some", "grants": [scoped]})
    refused = send(etl, "PATCH", "/roles/some", {"actions": []}, 409)
    assert "PUT /ui/roles" in refused["detail"]
    assert etl.client.get("/ui/roles/some").json()["grants"] == [{**scoped, "dags": {"ids": ["etl"]}}]


def test_of_a_built_in_role_only_what_was_added_is_kept(etl: ApiStage) -> None:
    actions = get(etl, "/roles/Viewer")["actions"]
    more = [*actions, {"action": {"name": "can_edit"}, "resource": {"name": "Variables"}}]
    send(etl, "PATCH", "/roles/Viewer", {"actions": more})
    grants = etl.client.get("/ui/roles/Viewer").json()["grants"]
    assert grants == [{"actions": ["edit"], "resources": ["variable"], "dags": None}]


# --- who sees what ---------------------------------------------------------------------------------------------------


def test_whoever_may_see_one_dag_hears_nothing_of_another(etl: ApiStage) -> None:
    etl.load(dag("canary_task", dag_id="canary"))
    begin(etl, "canary", "canary_run", conf={"canary": 1})
    begin(etl)
    whole = Role("some", (Grant(ALL_ACTIONS, frozenset(Resource), DagScope(ids=frozenset({"etl"}))),))
    etl.gate.be("kim", whole)
    for path in (
        "/dags", "/dags?only_active=false", "/dags/~/dagRuns", "/dags/~/dagRuns/~/taskInstances", "/eventLogs",
        "/dags/~/dagRuns/~/taskInstances/~/xcomEntries", "/dagWarnings", "/importErrors", "/dagStats?dag_ids=canary",
    ):  # fmt: skip
        assert "canary" not in json.dumps(get(etl, path)), path
    for path in ("", "/details", "/tasks", "/dagRuns", "/dagRuns/canary_run", "/dagRuns/canary_run/taskInstances"):
        get(etl, f"/dags/canary{path}", 404)
    form = {"dag_ids": ["canary"]}
    assert send(etl, "POST", "/dags/~/dagRuns/list", form)["total_entries"] == 0
    assert send(etl, "POST", "/dags/~/dagRuns/~/taskInstances/list", form)["total_entries"] == 0
    send(etl, "POST", "/dags/canary/dagRuns", {}, 404)
    send(etl, "POST", "/dags/canary/clearTaskInstances", {"dry_run": False}, 404)
    send(etl, "PATCH", "/dags/canary/dagRuns/canary_run/setNote", {"note": "x"}, 404)


def test_the_document_has_problems_and_no_shape_of_todays_refusals(quiet: ApiStage) -> None:
    document = get(quiet, "/openapi.json")
    assert document["servers"] == [{"url": "/api/v1"}]
    refusal = document["components"]["responses"]["NotFound"]["content"]
    assert list(refusal) == ["application/problem+json"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert all("422" not in o["responses"] for path in document["paths"].values() for o in path.values())
