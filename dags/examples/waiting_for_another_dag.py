"""One Dag waits for a task of another: for the run of the same date, and for that of the day before."""

from datetime import datetime, timedelta

from airflow.providers.standard.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
from airflow.sdk import DAG, task

DAYS = {"schedule": "@daily", "start_date": datetime(2026, 1, 1), "catchup": False, "tags": ["example"]}

with DAG("orders", **DAYS):

    @task
    def load() -> int:
        return 120

    loaded = ExternalTaskMarker(task_id="loaded", external_dag_id="invoices", external_task_id="orders_are_loaded")
    load() >> loaded

with DAG("invoices", **DAYS):
    orders_are_loaded = ExternalTaskSensor(
        task_id="orders_are_loaded",
        external_dag_id="orders",
        external_task_ids=["load", "loaded"],
        failed_states=["failed", "upstream_failed"],
        check_existence=True,
        mode="reschedule",
        poke_interval=1,
        timeout=timedelta(hours=2),
    )

    @task
    def write_invoices() -> str:
        return "written"

    orders_are_loaded >> write_invoices()
