"""Custom timetables name their runs in the code host, and what they do wrong is said of their Dag alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import tradewind.compat
from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.runtime import RuntimeRequestError, runtime_installed
from tradewind.wire.messages import Message, NamedRun
from tradewind.worker.importing import LoadedFile, load_file
from tradewind.worker.naming import MOST, name_runs

HEAD = """
import time
from datetime import datetime, timedelta, timezone
from airflow.sdk import DAG
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.sdk import Asset, CronTriggerTimetable

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


class Daily(Timetable):
    def infer_manual_data_interval(self, *, run_after):
        return DataInterval(run_after - timedelta(days=1), run_after)

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        start = last_automated_data_interval.end if last_automated_data_interval else restriction.earliest
        if restriction.latest is not None and start > restriction.latest:
            return None
        return DagRunInfo.interval(start=start, end=start + timedelta(days=1))
"""


class Engine:
    """Answers what a host asks about its Dags' past."""

    def __init__(self, **wanted: Mapping[str, Any]) -> None:
        self.wanted = wanted

    def request(self, method: str, **args: Any) -> Any:
        if method == "variable.get":
            return None
        assert method == "timetable.wanted"
        return {dag_id: self.wanted.get(dag_id, {}) for dag_id in args["dag_ids"]}

    def send(self, message: Message) -> None:
        raise AssertionError(message)


def us(text: str) -> int:
    return microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def shown(runs: list[NamedRun]) -> list[str]:
    return [datetime.fromtimestamp(run.run_after_us / 1e6, UTC).isoformat(" ", "minutes")[:16] for run in runs]


@pytest.fixture(autouse=True)
def _airflow_names() -> None:
    tradewind.compat.install()


def name(tmp_path: Path, source: str, engine: Engine | None = None, timeout_seconds: float = 30.0) -> LoadedFile:
    path = tmp_path / "file.py"
    path.write_text(HEAD + source)
    loaded = load_file(str(path), "file.py", digest="", parse_id=1, timeout_seconds=30.0)
    assert not loaded.report.problems
    name_runs(loaded, engine or Engine(), timeout_seconds)
    return loaded


def test_the_next_hundred_runs_are_named(tmp_path: Path) -> None:
    report = name(tmp_path, 'dag = DAG("d", schedule=Daily(), start_date=START)').report
    (named,) = report.named
    assert (named.dag_id, len(named.runs), named.is_all) == ("d", MOST, False)
    assert shown(named.runs[:2]) == ["2024-01-02 00:00", "2024-01-03 00:00"]
    first = named.runs[0]
    assert (first.logical_date_us, first.data_interval_end_us) == (us("2024-01-01"), us("2024-01-02"))


def test_they_follow_the_newest_run(tmp_path: Path) -> None:
    last = NamedRun(us("2024-03-02"), us("2024-03-01"), us("2024-03-01"), us("2024-03-02"))
    engine = Engine(d={"last": [last.run_after_us, us("2024-03-01"), us("2024-03-01"), us("2024-03-02")]})
    (named,) = name(tmp_path, 'dag = DAG("d", schedule=Daily(), start_date=START)', engine).report.named
    assert shown(named.runs[:1]) == ["2024-03-03 00:00"]


def test_a_schedule_that_ends_says_so(tmp_path: Path) -> None:
    source = 'dag = DAG("d", schedule=Daily(), start_date=START, end_date=datetime(2024, 1, 3, tzinfo=timezone.utc))'
    (named,) = name(tmp_path, source).report.named
    assert (len(named.runs), named.is_all) == (3, True)


def test_a_span_has_all_its_runs(tmp_path: Path) -> None:
    engine = Engine(d={"since_us": us("2025-01-01"), "until_us": us("2025-12-31")})
    (named,) = name(tmp_path, 'dag = DAG("d", schedule=Daily(), start_date=START)', engine).report.named
    assert len(named.runs) == 365, "the one that covers the last day of 2024 as well"
    assert shown([named.runs[0], named.runs[-1]]) == ["2025-01-01 00:00", "2025-12-31 00:00"]


def test_the_part_beside_assets_is_asked(tmp_path: Path) -> None:
    source = 'dag = DAG("d", schedule=AssetOrTimeSchedule(timetable=Daily(), assets=[Asset("a")]), start_date=START)'
    (named,) = name(tmp_path, source).report.named
    assert len(named.runs) == MOST


def test_a_dag_whose_timetable_is_known_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text(HEAD + 'dag = DAG("d", schedule="@daily")')
    loaded = load_file(str(path), "file.py", digest="", parse_id=1, timeout_seconds=30.0)
    name_runs(loaded, None, 30.0)  # type: ignore[arg-type]
    assert (len(loaded.report.specs), loaded.report.named) == (1, [])


def test_an_engine_that_cannot_be_asked_costs_the_schedule_and_not_the_file(tmp_path: Path) -> None:
    class OlderEngine(Engine):
        def request(self, method: str, **args: Any) -> Any:
            raise RuntimeRequestError("InvalidInput", "The engine knows no request 'timetable.wanted'.")

    report = name(tmp_path, 'dag = DAG("d", schedule=Daily(), start_date=START)', OlderEngine()).report
    assert (len(report.specs), report.named) == (1, [])
    assert "The engine knows no request" in report.problems[0].message


def test_the_example_leaves_out_weekends_and_holidays() -> None:
    path = Path(__file__).parents[2] / "examples" / "tradewind" / "workdays.py"
    with runtime_installed(Engine()):
        loaded = load_file(str(path), "workdays.py", digest="", parse_id=1, timeout_seconds=30.0)
    engine = Engine(workdays={"since_us": us("2026-12-23"), "until_us": us("2026-12-31")})
    name_runs(loaded, engine, 30.0)
    assert loaded.report.problems == []
    (named,) = loaded.report.named
    starts = [
        datetime.fromtimestamp((run.data_interval_start_us or 0) / 1e6, ZoneInfo("Asia/Seoul")) for run in named.runs
    ]
    assert [start.strftime("%a %d") for start in starts] == ["Wed 23", "Thu 24", "Mon 28", "Tue 29", "Wed 30"]


def test_a_run_may_have_a_name_of_the_timetables_own(tmp_path: Path) -> None:
    source = """
class Numbered(CronTriggerTimetable):
    def generate_run_id(self, *, run_type, run_after, data_interval=None, **extra):
        return f"{run_type}__day-{run_after:%Y-%j}"

dag = DAG("d", schedule=Numbered("@daily", timezone="UTC"), start_date=START, catchup=True)
"""
    (named,) = name(tmp_path, source).report.named
    assert [run.run_id for run in named.runs[:2]] == ["scheduled__day-2024-001", "scheduled__day-2024-002"]
    assert len(named.runs) == MOST


BAD = {
    "raise ValueError('no calendar')": "ValueError: no calendar",
    "return DagRunInfo.interval(START, START + timedelta(days=1))": "is not after 2024-01-02T00:00:00",
    "return datetime(2024, 1, 1)": "returned datetime; it must return a DagRunInfo",
    "time.sleep(60)": "it took longer than 0.2 s",
    "while True: pass": "it took longer than 0.2 s",
    "raise SystemExit(3)": "it calls sys.exit()",
}


@pytest.mark.parametrize("body", BAD)
def test_a_timetable_that_cannot_say_when_sets_aside_its_own_dag_alone(tmp_path: Path, body: str) -> None:
    source = f"""

class Bad(Daily):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        {body}

bad = DAG("bad", schedule=Bad(), start_date=START)
good = DAG("good", schedule=Daily(), start_date=START)
"""
    report = name(tmp_path, source, timeout_seconds=0.2 if "longer" in BAD[body] else 30.0).report
    assert [named.dag_id for named in report.named] == ["good"]
    assert len(report.specs) == 2, "both Dags are known, and can be run by hand"
    (problem,) = report.problems
    assert (problem.dag_id, problem.kind) == ("bad", "TimetableFailed")
    line = next(n for n, text in enumerate((HEAD + source).splitlines(), 1) if body in text)
    where = "file.py" if body.startswith("return") else f"file.py:{line}"
    assert problem.message.startswith(f"{where}: Dag 'bad' gets no further run by its schedule: its timetable Bad ")
    assert BAD[body] in problem.message
