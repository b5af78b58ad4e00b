"""A person chooses some of several; only who is named may answer, and who does not is told of the default."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, BaseNotifier, task


class Ask(BaseNotifier):
    """Writes to the log that somebody is asked; yours would send a message with a link."""

    template_fields = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context) -> None:
        print(self.text)


with DAG("asking_for_a_choice", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):
    choose = HITLOperator(
        task_id="choose",
        subject="Which regions are published?",
        body="Any of them; without an answer within an hour, Korea alone.",
        options=["kr", "us", "eu"],
        multiple=True,
        defaults=["kr"],
        notifiers=[Ask("{{ task.task_id }} of {{ run_id }} waits for an answer")],
        response_timeout=timedelta(hours=1),
    )

    @task
    def regions(answer: dict) -> list[str]:
        return answer["chosen_options"]

    @task
    def publish(region: str) -> None:
        print("published", region)

    publish.expand(region=regions(choose.output))
