"""One Dag for each way to say when it runs. `tradewind simulate dags/examples` shows their runs and runs none."""

from datetime import datetime, timedelta

import pendulum
from airflow.sdk import (
    DAG,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
    task,
)
from airflow.timetables.events import EventsTimetable  # that of airflow.sdk cannot be stored by Airflow 3.3

SCHEDULES = {
    # Every morning at half past two of Berlin's clocks, also on the days when these are changed.
    "every_night": CronTriggerTimetable("30 2 * * *", timezone="Europe/Berlin"),
    # The same moment, covering the day before.
    "night_for_the_day": CronTriggerTimetable("30 2 * * *", timezone="Europe/Berlin", interval=timedelta(days=1)),
    # Each run covers the hour that has just ended.
    "each_hour": CronDataIntervalTimetable("@hourly", timezone="UTC"),
    # The last Friday of each month, the second Monday, and its last day.
    "month_end": MultipleCronTriggerTimetable("0 18 * * L5", "0 9 * * MON#2", "0 23 L * *", timezone="Asia/Seoul"),
    # 36 hours apart, whatever the clocks do.
    "every_36_hours": DeltaTriggerTimetable(timedelta(hours=36)),
    # The same, each run covering the 36 hours before it.
    "each_36_hours": DeltaDataIntervalTimetable(timedelta(hours=36)),
    # Moments that follow no rule.
    "launches": EventsTimetable(
        event_dates=[pendulum.datetime(2026, 3, 20, 9), pendulum.datetime(2026, 9, 23, 4, 30)],
        description="The launches of 2026",
    ),
    # Once; without end, one after another; and only on request.
    "only_once": "@once",
    "without_end": "@continuous",
    "on_request": None,
}

for name, schedule in SCHEDULES.items():
    with DAG(
        f"schedule_{name}",
        schedule=schedule,
        start_date=datetime(2026, 1, 1),
        max_active_runs=1,
        tags=["example", "schedule"],
    ) as dag:

        @task
        def covers(data_interval_start=None, data_interval_end=None):
            print(f"This run covers {data_interval_start} to {data_interval_end}.")

        covers()
    globals()[dag.dag_id] = dag
