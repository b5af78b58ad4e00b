"""A run that tells of its end: notifiers, a task that is tried again as its exception says, and a deadline."""

from datetime import datetime, timedelta

from airflow.sdk import (
    DAG,
    BaseNotifier,
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    SyncCallback,
    task,
)


class Tell(BaseNotifier):
    """Writes its text to the log; yours would send it somewhere."""

    template_fields = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context) -> None:
        print(self.text)


BUSY = ExceptionRetryPolicy(
    rules=[
        RetryRule(ConnectionError, RetryAction.RETRY, timedelta(seconds=1), "the shop was busy"),
        RetryRule(PermissionError, RetryAction.FAIL, reason="asking again is no use"),
    ]
)

with DAG(
    "being_told",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    on_success_callback=Tell("run {{ run_id }} is over: {{ reason }}"),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=10),
        callback=SyncCallback(Tell, kwargs={"text": "{{ dag_run.dag_id }} should have ended by now"}),
    ),
    tags=["example"],
):

    @task(
        retries=2,
        retry_policy=BUSY,
        on_retry_callback=Tell("{{ ti.task_id }}, try {{ ti.try_number }}: {{ exception }}"),
        on_success_callback=[Tell("{{ ti.task_id }} has its orders")],
    )
    def fetch(ti=None) -> int:
        if ti.try_number == 1:
            raise ConnectionError("the shop is busy")
        return 42

    fetch()
