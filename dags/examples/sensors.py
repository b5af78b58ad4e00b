"""Waiting for a file, a command, a moment and a function; two of the sensors free their slot between two looks.

Airflow needs a connection `fs_default` for the FileSensor; Tradewind takes the root folder when there is none.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import PokeReturnValue, dag, task

INBOX = "/tmp/sensors_{{ run_id | replace(':', '_') }}"


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False, tags=["example"])
def sensors():
    deliver = BashOperator(
        task_id="deliver",
        bash_command=f"mkdir -p {INBOX}; cd {INBOX}; sleep 1; echo 42 > answer.part; mv answer.part answer.txt",
    )
    arrived = FileSensor(
        task_id="arrived", filepath=f"{INBOX}/*.txt", mode="reschedule", poke_interval=1, timeout=timedelta(minutes=5)
    )
    complete = BashSensor(
        task_id="complete", bash_command=f"test -s {INBOX}/answer.txt", poke_interval=1, timeout=timedelta(minutes=5)
    )
    later = TimeDeltaSensor(task_id="later", delta=timedelta(seconds=1), mode="reschedule", poke_interval=1)
    never = FileSensor(task_id="never", filepath=f"{INBOX}/*.csv", soft_fail=True, poke_interval=1, timeout=2)

    @task.sensor(poke_interval=1, timeout=300)
    def answer(folder: str) -> PokeReturnValue:
        with open(f"{folder}/answer.txt", encoding="utf-8") as file:
            text = file.read().strip()
        return PokeReturnValue(is_done=text.isdigit(), xcom_value=text)

    @task(trigger_rule="none_failed")
    def report(found: str) -> str:
        return f"The answer is {found}."

    tidy = BashOperator(task_id="tidy", bash_command=f"rm -r {INBOX}", trigger_rule="all_done")
    found = answer(INBOX)
    arrived >> complete >> found
    report_task = report(found)
    [later, never] >> report_task
    [deliver, report_task] >> tidy


sensors()
