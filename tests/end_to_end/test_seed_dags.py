"""Two pipelines as a course prints them, in Airflow 2's spelling: one classic, one TaskFlow, both `example_dag`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.testing.course_dags import CLASSIC, TASKFLOW
from tradewind.testing.installation import Installation

_BEGINNING = {"extract_data": "raw_data", "transform_data": "transformed_raw_data"}
SEEDS = {
    "classic": (CLASSIC, {**_BEGINNING, "load_data": "loaded_data"}),
    "taskflow": (TASKFLOW, {**_BEGINNING, "load_data": "loaded_transformed_raw_data"}),
}
PAUSED = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
FIRST = "scheduled__2025-11-01T00:00:00+00:00"


def returned(installation: Installation, run_id: str) -> dict[str, Any]:
    """What the tasks of a run left as their return values."""
    rows = installation.rows(
        "SELECT x.task_id, x.value FROM xcom x JOIN run r ON r.number = x.run "
        "WHERE r.run_id = ? AND x.key = 'return_value'",
        run_id,
    )
    return {row["task_id"]: json.loads(row["value"]) for row in rows}


def log_of(installation: Installation, run_id: str, task_id: str) -> str:
    [path] = installation.home.glob(f"logs/dag_id=example_dag/run_id={run_id}/task_id={task_id}/attempt=1.log")
    return path.read_text()


def succeeded(installation: Installation) -> int:
    return len(installation.rows("SELECT 1 FROM run WHERE state = 'success'"))


def run_named(installation: Installation, run_id: str) -> dict[str, Any]:
    found = installation.rows("SELECT * FROM run WHERE dag_id = 'example_dag' AND run_id = ?", run_id)
    return found[0] if found else {}


def microseconds(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_pipeline_catches_up_from_its_start_date_and_passes_its_values_on(seed: str) -> None:
    text, values = SEEDS[seed]
    with Installation({f"{seed}.py": text}, **PAUSED) as installation:
        installation.start()
        installation.until("the Dag", lambda: installation.rows("SELECT 1 FROM dag WHERE is_paused"))
        assert installation.rows("SELECT * FROM run") == []
        installation.command("dag.unpause", dag_id="example_dag")
        installation.until("six runs", lambda: succeeded(installation) >= 6)
        installation.command("dag.pause", dag_id="example_dag")

        assert installation.wait_for_run("example_dag", FIRST) == "success"
        assert returned(installation, FIRST) == values
        assert "Transforming data: raw_data" in log_of(installation, FIRST, "transform_data")
        assert "Loading data: transformed_raw_data" in log_of(installation, FIRST, "load_data")

        runs = installation.rows("SELECT * FROM run ORDER BY number")
        days = [run["data_interval_start"] for run in runs]
        day = 86_400 * 1_000_000
        assert days == list(range(microseconds(2025, 11, 1), microseconds(2025, 11, 1) + len(runs) * day, day))
        for run in runs:
            assert run["run_type"] == "scheduled"
            assert run["logical_date"] == run["data_interval_start"]
            assert run["data_interval_end"] == run["run_after"] == run["data_interval_start"] + day
            date = datetime.fromtimestamp(run["logical_date"] / 1e6, UTC)
            assert run["run_id"] == f"scheduled__{date.isoformat()}"
        assert (
            most_running_at_once(installation)
            <= installation.rows("SELECT max_active_runs FROM dag")[0]["max_active_runs"]
        )


def most_running_at_once(installation: Installation) -> int:
    """How many runs were under way together at most, by the event log."""
    now, most = 0, 0
    for event in installation.rows("SELECT before, after FROM event WHERE name LIKE 'run.%' ORDER BY seq"):
        now += (event["after"] == "running") - (event["before"] == "running")
        most = max(most, now)
    assert most > 0
    return most


def test_max_active_runs_holds_while_a_pipeline_catches_up() -> None:
    text = TASKFLOW.replace("datetime(2025, 11, 1))", "datetime(2025, 11, 1), max_active_runs=2)")
    with Installation({"taskflow.py": text}) as installation:
        installation.start()
        installation.until("six runs", lambda: succeeded(installation) >= 6)
        assert most_running_at_once(installation) == 2
        assert run_named(installation, FIRST)["state"] == "success"


def test_a_run_created_by_hand_covers_the_day_before_its_logical_date() -> None:
    with Installation({"classic.py": CLASSIC.replace("2025, 11, 1", "2125, 11, 1")}) as installation:
        installation.start()
        run_id = installation.trigger("example_dag", logical_date="2025-11-05T09:30:00+00:00")
        assert installation.wait_for_run("example_dag", run_id) == "success"
        run = run_named(installation, run_id)
        assert run["run_type"] == "manual"
        assert run["logical_date"] == microseconds(2025, 11, 5, 9, 30)
        assert (run["data_interval_start"], run["data_interval_end"]) == (
            microseconds(2025, 11, 4),
            microseconds(2025, 11, 5),
        )
        assert returned(installation, run_id) == SEEDS["classic"][1]


def test_both_seed_files_in_one_folder_are_reported_and_the_first_goes_on_working() -> None:
    with Installation({"classic.py": CLASSIC}, **PAUSED) as installation:
        installation.start()
        installation.until("the Dag", lambda: installation.rows("SELECT 1 FROM dag"))
        installation.write("taskflow.py", TASKFLOW)
        errors = installation.until("the report", lambda: installation.rows("SELECT * FROM import_error"))
        assert [(error["file"], error["dag_id"], error["kind"]) for error in errors] == [
            ("taskflow.py", "example_dag", "DuplicateDagId")
        ]
        assert "'example_dag' is defined in classic.py and again in taskflow.py" in errors[0]["message"]

        installation.command("dag.unpause", dag_id="example_dag")
        assert installation.wait_for_run("example_dag", FIRST) == "success"
        assert returned(installation, FIRST) == SEEDS["classic"][1]
        assert installation.rows("SELECT dag_id, file, is_stale FROM dag") == [
            {"dag_id": "example_dag", "file": "classic.py", "is_stale": 0}
        ]

        (installation.dags / "classic.py").unlink()
        installation.until(
            "the other file", lambda: installation.rows("SELECT 1 FROM dag WHERE file = 'taskflow.py' AND NOT is_stale")
        )
        assert installation.rows("SELECT * FROM import_error") == []
