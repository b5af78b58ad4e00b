"""Logs of tries over HTTP, and links."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from task_play import get, in_second_try
from test_task_instances import be_scoped

from tradewind.testing.api_stage import ApiStage
from tradewind.wire.log_files import log_path
from tradewind.wire.logs import LogLine, encode_line

TASK = "/dags/etl/dagRuns/r/taskInstances/a"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    return in_second_try(stage)


def file_of(stage: ApiStage, try_number: int = 1, task_id: str = "a", run_id: str = "r") -> Path:
    root = stage.app.state.installation.settings.logging.base_log_folder
    path = log_path(root, "etl", run_id, task_id, -1, try_number)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def lines(count: int, text: str = "line") -> bytes:
    return b"".join(
        encode_line(LogLine(t="2024-01-01T00:00:01.000002Z", l="info", m=f"{text} {n}")) for n in range(count)
    )


def test_a_log_is_read_line_by_line(etl: ApiStage) -> None:
    last = LogLine(t="2024-01-01T00:00:02Z", l="error", m="Gone", n="task", f="a.py:3", x="Traceback …", event="exit")
    file_of(etl).write_bytes(lines(1) + encode_line(last) + b"no json \xff\n")
    found = get(etl, f"{TASK}/logs/1")
    assert found == {
        "content": [
            {"timestamp": "2024-01-01T00:00:01.000002Z", "event": "line 0", "level": "info"},
            {
                "timestamp": "2024-01-01T00:00:02Z", "event": "Gone", "level": "error", "logger": "task",
                "loc": "a.py:3", "traceback": "Traceback …", "kind": "exit",
            },
            {"event": "no json �"},
        ],
        "continuation_token": None,
    }  # fmt: skip
    answer = etl.client.get(f"/api/v2{TASK}/logs/1", headers={"accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == found["content"]


def test_a_log_that_grows_is_followed_with_tokens(etl: ApiStage) -> None:
    path = file_of(etl, 2)
    path.write_bytes(lines(2) + b'{"t":"2024-01-01T00:00:03Z","l":"in')
    first = get(etl, f"{TASK}/logs/2")
    assert [each["event"] for each in first["content"]] == ["line 0", "line 1"]
    assert first["continuation_token"], "the try goes on"
    with path.open("ab") as file:
        file.write(b'fo","m":"whole now"}\n')
    second = get(etl, f"{TASK}/logs/2", token=first["continuation_token"])
    assert [each["event"] for each in second["content"]] == ["whole now"]
    third = get(etl, f"{TASK}/logs/2", token=second["continuation_token"])
    assert third["content"] == []
    finish_attempt(etl)
    last = get(etl, f"{TASK}/logs/2", token=third["continuation_token"])
    assert last == {"content": [], "continuation_token": None}


def finish_attempt(stage: ApiStage) -> None:
    from tradewind.wire.messages import Finished

    [offer] = stage.agent.offers()
    stage.say(Finished(attempt=offer.attempt, outcome="success"))
    stage.play()


def test_a_long_log_comes_in_parts_or_whole(etl: ApiStage) -> None:
    whole = lines(30_000, "x" * 40)
    file_of(etl).write_bytes(whole)
    assert len(whole) > 2 << 20
    seen: list[str] = []
    token: str | None = ""
    parts = 0
    while token is not None:
        part = get(etl, f"{TASK}/logs/1", token=token)
        seen += [each["event"] for each in part["content"]]
        token = part["continuation_token"]
        parts += 1
    assert parts > 2
    assert seen == [f"{'x' * 40} {n}" for n in range(30_000)]
    full = get(etl, f"{TASK}/logs/1", full_content=True)
    assert len(full["content"]) == 30_000
    assert full["continuation_token"] is None


def test_a_line_longer_than_a_part_is_not_lost(etl: ApiStage) -> None:
    file_of(etl).write_bytes(lines(1, "y" * (2 << 20)) + lines(1))
    first = get(etl, f"{TASK}/logs/1")
    assert len(first["content"][0]["event"]) > 2 << 20
    second = get(etl, f"{TASK}/logs/1", token=first["continuation_token"])
    assert second["content"][0]["event"] == "line 0"


def test_a_log_that_there_is_not(etl: ApiStage) -> None:
    assert "no log" in get(etl, f"{TASK}/logs/1")["content"][0]["event"]
    assert get(etl, f"{TASK}/logs/2")["content"] == [], "it may still come"
    assert "no try 3" in get(etl, f"{TASK}/logs/3", 404)["detail"]
    get(etl, "/dags/etl/dagRuns/r/taskInstances/none/logs/1", 404)
    get(etl, "/dags/etl/dagRuns/none/taskInstances/a/logs/1", 404)
    get(etl, f"{TASK}/logs/-1", 422)
    for token in ("nonsense", "e30=", "eyJvZmZzZXQiOiAtMX0=", "ÿ"):
        get(etl, f"{TASK}/logs/1", 400, token=token)


def test_no_path_leads_out_of_the_logs(etl: ApiStage, tmp_path: Path) -> None:
    """S18"""
    secret = tmp_path / "secret.key"
    secret.write_text("hunter2")
    path = file_of(etl)
    path.symlink_to(secret)
    assert "hunter2" not in str(get(etl, f"{TASK}/logs/1"))
    path.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / path.name).write_text("hunter2\n")
    path.parent.rmdir()
    path.parent.symlink_to(elsewhere)
    assert "hunter2" not in str(get(etl, f"{TASK}/logs/1"))
    path.parent.unlink()
    path.parent.mkdir()
    os.mkfifo(path)
    assert "no log" in get(etl, f"{TASK}/logs/1")["content"][0]["event"]
    for name in ("..%2F..%2Fsecret.key", "%2e%2e", "..", "%252e%252e%252fsecret.key", "a%00"):
        answer = etl.client.get(f"/api/v2/dags/etl/dagRuns/r/taskInstances/{name}/logs/1")
        assert answer.status_code in (400, 404)
        assert "hunter2" not in answer.text


def test_logs_are_for_those_who_may_see_them(etl: ApiStage) -> None:
    file_of(etl).write_bytes(lines(1, "canary"))
    be_scoped(etl, "other")
    assert "canary" not in str(get(etl, f"{TASK}/logs/1", 404))
    etl.gate.be("x", "Public")
    get(etl, f"{TASK}/logs/1", 403)


def test_links(etl: ApiStage) -> None:
    assert get(etl, f"{TASK}/links") == {"extra_links": {}, "total_entries": 0}
    get(etl, "/dags/etl/dagRuns/r/taskInstances/none/links", 404)
    assert "logs/1" in get(etl, f"{TASK}/externalLogUrl/1", 400)["detail"]
    get(etl, f"{TASK}/externalLogUrl/0", 422)
    get(etl, "/dags/etl/dagRuns/r/taskInstances/none/externalLogUrl/1", 404)
