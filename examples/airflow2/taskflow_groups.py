"""Airflow 2 spellings of TaskFlow, groups, variables, Datasets and helpers."""

from datetime import datetime

from airflow.datasets import Dataset
from airflow.decorators import dag, task
from airflow.models import Variable
from airflow.models.baseoperator import chain
from airflow.operators.empty import EmptyOperator
from airflow.utils.edgemodifier import Label
from airflow.utils.task_group import TaskGroup

ORDERS = Dataset("s3://lake/orders")


@dag(schedule_interval="0 3 * * *", start_date=datetime(2024, 1, 1), catchup=False, tags=["airflow2"])
def taskflow_groups():
    @task(outlets=[ORDERS])
    def fetch() -> dict:
        return {"region": Variable.get("region", default_var="kr"), "orders": 3}

    batch = fetch()

    with TaskGroup("checks", tooltip="What must hold") as checks:

        @task
        def not_empty(batch: dict) -> int:
            if not batch["orders"]:
                raise ValueError("no orders")
            return batch["orders"]

        counted = not_empty(batch)

    done = EmptyOperator(task_id="done")
    chain(batch, counted)
    checks >> Label("all good") >> done


taskflow_groups_dag = taskflow_groups()
