"""What each sensor waits for: files, moments, weekdays, commands, queries."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from execution_attempts import DAY, FakeRuntime, attempt, run_info, value_of

from tradewind.sdk import DAG
from tradewind.sdk.compat_helpers import WeekDay
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowRescheduleException,
    TaskDeferred,
)
from tradewind.sdk.sensors.bash import BashSensor
from tradewind.sdk.sensors.date_time import DateTimeSensor, DateTimeSensorAsync
from tradewind.sdk.sensors.filesystem import FileSensor
from tradewind.sdk.sensors.sql import SqlSensor
from tradewind.sdk.sensors.time import TimeSensor, TimeSensorAsync
from tradewind.sdk.sensors.time_delta import TimeDeltaSensor, TimeDeltaSensorAsync, WaitSensor
from tradewind.sdk.sensors.weekday import DayOfWeekSensor

FAST = {"poke_interval": 0.01, "timeout": 30}


def deferred_by(sensor: Any, context: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    return caught.value


class Began:
    """A task instance whose try began then."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def get_first_reschedule_date(self, context: Any) -> datetime:
        return self.at


# --- files -------------------------------------------------------------------------------------------------------


@pytest.fixture
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewind.sdk.execution.runtime import set_runtime

    set_runtime(FakeRuntime())
    yield
    set_runtime(None)


@pytest.mark.usefixtures("_no_connections")
class TestFileSensor:
    def test_it_waits_for_a_file_that_the_pattern_names(self, tmp_path: Path) -> None:
        sensor = FileSensor(task_id="s", filepath=str(tmp_path / "*.csv"), **FAST)
        assert sensor.poke({}) is False
        (tmp_path / "a.txt").touch()
        assert sensor.poke({}) is False
        (tmp_path / "a.csv").touch()
        assert sensor.poke({}) is True

    def test_a_folder_counts_when_there_is_a_file_somewhere_inside(self, tmp_path: Path) -> None:
        sensor = FileSensor(task_id="s", filepath=tmp_path / "in")
        (tmp_path / "in" / "deep").mkdir(parents=True)
        assert sensor.poke({}) is False
        (tmp_path / "in" / "deep" / "x").touch()
        assert sensor.poke({}) is True

    def test_two_stars_go_deeper_only_when_recursive(self, tmp_path: Path) -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "x.csv").touch()
        pattern = str(tmp_path / "**" / "x.csv")
        assert FileSensor(task_id="s", filepath=pattern, recursive=True).poke({}) is True
        assert FileSensor(task_id="s", filepath=pattern).poke({}) is False

    def test_the_path_is_below_the_folder_of_the_connection(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_DROP", f'{{"conn_type": "fs", "extra": {{"path": "{tmp_path}"}}}}')
        (tmp_path / "x").touch()
        assert FileSensor(task_id="s", filepath="x", fs_conn_id="drop").poke({}) is True

    def test_the_default_connection_need_not_exist_but_others_must(self, tmp_path: Path) -> None:
        assert FileSensor(task_id="s", filepath=str(tmp_path / "x")).path == str(tmp_path / "x")
        with pytest.raises(AirflowNotFoundException, match="other"):
            FileSensor(task_id="s", filepath="x", fs_conn_id="other").poke({})

    def test_deferred_it_hands_its_pattern_to_the_trigger(self, tmp_path: Path) -> None:
        sensor = FileSensor(task_id="s", filepath=str(tmp_path / "x"), deferrable=True, poke_interval=7, timeout=60)
        deferred = deferred_by(sensor, {})
        assert deferred.trigger.serialize() == (
            "tradewind.sdk.triggers.file.FileTrigger",
            {"filepath": str(tmp_path / "x"), "recursive": False, "poke_interval": 7},
        )
        assert (deferred.method_name, deferred.timeout) == ("execute_complete", timedelta(seconds=60))
        sensor.execute_complete({}, event=True)
        with pytest.raises(AirflowException, match="found no file"):
            sensor.execute_complete({}, event=False)

    def test_a_file_that_is_there_needs_no_deferral(self, tmp_path: Path) -> None:
        (tmp_path / "x").touch()
        FileSensor(task_id="s", filepath=str(tmp_path / "x"), deferrable=True).execute({})

    def test_the_setting_decides_about_deferring_where_the_author_does_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert FileSensor(task_id="s", filepath="x").deferrable is False
        monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
        assert FileSensor(task_id="s", filepath="x").deferrable is True
        assert FileSensor(task_id="s", filepath="x", deferrable=False).deferrable is False

    def test_the_path_may_be_a_template(self, tmp_path: Path) -> None:
        (tmp_path / "2024-03-05.csv").touch()
        with DAG("d", schedule=None) as dag:
            FileSensor(task_id="s", filepath=str(tmp_path) + "/{{ ds }}.csv", **FAST)
        report = attempt(dag, "s")
        assert (report.outcome, report.error) == ("success", "")


# --- moments -----------------------------------------------------------------------------------------------------


def test_a_moment_is_waited_for_until_it_has_come() -> None:
    past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
    assert DateTimeSensor(task_id="s", target_time=past).poke({}) is True
    assert DateTimeSensor(task_id="s", target_time=future.isoformat()).poke({}) is False


def test_a_moment_may_be_a_template() -> None:
    with DAG("d", schedule=None) as dag:
        DateTimeSensor(task_id="s", target_time="{{ data_interval_end }}", **FAST)
    assert attempt(dag, "s").outcome == "success"


def test_a_moment_that_is_none_says_so() -> None:
    with pytest.raises(TypeError, match="target_time must be a datetime or ISO text, not int"):
        DateTimeSensor(task_id="s", target_time=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'soon' is no ISO 8601 moment"):
        DateTimeSensor(task_id="s", target_time="soon").poke({})


def test_a_sensor_that_knows_its_moment_does_not_sleep_past_it() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=20)
    sensor = DateTimeSensor(task_id="s", target_time=soon, mode="reschedule", poke_interval=3600)
    with pytest.raises(AirflowRescheduleException) as caught:
        sensor.execute({"ti": Began(datetime.now(UTC))})
    assert caught.value.reschedule_date <= soon + timedelta(seconds=5)


def test_a_deferred_moment_has_no_limit_unless_it_is_given_one() -> None:
    future = datetime.now(UTC) + timedelta(days=30)
    deferred = deferred_by(DateTimeSensorAsync(task_id="s", target_time=future), {})
    assert (deferred.trigger.moment, deferred.timeout) == (future, None)
    limited = deferred_by(DateTimeSensorAsync(task_id="s", target_time=future, timeout=60), {})
    assert limited.timeout == timedelta(seconds=60)


def test_a_deferred_moment_that_has_come_already_ends_at_once() -> None:
    DateTimeSensorAsync(task_id="s", target_time=datetime.now(UTC) - timedelta(days=1)).execute({})


@pytest.mark.parametrize("kind", [DateTimeSensorAsync, TimeDeltaSensorAsync])
def test_the_end_may_come_from_the_trigger(kind: Any) -> None:
    future = datetime.now(UTC) + timedelta(days=30)
    what = {"target_time": future} if kind is DateTimeSensorAsync else {"delta": timedelta(days=1)}
    sensor = kind(task_id="s", end_from_trigger=True, **what)
    assert deferred_by(sensor, {"data_interval_end": future}).trigger.end_from_trigger is True


def test_a_time_of_day_is_that_of_the_day_on_which_the_sensor_began() -> None:
    with DAG("d", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=ZoneInfo("Asia/Seoul"))):
        sensor = TimeSensor(task_id="s", target_time=time(23, 55), mode="reschedule")
    began = datetime(2024, 3, 5, 14, 50, tzinfo=UTC)  # 23:50 in Seoul; it is long past midnight now
    assert sensor.moment({"ti": Began(began)}) == datetime(2024, 3, 5, 14, 55, tzinfo=UTC)
    assert sensor.poke({"ti": Began(began)}) is True


def test_a_time_of_day_may_have_a_zone_of_its_own() -> None:
    sensor = TimeSensor(task_id="s", target_time=time(9, tzinfo=ZoneInfo("America/New_York")), mode="reschedule")
    began = datetime(2024, 7, 1, 3, tzinfo=UTC)  # still June 30 in New York
    assert sensor.moment({"ti": Began(began)}) == datetime(2024, 6, 30, 13, tzinfo=UTC)


def test_a_time_of_day_is_deferred_by_either_spelling() -> None:
    late = time(23, 59, 59, 999999)
    for sensor in (
        TimeSensorAsync(task_id="s", target_time=late),
        TimeSensor(task_id="s", target_time=late, deferrable=True),
    ):
        assert deferred_by(sensor, {}).trigger.moment == sensor.target_datetime


def test_a_delta_counts_from_the_end_of_the_data_interval() -> None:
    context = {"data_interval_end": datetime.now(UTC) - timedelta(minutes=10)}
    assert TimeDeltaSensor(task_id="s", delta=timedelta(minutes=9)).poke(context) is True
    assert TimeDeltaSensor(task_id="s", delta=timedelta(minutes=11)).poke(context) is False
    assert TimeDeltaSensor(task_id="s", delta=9).poke(context) is True
    assert TimeDeltaSensor(task_id="s", delta="11").poke(context) is False  # type: ignore[arg-type]


def test_a_delta_of_a_run_without_dates_counts_from_when_it_was_to_run() -> None:
    with DAG("d", schedule=None) as dag:
        TimeDeltaSensor(task_id="s", delta=timedelta(minutes=1), **FAST)
    assert attempt(dag, "s", run=run_info(day=None)).outcome == "success"


def test_waiting_counts_from_the_start() -> None:
    began = datetime.now(UTC) - timedelta(minutes=5)
    waits = {"mode": "reschedule", "poke_interval": 60}
    WaitSensor(task_id="s", time_to_wait=4, **waits).execute({"ti": Began(began)})
    with pytest.raises(AirflowRescheduleException):
        WaitSensor(task_id="s", time_to_wait=timedelta(minutes=6), **waits).execute({"ti": Began(began)})
    WaitSensor(task_id="s", time_to_wait=timedelta(milliseconds=1)).execute({})
    deferred = deferred_by(WaitSensor(task_id="s", time_to_wait=timedelta(hours=1), deferrable=True), {})
    assert deferred.trigger.end_from_trigger is True


@pytest.mark.parametrize("days", ["TUESDAY", WeekDay.TUESDAY, ["Monday", "tuesday"], {WeekDay.TUESDAY}])
def test_a_day_of_the_week_may_be_that_of_the_logical_date(days: Any) -> None:
    context = {"logical_date": DAY}  # a Tuesday
    assert DayOfWeekSensor(task_id="s", week_day=days, use_task_logical_date=True).poke(context) is True
    assert DayOfWeekSensor(task_id="s", week_day="FRIDAY", use_task_execution_day=True).poke(context) is False


def test_a_day_of_the_week_is_todays_otherwise() -> None:
    today = WeekDay(datetime.now(UTC).isoweekday())
    others = [day for day in WeekDay if day is not today]
    assert DayOfWeekSensor(task_id="s", week_day=list(WeekDay)).poke({}) is True
    assert DayOfWeekSensor(task_id="s", week_day=today).poke({}) is not DayOfWeekSensor(
        task_id="t", week_day=others
    ).poke({})


# --- commands ----------------------------------------------------------------------------------------------------


def test_a_command_is_run_until_it_succeeds(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    command = f"echo x >> {counter}; [ $(wc -l < {counter}) -ge 3 ]"
    BashSensor(task_id="s", bash_command=command, **FAST).execute({})
    assert counter.read_text() == "x\n" * 3


def test_the_environment_of_a_command_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "1")
    assert BashSensor(task_id="s", bash_command="[ $OUTER = 1 ]").poke({}) is True
    assert BashSensor(task_id="s", bash_command="[ -z $OUTER ]", env={"PATH": os.environ["PATH"]}).poke({}) is True


def test_with_a_retry_exit_code_every_other_one_fails() -> None:
    sensor = BashSensor(task_id="s", bash_command="exit 7", retry_exit_code=7)
    assert sensor.poke({}) is False
    with pytest.raises(AirflowFailException, match="exited with 3"):
        BashSensor(task_id="s", bash_command="exit 3", retry_exit_code=7).execute({})


# --- queries -----------------------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    file = tmp_path / "a b.db"
    monkeypatch.setenv("AIRFLOW_CONN_DB", f'{{"conn_type": "sqlite", "host": "{file}"}}')
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE t (name TEXT, number INTEGER)")
    connection.commit()
    yield connection
    connection.close()


def sql(query: str = "SELECT number FROM t ORDER BY number", **kwargs: Any) -> SqlSensor:
    return SqlSensor(task_id="s", conn_id="db", sql=query, **kwargs)


def test_a_query_is_true_by_its_first_value(database: sqlite3.Connection) -> None:
    assert sql().poke({}) is False
    database.execute("INSERT INTO t VALUES ('a', 0)")
    database.commit()
    assert sql().poke({}) is False
    assert sql("SELECT name, number FROM t").poke({}) is True
    assert sql("SELECT NULL").poke({}) is False


def test_the_author_may_decide_what_a_value_means(database: sqlite3.Connection) -> None:
    assert sql("SELECT 0", success=lambda value: value == 0).poke({}) is True
    assert sql("SELECT 5, 0", selector=lambda row: row[1]).poke({}) is False
    with pytest.raises(AirflowException, match="failure criterion is met by the value 1"):
        sql("SELECT 1", failure=lambda value: value == 1, success=lambda value: True).poke({})
    with pytest.raises(AirflowException, match="success is 'x', which cannot be called"):
        sql("SELECT 1", success="x").poke({})


def test_no_rows_may_be_a_failure(database: sqlite3.Connection) -> None:
    with pytest.raises(AirflowException, match="gave no rows"):
        sql(fail_on_empty=True).poke({})


def test_a_query_has_parameters(database: sqlite3.Connection) -> None:
    assert sql("SELECT :n > 3", parameters={"n": 4}).poke({}) is True
    assert sql("SELECT ? > 3", parameters=[2]).poke({}) is False


def test_a_connection_that_is_no_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DB", "http://example.com")
    with pytest.raises(AirflowException, match="'db' is no database"):
        sql("SELECT 1").poke({})
    monkeypatch.setenv("AIRFLOW_CONN_DB", "oracle://example.com")
    with pytest.raises(AirflowException, match="no hook is installed"):
        sql("SELECT 1").poke({})


def test_a_sensor_leaves_the_value_that_its_poke_returned() -> None:
    from tradewind.sdk import PokeReturnValue
    from tradewind.sdk.sensors.python import PythonSensor

    with DAG("d", schedule=None) as dag:
        PythonSensor(
            task_id="s",
            python_callable=lambda ds, templates_dict, more: PokeReturnValue(True, [ds, templates_dict["x"], more]),
            templates_dict={"x": "{{ ds_nodash }}"},
            op_kwargs={"more": 1},
        )
    assert value_of(attempt(dag, "s")) == ["2024-03-05", "20240305", 1]


def test_a_sensor_that_does_not_defer_brings_no_event_loop_into_its_process() -> None:
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from tradewind.sdk.sensors import bash, date_time, external_task, filesystem, sql, time, time_delta, weekday\n"
        "filesystem.FileSensor(task_id='a', filepath='x')\n"
        "print('asyncio' in sys.modules)\n"
        "filesystem.FileSensor(task_id='b', filepath='x', deferrable=True)\n"
        "print('tradewind.sdk.triggers.file' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
