"""Assets on real processes: a producer's end makes its consumers' runs, which see what was updated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tradewind.testing.installation import Installation

DAGS = """
from airflow.sdk import DAG, Asset, AssetAlias, Metadata, task

RAW, CLEAN = Asset("raw", "file:///data/raw"), Asset("clean", "file:///data/clean")

with DAG("makes", schedule=None):

    @task(outlets=[RAW, AssetAlias("found")])
    def make(outlet_events):
        outlet_events[AssetAlias("found")].add(CLEAN, extra={"rows": 7})
        yield Metadata(RAW, {"rows": 3})

    make()

with DAG("reads", schedule=RAW):

    @task(inlets=[RAW])
    def read(triggering_asset_events, inlet_events):
        events = triggering_asset_events[RAW]
        return {
            "rows": [event.extra["rows"] for event in events],
            "source": events[0].source_dag_run.dag_id,
            "newest": inlet_events[RAW][-1].extra["rows"],
        }

    @task.bash
    def said():
        return "echo {{ triggering_asset_events['raw'][0].extra['rows'] }} {{ run_id[:15] }}"

    read() >> said()

with DAG("through_alias", schedule=AssetAlias("found")):

    @task
    def read(triggering_asset_events):
        return [[key.name, events[0].extra["rows"]] for key, events in triggering_asset_events.items()]

    read()

with DAG("wants_both", schedule=RAW & Asset("never", "file:///data/never")):
    task(lambda: None, task_id="t")()
"""

OLD = """
from datetime import datetime
from airflow import DAG
from airflow.datasets import Dataset
from airflow.operators.bash import BashOperator

RAW = Dataset("file:///data/old")

with DAG("old_makes", schedule_interval=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="make", bash_command="true", outlets=[RAW])

with DAG("old_reads", schedule=[RAW], start_date=datetime(2024, 1, 1), catchup=False):
    BashOperator(
        task_id="read",
        bash_command="echo '{{ ds }}' "
        "'{{ (triggering_dataset_events.values() | first | first).source_task_id }}' "
        "'{{ triggering_dataset_events | list | first }}'",
    )
"""


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with Installation({"assets.py": DAGS, "old_assets.py": OLD}) as installation:
        installation.start()
        installation.until(
            "the Dags of both files", lambda: len(installation.rows("SELECT DISTINCT file FROM dag")) == 2
        )
        yield installation


def tradewind(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command in a terminal beside the running services."""
    program = "from tradewind.cli.main import main; main()"
    environment = {**os.environ, "TRADEWIND_HOME": str(installation.home)}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, timeout=180
    )  # fmt: skip


def run_of(installation: Installation, dag_id: str) -> str:
    """The run of a Dag that an asset made, when it is over."""
    found: list = []

    def over() -> bool:
        found[:] = installation.rows(
            "SELECT run_id FROM run WHERE dag_id = ? AND run_type = 'asset_triggered' AND state = 'success'", dag_id
        )
        return bool(found)

    installation.until(f"a run of {dag_id}", over)
    return found[0]["run_id"]


def value(installation: Installation, dag_id: str, task_id: str) -> object:
    rows = installation.rows(
        "SELECT x.value FROM xcom x JOIN run r ON r.number = x.run WHERE r.dag_id = ? AND x.task_id = ?",
        dag_id,
        task_id,
    )
    return json.loads(bytes(rows[-1]["value"]))


def test_what_a_task_updates_makes_runs_that_see_it(installation: Installation) -> None:
    assert installation.wait_for_run("makes", installation.trigger("makes")) == "success"
    run_of(installation, "reads")
    assert value(installation, "reads", "read") == {"rows": [3], "source": "makes", "newest": 3}
    assert value(installation, "reads", "said") == "3 asset_triggered"
    run_of(installation, "through_alias")
    assert value(installation, "through_alias", "read") == [["clean", 7], ["found", 7]]
    assert installation.rows("SELECT number FROM run WHERE dag_id = 'wants_both'") == []
    tried = tradewind(installation, "tasks", "test", "reads", "read", run_of(installation, "reads"))
    assert '"newest":3' in tried.stdout.replace(" ", ""), tried.stdout + tried.stderr
    why = tradewind(installation, "why", "wants_both").stdout
    assert "raw (updated " in why
    assert "never (not since the last run)" in why


def test_datasets_of_airflow_2_do_the_same_with_a_logical_date(installation: Installation) -> None:
    assert installation.wait_for_run("old_makes", installation.trigger("old_makes")) == "success"
    run_of(installation, "old_reads")
    (run,) = installation.rows("SELECT logical_date FROM run WHERE dag_id = 'old_reads'")
    day, source, uri = str(value(installation, "old_reads", "read")).split()
    assert run["logical_date"] is not None
    assert (len(day), source, uri) == (10, "make", "file:///data/old")


def test_an_update_may_be_reported_from_outside_and_outlives_the_scheduler(installation: Installation) -> None:
    reported = tradewind(installation, "assets", "report", "--name", "never", "--extra", '{"by": "hand"}', "-o", "json")
    assert reported.returncode == 0, reported.stderr
    assert json.loads(reported.stdout)[0]["uri"] == "file:///data/never"
    killed = installation.signal("scheduler")
    # A command has the patience of a person: 5 s for a scheduler that begins.
    installation.until("another scheduler", lambda: set(installation.pids_of("scheduler")) - {killed})
    installation.until("it to listen", installation.is_listening)
    created = tradewind(installation, "assets", "materialize", "--name", "raw", "-o", "json")
    assert created.returncode == 0, created.stderr
    assert json.loads(created.stdout)[0]["dag_run_id"].startswith("asset_materialization__")
    run_of(installation, "wants_both")
    taken = installation.rows(
        "SELECT e.name FROM asset_event e JOIN asset_run a ON a.event = e.number JOIN run r ON r.number = a.run "
        "WHERE r.dag_id = 'wants_both' ORDER BY e.number"
    )
    assert {row["name"] for row in taken} == {"raw", "never"}
    waiting = tradewind(installation, "dags", "next-execution", "wants_both").stderr
    # The run that `materialize` made may have updated `raw` again by now.
    assert waiting.startswith(
        ("wants_both waits for: raw (not since the last run), ", "wants_both waits for: raw (upd")
    )
    assert "never (not since the last run)." in waiting


def test_commands_show_assets(installation: Installation) -> None:
    listed = json.loads(tradewind(installation, "assets", "list", "-o", "json").stdout)
    assert [row["name"] for row in listed] == ["file:///data/old", "never", "raw"]
    aliases = json.loads(tradewind(installation, "assets", "list", "--alias", "-o", "json").stdout)
    assert [row["name"] for row in aliases] == ["found"]
    (raw,) = json.loads(tradewind(installation, "assets", "details", "--name", "raw", "-o", "json").stdout)
    assert "makes.make" in str(raw["producing_tasks"])
    assert "wants_both" in str(raw["scheduled_dags"])
    unknown = tradewind(installation, "assets", "details", "--uri", "s3://none")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
