"""Airflow 2 spellings of being told: sla= and sla_miss_callback, callbacks, mail, trigger rules as text.

A task that is not done an hour after its run's interval has ended counts as missed; the callback hears of it once.
"""

from datetime import timedelta

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator, ShortCircuitOperator
from airflow.utils.dates import days_ago


def missed(dag, task_list, blocking_task_list, slas, blocking_tis):
    print("late:", task_list)


def failed(context):
    print(context["task_instance"].task_id, "has failed:", context["exception"])


def fails():
    raise ValueError("on purpose")


with DAG(
    "callbacks_and_slas",
    schedule_interval="@daily",
    start_date=days_ago(1),
    catchup=False,
    sla_miss_callback=missed,
    default_args={"owner": "data", "sla": timedelta(hours=1), "on_failure_callback": failed},
    concurrency=4,
):
    broken = PythonOperator(task_id="broken", python_callable=fails)
    mended = EmptyOperator(task_id="mended", trigger_rule="all_failed")
    go_on = ShortCircuitOperator(task_id="go_on", python_callable=lambda: False)
    broken >> mended >> go_on >> EmptyOperator(task_id="not_reached")
