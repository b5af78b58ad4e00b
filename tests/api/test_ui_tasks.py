"""What a task's page in the web UI asks for."""

from __future__ import annotations

from typing import Any

import pytest
from task_play import begin, finish
from test_task_instances import be_scoped
from test_task_logs import file_of

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, expand
from tradewind.wire.logs import LogLine, encode_line


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    stage.load(dag("a >> b", retries=0))
    begin(stage)
    return stage


def page(stage: ApiStage, task_id: str, status: int = 200, **query: Any) -> Any:
    answer = stage.client.get("/ui/dags/etl/task/page", params={"run_id": "r", "task_id": task_id, **query})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_task_that_waits_says_why_and_whose_it_is(etl: ApiStage) -> None:
    waiting = page(etl, "b")
    assert [reason["code"] for reason in waiting["why"]] == ["upstream"]
    assert (waiting["run_id"], waiting["map_index"], waiting["is_mapped"], waiting["kin"]) == ("r", -1, False, None)
    assert (waiting["version"], waiting["pool"], waiting["tries"]) == (1, "default_pool", [])
    assert (waiting["may_edit"], waiting["may_edit_xcoms"], waiting["may_delete_xcoms"]) == (True, True, True)


def test_a_task_that_failed_shows_its_last_errors_to_whoever_may_read_its_log(etl: ApiStage) -> None:
    lines = [LogLine(t="", l="error", m=f"error {n}", x="Traceback\nBoom" if n == 9 else "") for n in range(10)]
    file_of(etl).write_bytes(b"".join(encode_line(line) for line in lines) + encode_line(LogLine("", "info", "end")))
    finish(etl, "a", "failed", error="Boom")
    failed = page(etl, "a")
    assert (failed["state"], failed["why"], [each["number"] for each in failed["tries"]]) == ("failed", [], [1])
    assert [row["text"] for row in failed["errors"]][-3:] == ["error 9", "Traceback", "Boom"]
    elsewhere = DagScope(ids=frozenset({"other"}))
    reads = frozenset({Action.READ})
    grants = (Grant(reads, frozenset({Resource.TASK, Resource.DAG}), DagScope(everything=True)),
              Grant(frozenset(Action), frozenset({Resource.LOG, Resource.TASK, Resource.XCOM}), elsewhere))  # fmt: skip
    etl.gate.be("kim", Role("some", grants))
    without = page(etl, "a")
    assert (without["errors"], without["may_edit"], without["may_edit_xcoms"]) == ([], False, False)
    panel = etl.client.get("/ui/dags/etl/task", params={"run_id": "r", "task_id": "a"}).json()
    assert panel["tail"] == [], "a log of another Dag's readers is not theirs"


def test_a_try_has_a_state_that_tasks_have_however_it_ended(etl: ApiStage) -> None:
    assert [each["state"] for each in page(etl, "a")["tries"]] == ["queued"]
    finish(etl, "a", "lost", error="the worker was shut down")
    panel = etl.client.get("/ui/dags/etl/task", params={"run_id": "r", "task_id": "a"}).json()
    for tries in (page(etl, "a")["tries"], panel["tries"]):
        assert [(each["number"], each["state"]) for each in tries] == [(1, "failed")]


def test_instances_of_a_mapped_task_know_their_neighbours(stage: ApiStage) -> None:
    stage.load(dag("a >> b", tasks={"b": {"map": expand(x=3)}}, retries=0))
    begin(stage)
    finish(stage, "a")
    finish(stage, "b", map_index=0)
    first, middle = page(stage, "b"), page(stage, "b", map_index=1)
    assert (first["map_index"], first["is_mapped"]) == (0, True)
    assert {name: first["kin"][name] for name in ("count", "place", "before", "after")} == {
        "count": 3, "place": 1, "before": None, "after": 1,
    }  # fmt: skip
    assert (middle["kin"]["place"], middle["kin"]["before"], middle["kin"]["after"]) == (2, 0, 2)
    assert middle["kin"]["states"]["success"] == 1
    page(stage, "b", 404, map_index=3)


def test_what_there_is_not_and_what_may_not_be_seen_look_alike(etl: ApiStage) -> None:
    assert page(etl, "nothing", 404)["detail"]
    assert page(etl, "a", 422, map_index="x")["detail"]
    be_scoped(etl, "other")
    assert page(etl, "a", 404)["detail"]
