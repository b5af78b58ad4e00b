"""Mail: as a step, and when a task fails or is tried again.

Both go by the connection `smtp_default`, and stock Airflow needs apache-airflow-providers-smtp. Without a mail server
the first task fails; the run goes on.
"""

from datetime import datetime, timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.sdk import DAG, task

TELL = SmtpNotifier(
    from_email="tradewind@example.com",
    to="data@example.com",
    subject="{{ ti.task_id }} has failed in {{ run_id }}",
    html_content="<p>{{ exception }}</p>",
)

with DAG("mails", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):
    report = EmailOperator(
        task_id="report",
        to=["data@example.com"],
        from_email="tradewind@example.com",
        subject="The report of {{ ds_nodash | default(run_id) }}",
        html_content="<p>Everything is well.</p>",
    )

    @task(
        email=["data@example.com"],
        email_on_failure=True,
        email_on_retry=True,
        retries=1,
        retry_delay=timedelta(seconds=1),
        on_failure_callback=TELL,
    )
    def load(ti=None) -> None:
        if ti.try_number == 1:
            raise ConnectionError("the shop is closed")

    @task(trigger_rule="all_done")
    def go_on() -> None:
        print("on it goes")

    [report, load()] >> go_on()
