"""A person says how much, and approves; where nobody answers, a deadline decides. `tradewind hitl list` shows what is
asked, and `tradewind hitl respond` answers it."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLBranchOperator, HITLEntryOperator
from airflow.sdk import Param, dag, task


@dag(schedule=None, start_date=datetime(2026, 1, 1), tags=["example"])
def asking_people():
    order = HITLEntryOperator(
        task_id="order",
        subject="How many pieces are ordered?",
        params={
            "pieces": Param(10, type="integer", minimum=1, description="How many"),
            "note": Param("", type="string", description="What the supplier should know"),
        },
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Order {{ ti.xcom_pull(task_ids='order')['params_input']['pieces'] }} pieces?",
        body="Without an answer within a day, nothing is ordered.",
        defaults="Reject",
        response_timeout=timedelta(days=1),
    )
    choose = HITLBranchOperator(
        task_id="choose",
        subject="From whom?",
        options=["The cheap one", "The fast one"],
        options_mapping={"The cheap one": "cheap", "The fast one": "fast"},
        defaults="The cheap one",
        response_timeout=timedelta(hours=1),
    )

    @task
    def cheap():
        print("ordered from the cheap one")

    @task
    def fast():
        print("ordered from the fast one")

    order >> approve >> choose >> [cheap(), fast()]


asking_people()
