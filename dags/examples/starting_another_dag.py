"""A Dag that starts another with values of its own, waits for it without holding a slot, and takes what it left."""

from datetime import datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, task

START = datetime(2026, 1, 1)

with DAG("starting_another_dag", schedule=None, start_date=START, tags=["example"]):
    start = TriggerDagRunOperator(
        task_id="start",
        trigger_dag_id="started_by_another_dag",
        trigger_run_id="for_{{ run_id }}",
        logical_date="{{ dag_run.logical_date or dag_run.run_after }}",
        conf={"city": "Seoul", "rows": 3},
        note="started by {{ dag.dag_id }}",
        reset_dag_run=True,  # so that clearing this task starts it again
        wait_for_completion=True,
        deferrable=True,
        poke_interval=1,
        failed_states=["failed"],
    )

    @task
    def go_on() -> str:
        return "it has ended well"

    start >> go_on()

with DAG(
    "started_by_another_dag",
    schedule=None,
    start_date=START,
    params={"city": Param("Busan", type="string"), "rows": Param(1, type="integer", minimum=1)},
    tags=["example"],
):

    @task
    def measure(params: dict) -> list[str]:
        return [params["city"]] * params["rows"]

    measure()
