"""A task that needed more memory than the machine has left waits until others have ended, and `why` says so."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from tradewind.cli.client import Client
from tradewind.testing.installation import Installation

DAGS = """
import os
import time
from airflow.sdk import DAG, task

with DAG("first", schedule=None):
    @task
    def big():
        held = bytearray(200 * 1024 * 1024)
        time.sleep(5)
    big()

with DAG("long", schedule=None):
    @task
    def sleeps():
        while not os.path.exists(LEDGER):
            time.sleep(0.05)
    sleeps()
"""


@pytest.fixture
def installation():
    # Everything is kept free, so whatever needs more than a little waits while anything else runs.
    with Installation({"memory.py": DAGS}, TRADEWIND__WORKER__MEMORY_RESERVE_FRACTION="1") as made:
        yield made


def test_a_large_task_waits_for_memory_beside_another_one_and_says_so(installation: Installation) -> None:
    installation.start()
    assert installation.wait_for_run("first", installation.trigger("first")) == "success", "alone it may try"
    other = installation.trigger("long")
    runs = "SELECT 1 FROM task_instance WHERE task_id = 'sleeps' AND state = 'running'"
    installation.until("the other task runs", lambda: installation.rows(runs))
    again = installation.trigger("first")

    def reasons() -> list[str]:
        with closing(Client(installation.settings)) as client:
            return [reason["code"] for reason in client.request("explain", dag_id="first", run_id=again)]

    installation.until("it is held back", lambda: reasons() == ["memory_guard"])
    installation.ledger.touch()
    assert installation.wait_for_run("long", other) == "success"
    assert installation.wait_for_run("first", again) == "success"
    (notes,) = (installation.home / "run").glob("memory-*.json")
    assert json.loads(notes.read_text())["first/big"] > 200 * 1024 * 1024
