"""`tradewind simulate`, with real code hosts: runs, overlaps and pools of Dags that are never run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click
import pytest
from cli_fakes import Run

from tradewind.cli.simulate import duration_of
from tradewind.cli.simulate_view import picture_of

DAGS = {
    "plain.py": """
from airflow.sdk import DAG, Variable, task

with DAG("hourly", schedule=Variable.get("rhythm", default="0 * * * *")) as hourly:
    @task(pool="small", pool_slots=2)
    def one(): raise SystemExit("nothing is run")

    one()

with DAG("by_hand", schedule=None) as by_hand:
    one()
""",
    "nested/tides.py": """
from datetime import datetime, timedelta
from airflow.sdk import DAG, task
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable


class Tides(Timetable):
    summary = "every tide"

    def infer_manual_data_interval(self, *, run_after):
        return DataInterval(run_after, run_after)

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        if last_automated_data_interval is None:
            return DagRunInfo.exact(restriction.earliest)
        return DagRunInfo.exact(last_automated_data_interval.end + timedelta(hours=12, minutes=25))


class Stuck(Tides):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        return DagRunInfo.exact(restriction.earliest)


with DAG("tides", schedule=Tides(), start_date=datetime(2025, 12, 31)) as tides:
    @task
    def measure(): pass

    measure()
""",
}
DAY = ("--from", "2026-01-01", "--to", "2026-01-02")


@pytest.fixture
def dags(home: Path) -> Path:
    folder = home / "elsewhere"
    for name, text in DAGS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_the_runs_of_a_day_are_shown_and_nothing_is_run_or_stored(run: Run, dags: Path, home: Path) -> None:
    before = sorted(home.rglob("*"))
    ended = run("simulate", str(dags), *DAY, "-o", "json")
    assert (ended.code, ended.err) == (0, "")
    found = ended.json
    assert {dag["dag_id"]: dag["runs"] for dag in found["dags"]} == {"by_hand": 0, "hourly": 24, "tides": 2}
    assert [r["run_after"] for r in found["runs"] if r["dag_id"] == "tides"] == [
        "2026-01-01T00:50:00+00:00", "2026-01-01T13:15:00+00:00"
    ]  # fmt: skip
    assert found["runs"][1] == {
        "dag_id": "hourly",
        "run_after": "2026-01-01T01:00:00+00:00",
        "logical_date": "2026-01-01T01:00:00+00:00",
        "data_interval_start": "2026-01-01T01:00:00+00:00",
        "data_interval_end": "2026-01-01T01:00:00+00:00",
    }
    assert sorted(home.rglob("*")) == before


def test_overlaps_and_pools_follow_from_the_duration(run: Run, dags: Path) -> None:
    found = run("simulate", str(dags), *DAY, "-d", "hourly", "--duration", "2h30m", "-o", "json").json
    (dag,) = found["dags"]
    assert (dag["duration_seconds"], dag["duration_from"]) == (9000.0, "option")
    assert (dag["most_at_once"], dag["overlapping_runs"]) == (3, 23)
    (pool,) = found["pools"]
    assert (pool["pool"], pool["slots"], pool["most_wanted"]) == ("small", None, 6)


def test_durations_and_pools_are_those_of_the_installation(run: Run, dags: Path, database: Path) -> None:
    file = dags / "etl.py"
    file.write_text(DAGS["plain.py"].replace('"hourly"', '"etl"').replace("small", "default_pool"))
    found = run("simulate", str(file), *DAY, "-o", "json").json
    by_id = {dag["dag_id"]: dag for dag in found["dags"]}
    assert by_id["etl"]["duration_from"] == "history"
    assert by_id["by_hand"]["duration_from"] == "assumed"
    assert found["pools"][0]["slots"] == 128


def test_the_table_draws_says_what_will_wait_and_leaves_out_what_is_long(run: Run, dags: Path) -> None:
    ended = run("simulate", str(dags), *DAY, "--duration", "20h", "--limit", "3")
    lines = ended.out.splitlines()
    assert lines[0] == "26 runs of 3 Dags, 2026-01-01T00:00:00+00:00 to 2026-01-02T00:00:00+00:00"
    assert (
        next(line + " " for line in lines if line.startswith("hourly "))
        == "hourly  | 0 * * * *  | 24   | 20 h 00 min (option) | 20      | 23      | " + "█ " * 24
    )
    assert "hourly: 20 runs want to go on at once from 2026-01-01T19:00:00+00:00 on" in ended.out
    assert "max_active_runs is 16; runs will wait." in ended.out
    assert "Pool small does not exist; 40 slots of it are wanted." in ended.out
    assert lines[-1].startswith("… and 23 more;")


def test_one_run_a_line_is_in_the_order_of_time(run: Run, dags: Path) -> None:
    lines = run("simulate", str(dags), *DAY, "-o", "plain").out.splitlines()
    assert lines[0].split() == ["dag_id", "run_after", "logical_date", "data_interval_start", "data_interval_end"]
    times = [line.split()[1] for line in lines[1:]]
    assert len(times) == 26
    assert times == sorted(times)


def test_what_cannot_be_foreseen_is_said_and_the_rest_is_shown(run: Run, dags: Path) -> None:
    stuck = DAGS["nested/tides.py"].replace("schedule=Tides()", "schedule=Stuck()").replace('"tides"', '"stuck"')
    (dags / "stuck.py").write_text(stuck)
    (dags / "broken.py").write_text("from airflow.sdk import DAG\n1 / 0\n")
    (dags / "dying.py").write_text("from airflow.sdk import DAG\nimport os\nos._exit(3)\n")
    (dags / "twice.py").write_text(DAGS["plain.py"])
    ended = run("simulate", str(dags), *DAY, "-o", "json")
    assert ended.code == 1
    assert "broken.py:2: ZeroDivisionError" in ended.err
    assert "dying.py: the process that imported it has died" in ended.err
    assert "Dag 'stuck' gets no further run by its schedule" in ended.err
    assert "Dag 'hourly' is defined in plain.py and again in twice.py." in ended.err
    assert {dag["dag_id"]: dag["runs"] for dag in ended.json["dags"]} == {
        "by_hand": 0, "hourly": 24, "stuck": 0, "tides": 2
    }  # fmt: skip


def test_a_folder_below_the_dags_folder_imports_as_it_does_there(run: Run, home: Path) -> None:
    (home / "dags" / "team").mkdir(parents=True)
    (home / "dags" / "shared.py").write_text("RHYTHM = '0 */12 * * *'\n")
    file = "from airflow.sdk import DAG\nfrom shared import RHYTHM\ndag = DAG('below', schedule=RHYTHM)\n"
    (home / "dags" / "team" / "below.py").write_text(file)
    (home / "dags" / "other.py").write_text("from airflow.sdk import DAG\ndag = DAG('beside')\n")
    ended = run("simulate", str(home / "dags" / "team"), *DAY, "-o", "json")
    assert [(dag["dag_id"], dag["runs"]) for dag in ended.json["dags"]] == [("below", 2)]
    assert {dag["dag_id"] for dag in run("simulate", *DAY, "-o", "json").json["dags"]} == {"below", "beside"}


def test_a_wrong_question_is_refused(run: Run, dags: Path) -> None:
    assert "is not after --from" in run("simulate", str(dags), "--from", "2026-01-02", "--to", "2026-01-01").err
    assert "There is no Dag nobody in" in run("simulate", str(dags), *DAY, "-d", "nobody").err
    assert "is no duration" in run("simulate", str(dags), *DAY, "--duration", "soon").err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1d 2h", 93600), ("0.5m", 30)]
)
def test_a_duration_is_written_as_people_write_it(text: str, seconds: float) -> None:
    assert duration_of(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "-5m", "5 weeks", "1h30x"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(click.UsageError):
        duration_of(text)


def test_a_picture_shows_the_least_and_the_most() -> None:
    assert picture_of([0, 1, 50, 100], 100) == " ▁▄█"
