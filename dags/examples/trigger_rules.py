"""What a task asks of those before it: each rule once, after one task that succeeds, one that fails, one skipped."""

from datetime import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

with DAG("trigger_rules", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):

    @task
    def succeeds() -> None:
        print("well")

    @task(retries=3)
    def fails() -> None:
        raise AirflowFailException("no retry helps here")

    @task
    def is_skipped() -> None:
        raise AirflowSkipException("nothing to do")

    before = [succeeds(), fails(), is_skipped()]
    for rule in TriggerRule:
        if rule is not TriggerRule.ALL_DONE_SETUP_SUCCESS:  # that of teardowns
            before >> EmptyOperator(task_id=rule.value, trigger_rule=rule)
