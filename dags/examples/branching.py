"""One of two ways is taken; both meet again in a task that needs only one of them."""

from datetime import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Label, dag, task


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"rows": 120}, tags=["example"])
def branching():
    @task.branch
    def choose(params: dict) -> str:
        return "many" if params["rows"] > 100 else "few"

    many = EmptyOperator(task_id="many")
    few = EmptyOperator(task_id="few")
    report = EmptyOperator(task_id="report", trigger_rule="none_failed_min_one_success")

    chosen = choose()
    chosen >> Label("over 100 rows") >> many >> report
    chosen >> Label("up to 100 rows") >> few >> report


branching()
