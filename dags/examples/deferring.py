"""An operator of your own that waits in a trigger and so holds no slot, one that begins there, and one that ends there.

A thousand of them wait in one process. `defer` says which method goes on with the trigger's event.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.providers.standard.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator, task
from airflow.triggers.base import StartTriggerArgs

SOON = timedelta(seconds=1)


class TwoSteps(BaseOperator):
    """Waits twice, and leaves what it has heard."""

    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(SOON), method_name="first_step", kwargs={"asked": self.task_id})

    def first_step(self, context, event=None, asked=""):
        moment = datetime.fromisoformat(str(event))
        self.log.info("%s heard of %s", asked, moment)
        self.defer(
            trigger=DateTimeTrigger(moment=moment + SOON),
            method_name="second_step",
            kwargs={"first": moment.isoformat()},
            timeout=timedelta(minutes=5),
        )

    def second_step(self, context, event=None, first=""):
        return [first, str(event)]


class FromTheTrigger(BaseOperator):
    """Begins with its trigger, whose arguments are known beforehand: `execute` is never called."""

    start_from_trigger = True
    start_trigger_args = StartTriggerArgs(
        trigger_cls="airflow.providers.standard.triggers.temporal.TimeDeltaTrigger",
        trigger_kwargs={"delta": SOON},
        next_method="goes_on",
        timeout=timedelta(minutes=5),
    )

    def execute(self, context):
        raise RuntimeError("this is never called")

    def goes_on(self, context, event=None):
        return "went on"


with DAG("deferring", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):
    two_steps = TwoSteps(task_id="two_steps")
    from_the_trigger = FromTheTrigger(task_id="from_the_trigger")
    # The trigger itself ends the task: nothing is started for that.
    ended_there = TimeDeltaSensor(task_id="ended_there", delta=SOON, deferrable=True, end_from_trigger=True)

    @task
    def report(moments: list[str], how: str) -> str:
        return f"{moments[0]} and {moments[1]}; the other {how}"

    ended_there >> report(two_steps.output, from_the_trigger.output)
