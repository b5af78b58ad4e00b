"""Questions to people on real processes: the commands that answer, deadlines, and kills in the middle."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tradewind.testing.installation import PATIENCE_SECONDS, Installation

DAGS = """
from datetime import timedelta
from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLEntryOperator, HITLOperator
from airflow.sdk import DAG, Param, task
from airflow.sdk.bases.notifier import BaseNotifier


class Tells(BaseNotifier):
    def notify(self, context):
        print("asked people about", context["task"].subject)


with DAG("asks", schedule=None):
    form = HITLEntryOperator(
        task_id="form", subject="How many for {{ run_id }}?", params={"n": Param(1, type="integer", minimum=1)},
        notifiers=Tells(), retries=1, retry_delay=timedelta(seconds=0),
    )
    form >> task(lambda ti: ti.xcom_pull(task_ids="form")["params_input"]["n"] * 2, task_id="after")()

with DAG("deadlines", schedule=None):
    wait = {"options": ["A", "B"], "response_timeout": timedelta(seconds=2)}
    HITLOperator(task_id="default", subject="?", defaults="B", **wait)
    HITLOperator(task_id="none", subject="?", **wait)

with DAG("approval", schedule=None):
    ApprovalOperator(task_id="approve", subject="Really?") >> task(lambda: None, task_id="after")()
"""


@pytest.fixture
def installation():
    with Installation({"asking.py": DAGS}) as installation:
        yield installation


def tradewind(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TRADEWIND_HOME": str(installation.home)}
    command = [sys.executable, "-m", "tradewind.cli.main", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)


def states(installation: Installation, dag_id: str) -> dict[str, str]:
    rows = installation.rows(
        "SELECT t.task_id, t.state FROM task_instance t JOIN run r ON r.number = t.run WHERE dag_id = ?", dag_id
    )
    return {row["task_id"]: row["state"] for row in rows}


def waits(installation: Installation, dag_id: str, task_id: str) -> None:
    installation.until("the question", lambda: states(installation, dag_id).get(task_id) == "awaiting_input")


def value(installation: Installation, task_id: str) -> Any:
    [row] = installation.rows("SELECT value FROM xcom WHERE task_id = ? AND key = 'return_value'", task_id)
    return json.loads(bytes(row["value"]))


def test_a_person_answers_by_the_commands_that_why_and_list_name(installation: Installation) -> None:
    installation.start()
    name = installation.trigger("asks")
    waits(installation, "asks", "form")
    assert installation.busy_children() == []
    assert "asked people about How many for" in installation.log("asks", "form")
    listed = json.loads(tradewind(installation, "hitl", "list", "-o", "json").stdout)
    assert [(row["task_id"], row["subject"]) for row in listed] == [("form", f"How many for {name}?")]
    why = tradewind(installation, "why", "asks", "form").stdout
    assert f"tradewind hitl respond asks {name} form --option" in why
    wrong = tradewind(installation, "hitl", "respond", "asks", name, "form", "--option", "OK", "--param", "n=0")
    assert (wrong.returncode, "0 is less than the minimum" in wrong.stderr) == (1, True)
    done = tradewind(installation, "hitl", "respond", "asks", name, "form", "--option", "OK", "--param", "n=21")
    assert done.returncode == 0, done.stderr
    assert installation.wait_for_run("asks", name) == "success"
    assert value(installation, "after") == 42
    again = tradewind(installation, "hitl", "respond", "asks", name, "form", "--option", "OK")
    assert "answered already" in again.stderr
    assert installation.rows("SELECT * FROM deferral") == []


def test_deadlines_take_defaults_or_fail_their_tasks(installation: Installation) -> None:
    installation.start()
    name = installation.trigger("deadlines")
    assert installation.wait_for_run("deadlines", name) == "failed"
    assert states(installation, "deadlines") == {"default": "success", "none": "failed"}
    assert value(installation, "default")["chosen_options"] == ["B"]
    [row] = installation.rows("SELECT reason FROM task_instance WHERE task_id = 'none'")
    assert "HITLTimeoutError" in row["reason"]


@pytest.mark.parametrize("whom", ["scheduler", "agent"])
def test_a_question_outlives_a_kill_and_is_answered_afterwards(installation: Installation, whom: str) -> None:
    installation.start()
    name = installation.trigger("asks")
    waits(installation, "asks", "form")
    killed = installation.signal(whom)
    installation.until("another process", lambda: set(installation.pids_of(whom)) - {killed})
    installation.until("the scheduler to listen", installation.is_listening)
    body = {"chosen_options": ["OK"], "params_input": {"n": 4}}
    installation.command("hitl.respond", dag_id="asks", run_id=name, task_id="form", **body)
    assert installation.wait_for_run("asks", name) == "success"
    assert value(installation, "after") == 8
    assert [row["try_number"] for row in installation.rows("SELECT try_number FROM task_instance")] == [1, 1]


def test_an_answer_can_be_given_while_no_scheduler_runs(installation: Installation) -> None:
    first = installation.start()
    name = installation.trigger("asks")
    waits(installation, "asks", "form")
    assert installation.stop(first) == 0
    done = tradewind(installation, "hitl", "respond", "asks", name, "form", "--option", "OK", "--param", "n=5")
    assert done.returncode == 0, done.stderr
    installation.start()
    installation.until("the scheduler to listen", installation.is_listening)
    assert installation.wait_for_run("asks", name) == "success"
    assert value(installation, "after") == 10


def test_a_rejection_skips_what_follows(installation: Installation) -> None:
    installation.start()
    name = installation.trigger("approval")
    waits(installation, "approval", "approve")
    installation.command("hitl.respond", dag_id="approval", run_id=name, task_id="approve", chosen_options=["Reject"])
    assert installation.wait_for_run("approval", name) == "success"
    assert states(installation, "approval") == {"approve": "success", "after": "skipped"}


def test_a_run_in_the_terminal_says_how_to_answer_and_goes_on_then(tmp_path: Path) -> None:
    file = tmp_path / "asking.py"
    file.write_text(DAGS)
    environment = {**os.environ, "TRADEWIND_HOME": str(tmp_path / "home"), "PYTHONUTF8": "1"}
    command = [sys.executable, "-u", "-m", "tradewind.cli.main", "run", str(file), "approval"]
    running = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        lines, until = [], time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(r"from another terminal: tradewind (.+)", "".join(lines))):
            assert time.monotonic() < until
            lines.append(running.stdout.readline())
        assert "approve asks: Really?  (Approve, Reject)" in "".join(lines)
        answered = subprocess.run(
            [sys.executable, "-m", "tradewind.cli.main", *found[1].split()], env=environment, capture_output=True,
            text=True, timeout=180,
        )  # fmt: skip
        assert answered.returncode == 0, answered.stderr
        rest = running.communicate(timeout=PATIENCE_SECONDS)[0]
        assert running.returncode == 0
        assert "approval succeeded" in rest
    finally:
        running.kill()
        running.wait()
