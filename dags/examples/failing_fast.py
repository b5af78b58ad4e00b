"""With `fail_fast` the first failure ends the run: what runs is stopped, and what has not begun is skipped."""

import time
from datetime import datetime

from airflow.sdk import DAG, task

with DAG("failing_fast", schedule=None, start_date=datetime(2026, 1, 1), fail_fast=True, tags=["example"]):

    @task
    def check() -> None:
        time.sleep(1)
        raise ValueError("the input is not what it should be")

    @task
    def is_stopped() -> None:
        time.sleep(60)

    @task
    def never_begins() -> None:
        print("nobody reads this")

    check()
    is_stopped() >> never_begins()
