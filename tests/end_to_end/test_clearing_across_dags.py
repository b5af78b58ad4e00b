"""Two Dag files and the marker between them, cleared from the command line while a scheduler runs and without one."""

import re
import subprocess
import sys

from tradewind.testing.installation import Installation

ORDERS = """
from datetime import datetime
from airflow.providers.standard.sensors.external_task import ExternalTaskMarker
from airflow.sdk import DAG, task

with DAG("orders", schedule=None, start_date=datetime(2024, 1, 1)):
    @task
    def load():
        return 1

    today = ExternalTaskMarker(task_id="today", external_dag_id="invoices", external_task_id="wait")
    tomorrow = ExternalTaskMarker(
        task_id="tomorrow", external_dag_id="invoices", external_task_id="wait",
        logical_date="{{ macros.ds_add(ds, 1) }}",
    )
    load() >> [today, tomorrow]
"""
INVOICES = """
from datetime import datetime
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import DAG, task

with DAG("invoices", schedule=None, start_date=datetime(2024, 1, 1)):
    @task
    def prepare():
        return 1

    wait = ExternalTaskSensor(
        task_id="wait", external_dag_id="orders", execution_date_fn=lambda date: date.replace(day=1),
        poke_interval=0.2,
    )

    @task
    def write():
        return 1

    prepare() >> wait >> write()
"""


def test_clearing_a_marker_clears_what_waits_for_it_in_another_dag() -> None:
    with Installation({"orders.py": ORDERS, "invoices.py": INVOICES}) as installation:
        installation.start()
        installation.run("orders", run_id="o1", logical_date="2024-03-01")
        for day in (1, 2, 3):
            assert installation.run("invoices", run_id=f"i{day}", logical_date=f"2024-03-0{day}") == "success"

        shown = clear(installation, "-n")
        planned = ["invoices i1 wait", "invoices i1 write", "invoices i2 wait", "invoices i2 write",
                   "orders o1 load", "orders o1 today", "orders o1 tomorrow"]  # fmt: skip
        assert sorted(shown.splitlines()) == planned
        assert cleared(installation) == {}

        done = clear(installation, "-y")
        assert sorted(done.splitlines()) == ["7 task instances cleared.", *planned]
        for dag_id, run_id in (("orders", "o1"), ("invoices", "i1"), ("invoices", "i2")):
            assert installation.wait_for_run(dag_id, run_id) == "success"
        assert cleared(installation) == {"o1": 1, "i1": 1, "i2": 1}
        tries = installation.rows("SELECT run_id, task_id, try_number FROM task_instance, run WHERE run = number")
        again = {(row["run_id"], row["task_id"]) for row in tries if row["try_number"] == 2}
        assert again == {("i1", "wait"), ("i1", "write"), ("i2", "wait"), ("i2", "write"), ("o1", "load"),
                         ("o1", "today"), ("o1", "tomorrow")}  # fmt: skip
        assert installation.stop() == 0

        assert "7 task instances cleared." in clear(installation, "-y")
        assert cleared(installation) == {"o1": 2, "i1": 2, "i2": 2}


def clear(installation: Installation, *options: str) -> str:
    """What `tradewind tasks clear` prints."""
    command = [sys.executable, "-m", "tradewind.cli.main", "--home", str(installation.home), "tasks", "clear", "orders"]
    asked = [*command, "-t", "^load$", "-d", "--dag-run-id", "o1", *options]
    ended = subprocess.run(asked, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, ended.stderr
    assert not re.search("Nothing of another Dag", ended.stderr)
    return ended.stdout


def cleared(installation: Installation) -> dict[str, int]:
    rows = installation.rows("SELECT run_id, clear_number FROM run WHERE clear_number > 0")
    return {row["run_id"]: row["clear_number"] for row in rows}
