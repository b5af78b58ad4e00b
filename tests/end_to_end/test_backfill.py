"""A backfill from the command line to its end, with a scheduler that is killed on the way."""

import json
import subprocess
import sys
from typing import Any

from tradewind.testing.installation import Installation

DAG = """
from datetime import datetime
from airflow.sdk import DAG, task

with DAG("daily", schedule="@daily", start_date=datetime(2024, 1, 1), catchup=False):
    @task
    def say(logical_date=None, dag_run=None):
        import time
        time.sleep(0.2)
        return [logical_date.isoformat(), dag_run.run_type.value, dag_run.conf.get("x")]

    say()
"""
RANGE = ("--dag-id", "daily", "--from-date", "2024-03-01", "--to-date", "2024-03-06")


def test_a_backfill_makes_each_run_of_its_range_once_though_the_scheduler_dies() -> None:
    with Installation({"daily.py": DAG}) as installation:
        installation.start()
        installation.until("the Dag", lambda: installation.rows("SELECT 1 FROM dag WHERE dag_id = 'daily'"))
        shown = json.loads(backfill(installation, "--dry-run", "-o", "json"))
        assert [row["action"] for row in shown] == ["create"] * 6
        assert not backfilled(installation)

        conf = json.dumps({"x": 7})
        backfill(installation, "--max-active-runs", "2", "--dag-run-conf", conf)
        installation.until("the first runs", lambda: len(backfilled(installation)) >= 2)
        installation.signal("scheduler")
        installation.until("its end", lambda: installation.rows("SELECT 1 FROM backfill WHERE state = 'completed'"))
        assert [run["state"] for run in backfilled(installation)] == ["success"] * 6
        values = [json.loads(run["value"]) for run in backfilled(installation)]
        assert values == [[f"2024-03-0{day}T00:00:00+00:00", "backfill", 7] for day in range(1, 7)]

        assert "6 dates to run again" in backfill(installation, "--reprocess-behavior", "completed")
        installation.until("its end", lambda: not installation.rows("SELECT 1 FROM backfill WHERE state = 'active'"))
        assert installation.rows("SELECT COUNT(*) AS n FROM run WHERE clear_number = 1") == [{"n": 6}]
        assert installation.stop() == 0


def backfill(installation: Installation, *options: str) -> str:
    """What `tradewind backfill create` prints."""
    command = [sys.executable, "-m", "tradewind.cli.main", "--home", str(installation.home), "backfill", "create"]
    ended = subprocess.run([*command, *RANGE, *options], capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def backfilled(installation: Installation) -> list[dict[str, Any]]:
    return installation.rows(
        "SELECT r.*, x.value FROM run r LEFT JOIN xcom x ON x.run = r.number AND x.key = 'return_value' "
        "WHERE r.run_type = 'backfill' ORDER BY r.logical_date"
    )
