"""Deferred tasks on real processes: triggers that fire, fail, kill their process, or outlive what is around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.testing.installation import Installation

DAGS = """
import asyncio, os, sys
from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.file import FileTrigger
from airflow.sdk import DAG, BaseOperator, task
from airflow.triggers.base import BaseTrigger, TriggerEvent

sys.path.append(os.path.dirname(__file__))
from own_triggers import Dies, Fails


class Waits(BaseOperator):
    def __init__(self, trigger, timeout=None, **kwargs):
        super().__init__(**kwargs)
        self.trigger, self.patience = trigger, timeout

    def execute(self, context):
        self.defer(trigger=self.trigger, method_name="go_on", kwargs={"n": 2}, timeout=self.patience)

    def go_on(self, context, event=None, n=None):
        print("goes on with", event)
        return n * 21


with DAG("waits", schedule=None):
    file = Waits(task_id="file", trigger=FileTrigger(filepath=FOLDER + "/now", poke_interval=0.1))
    file >> task(lambda: None, task_id="after")()

with DAG("troubles", schedule=None):
    never = FileTrigger(filepath=FOLDER + "/never", poke_interval=0.1)
    Waits(task_id="never", trigger=never, timeout=timedelta(seconds=1))
    Waits(task_id="fails", trigger=Fails())
    Waits(task_id="dies", trigger=Dies())
    Waits(task_id="file", trigger=FileTrigger(filepath=FOLDER + "/now", poke_interval=0.1))

with DAG("creates", schedule=None):
    TriggerDagRunOperator(
        task_id="waits", trigger_dag_id="waits", wait_for_completion=True, deferrable=True, poke_interval=0.2
    )

with DAG("many", schedule=None, max_active_tasks=500):
    Waits.partial(task_id="file", trigger=FileTrigger(filepath=FOLDER + "/now", poke_interval=0.5)).expand(
        params=[{"n": n} for n in range(200)]
    )
"""

TRIGGERS = """
import os
from airflow.triggers.base import BaseTrigger, TriggerEvent


class Fails(BaseTrigger):
    def serialize(self):
        return "own_triggers.Fails", {}

    async def run(self):
        raise ValueError("no such thing")
        yield TriggerEvent(1)


class Dies(BaseTrigger):
    def serialize(self):
        return "own_triggers.Dies", {}

    async def run(self):
        os._exit(3)
        yield TriggerEvent(1)
"""


@pytest.fixture
def installation(tmp_path: Path):
    text = DAGS.replace("FOLDER", repr(str(tmp_path)))
    with Installation({"deferring.py": text, "own_triggers.py": TRIGGERS}) as installation:
        installation.flag = tmp_path / "now"
        yield installation


def states(installation: Installation, dag_id: str) -> dict[str, str]:
    rows = installation.rows(
        "SELECT t.task_id, t.state FROM task_instance t JOIN run r ON r.number = t.run WHERE dag_id = ?", dag_id
    )
    return {row["task_id"]: row["state"] for row in rows}


def deferred(installation: Installation, dag_id: str, *task_ids: str) -> None:
    installation.until(
        f"{task_ids} to be deferred",
        lambda: all(states(installation, dag_id).get(task_id) == "deferred" for task_id in task_ids),
    )


def test_a_deferred_task_goes_on_when_its_trigger_fires_and_holds_no_process_meanwhile(installation) -> None:
    installation.start()
    name = installation.trigger("waits")
    deferred(installation, "waits", "file")
    installation.until("the trigger's process", lambda: installation.pids_of("triggers"))
    assert installation.busy_children() == []
    installation.flag.touch()
    assert installation.wait_for_run("waits", name) == "success"
    values = installation.rows("SELECT value FROM xcom WHERE task_id = 'file'")
    assert [bytes(row["value"]) for row in values] == [b"42"]
    log = installation.log("waits", "file")
    assert "The trigger fires" in log
    assert "goes on with" in log
    assert installation.rows("SELECT * FROM deferral") == []


def test_a_trigger_that_fails_hangs_or_kills_its_process_ends_its_own_task_alone(installation) -> None:
    installation.start()
    name = installation.trigger("troubles")
    installation.until(
        "the three to fail",
        lambda: [states(installation, "troubles").get(t) for t in ("never", "fails", "dies")] == ["failed"] * 3,
    )
    assert states(installation, "troubles")["file"] == "deferred"
    installation.flag.touch()
    assert installation.wait_for_run("troubles", name) == "failed"
    assert states(installation, "troubles")["file"] == "success"
    reasons = {row["task_id"]: row["reason"] for row in installation.rows("SELECT task_id, reason FROM task_instance")}
    assert "no such thing" in reasons["fails"]
    assert "ended the process" in reasons["dies"]
    assert "imeout" in reasons["never"]


@pytest.mark.parametrize("whom", ["triggers", "agent", "scheduler"])
def test_a_trigger_goes_on_when_a_process_around_it_is_killed(installation, whom: str) -> None:
    installation.start()
    name = installation.trigger("waits")
    deferred(installation, "waits", "file")
    before = installation.until("the trigger's process", lambda: installation.pids_of("triggers"))
    installation.signal(whom)
    if whom != "scheduler":
        installation.until("another process", lambda: set(installation.pids_of("triggers")) - set(before))
    installation.flag.touch()
    assert installation.wait_for_run("waits", name) == "success"
    assert [row["try_number"] for row in installation.rows("SELECT try_number FROM task_instance")] == [1, 1]
    assert installation.stop() == 0
    assert installation.left() == []


def test_two_hundred_deferred_tasks_share_one_process(installation) -> None:
    installation.start()
    name = installation.trigger("many")
    count = "SELECT count(*) AS n FROM task_instance WHERE state = 'deferred'"
    installation.until("all to be deferred", lambda: installation.rows(count)[0]["n"] == 200)
    assert len(installation.pids_of("triggers")) == 1
    assert installation.busy_children() == []
    installation.flag.touch()
    assert installation.wait_for_run("many", name) == "success"


def test_whoever_clears_a_deferred_task_stops_its_trigger(installation) -> None:
    installation.start()
    name = installation.trigger("waits")
    deferred(installation, "waits", "file")
    first = installation.rows("SELECT id FROM deferral")[0]["id"]
    installation.command("task.clear", dag_id="waits", run_id=name, task_ids=["file"])
    installation.until(
        "another trigger",
        lambda: [row["id"] for row in installation.rows("SELECT id FROM deferral")] not in ([], [first]),
    )
    installation.flag.touch()
    assert installation.wait_for_run("waits", name) == "success"


def test_a_task_waits_deferred_for_the_run_that_it_created(installation) -> None:
    installation.start()
    name = installation.trigger("creates")
    deferred(installation, "creates", "waits")
    deferred(installation, "waits", "file")
    installation.flag.touch()
    assert installation.wait_for_run("creates", name) == "success"
    assert states(installation, "waits") == {"file": "success", "after": "success"}
