"""Custom timetables in a running installation: their Dags run by them, and a bad one costs its own Dag alone."""

import json
from typing import Any

from tradewind.testing.installation import Installation

TIMES = """
from datetime import timedelta
from pendulum import DateTime, now
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable


class EverySecond(Timetable):
    summary = "every second"

    def infer_manual_data_interval(self, *, run_after):
        return DataInterval(run_after - timedelta(hours=7), run_after)

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        if last_automated_data_interval is None or not restriction.catchup:
            start = now("UTC").start_of("second")
            if last_automated_data_interval is not None:
                start = max(start, last_automated_data_interval.end)
        else:
            start = last_automated_data_interval.end
        return DagRunInfo.interval(start, start + timedelta(seconds=1))


class Broken(EverySecond):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        raise LookupError("the calendar is empty")
"""
DAGS = """
from airflow.sdk import DAG, task
from times import Broken, EverySecond

for timetable in (EverySecond(), Broken()):
    with DAG(type(timetable).__name__, schedule=timetable, max_active_runs=3) as dag:
        @task
        def say(data_interval_start=None, data_interval_end=None):
            return [data_interval_start.isoformat(), data_interval_end.isoformat()]

        say()
    globals()[dag.dag_id] = dag
"""


def test_runs_come_by_the_codes_own_idea_of_time_and_a_broken_one_disturbs_nobody() -> None:
    with Installation({"dags.py": DAGS, "../plugins/times.py": TIMES}) as installation:
        installation.start()
        installation.until("the scheduler", installation.is_listening)
        installation.until("scheduled runs", lambda: len(scheduled(installation)) >= 5)
        starts = [row["data_interval_start"] for row in scheduled(installation)]
        assert starts == sorted(set(starts))
        (problem,) = installation.rows("SELECT * FROM import_error")
        assert problem["dag_id"] == "Broken"
        assert "LookupError: the calendar is empty" in problem["message"]

        # What was named is in memory alone: a scheduler that starts anew has it named again.
        installation.signal("scheduler")
        done = len(scheduled(installation))
        installation.until("further runs", lambda: len(scheduled(installation)) >= done + 3)

        run_id = installation.trigger("Broken", logical_date="2024-03-04T12:00:00+00:00")
        assert installation.wait_for_run("Broken", run_id) == "success"
        assert returned(installation, run_id) == ["2024-03-04T05:00:00+00:00", "2024-03-04T12:00:00+00:00"]
        assert installation.stop() == 0


def scheduled(installation: Installation) -> list[dict[str, Any]]:
    return installation.rows(
        "SELECT * FROM run WHERE dag_id = ? AND run_type = 'scheduled' AND state = 'success' ORDER BY number",
        "EverySecond",
    )


def returned(installation: Installation, run_id: str) -> Any:
    rows = installation.rows(
        "SELECT x.value FROM xcom x JOIN run r ON r.number = x.run WHERE r.run_id = ? AND x.key = 'return_value'",
        run_id,
    )
    return json.loads(rows[0]["value"]) if rows else None
