"""`tradewind alerts`: the rules there are, their faults, a history from the event log, and what rules say of one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import DAY, Run, us

RULES = """
defaults: false
channels:
  chat: {type: slack, url: {env: CHAT_URL}}
  ops: {type: email, to: ops@example.com}
rules:
  - name: failures
    when: {failure_rate: 50%}
    severity: critical
    channels: [ops]
    dedupe_window: 0
  - name: slow
    when: {run_longer_than: 1h}
    dags: [etl]
    dedupe_window: 0
"""


def line(minutes: float, name: str, **facts: Any) -> str:
    return json.dumps({"at": (DAY + timedelta(minutes=minutes)).isoformat(), "name": name, **facts})


def moved(minutes: float, run_id: str, after: str, dag_id: str = "etl") -> str:
    return line(minutes, "run.moved", dag_id=dag_id, run_id=run_id, after=after)


HISTORY = [
    moved(0, "a", "running"),
    moved(10, "a", "success"),
    moved(20, "b", "running"),
    moved(90, "b", "failed"),
    moved(100, "c", "running", "other"),
    moved(200, "c", "success", "other"),
    line(300, "the.end"),
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    rules, history = tmp_path / "rules.yml", tmp_path / "history.jsonl"
    rules.write_text(RULES, encoding="utf-8")
    history.write_text("\n".join(HISTORY), encoding="utf-8")
    return str(rules), str(history)


def test_a_replay_says_exactly_what_would_have_been_told_to_whom_and_when(run: Run, files: tuple[str, str]) -> None:
    ended = run("alerts", "test", files[0], "--replay", files[1], "-o", "json")
    assert ended.code == 0
    assert [(row["at"], row["rule"], row["status"], row["channels"]) for row in ended.json] == [
        ("2026-01-01T01:20:00+00:00", "slow", "firing", ["chat", "ops"]),
        ("2026-01-01T01:30:00+00:00", "failures", "firing", ["ops"]),
        ("2026-01-01T01:30:00+00:00", "slow", "recovered", ["chat", "ops"]),
    ]
    assert ended.json[0]["sentence"] == "slow: The run b of the Dag etl has run for 1 h; the limit is 1 h."
    again = run("alerts", "test", files[0], "--replay", files[1], "-o", "json")
    assert again.json == ended.json, "keys and all"


def test_time_goes_on_after_the_last_line_when_asked(run: Run, files: tuple[str, str]) -> None:
    Path(files[1]).write_text(moved(0, "a", "running"), encoding="utf-8")
    assert run("alerts", "test", files[0], "--replay", files[1]).out == "No data found\n"
    ended = run("alerts", "test", files[0], "--replay", files[1], "--until", "2026-01-01T02:00Z", "-o", "json")
    assert [row["at"] for row in ended.json] == ["2026-01-01T01:00:00+00:00"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "line 2: this is no JSON; `tradewind alerts record` writes such files."),
        ("[]", "line 2: this is no JSON object; write one with 'at' and 'name'."),
        ('{"name": "x"}', "line 2: 'at' is no moment with an offset; write it as 2026-01-31T08:00:00+00:00."),
        ('{"at": "2026-01-01T00:00:00", "name": "x"}', "line 2: 'at' is no moment with an offset"),
        ('{"at": "2026-01-01T00:00:00Z"}', "line 2: 'name' is no text; it says what happened, such as run.moved."),
        (line(0, "x", color=1), "line 2: 'color' means nothing here; there are at, name, dag_id,"),
        (line(0, "x", dag_id=1), "line 2: 'dag_id' is no text."),
        (line(0, "x", try_number=True), "line 2: 'try_number' is no whole number."),
        (line(0, "x", body=[]), "line 2: 'body' is no object."),
    ],
)
def test_a_line_that_cannot_be_used_is_named(run: Run, files: tuple[str, str], text: str, fault: str) -> None:
    Path(files[1]).write_text(f"{HISTORY[0]}\n{text}\n", encoding="utf-8")
    ended = run("alerts", "test", files[0], "--replay", files[1])
    assert ended.code == 1
    assert fault in ended.err


def test_the_rules_in_effect_are_listed_and_faults_are_shown(run: Run, home: Path) -> None:
    shipped = run("alerts", "list", "-o", "json").json
    assert [row["when"] for row in shipped][:2] == ["10 % of a Dag's runs failed within 1 d", "a run takes 1 h"]
    assert len(shipped) == 8
    (home / "alerts.yml").write_text(RULES + "  - name: odd\n    when: {never: true}\n", encoding="utf-8")
    ended = run("alerts", "list", "-o", "json")
    assert ended.code == 1
    assert [(row["name"], row["from"], row["channels"]) for row in ended.json] == [
        ("failures", "file", ["ops"]), ("slow", "file", ["chat", "ops"]),
    ]  # fmt: skip
    assert "alerts.yml, line 17: rule 'odd', 'when', 'never': means nothing here" in ended.err


def test_a_check_also_makes_the_channels_and_shows_no_secret(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "alerts.yml").write_text(RULES, encoding="utf-8")
    ended = run("alerts", "check")
    assert ended.code == 1
    assert ended.err == (
        "Error: The channel 'chat' takes its 'url' from the environment variable 'CHAT_URL', which is not set; set it "
        "where Tradewind starts (line 4 of the rules file).\n"
    )
    monkeypatch.setenv("CHAT_URL", "s3cret-and-no-address")
    ended = run("alerts", "check")
    assert ended.err == "Error: The address of the channel 'chat' is no http address (line 4 of the rules file).\n"
    monkeypatch.setenv("CHAT_URL", "https://hooks.example.com/s3cret")
    assert run("alerts", "check").out == "2 rules (0 shipped), 2 channels: all fine.\n"


def store(home: Path, minutes: float, name: str, run_id: str = "", after: str = "", body: str = "{}") -> None:
    with closing(sqlite3.connect(home / "tradewind.db")) as connection, connection:
        connection.execute(
            "INSERT INTO event (at, name, dag_id, run_id, task_id, map_index, try_number, before, after, reason, body) "
            "VALUES (?, ?, 'etl', ?, '', -1, 0, '', ?, 'timetable', ?)",
            (us(DAY + timedelta(minutes=minutes)), name, run_id, after, body),
        )


def test_the_event_log_becomes_a_history_that_rules_are_tried_on(
    run: Run, database: Path, files: tuple[str, str]
) -> None:
    with closing(sqlite3.connect(database / "tradewind.db")) as connection:
        run_id, due = connection.execute("SELECT run_id, run_after FROM run WHERE run_type = 'scheduled'").fetchone()
    store(database, 30, "run.created", run_id, "queued")
    store(database, 31, "run.moved", run_id, "running")
    store(database, 92, "run.moved", run_id, "failed")
    store(database, 95, "metric.recorded", run_id, body='{"name": "quality_score", "value": 79}')
    ended = run("alerts", "record", "--from", "2026-01-01", "--to", "2026-01-02")
    lines = [json.loads(text) for text in ended.out.splitlines()]
    assert [(one["name"], one.get("run_id", "")) for one in lines] == [
        ("dag.described", ""), ("dag.described", ""), ("dag.due", ""), ("run.created", run_id), ("dag.due", ""),
        ("run.moved", run_id), ("run.moved", run_id), ("metric.recorded", run_id),
    ]  # fmt: skip
    assert lines[0]["body"] == {"tags": ["etl", "daily"]}
    assert lines[2]["at"] == lines[2]["body"]["run_after"]
    assert due == us(DAY)
    assert lines[3]["at"] == "2026-01-01T00:30:00+00:00"
    Path(files[1]).write_text(ended.out, encoding="utf-8")
    Path(files[0]).write_text("rules: []", encoding="utf-8")
    told = run("alerts", "test", files[0], "--replay", files[1], "-o", "json").json
    assert [(row["rule"], row["status"]) for row in told] == [
        ("long_run", "firing"), ("high_failure_rate", "firing"), ("long_run", "recovered"),
        ("low_data_quality", "firing"),
    ]  # fmt: skip
