"""A timetable of one's own: each working day, leaving out weekends and the days of a Variable `holidays`.

It needs no plugin here, since its code runs where the Dag file is imported. The Variable is a JSON list of dates; when
it changes, the file is read again and the coming runs with it.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Variable, task
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

HOLIDAYS = frozenset(Variable.get("holidays", default=["2026-12-25", "2027-01-01"], deserialize_json=True))


class Workdays(Timetable):
    """Covers each working day, and runs when it is over."""

    description = "Each working day, after its end"

    def __init__(self, timezone: str = "UTC") -> None:
        self.timezone = timezone

    @property
    def summary(self) -> str:
        return f"working days, {self.timezone}"

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """A run by hand covers the last working day that is over."""
        day = self._midnight(run_after).subtract(days=1)
        while not self._is_workday(day):
            day = day.subtract(days=1)
        return DataInterval(day, day.add(days=1))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        if last_automated_data_interval is not None:
            day = self._midnight(last_automated_data_interval.end)
        elif restriction.earliest is not None:
            day = self._midnight(restriction.earliest + timedelta(days=1, microseconds=-1))
        else:
            day = self._midnight(pendulum.now("UTC"))
        if not restriction.catchup:
            day = max(day, self._midnight(pendulum.now("UTC")).subtract(days=1))
        while not self._is_workday(day):
            day = day.add(days=1)
        if restriction.latest is not None and day > restriction.latest:
            return None
        return DagRunInfo.interval(start=day, end=day.add(days=1))

    def _midnight(self, moment: pendulum.DateTime) -> pendulum.DateTime:
        return pendulum.instance(moment).in_timezone(self.timezone).start_of("day")

    def _is_workday(self, day: pendulum.DateTime) -> bool:
        return day.isoweekday() <= 5 and day.to_date_string() not in HOLIDAYS


with DAG(
    "workdays", schedule=Workdays("Asia/Seoul"), start_date=pendulum.datetime(2026, 1, 1), tags=["example"]
) as dag:

    @task
    def settle(data_interval_start=None):
        print(f"Settling {data_interval_start.in_timezone('Asia/Seoul').to_date_string()}.")

    settle()
