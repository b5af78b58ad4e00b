"""The other two kinds of data that Spark has: an RDD job on an access log, a Spark SQL job on orders, side by side."""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("TRADEWIND_DATA", "data")).resolve() / "spark"
ORDERS, LOG, OUTPUT = DATA / "orders.csv", DATA / "access.log", DATA / "output" / "kinds"
MAKE = f"'{sys.executable}' '{HERE}/scripts/make_inputs.py'"

with DAG(
    "rdd_and_sql_test",
    schedule=None,
    start_date=datetime(2025, 11, 1),
    catchup=False,
    default_args={
        "conn_id": "spark_default",
        "executor_memory": "512m",
        "driver_memory": "512m",
        "total_executor_cores": 1,
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
    },
    tags=["spark"],
):
    make_orders = BashOperator(task_id="make_orders", bash_command=f"{MAKE} orders '{ORDERS}'")
    make_log = BashOperator(task_id="make_log", bash_command=f"{MAKE} access-log '{LOG}' 2025-11-01")

    rdd = SparkSubmitOperator(
        task_id="rdd",
        name="rdd_job",
        application=f"{HERE}/scripts/rdd_job.py",
        application_args=[str(LOG), f"{OUTPUT}/paths.json"],
    )
    sql = SparkSubmitOperator(
        task_id="sql",
        name="sql_job",
        application=f"{HERE}/scripts/sql_job.py",
        application_args=[str(ORDERS), f"{OUTPUT}/best_customers.json"],
        conf={"spark.sql.shuffle.partitions": "2"},
    )

    make_log >> rdd
    make_orders >> sql
