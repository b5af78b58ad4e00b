"""How much may happen at once, for how long, and how often a Dag may fail before it is paused.

`limits_narrow` runs two tasks at a time and one run after another. `limits_given_up` fails; after three failed runs in
a row it is paused, and `tradewind dags unpause limits_given_up` gives it another chance. `limits_in_time` is stopped
when it has run for an hour.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

START = datetime(2026, 1, 1)

with DAG("limits_narrow", schedule=None, start_date=START, max_active_tasks=2, max_active_runs=1, tags=["example"]):
    for number in range(4):
        # In all runs together only one instance of each.
        BashOperator(task_id=f"step_{number}", bash_command="sleep 0.2", max_active_tis_per_dag=1)

with DAG("limits_given_up", schedule=None, start_date=START, max_consecutive_failed_dag_runs=3, tags=["example"]):

    @task
    def fails() -> None:
        raise ValueError("as ever")

    fails()

with DAG("limits_in_time", schedule=None, start_date=START, dagrun_timeout=timedelta(hours=1), tags=["example"]):

    @task(execution_timeout=timedelta(minutes=5))
    def quick() -> str:
        return "in time"

    quick()
