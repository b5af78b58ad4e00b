"""Runs that depend on the run before, and steps for the newest run alone.

`add_up` waits for its own success on the day before, `publish` moreover until all that follows it there has ended well.
`only_newest` skips what follows in runs that are catching up: a message about last week helps nobody. These three days
are over, so nobody is told; in a run by hand somebody is.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.sdk import DAG, task

with DAG(
    "day_after_day",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    end_date=datetime(2026, 1, 3),
    catchup=True,
    max_active_runs=2,
    tags=["example"],
):

    @task(depends_on_past=True)
    def add_up(ti=None, ds=None) -> int:
        before = ti.xcom_pull(task_ids="add_up", include_prior_dates=True) or 0
        print(ds, "adds to", before)
        return before + 1

    @task(wait_for_downstream=True)
    def publish(total: int) -> int:
        return total

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def archive(total: int) -> None:
        print("archived", total)

    @task
    def tell(total: int) -> None:
        print("the newest total is", total)

    published = publish(add_up())
    archive(published)
    LatestOnlyOperator(task_id="only_newest") >> tell(published)
