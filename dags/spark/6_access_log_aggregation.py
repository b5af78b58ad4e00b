"""Spark adds up each day's access log by user and makes features for a recommender; a report counts them."""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("TRADEWIND_DATA", "data")).resolve() / "spark"
OUTPUT = DATA / "output" / "access"
DAY = "{{ (dag_run.data_interval_start or dag_run.run_after) | ds }}"
LOG = f"{DATA}/logs/access-{DAY}.log"

with DAG(
    "access_log_aggregation",
    schedule="@daily",
    start_date=datetime(2025, 11, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["spark"],
):
    # Stands for the web servers that would leave their logs here.
    collect_log = BashOperator(
        task_id="collect_log",
        bash_command=f"'{sys.executable}' '{HERE}/scripts/make_inputs.py' access-log '{LOG}' {DAY}",
    )

    aggregate = SparkSubmitOperator(
        task_id="aggregate",
        conn_id="spark_default",
        name=f"access_log_{DAY}",
        application=f"{HERE}/scripts/access_log_job.py",
        application_args=[LOG, DAY, str(OUTPUT)],
        conf={"spark.sql.shuffle.partitions": "2"},
        executor_memory="512m",
        driver_memory="512m",
        total_executor_cores=1,
    )

    @task
    def report(day: str) -> dict[str, int]:
        """How many users and requests the day had."""
        import csv

        rows = []
        for part in sorted((OUTPUT / "users" / f"day={day}").glob("part-*.csv")):
            with open(part, newline="", encoding="utf-8") as stream:
                rows += list(csv.DictReader(stream))
        if not rows:
            raise ValueError(f"The access log of {day} has no user in it.")
        return {
            "users": len(rows),
            "requests": sum(int(row["requests"]) for row in rows),
            "errors": sum(int(row["errors"]) for row in rows),
        }

    collect_log >> aggregate >> report(DAY)
