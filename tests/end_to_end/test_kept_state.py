"""What tasks keep, on real processes: a job is submitted once although its task is killed; legs and runs go on."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tradewind.testing.installation import Installation

DAGS = """
import os, time
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, Asset, BaseOperator, PokeReturnValue, ResumableJobMixin, task

CLUSTER = Path(FOLDER)
ORDERS = Asset("orders", "s3://orders")


class Job(ResumableJobMixin, BaseOperator):
    '''A job is a file that holds its state; each submission is a line of the list.'''

    def execute(self, context):
        return self.execute_resumable(context)

    def submit_job(self, context):
        with open(CLUSTER / "submitted", "a") as submitted:
            submitted.write(f"{os.getpid()}\\n")
        number = len((CLUSTER / "submitted").read_text().splitlines())
        (CLUSTER / f"job-{number}").write_text("RUNNING")
        return f"job-{number}"

    def get_job_status(self, external_id, context):
        return (CLUSTER / external_id).read_text()

    def is_job_active(self, status):
        return status == "RUNNING"

    def is_job_succeeded(self, status):
        return status == "DONE"

    def poll_until_complete(self, external_id, context):
        (CLUSTER / f"polled-{os.getpid()}").touch()
        while self.get_job_status(external_id, context) == "RUNNING":
            time.sleep(0.05)

    def get_job_result(self, external_id, context):
        return {"job": external_id, "try": context["ti"].try_number}


with DAG("job", schedule=None):
    Job(task_id="submit", retries=1, retry_delay=timedelta(0))


class Legs(BaseOperator):
    def execute(self, context):
        context["task_state_store"].set("leg", "first")
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=0.1)), method_name="go_on")

    def go_on(self, context, event=None):
        return context["task_state_store"].get("leg")


with DAG("legs", schedule=None):

    @task.sensor(mode="reschedule", poke_interval=0.2)
    def pokes(task_state_store):
        pokes = task_state_store.get("pokes", 0) + 1
        task_state_store.set("pokes", pokes)
        return PokeReturnValue(is_done=pokes == 3, xcom_value=pokes)

    Legs(task_id="defers")
    pokes()

with DAG("asks_nobody", schedule=None):

    @task
    def note(task_state_store):
        (CLUSTER / "begun").touch()
        while not (CLUSTER / "now").exists():
            time.sleep(0.02)
        task_state_store.set("job", "j1")
        (CLUSTER / "noted").touch()
        return task_state_store.get("job")

    note()

with DAG("watermark", schedule=None):

    @task(outlets=[ORDERS])
    def load(asset_state_store):
        runs = asset_state_store.get("runs", []) + [datetime.now().isoformat()]
        asset_state_store.set("runs", runs)
        return len(runs)

    @task(inlets=[ORDERS])
    def read(asset_state_store):
        return len(asset_state_store[ORDERS].get("runs"))

    load() >> read()
"""


def returned(here: Installation, dag_id: str) -> dict[str, Any]:
    """What the tasks of the newest run returned."""
    sql = "SELECT x.* FROM xcom x JOIN run r ON r.number = x.run WHERE r.dag_id = ? ORDER BY r.number"
    return {row["task_id"]: json.loads(row["value"]) for row in here.rows(sql, dag_id)}


def submitted(cluster: Path) -> list[int]:
    """The processes that submitted a job."""
    file = cluster / "submitted"
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def polling(cluster: Path) -> list[int]:
    return [int(path.name.removeprefix("polled-")) for path in cluster.glob("polled-*")]


@pytest.mark.parametrize("also", ["", "scheduler", "agent"])
def test_a_job_whose_task_is_killed_is_submitted_once(also: str, tmp_path: Path) -> None:
    """Killed alone, or together with the process that had just acknowledged the job's id, or its own supervisor."""
    with Installation({"stores.py": f"FOLDER = {str(tmp_path)!r}\n{DAGS}"}) as here:
        here.start()
        run_id = here.trigger("job")
        [child] = here.until("the job is waited for", lambda: polling(tmp_path))
        if also:
            here.signal(also, signal.SIGKILL)
        if also != "agent":  # whose end is its children's
            os.kill(child, signal.SIGKILL)
        here.until("another process waits for the job", lambda: len(polling(tmp_path)) == 2)
        (tmp_path / "job-1").write_text("DONE")
        assert here.wait_for_run("job", run_id) == "success", here.last_words()
        assert submitted(tmp_path) == [child]
        assert returned(here, "job") == {"submit": {"job": "job-1", "try": 2}}
        assert "Job job-1 is still RUNNING; waiting for it." in here.log("job", "submit", 2)


@pytest.mark.parametrize("standing", [True, False])
def test_a_note_that_is_made_while_no_scheduler_answers_waits_for_one(standing: bool, tmp_path: Path) -> None:
    """Its process is stopped, so that the note reaches it and is lost with it; or is gone, so that nobody is there."""
    with Installation({"stores.py": f"FOLDER = {str(tmp_path)!r}\n{DAGS}"}) as here:
        here.start()
        run_id = here.trigger("asks_nobody")
        here.until("the task has begun", (tmp_path / "begun").exists)
        here.signal("scheduler", signal.SIGSTOP if standing else signal.SIGKILL)
        (tmp_path / "now").touch()
        if standing:
            time.sleep(0.5)
            assert not (tmp_path / "noted").exists()
            here.signal("scheduler", signal.SIGKILL)
        assert here.wait_for_run("asks_nobody", run_id) == "success", here.last_words()
        assert returned(here, "asks_nobody") == {"note": "j1"}
        assert [row["try_number"] for row in here.rows("SELECT try_number FROM task_instance")] == [1]


def test_legs_of_a_try_and_runs_of_a_dag_go_on_from_what_is_kept(tmp_path: Path) -> None:
    with Installation({"stores.py": f"FOLDER = {str(tmp_path)!r}\n{DAGS}"}) as here:
        here.start()
        assert here.run("legs") == "success", here.last_words()
        assert returned(here, "legs") == {"pokes": 3, "defers": "first"}
        for count in (1, 2):
            assert here.run("watermark") == "success", here.last_words()
            assert returned(here, "watermark") == {"load": count, "read": count}
        [row] = here.rows("SELECT * FROM asset_state_store")
        assert (row["name"], row["uri"], row["key"], row["task_id"]) == ("orders", "s3://orders", "runs", "load")


def test_success_forgets_where_the_installation_says_so(tmp_path: Path) -> None:
    dags = {"stores.py": f"FOLDER = {str(tmp_path)!r}\n{DAGS}"}
    with Installation(dags, TRADEWIND__STATE_STORE__CLEAR_ON_SUCCESS="true") as here:
        here.start()
        assert here.run("legs") == "success", here.last_words()
        assert returned(here, "legs") == {"pokes": 3, "defers": "first"}
        assert here.rows("SELECT * FROM task_state_store") == []
