"""`tradewind hitl`: what it lists, and what it sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import DAY, FakeScheduler, Run, damage, us

from tradewind.cli.hitl import question_lines
from tradewind.cli.reading import open_reader
from tradewind.config import load_settings
from tradewind.store import tables as t
from tradewind.store.engine import open_engine

FORM = {"n": {"value": 1, "schema": {"type": "integer"}}, "note": {"value": "", "schema": {"type": ["null", "string"]}}}
ANSWERED = {"responded_by": {"id": "me", "name": "Ann Lee"}, "chosen_options": ["Yes"]}


def question(id: str, task_id: str = "extract", map_index: int = -1, **more: Any) -> dict[str, Any]:
    return {
        "id": id, "run": 2, "task_id": task_id, "map_index": map_index, "try_number": 1, "subject": f"{id}?",
        "body": "", "options": '["Yes", "No"]', "defaults": None, "multiple": False, "params": b"{}", "assigned": "[]",
        "asked_at": us(DAY) + len(id), "chosen": "[]", "params_input": b"{}", **more,
    }  # fmt: skip


def deferral(id: str, task_id: str, map_index: int = -1, is_answered: bool = False) -> dict[str, Any]:
    return {
        "run": 2, "task_id": task_id, "map_index": map_index, "id": id, "classpath": "", "kwargs": b"", "method": "m",
        "method_kwargs": b"{}", "pool": "", "pool_slots": 0, "at_event": b"", "at_ends": "", "event": b"", "error": "",
        "is_answered": is_answered,
    }  # fmt: skip


@pytest.fixture
def asked(database: Path) -> Path:
    """One question of each state."""
    engine = open_engine(load_settings().database.sql_alchemy_conn)
    at = {"answered_at": us(DAY) + 9, "chosen": '["Yes"]'}
    with engine.begin() as connection:
        connection.execute(
            t.question.insert(),
            [
                {"timeout_at": None, "answered_at": None, "answered_by": None, **row}
                for row in (
                    question("old"),
                    question("pend", params=json.dumps(FORM).encode(), timeout_at=us(DAY) + 1, defaults='["No"]',
                             body="Look\n twice", assigned='[["me", "Ann Lee"]]'),
                    question("answer", "load", **at, answered_by='["me", "Ann Lee"]'),
                    question("default", "load", **at),
                    question("instance", "clean.fill", 1),
                    question("going-along", "clean.fill", 0),
                )
            ],
        )  # fmt: skip
        connection.execute(
            t.deferral.insert(),
            [
                deferral("pend", "extract"), deferral("answer", "load", is_answered=True),
                deferral("instance", "clean.fill", 1), deferral("going-along", "clean.fill", 0, is_answered=True),
            ],
        )  # fmt: skip
    engine.dispose()
    return database


def test_list_shows_what_waits_for_an_answer(run: Run, asked: Path) -> None:
    ended = run("hitl", "list")
    lines = ended.out.splitlines()
    assert [word.strip() for word in lines[0].split("|")][:5] == ["dag_id", "run_id", "task_id", "map_index", "state"]
    assert ["pend?" in lines[2], "instance?" in lines[3], len(lines)] == [True, True, 4]
    assert "Yes, No" in lines[2]


@pytest.mark.parametrize(
    ("state", "ids"),
    [
        ("pending", ["pend", "instance"]), ("answered", ["answer"]), ("defaulted", ["default"]),
        ("unanswered", ["old", "going-along"]),
        ("all", ["old", "pend", "answer", "default", "instance", "going-along"]),
    ],
)  # fmt: skip
def test_list_knows_what_became_of_each(run: Run, asked: Path, state: str, ids: list[str]) -> None:
    rows = run("hitl", "list", "--dag-id", "etl", "--state", state, "-o", "json").json
    assert [row["subject"] for row in rows] == [f"{id}?" for id in ids]


def test_json_has_everything_as_airflows_api_names_it(run: Run, asked: Path) -> None:
    row = run("hitl", "list", "-o", "json").json[0]
    assert row["assigned_users"] == [{"id": "me", "name": "Ann Lee"}]
    assert (row["created_at"], row["responded_at"]) == ("2026-01-01T00:00:00.000004+00:00", None)
    assert {"options", "defaults", "multiple", "params", "chosen_options", "params_input", "body"} <= row.keys()


def test_a_dag_that_is_not_there_is_named(run: Run, asked: Path) -> None:
    assert "No Dag 'nope'" in run("hitl", "list", "--dag-id", "nope").err


def test_respond_sends_the_answer_with_fields_as_the_form_wants_them(
    run: Run, scheduler: FakeScheduler, asked: Path
) -> None:
    scheduler.gives(ANSWERED)
    ended = run(
        "hitl", "respond", "etl", "2026-01-02T00:00:00.123456", "extract", "--option", "Yes", "--param", "n=5",
        "--param", "note=5", "--param", "other=[1, 2]", "--param", "text=a=b", "--user", "ann",
    )  # fmt: skip
    assert ended.out == "extract of etl manual__2 goes on: Ann Lee chose Yes.\n"
    [command] = scheduler.commands
    assert (command.kind, command.body) == (
        "hitl.respond",
        {
            "dag_id": "etl", "run_id": "manual__2", "task_id": "extract", "map_index": -1, "chosen_options": ["Yes"],
            "params_input": {"n": 5, "note": "5", "other": [1, 2], "text": "a=b"}, "user": "ann", "question": "pend",
        },
    )  # fmt: skip


def test_respond_names_an_instance(run: Run, scheduler: FakeScheduler, asked: Path) -> None:
    scheduler.gives(ANSWERED)
    assert run("hitl", "respond", "etl", "manual__2", "clean.fill", "--map-index", "1", "--option", "No").code == 0
    assert scheduler.commands[0].body["map_index"] == 1


def test_what_is_no_field_or_no_choice_is_wrong_usage(run: Run, scheduler: FakeScheduler, asked: Path) -> None:
    names = ("hitl", "respond", "etl", "manual__2", "extract")
    ended = run(*names, "--option", "Yes", "--param", "n")
    assert (ended.code, "must be NAME=VALUE" in ended.err) == (2, True)
    assert run(*names).code == 2
    assert not scheduler.commands


def test_a_question_is_said_with_the_command_that_answers_it(asked: Path) -> None:
    reader = open_reader(load_settings())
    first, second = reader.questions(state="pending")
    reader.close()
    assert question_lines(first, "/tmp/a home") == [
        "extract asks: pend?  (Yes, No)",
        "    Look",
        "     twice",
        "    At 2026-01-01T00:00:00.000001+00:00 No is taken.",
        "    Answer it from another terminal: tradewind --home '/tmp/a home' hitl respond etl manual__2 extract "
        "--option Yes --param 'n=…' --param 'note=…'",
    ]
    assert question_lines(second)[0] == "clean.fill[1] asks: instance?  (Yes, No)"
    assert question_lines(second)[-1].endswith("clean.fill --map-index 1 --option Yes")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("options", "["), ("options", '{"Yes": 1}'), ("chosen", "5"), ("answered_by", '["me"]'), ("asked_at", "soon"),
        ("map_index", "x"), ("subject", b"\xff"),
    ],
)  # fmt: skip
def test_a_damaged_question_is_named_and_the_others_are_listed(run: Run, asked: Path, column: str, value: Any) -> None:
    before = [row["subject"] for row in run("hitl", "list", "--state", "all", "-o", "json").json]
    damage(asked, f"UPDATE question SET {column} = ? WHERE id = 'old'", value)
    for output in ("json", "table"):
        ended = run("hitl", "list", "--state", "all", "-o", output)
        assert (ended.code, ended.err.count("\n")) == (0, 1)
        assert ended.err.startswith("Not shown: Table question, row with id 'old': ")
        assert "old?" not in ended.out
        assert all(subject in ended.out for subject in before if subject != "old?")


def test_a_form_that_cannot_be_read_takes_no_answer(run: Run, asked: Path, scheduler: FakeScheduler) -> None:
    (pending,) = (row for row in run("hitl", "list", "-o", "json").json if row["subject"] == "pend?")
    damage(asked, "UPDATE question SET params = ? WHERE id = 'pend'", b"{")
    ended = run("hitl", "respond", "etl", pending["run_id"], pending["task_id"], "--option", "Yes")
    assert (ended.code, ended.out, scheduler.commands) == (1, "", [])
    assert ended.err.startswith("Error: Table question, row with id 'pend': params ")
