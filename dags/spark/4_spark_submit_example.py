"""Spark on a cluster: SparkSubmitOperator makes Parquet of a CSV, SparkSqlOperator asks it, a task reads the answer."""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_sql import SparkSqlOperator
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("TRADEWIND_DATA", "data")).resolve() / "spark"
ORDERS, OUTPUT = DATA / "orders.csv", DATA / "output" / "dataframe"

with DAG(
    "spark_submit_example",
    schedule=None,
    start_date=datetime(2025, 11, 1),
    catchup=False,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["spark"],
    doc_md=(
        "The jobs go to the master of the connection `spark_default`; "
        "`make spark` starts one and prints how the connection is written."
    ),
):
    make_input = BashOperator(
        task_id="make_input", bash_command=f"'{sys.executable}' '{HERE}/scripts/make_inputs.py' orders '{ORDERS}'"
    )

    submit_job = SparkSubmitOperator(
        task_id="submit_job",
        conn_id="spark_default",
        name="orders_to_parquet",
        application=f"{HERE}/scripts/dataframe_job.py",
        application_args=[str(ORDERS), str(OUTPUT)],
        conf={"spark.sql.shuffle.partitions": "2", "spark.ui.showConsoleProgress": "false"},
        executor_memory="512m",
        driver_memory="512m",
        total_executor_cores=1,
    )

    ask_sql = SparkSqlOperator(
        task_id="ask_sql",
        conn_id="spark_default",
        name="orders_by_status",
        # Nothing is kept in a metastore: the tables are the folders.
        conf={"spark.sql.catalogImplementation": "in-memory", "spark.sql.shuffle.partitions": "2"},
        executor_memory="512m",
        total_executor_cores=1,
        verbose=False,
        sql=f"""
            INSERT OVERWRITE DIRECTORY '{OUTPUT}/statuses' USING json
            SELECT status, count(*) AS orders, sum(amount) AS total
            FROM parquet.`{OUTPUT}/orders` GROUP BY status
        """,
    )

    @task
    def read_result() -> dict[str, int]:
        """The orders of each status."""
        import json

        lines = [line for part in (OUTPUT / "statuses").glob("part-*") for line in part.read_text().splitlines()]
        return {row["status"]: row["orders"] for row in sorted(map(json.loads, lines), key=lambda row: row["status"])}

    make_input >> submit_job >> ask_sql >> read_result()
