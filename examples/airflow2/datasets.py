"""Airflow 2 spellings: Dataset, DatasetAlias, DatasetOrTimeSchedule, triggering_dataset_events."""

from datetime import datetime

from airflow import DAG
from airflow.datasets import Dataset, DatasetAlias
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
from airflow.timetables.datasets import DatasetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

ORDERS = Dataset("file:///tmp/example/old_orders.csv", extra={"owner": "data"})
RETURNS = Dataset("file:///tmp/example/old_returns.csv")
FOUND = DatasetAlias("old_found")
START = datetime(2024, 1, 1)


def collect(*, outlet_events):
    outlet_events[ORDERS].extra = {"rows": 42}
    outlet_events[FOUND].add(Dataset("file:///tmp/example/old_rates.csv"))


with DAG("datasets_collect", schedule=None, start_date=START, catchup=False):
    PythonOperator(task_id="collect", python_callable=collect, outlets=[ORDERS, FOUND]) >> BashOperator(
        task_id="returns", bash_command="true", outlets=[RETURNS]
    )

with DAG("datasets_join", schedule=[ORDERS, RETURNS], start_date=START, catchup=False):
    BashOperator(
        task_id="join",
        bash_command="echo {{ ds }}: "
        "{% for uri, events in triggering_dataset_events.items() %}{{ uri }} by {{ events[0].source_task_id }} "
        "{% endfor %}",
    )

with DAG("datasets_found", schedule=[FOUND], start_date=START, catchup=False):
    BashOperator(task_id="report", bash_command="echo {{ run_id }}")

with DAG(
    "datasets_or_each_night",
    schedule=DatasetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), datasets=(ORDERS | RETURNS)
    ),
    start_date=START,
    catchup=False,
):
    BashOperator(task_id="check", bash_command="echo {{ run_id }}")
