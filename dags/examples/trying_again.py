"""Tries that come further and further apart, an error that is final, and a task that must not take too long."""

from datetime import datetime, timedelta

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException

with DAG("trying_again", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):

    @task(
        retries=3,
        retry_delay=timedelta(seconds=1),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(seconds=3),
    )
    def third_time_lucky(ti=None) -> int:
        if ti.try_number < 3:
            raise ConnectionError(f"try {ti.try_number} has failed")
        return ti.try_number

    @task(retries=3)
    def wrong_password() -> None:
        raise AirflowFailException("trying again would lock the account")

    @task(execution_timeout=timedelta(seconds=20), retries=0)
    def in_time() -> None:
        print("quick enough")

    @task(trigger_rule="all_done")
    def report() -> None:
        print("whatever became of them, this runs")

    [third_time_lucky(), wrong_password(), in_time()] >> report()
