"""XComs over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from task_play import applied, begin, finish, get, names, send
from test_task_instances import be_scoped

from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, expand
from tradewind.wire.messages import XComValue
from tradewind.wire.xcom_files import XComFiles

ENTRIES = "/dags/etl/dagRuns/r/taskInstances/a/xcomEntries"
ALL = "/dags/~/dagRuns/~/taskInstances/~/xcomEntries"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    """`a` has left a list, under `k` a date, and under `a/b` text with half a character."""
    stage.load(
        dag("a >> part", tasks={"part": {"map": expand(x="a"), "trigger_rule": "all_success"}}, display_name="E T L")
    )
    begin(stage, logical_date="2024-01-01")
    more = [
        XComValue("a", -1, "k", b'{"__tw__":"datetime","v":"2024-01-01"}'),
        XComValue("a", -1, "a/b", b'"\\ud800"'),
    ]
    finish(stage, "a", value=b"[1,2]", length=2, xcoms=more)
    return stage


def keys(answer: Any) -> list[str]:
    return [each["key"] for each in answer["xcom_entries"]]


def test_values_are_listed_without_themselves(etl: ApiStage) -> None:
    answer = get(etl, ENTRIES)
    assert keys(answer) == ["a/b", "k", "return_value"]
    assert answer["total_entries"] == 3
    assert answer["xcom_entries"][2] == {
        "key": "return_value", "timestamp": "2024-01-01T00:00:02Z", "logical_date": "2024-01-01T00:00:00Z",
        "map_index": -1, "task_id": "a", "dag_id": "etl", "run_id": "r", "dag_display_name": "E T L",
        "task_display_name": "a", "run_after": "2024-01-01T00:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"xcom_key": "k"}, ["k"]),
        ({"xcom_key_pattern": "RETURN"}, ["return_value"]),
        ({"xcom_key_prefix_pattern": "a/"}, ["a/b"]),
        ({"map_index": 0}, []),
        ({"map_index_filter": -1}, ["a/b", "k", "return_value"]),
        ({"map_index": -1, "map_index_filter": 0}, []),
        ({"dag_display_name_pattern": "t l"}, ["a/b", "k", "return_value"]),
        ({"dag_display_name_prefix_pattern": "etl"}, []),
        ({"run_id_pattern": "r"}, ["a/b", "k", "return_value"]),
        ({"run_id_prefix_pattern": "s"}, []),
        ({"task_id_pattern": "b"}, []),
        ({"task_id_prefix_pattern": "a"}, ["a/b", "k", "return_value"]),
        ({"logical_date_gt": "2024-01-01"}, []),
        ({"run_after_lte": "2024-01-01"}, ["a/b", "k", "return_value"]),
        ({"order_by": "-key", "limit": 2}, ["return_value", "k"]),
        ({"offset": 2}, ["return_value"]),
    ],
)
def test_lists_are_narrowed(etl: ApiStage, query: dict[str, Any], found: list[str]) -> None:
    assert keys(get(etl, ALL, **query)) == found


def test_one_value(etl: ApiStage) -> None:
    assert get(etl, f"{ENTRIES}/return_value")["value"] == [1, 2]
    assert get(etl, f"{ENTRIES}/return_value", stringify=True)["value"] == "[1, 2]"
    assert get(etl, f"{ENTRIES}/return_value", deserialize=True)["value"] == [1, 2]
    assert get(etl, f"{ENTRIES}/k")["value"] == {"__tw__": "datetime", "v": "2024-01-01"}
    assert "deserialize" in get(etl, f"{ENTRIES}/k", 400, deserialize=True)["detail"]
    assert get(etl, f"{ENTRIES}/a%2Fb")["value"] == "\ud800"
    assert "'none'" in get(etl, f"{ENTRIES}/none", 404)["detail"]
    get(etl, f"{ENTRIES}/return_value", 404, map_index=3)
    get(etl, "/dags/etl/dagRuns/r/taskInstances/none/xcomEntries/k", 404)


def test_a_value_is_made_changed_and_deleted(etl: ApiStage) -> None:
    made = send(etl, "POST", ENTRIES, 201, body={"key": "new", "value": {"a": [1, None, "é"]}})
    assert made == get(etl, f"{ENTRIES}/new")
    assert made["value"] == {"a": [1, None, "é"]}
    assert "already" in send(etl, "POST", ENTRIES, 409, body={"key": "new", "value": 1})["detail"]
    assert send(etl, "PATCH", f"{ENTRIES}/new", body={"value": 2})["value"] == 2
    assert send(etl, "DELETE", f"{ENTRIES}/new", 204) is None
    send(etl, "DELETE", f"{ENTRIES}/new", 404)
    send(etl, "PATCH", f"{ENTRIES}/new", 404, body={"value": 2})
    for wrong, status in (
        ({"key": "", "value": 1}, 422), ({"value": 1}, 422), ({"key": "x" * 513, "value": 1}, 422),
        ({"key": "x", "value": 1, "map_index": 7}, 404), ({"key": "x", "value": float("nan")}, 400),
        ({"key": "x", "value": "\ud800"}, 400), ({"key": "\0", "value": 1}, 400), ({"key": "\ud800", "value": 1}, 422),
    ):  # fmt: skip
        send(etl, "POST", ENTRIES, status, body=wrong)
    assert keys(get(etl, ENTRIES)) == ["a/b", "k", "return_value"]


def test_a_large_value_lies_in_a_file(etl: ApiStage) -> None:
    value = ["x" * 50_000, "y" * 50_000]
    made = send(etl, "POST", ENTRIES, 201, body={"key": "large", "value": value})
    assert made["value"] == value
    settings = etl.app.state.installation.settings
    files = [path for path in settings.xcoms_folder.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert XComFiles.size_of(b"@1/a/-1/" + b"0" * 64 + b" 77") == 77
    files[0].unlink()
    gone = get(etl, f"{ENTRIES}/large", 404)["detail"]
    assert "file" in gone
    assert str(settings.home) not in gone


def test_what_is_deleted_or_changed_is_what_later_tasks_see(stage: ApiStage) -> None:
    stage.load(dag("a >> hold >> part", tasks={"part": {"map": expand(x="a")}}))
    begin(stage)
    finish(stage, "a", value=b"[1,2]", length=2)
    send(stage, "PATCH", f"{ENTRIES}/return_value", body={"value": [1, 2, 3, 4]})
    finish(stage, "hold")
    assert len(names(get(stage, "/dags/etl/dagRuns/r/taskInstances", task_id="part"))) == 4


def test_without_a_value_a_mapped_task_cannot_expand(stage: ApiStage) -> None:
    stage.load(dag("a >> hold >> part", tasks={"part": {"map": expand(x="a")}}))
    begin(stage)
    finish(stage, "a", value=b"[1,2]", length=2)
    send(stage, "DELETE", f"{ENTRIES}/return_value", 204)
    finish(stage, "hold")
    [part] = get(stage, "/dags/etl/dagRuns/r/taskInstances", task_id="part")["task_instances"]
    assert (part["map_index"], part["state"]) == (-1, "upstream_failed")


def test_values_are_for_those_who_may_see_them(etl: ApiStage) -> None:
    etl.load(dag("canary_task", dag_id="canary_dag"))
    begin(etl, "canary_dag")
    applied(
        etl, "xcom.set", dag_id="canary_dag", run_id="r", task_id="canary_task", key="canary_key", value='"canary"'
    )  # fmt: skip
    be_scoped(etl, "etl")
    assert "canary" not in etl.client.get(f"/api/v2{ALL}").text
    path = "/dags/canary_dag/dagRuns/r/taskInstances/canary_task/xcomEntries"
    get(etl, path, 404)
    get(etl, f"{path}/canary_key", 404)
    send(etl, "POST", path, 404, body={"key": "x", "value": 1})
    etl.gate.be("lee", "Viewer")
    assert get(etl, f"{path}/canary_key")["value"] == "canary"
    send(etl, "POST", ENTRIES, 403, body={"key": "x", "value": 1})
    send(etl, "PATCH", f"{ENTRIES}/k", 403, body={"value": 1})
    send(etl, "DELETE", f"{ENTRIES}/k", 403)
