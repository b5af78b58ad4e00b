"""The plugin as people use it: a repository of Dags, and its tests."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ETL = """
from datetime import datetime, timedelta
from airflow import DAG
from airflow.decorators import task

with DAG("etl", schedule_interval="@daily", start_date=datetime(2026, 1, 1), catchup=False) as dag:
    @task(retries=1, retry_delay=timedelta(minutes=5))
    def extract(ti=None):
        if ti.try_number == 1:
            raise ValueError("the source is away")
        return [1, 2, 3]

    @task
    def load(rows):
        print("loaded", sum(rows), datetime.now().isoformat())

    load(extract())
"""


LIGHT = ("-q", "-p", "no:hypothesispytest")
"""A plugin that takes seconds to import has no part in this."""


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder `dags` with one file, and no settings."""
    pytester.mkdir("dags").joinpath("etl.py").write_text(ETL)
    return pytester


def test_a_run_and_a_bag_in_a_test(repository: pytest.Pytester) -> None:
    repository.makepyfile("""
        from datetime import timedelta

        def test_the_files_are_dags(dag_bag):
            assert dag_bag.import_errors == {}
            assert dag_bag["etl"].task_ids == ["extract", "load"]

        def test_etl(run_dag):
            run = run_dag("dags/etl.py", "etl", conf={"a": 1}, logical_date="2026-01-01")
            assert run.state == "success"
            assert run.task("extract").try_number == 2
            assert run.xcom("extract") == [1, 2, 3]
            assert "loaded 6" in run.task("load").log
            assert run.duration == timedelta(minutes=5)

        def test_of_the_bag(run_dag, dag_bag):
            assert run_dag(dag_bag, "etl", outcomes={"extract": "failed"}).state == "failed"

        def test_found_in_the_folder(run_dag):
            assert run_dag("etl.py").state == "success"

        def test_frozen(freeze, run_dag):
            freeze("2026-03-01T06:00")
            assert "loaded 6 2026-03-01T06:05:00" in run_dag("etl.py").task("load").log

        def test_frozen_at_the_logical_date(freeze, run_dag):
            freeze()
            assert "2026-01-01T00:05:00" in run_dag("etl.py", logical_date="2026-01-01").task("load").log

        def test_not_frozen(run_dag):
            assert "2026-03-01T06" not in run_dag("etl.py").task("load").log

        def test_played(play_dag, freeze):
            freeze()
            played = play_dag("etl.py", from_="2026-01-04T12:00", to="2026-01-06T00:00")
            assert [run.state for run in played] == ["success", "success", "success"]
            assert "loaded 6 2026-01-06T00:05:00" in played[-1].task("load").log
    """)
    result = repository.runpytest(*LIGHT, "-W", "error")
    result.assert_outcomes(passed=8)


def test_a_test_that_fails_shows_what_happened(repository: pytest.Pytester) -> None:
    repository.makepyfile("""
        def test_etl(run_dag):
            assert run_dag("etl.py", outcomes={"load": ValueError("the disk is full")}).state == "success"
    """)
    result = repository.runpytest(*LIGHT)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*Captured Dag runs call*", "*extract: success, try 2*", "*load: failed (ValueError: the disk is full)*",
         "*log of load, try 1*"]
    )  # fmt: skip


PAGES_ETL = """
from datetime import datetime, timedelta
from airflow.sdk import dag, task

@dag(schedule="@daily", start_date=datetime(2026, 1, 1), catchup=True)
def etl():
    @task(retries=3, retry_delay=timedelta(minutes=5))
    def extract(ti=None, dag_run=None):
        if ti.try_number == 1:
            raise OSError("away")
        return list(range(1, dag_run.conf.get("rows", 2) + 1))
    @task
    def load(rows):
        print(f"loaded {len(rows)} rows")
    @task
    def notify_team(): ...
    load(extract()) >> notify_team()

etl()
"""
PAGES_REPORT = """
from datetime import UTC, datetime
from airflow.sdk import dag, task

@dag(schedule=None)
def report():
    @task
    def write():
        print(f"as of {datetime.now(UTC):%Y-%m-%d %H:%M}")
    write()

report()
"""


def test_the_tests_in_the_page_pass(pytester: pytest.Pytester) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "test-your-dags.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    folder = pytester.mkdir("dags")
    folder.joinpath("etl.py").write_text(PAGES_ETL)
    folder.joinpath("report.py").write_text(PAGES_REPORT)
    pytester.makepyfile("\n\n".join(blocks))
    pytester.runpytest(*LIGHT).assert_outcomes(passed=5)


@pytest.mark.parametrize("how", ["option", "ini"])
def test_the_dags_folder_is_named_by_option_or_setting(pytester: pytest.Pytester, how: str) -> None:
    pytester.mkdir("pipelines").joinpath("etl.py").write_text(ETL)
    pytester.makepyfile("""
        def test_there(dag_bag):
            assert "etl" in dag_bag
    """)
    if how == "ini":
        pytester.makeini("[pytest]\ntradewind_dags_folder = pipelines\n")
    given = ["--dags-folder", "pipelines"] if how == "option" else []
    pytester.runpytest(*LIGHT, *given).assert_outcomes(passed=1)
    pytester.makeini("[pytest]\n")
    result = pytester.runpytest(*LIGHT)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*NoSuchFolder: There is no Dags folder */dags; name it with --dags-folder*"])


def test_test_modules_may_import_airflow_where_they_ask_for_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from airflow.sdk import DAG, task

        def test_mine(run_dag):
            with DAG("mine", schedule=None) as dag:
                @task
                def one(): return 1
                one()
            assert run_dag(dag).xcom("one") == 1
    """)
    pytester.runpytest_subprocess(*LIGHT).assert_outcomes(errors=1)
    pytester.makeini("[pytest]\ntradewind_airflow_names = true\n")
    pytester.runpytest_subprocess(*LIGHT).assert_outcomes(passed=1)


def test_the_plugin_is_registered_and_costs_nothing_until_it_is_used(tmp_path: Path) -> None:
    assert "tradewind" in {entry.name for entry in entry_points(group="pytest11")}
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_nothing_is_imported():\n"
        "    ours = sorted(name for name in sys.modules if name.startswith('tradewind'))\n"
        "    assert ours == ['tradewind', 'tradewind.testing', 'tradewind.testing.pytest_plugin']\n"
        "    assert not {'airflow', 'pendulum', 'jinja2', 'sqlalchemy', 'msgspec'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *LIGHT, "-p", "no:cacheprovider", "."],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_its_library_a_clock_is_not_stopped(repository: pytest.Pytester) -> None:
    repository.makepyfile("""
        import sys

        def test_etl(freeze, run_dag, monkeypatch):
            monkeypatch.setitem(sys.modules, "time_machine", None)
            freeze()
    """)
    result = repository.runpytest(*LIGHT)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*CannotFreeze: *pip install 'tradewind?testing?'*"])
