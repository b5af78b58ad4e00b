"""Partitions and watchers on real processes: what partitioned Dags make of each other, and what outlives an agent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.testing.installation import Installation

PARTITIONS = """
from datetime import datetime

from airflow.sdk import (
    DAG, Asset, CronPartitionTimetable, DayWindow, PartitionedAssetTimetable, PartitionedAtRuntime, PartitionMapper,
    RollupMapper, StartOfDayMapper, Window, task,
)

HOURS, DAYS = Asset("hours", "file:///hours"), Asset("days", "file:///days")

with DAG("by_hand", schedule=PartitionedAtRuntime()):

    @task(outlets=[HOURS])
    def collect(outlet_events, partition_key=None, dag_run=None):
        if partition_key is None:
            outlet_events[HOURS].add_partitions([f"2024-03-13T{hour:02}:00:00" for hour in range(23)])
        return [partition_key, dag_run.partition_key]

    collect()

with DAG(
    "by_day",
    schedule=PartitionedAssetTimetable(
        assets=HOURS,
        default_partition_mapper=RollupMapper(upstream_mapper=StartOfDayMapper(), window=DayWindow()),
    ),
):

    @task(outlets=[DAYS])
    def sum_up(dag_run, partition_key, partition_date, triggering_asset_events):
        hours = [event.partition_key for event in triggering_asset_events[HOURS]]
        return [partition_key, str(partition_date), dag_run.partition_key, len(set(hours)), max(hours)]

    @task.bash
    def said():
        return "echo {{ partition_key }} {{ partition_date.strftime('%A') }}"

    sum_up() >> said()

with DAG("after_day", schedule=PartitionedAssetTimetable(assets=DAYS)):

    @task
    def use(partition_key, partition_date):
        return [partition_key, str(partition_date)]

    use()

MINUTES = Asset("minutes", "file:///minutes")

with DAG(
    "by_minute", schedule=CronPartitionTimetable("* * * * *", timezone="UTC", run_immediately=True, run_offset=-1),
):

    @task(outlets=[MINUTES])
    def collect(partition_key, partition_date, run_id):
        return [partition_key, str(partition_date), run_id]

    collect()

class Region(PartitionMapper):
    def to_downstream(self, key):
        region, _, rest = key.partition("/")
        return {"us": "america", "eu": ["europe", "africa"]}[region]


SALES = Asset("sales", "file:///sales")

with DAG("by_region", schedule=PartitionedAssetTimetable(assets=SALES, default_partition_mapper=Region())):

    @task
    def use(partition_key, triggering_asset_events):
        return [partition_key, [event.partition_key for event in triggering_asset_events[SALES]]]

    use()

class Halves(Window):
    expected_decoded_type = datetime

    def to_upstream(self, day):
        return [day, day.replace(hour=12)]


class HalfDays(PartitionMapper):
    expected_decoded_type = datetime

    def to_downstream(self, key):
        return key[:10]

    def decode_downstream(self, key):
        return datetime.strptime(key, "%Y-%m-%d")

    def encode_upstream(self, half):
        return half.strftime("%Y-%m-%d %p")


HALF_DAYS = Asset("half_days", "file:///half_days")

with DAG(
    "by_halves",
    schedule=PartitionedAssetTimetable(
        assets=HALF_DAYS,
        default_partition_mapper=RollupMapper(upstream_mapper=HalfDays(), window=Halves()),
    ),
):

    @task
    def use(partition_key, triggering_asset_events):
        return [partition_key, sorted(event.partition_key for event in triggering_asset_events[HALF_DAYS])]

    use()

with DAG("after_minute", schedule=PartitionedAssetTimetable(assets=MINUTES)):

    @task
    def use(partition_key, partition_date):
        return [partition_key, str(partition_date)]

    use()
"""

WATCHERS = """
from airflow.providers.standard.triggers.file import FileDeleteTrigger
from airflow.sdk import DAG, Asset, AssetWatcher, task
from crashing_trigger import Crashes

FLAG = FileDeleteTrigger(filepath=FOLDER + "/flag", poke_interval=0.1)
WATCHED = Asset("flag", watchers=[AssetWatcher("flag", FLAG)])
OTHER = Asset("other", watchers=[AssetWatcher("other", Crashes())])

for dag_id in ("reads", "reads_too"):
    with DAG(dag_id, schedule=WATCHED, is_paused_upon_creation=False) as dag:

        @task
        def read(triggering_asset_events):
            return [event.extra for event in triggering_asset_events[WATCHED]]

        read()

with DAG("waits_in_vain", schedule=OTHER, is_paused_upon_creation=False):
    task(lambda: None, task_id="t")()
"""

TRIGGERS = """
from airflow.triggers.base import BaseEventTrigger


class Crashes(BaseEventTrigger):
    def serialize(self):
        return "crashing_trigger.Crashes", {}

    async def run(self):
        raise ConnectionError("no broker here")
        yield
"""


def tradewind(installation: Installation, *arguments: str) -> str:
    """What one command in a terminal beside the running services prints."""
    program = "from tradewind.cli.main import main; main()"
    environment = {**os.environ, "TRADEWIND_HOME": str(installation.home)}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, timeout=180
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(installation: Installation, dag_id: str, task_id: str) -> list:
    """What the task has returned in each run of the Dag, oldest first."""
    rows = installation.rows(
        "SELECT x.value FROM xcom x JOIN run r ON r.number = x.run WHERE r.dag_id = ? AND x.task_id = ? "
        "ORDER BY r.number",
        dag_id,
        task_id,
    )
    return [json.loads(bytes(row["value"])) for row in rows]


def value(installation: Installation, dag_id: str, task_id: str) -> object:
    return values(installation, dag_id, task_id)[-1]


def count_of(installation: Installation, dag_id: str) -> int:
    sql = "SELECT COUNT(*) AS n FROM run WHERE dag_id = ? AND state = 'success'"
    found = installation.rows(sql, dag_id)
    return found[0]["n"] if found else 0  # there is no table yet


@pytest.fixture(scope="module")
def partitions() -> Iterator[Installation]:
    with Installation({"partitions.py": PARTITIONS}) as installation:
        installation.start()
        yield installation


def test_a_day_runs_when_its_last_hour_has_come_and_passes_its_date_on(partitions: Installation) -> None:
    assert partitions.wait_for_run("by_hand", partitions.trigger("by_hand")) == "success"
    assert "2024-03-13: hours (23 of 24)" in tradewind(partitions, "why", "by_day")
    last = "2024-03-13T23:00:00"
    assert partitions.wait_for_run("by_hand", partitions.trigger("by_hand", partition_key=last)) == "success"
    assert value(partitions, "by_hand", "collect") == [last, last]
    partitions.until("the day's run", lambda: count_of(partitions, "by_day") == 1)
    assert value(partitions, "by_day", "sum_up") == [
        "2024-03-13", "2024-03-13 00:00:00+00:00", "2024-03-13", 24, last,
    ]  # fmt: skip
    assert value(partitions, "by_day", "said") == "2024-03-13 Wednesday"
    partitions.until("the run after it", lambda: count_of(partitions, "after_day") == 1)
    assert value(partitions, "after_day", "use") == ["2024-03-13", "2024-03-13 00:00:00+00:00"]


def test_a_schedule_of_partitions_makes_runs_of_the_dag_that_waits_for_them(partitions: Installation) -> None:
    partitions.until("a run of both", lambda: count_of(partitions, "after_minute") > 0)
    sql = "SELECT partition_key, partition_date, run_id, run_after FROM run WHERE dag_id = 'by_minute' ORDER BY number"
    first = partitions.rows(sql)[0]
    assert first["run_after"] - first["partition_date"] == 60_000_000
    taken = partitions.rows("SELECT partition_key, partition_date FROM run WHERE dag_id = 'after_minute'")[0]
    assert (taken["partition_key"], taken["partition_date"]) == (first["partition_key"], first["partition_date"])
    assert values(partitions, "after_minute", "use")[0] == values(partitions, "by_minute", "collect")[0][:2]


def test_a_mapper_of_an_authors_own_is_asked_where_its_code_may_run(partitions: Installation) -> None:
    for key in ("us/1", "moon/1", "eu/1"):
        tradewind(partitions, "assets", "report", "--name", "sales", "--partition-key", key)
    partitions.until("a run of each", lambda: count_of(partitions, "by_region") == 3)
    assert sorted(values(partitions, "by_region", "use")) == [
        ["africa", ["eu/1"]], ["america", ["us/1"]], ["europe", ["eu/1"]]
    ]  # fmt: skip
    unfit = partitions.rows("SELECT reason FROM event WHERE name = 'partition.unfit'")
    assert [row["reason"] for row in unfit] == [
        "partition 'moon/1' of sales is for none of the Dag's: KeyError: 'moon'."
    ]
    assert partitions.rows("SELECT * FROM partition_queue WHERE dag_id = 'by_region'") == []


def test_a_rollup_over_code_of_an_authors_own_outlives_a_scheduler(partitions: Installation) -> None:
    def report(key: str) -> None:
        tradewind(partitions, "assets", "report", "--name", "half_days", "--partition-key", key)

    report("2024-03-13 AM")
    waiting = "SELECT partition FROM partition_queue WHERE dag_id = 'by_halves'"
    partitions.until("its partition", lambda: [row["partition"] for row in partitions.rows(waiting)] == ["2024-03-13"])
    before = partitions.pids_of("scheduler")
    partitions.signal("scheduler")
    partitions.until("another scheduler", lambda: partitions.pids_of("scheduler") not in ([], before))
    assert count_of(partitions, "by_halves") == 0
    report("2024-03-13 PM")
    partitions.until("the day's run", lambda: count_of(partitions, "by_halves") == 1)
    assert value(partitions, "by_halves", "use") == ["2024-03-13", ["2024-03-13 AM", "2024-03-13 PM"]]
    assert partitions.rows(waiting) == []


def test_partitions_are_named_at_the_command_line(partitions: Installation) -> None:
    asked = ["dags", "trigger", "after_day", "--partition-key", "2024-04-01", "--wait", "-o", "json"]
    (row,) = json.loads(tradewind(partitions, *asked))
    assert (row["partition_key"], row["state"]) == ("2024-04-01", "success")
    tradewind(partitions, "assets", "report", "--name", "days", "--partition-key", "2024-04-02")
    partitions.until("its run", lambda: value(partitions, "after_day", "use") == ["2024-04-02", "None"])
    said = tradewind(partitions, "dags", "clear", "after_day", "--partition-key", "2024-04-02", "--yes")
    assert "1 task instance cleared" in said


@pytest.fixture
def watchers(tmp_path: Path) -> Iterator[tuple[Installation, Path]]:
    files = {"watchers.py": f"FOLDER = {str(tmp_path)!r}\n{WATCHERS}", "crashing_trigger.py": TRIGGERS}
    with Installation(files) as installation:
        installation.start()
        installation.until("watchers", lambda: len(installation.rows("SELECT * FROM watcher")) == 2)
        yield installation, tmp_path / "flag"


def appears(installation: Installation, flag: Path, number: int) -> None:
    """The file is there, and is taken; the number-th run of both Dags follows."""
    flag.touch()
    installation.until("the file is taken", lambda: not flag.exists())
    for dag_id in ("reads", "reads_too"):
        installation.until(f"run {number} of {dag_id}", lambda dag_id=dag_id: count_of(installation, dag_id) == number)


def test_a_watcher_goes_on_after_each_event_and_after_its_agent_was_killed(
    watchers: tuple[Installation, Path],
) -> None:
    installation, flag = watchers
    appears(installation, flag, 1)
    appears(installation, flag, 2)
    assert value(installation, "reads", "read") == [{"from_trigger": True, "payload": True}]
    for number, whom in enumerate(("agent", "triggers", "scheduler"), 3):
        before = set(installation.pids_of("triggers"))
        installation.signal(whom)
        if whom != "scheduler":  # a process that has lost its agent may take a file with it
            installation.until("another process", lambda before=before: set(installation.pids_of("triggers")) - before)
        appears(installation, flag, number)
    names = [row["name"] for row in installation.rows("SELECT name FROM asset_event")]
    assert names == ["flag"] * 5
    tradewind(installation, "dags", "pause", "reads", "--yes")
    appears_only_for = count_of(installation, "reads")
    flag.touch()
    installation.until("the other Dag's run", lambda: count_of(installation, "reads_too") == 6)
    assert count_of(installation, "reads") == appears_only_for
    tradewind(installation, "dags", "pause", "reads_too", "--yes")
    installation.until("nobody watches", lambda: len(installation.rows("SELECT * FROM watcher")) == 1)


def test_a_watcher_that_crashes_says_why_and_disturbs_nobody(watchers: tuple[Installation, Path]) -> None:
    installation, flag = watchers

    def failures() -> int:
        return installation.rows("SELECT MAX(failures) AS n FROM watcher")[0]["n"]

    installation.until("it has failed twice", lambda: failures() >= 2)
    why = tradewind(installation, "why", "waits_in_vain")
    assert "The watcher Crashes of other has failed" in why
    assert "ConnectionError: no broker here" in why
    assert "no broker here" in tradewind(installation, "assets", "details", "--name", "other")
    (log,) = [path for path in (installation.home / "logs" / "watchers").glob("*") if "broker" in path.read_text()]
    assert "ConnectionError" in log.read_text()
    appears(installation, flag, 1)
