"""The page of charts: exact numbers, of the Dags that the reader may see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest
from play import get

from tradewind.api.ui import charts
from tradewind.core.access import READING, Action, DagScope, Grant, Resource, Role
from tradewind.data.problems import QualityGateFailed
from tradewind.data.quality import CheckResult, QualityResult
from tradewind.data.quality_gates import quality_gate
from tradewind.data.runtime import LoggingRuntime, installed
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.messages import Beat, XComValue

SECOND = 1_000_000


@pytest.fixture
def worked(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> ApiStage:
    """`orders` succeeds after ten seconds and leaves a score; of `secret` a gate stops the first task."""
    monkeypatch.setattr(charts, "present", lambda: to_us(stage.now()))
    stage.load(dag("check >> load", dag_id="orders"))
    stage.load(dag("check >> load", dag_id="secret", retries=0))
    stage.create_run("orders", "one")
    stage.wait(10)
    score = XComValue("check", -1, "return_value", json.dumps({"score": 96.5, "broken": []}).encode())
    stage.finish("orders", "one", "check", xcoms=[score])
    stage.finish("orders", "one", "load")
    stage.create_run("secret", "two")
    left = XComValue("check", -1, "data_quality", json.dumps({"score": 61.5, "failed": ["ids"]}).encode())
    stage.finish("secret", "two", "check", "failed", xcoms=[left], error="QualityGateFailed: it is not good enough.")
    return stage


class Keeping(LoggingRuntime):
    def __init__(self) -> None:
        super().__init__()
        self.left: dict[str, Any] = {}

    def leave(self, key: str, value: Mapping[str, Any]) -> None:
        self.left[key] = value


def last(values: list[Any]) -> Any:
    return values[-1]


def test_what_ended_is_in_the_last_step(worked: ApiStage) -> None:
    told = get(worked, "/ui/charts", window="1h")
    assert (told["places"], told["step"], told["skipped"]) == (60, 60 * SECOND, 0)
    assert told["start"] + 59 * told["step"] <= told["now"] < told["start"] + 60 * told["step"]
    assert {state: (len(values), sum(values), last(values)) for state, values in told["tasks"].items()} == {
        "failed": (60, 1, 1), "success": (60, 2, 2), "upstream_failed": (60, 1, 1),
    }  # fmt: skip
    assert {state: last(values) for state, values in told["runs"].items()} == {"failed": 1, "success": 1}
    assert last(told["run_time"]["p95"]) == 10 * SECOND
    assert last(told["run_time"]["p50"]) == 0
    assert [last(told["task_start"][part]) for part in ("p50", "p95", "most")] == [0, 10 * SECOND, 10 * SECOND]
    assert last(told["run_start"]["p95"]) == 0
    assert [(line["pool"], line["count"], last(line["p95"])) for line in told["slot_waits"]] == [("default_pool", 3, 0)]


@pytest.mark.parametrize(("window", "places"), [("1h", 60), ("6h", 72), ("24h", 96), ("7d", 168)])
def test_every_window_has_its_steps(worked: ApiStage, window: str, places: int) -> None:
    told = get(worked, "/ui/charts", window=window)
    assert told["places"] == len(told["cpu_seconds"]) == len(told["tasks"]["success"]) == places
    assert sum(told["tasks"]["success"]) == 2


def test_scores_come_from_what_checks_leave_and_from_gates_that_closed(worked: ApiStage) -> None:
    told = get(worked, "/ui/charts")
    lines = [(line["dag_id"], line["task_id"], line["newest"], last(line["lowest"])) for line in told["scores"]]
    assert lines == [("orders", "check", 96.5, 96.5), ("secret", "check", 61.5, 61.5)]


def test_a_reader_of_one_dag_gets_numbers_of_that_dag_alone(worked: ApiStage) -> None:
    reads = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(ids=frozenset({"orders"})))
    worked.gate.be("kim", Role("some", (reads,)))
    answer = worked.client.get("/ui/charts")
    assert "secret" not in answer.text
    told = answer.json()
    assert {state: sum(values) for state, values in told["tasks"].items()} == {"success": 2}
    assert {state: sum(values) for state, values in told["runs"].items()} == {"success": 1}
    assert [line["dag_id"] for line in told["scores"]] == ["orders"]
    assert [line["count"] for line in told["slot_waits"]] == [2]
    assert worked.client.get("/ui/charts", params={"dag_id": "secret"}).status_code == 404


def test_who_may_not_see_values_gets_no_scores_and_no_machine(worked: ApiStage) -> None:
    worked.gate.be("kim", Role("some", (Grant(frozenset({Action.READ}), frozenset({Resource.TASK})),)))
    told = get(worked, "/ui/charts")
    assert (told["scores"], told["may_see_scores"], told["runs"]) == ([], False, {})
    assert (told["agents"], told["machine"]) == (None, None)
    assert sum(told["tasks"]["success"]) == 2


def test_one_dag_is_asked_for_and_one_that_there_is_not_is_said_so(worked: ApiStage) -> None:
    told = get(worked, "/ui/charts", dag_id="secret")
    assert {state: sum(values) for state, values in told["tasks"].items()} == {"failed": 1, "upstream_failed": 1}
    missing = worked.client.get("/ui/charts", params={"dag_id": "nowhere"})
    assert (missing.status_code, "nowhere" in missing.json()["detail"]) == (404, True)


@pytest.mark.parametrize("query", [{"window": "2h"}, {"window": ""}, {"dag_id": "x" * 300}])
def test_what_there_is_no_window_for_is_refused(stage: ApiStage, query: dict[str, str]) -> None:
    assert stage.client.get("/ui/charts", params=query).status_code == 422


def test_resources_are_there_and_the_machine_also_without_a_scheduler(worked: ApiStage) -> None:
    told = get(worked, "/ui/charts")
    assert told["agents"]["here"] == 1
    assert told["agents"]["used"] <= told["agents"]["capacity"]
    assert 0 < told["machine"]["memory_used"] <= told["machine"]["memory_size"]
    worked.is_away = True
    away = get(worked, "/ui/charts")
    assert away["agents"] is None
    assert sum(away["tasks"]["success"]) == 2


def test_machines_have_their_past_for_who_may_see_the_system(worked: ApiStage) -> None:
    for seconds in range(0, 240, 60):
        cpu = (float(seconds), 2.0 * seconds)
        worked.say(Beat(sent_us=0, memory_percent=40 + seconds / 60, disk_percent=70, machine_cpu=cpu))
        worked.wait(60)
    told = get(worked, "/ui/charts", window="1h")
    assert told["workers"] == 1
    (line,) = told["machines"]
    assert line["worker"] == "local"
    assert [len(line[name]) for name in ("cpu", "memory", "disk")] == [60] * 3
    assert [value for value in line["memory"] if value is not None] == [40, 41, 42]
    assert [value for value in line["cpu"] if value is not None] == [50, 50]
    worked.gate.be("kim", Role("some", (Grant(READING, frozenset(Resource) - {Resource.SYSTEM}),)))
    told = get(worked, "/ui/charts", window="1h")
    assert (told["machines"], told["workers"], told["machine"]) == ([], 0, None)


def test_an_installation_in_which_nothing_ran_has_empty_charts(stage: ApiStage) -> None:
    told = get(stage, "/ui/charts")
    assert (told["tasks"], told["runs"], told["slot_waits"], told["scores"]) == ({}, {}, [], [])
    assert set(told["cpu_seconds"]) == set(told["memory"]["p95"]) == {None}


def test_an_answer_says_when_a_newer_one_is_to_be_had(worked: ApiStage) -> None:
    told = get(worked, "/ui/charts")
    assert told["fresh_until"] > told["now"]


@pytest.mark.parametrize(
    ("value", "score"),
    [
        (b'{"score": 96, "broken": []}', 96.0),
        (b'{"score": 96.5, "failed": [], "report": "x"}', 96.5),
        (b'{"score": 0.93, "model": "x"}', None),
        (b'{"score": true, "broken": []}', None),
        (b'{"score": 101, "broken": []}', None),
        (b'[{"score": 1, "broken": []}]', None),
        (b"@12/a/-1/abc 3", None),
        (b"\xff\xfe", None),
    ],
)
def test_a_score_is_one_only_where_a_check_left_it(value: bytes, score: float | None) -> None:
    assert charts.score_in(value) == score


def test_the_toolkits_own_words_are_understood() -> None:
    found = quality_gate(pl.DataFrame({"id": [1, None]}), [{"rule": "not_null", "column": "id"}], minimum=0)
    assert charts.score_in(json.dumps(found).encode()) == found["score"]
    result = QualityResult((CheckResult("ids", 3, 8, 0, 1, False),))
    assert charts.score_in(json.dumps(result.as_dict()).encode()) == result.score
    kept = Keeping()
    with installed(kept), pytest.raises(QualityGateFailed):
        result.gate(100)
    [(key, left)] = kept.left.items()
    assert (key, charts.score_in(json.dumps(left).encode())) == ("data_quality", result.score)
