"""Why a task waits or failed, as its page in the web UI asks."""

from __future__ import annotations

from typing import Any

import pytest
from task_play import begin, finish, start
from test_task_instances import be_scoped
from test_task_logs import file_of

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.logs import LogLine, encode_line
from tradewind.wire.messages import Beat


def why(stage: ApiStage, task_id: str, run_id: str = "r", status: int = 200) -> Any:
    answer = stage.client.get("/ui/dags/etl/task/why", params={"run_id": run_id, "task_id": task_id})
    assert answer.status_code == status, answer.text
    return answer.json()


def of(value: Any) -> dict[str, Any]:
    """A Dag's param as its spec has it."""
    return {"value": value, "schema": {}}


@pytest.fixture
def failed(stage: ApiStage) -> ApiStage:
    """Task `a` succeeded, failed, and failed again in a newer version with another region and a day of its own."""
    stage.load(dag("a", retries=0, params={"region": of("eu"), "rows": of(10)}))
    begin(stage, run_id="good", conf={"rows": 20})
    finish(stage, "a", cpu_seconds=0.5, peak_bytes=50_000_000)
    begin(stage, run_id="bad")
    finish(stage, "a", "failed", error="Boom")
    stage.load(dag("a", retries=0, pool_slots=2, params={"region": of("us"), "rows": of(10)}))
    begin(stage, run_id="r", conf={"day": "2026-11-26", "rows": 20})
    finish(stage, "a", "failed", error="exit code 137", cpu_seconds=1.5, peak_bytes=800_000_000)
    return stage


def test_a_failed_task_says_how_it_ended_and_what_is_other_than_when_it_last_succeeded(failed: ApiStage) -> None:
    said = why(failed, "a")
    assert (said["state"], said["reason"], said["why"]) == ("failed", "exit code 137", [])
    last, present, changes = said["changes"]["last"], said["present"], said["changes"]
    assert (last["run_id"], last["version"], last["peak_bytes"], last["cpu_seconds"]) == ("good", 1, 50_000_000, 0.5)
    assert (present["run_id"], present["version"], present["peak_bytes"]) == ("r", 2, 800_000_000)
    assert last["end"] - last["start"] == 2_000_000
    assert changes["task_changed"] is True
    assert {each["name"]: (each["before"], each["now"]) for each in changes["params"]} == {
        "region": ('"eu"', '"us"'), "day": (None, '"2026-11-26"'),
    }  # fmt: skip


def test_the_last_twenty_lines_of_its_log_are_there_for_those_who_may_read_it(failed: ApiStage) -> None:
    lines = [LogLine(t="", l="info", m=f"line {n}") for n in range(50)]
    file_of(failed).write_bytes(b"".join(map(encode_line, lines)))
    assert [row["text"] for row in why(failed, "a")["tail"]] == [f"line {n}" for n in range(30, 50)]
    grant = Grant(frozenset({Action.READ}), frozenset({Resource.TASK, Resource.DAG}), DagScope(everything=True))
    failed.gate.be("kim", Role("no logs, no runs", (grant,)))
    said = why(failed, "a")
    assert (said["tail"], said["changes"]["params"], said["reason"]) == (None, None, "exit code 137")


def test_a_task_that_never_succeeded_before_is_compared_with_nothing(stage: ApiStage) -> None:
    stage.load(dag("a >> b", retries=0))
    begin(stage)
    waiting = why(stage, "b")
    assert ([each["code"] for each in waiting["why"]], waiting["present"], waiting["changes"]) == (
        ["upstream"], None, None,
    )  # fmt: skip
    assert waiting["why"][0]["parts"] == [{"says": "upstream", "values": {"upstream": {"a": ["queued"]}}}]
    finish(stage, "a", "failed", error="Boom")
    assert (why(stage, "a")["changes"], why(stage, "b")["state"]) == (None, "upstream_failed")


def test_a_task_that_runs_says_what_it_takes_now(stage: ApiStage) -> None:
    stage.load(dag("a"))
    begin(stage)
    offer = start(stage, "a")
    stage.wait(0)
    assert why(stage, "a")["usage"] is None, "nobody has measured it yet"
    stage.say(Beat(sent_us=0, holds=[offer.attempt], usage=[(offer.attempt, 40, 90, 1.25)]), stage.agent)
    stage.play()
    assert why(stage, "a")["usage"] == {"now_bytes": 40, "peak_bytes": 90, "cpu_seconds": 1.25}


def test_a_task_that_is_not_there_or_not_to_be_seen_is_not_found(failed: ApiStage) -> None:
    why(failed, "nothing", status=404)
    be_scoped(failed, "other")
    why(failed, "a", status=404)
