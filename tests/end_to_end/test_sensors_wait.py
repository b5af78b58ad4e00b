"""Sensors in a real installation: slots that are freed, another Dag that is waited for, and what cannot be done yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.testing.installation import Installation

EXAMPLES = Path(__file__).parents[2] / "dags" / "examples"
DATE = "2026-03-05T00:00:00+00:00"

GROUPS = """
from datetime import datetime, timedelta
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import DAG, task, task_group

with DAG("first", schedule=None):
    @task_group
    def part():
        @task
        def one(): return 1
        @task
        def two(x): return x + 1
        one() >> two.expand(x=[1, 2])
    @task
    def broken(): raise ValueError("no")
    part()
    broken()

def waits(task_id, **kwargs):
    return ExternalTaskSensor(task_id=task_id, external_dag_id="first", mode="reschedule", poke_interval=0.1,
                              timeout=60, **kwargs)

with DAG("second", schedule=None):
    waits("group", external_task_group_id="part")
    waits("soft", external_task_id="broken", failed_states=["failed"], soft_fail=True)
    waits("hard", external_task_id="broken", failed_states=["failed"])
    waits("whole", failed_states=["failed"], allowed_states=["success"], soft_fail=True)
    waits("unknown", external_task_id="gone", check_existence=True)
    waits("late", external_task_id="gone").timeout = 0.5

with DAG("deferring", schedule=None):
    TimeDeltaSensor(task_id="wait", delta=timedelta(seconds=2), deferrable=True)
"""


@pytest.fixture(scope="module")
def installation():
    texts = {name: (EXAMPLES / name).read_text() for name in ("sensors.py", "waiting_for_another_dag.py")}
    with Installation({**texts, "groups.py": GROUPS}) as running:
        running.start()
        yield running


def states(installation: Installation, dag_id: str) -> dict[str, str]:
    rows = installation.rows(
        "SELECT t.task_id, t.state FROM task_instance t JOIN run r ON r.number = t.run WHERE r.dag_id = ?", dag_id
    )
    return {row["task_id"]: row["state"] for row in rows}


def test_the_example_waits_for_file_command_function_and_moment(installation: Installation) -> None:
    assert installation.run("sensors") == "success", installation.last_words()
    found = states(installation, "sensors")
    assert found.pop("never") == "skipped"
    assert set(found.values()) == {"success"}


def test_a_dag_waits_for_the_run_of_another_of_the_same_date(installation: Installation) -> None:
    waiting = installation.trigger("invoices", logical_date=DATE)
    installation.until(
        "the sensor to free its slot",
        lambda: states(installation, "invoices").get("orders_are_loaded") == "up_for_reschedule",
    )
    assert installation.run("orders", logical_date=DATE) == "success"
    assert installation.wait_for_run("invoices", waiting) == "success", installation.last_words()


def test_groups_failures_and_limits_of_another_dag(installation: Installation) -> None:
    assert installation.run("first", logical_date=DATE) == "failed"
    assert installation.run("second", logical_date=DATE) == "failed"
    assert states(installation, "second") == {
        "group": "success", "soft": "skipped", "hard": "failed", "whole": "skipped", "unknown": "failed",
        "late": "failed",
    }  # fmt: skip
    assert "has no task 'gone'" in installation.log("second", "unknown")
    assert "AirflowSensorTimeout" in installation.log("second", "late")


def test_a_deferrable_sensor_waits_without_a_slot(installation: Installation) -> None:
    assert installation.run("deferring") == "success", installation.last_words()
    moves = installation.rows("SELECT after FROM event WHERE name = 'task.moved' AND task_id = 'wait'")
    assert "deferred" in [row["after"] for row in moves]
