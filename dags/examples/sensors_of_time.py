"""Waiting for a moment, a time of day, a weekday and a condition; what a sensor makes of its own failure.

A sensor may give its slot back between two looks (`mode="reschedule"`), or hand its waiting to a trigger and hold
nothing at all (`deferrable=True`).
"""

from datetime import datetime, time, timedelta

from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.providers.standard.sensors.time import TimeSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.providers.standard.sensors.weekday import DayOfWeekSensor
from airflow.sdk import DAG, task

EVERY_DAY = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}


def broken() -> bool:
    raise ConnectionError("the shop cannot be asked")


with DAG("sensors_of_time", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):
    two_seconds_on = DateTimeSensor(
        task_id="two_seconds_on",
        target_time="{{ (dag_run.run_after + macros.timedelta(seconds=2)).isoformat() }}",
        mode="reschedule",
        poke_interval=1,
    )
    after_midnight = TimeSensor(task_id="after_midnight", target_time=time(0, 0), timeout=timedelta(hours=1))
    a_second_later = TimeDeltaSensor(task_id="a_second_later", delta=timedelta(seconds=1), deferrable=True)
    any_weekday = DayOfWeekSensor(task_id="any_weekday", week_day=EVERY_DAY, timeout=60)
    # Looks after 1, 2, 4 … seconds, and never waits longer than 10 between two looks.
    patient = PythonSensor(
        task_id="patient",
        python_callable=lambda: True,
        mode="reschedule",
        poke_interval=1,
        exponential_backoff=True,
        max_wait=timedelta(seconds=10),
    )

    # What there is not in time: it fails, unless it is told to be skipped instead.
    late = {"filepath": "/tmp/there_is_no_such_file", "poke_interval": 0.5, "timeout": 1, "mode": "reschedule"}
    skipped_when_late = FileSensor(task_id="skipped_when_late", soft_fail=True, **late)
    # `soft_fail` skips when the time is over, and fails on an error; `never_fail` skips in both cases.
    skipped_on_error = PythonSensor(task_id="skipped_on_error", python_callable=broken, never_fail=True, timeout=1)
    # With `silent_fail` an error is one look without an answer: the next look may have one.
    silent_then_late = PythonSensor(
        task_id="silent_then_late",
        python_callable=broken,
        silent_fail=True,
        soft_fail=True,
        poke_interval=0.5,
        timeout=1,
    )

    @task(trigger_rule="none_failed")
    def report(ti=None) -> str:
        return "Whatever was there has come."

    waits = [two_seconds_on, after_midnight, a_second_later, any_weekday, patient]
    [*waits, skipped_when_late, skipped_on_error, silent_then_late] >> report()
