"""`run_dag` and `play`: real Dag files, in this process, in virtual time."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tradewind.core.errors import InvalidInput, TaskNotFound
from tradewind.testing import DagBag, PlayedRun, play, run_dag
from tradewind.testing import surroundings as surroundings_module
from tradewind.testing.dag_bag import UnknownDag
from tradewind.testing.engine import GoesOnForEver
from tradewind.testing.results import IsMapped
from tradewind.testing.stand_ins import UnusableOutcome

DAY = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = """
import time
from datetime import UTC, datetime, timedelta
from airflow.sdk import DAG, Variable, dag, task, task_group
from airflow.sdk.bases.hook import BaseHook
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.python import PythonSensor

START = datetime(2026, 1, 1)
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a Dag file with the usual imports above it."""

    def write(body: str, name: str = "x.py", head: str = HEAD) -> Path:
        path = tmp_path / "dags" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(head + dedent(body))
        return path

    return write


# --- tries -------------------------------------------------------------------------------------------------------


def test_a_retry_of_five_minutes_takes_them_in_virtual_time_only(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START) as dag:
            @task(retries=1, retry_delay=timedelta(minutes=5))
            def extract(ti=None):
                if ti.try_number == 1:
                    raise ValueError("not yet")
                return [1, 2]
            @task
            def load(rows, ds=None):
                print("loaded", rows, "for", ds)
            load(extract())
    """)
    run = run_dag(file, "etl", logical_date="2026-01-01")
    assert run.state == "success"
    assert run.task("extract").try_number == 2
    assert run.xcom("extract") == run.task("extract").xcom == [1, 2]
    assert "loaded [1, 2] for 2026-01-01" in run.task("load").log
    assert run.order == ["extract", "extract", "load"]
    assert (run.start_date, run.duration) == (DAY, timedelta(minutes=5))
    first, second = run.task("extract").attempts
    assert (first.outcome, first.error, second.outcome) == ("failed", "ValueError: not yet", "success")
    assert 'raise ValueError("not yet")' in first.traceback
    assert "not yet" not in run.task("extract").log  # that of the last try


def test_a_task_that_fails_takes_the_rest_with_it_and_says_why(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            @task
            def bad():
                raise KeyError("price")
            bad() >> EmptyOperator(task_id="after") >> EmptyOperator(task_id="always", trigger_rule="all_done")
    """)
    run = run_dag(file)
    assert run.state == "success"  # the last task has run, as its trigger rule says
    assert run.states == {"bad": "failed", "after": "upstream_failed", "always": "success"}
    assert run.task("bad").error == "KeyError: 'price'"
    assert run.why("bad") == "It has ended: failed (KeyError: 'price')."
    assert run.why("after") == "It has ended: upstream_failed (trigger rule all_success: upstream failed)."
    assert "KeyError" in run.story()


def test_a_time_limit_ends_a_task_that_sleeps_in_virtual_time(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            @task(execution_timeout=timedelta(hours=1))
            def slow():
                time.sleep(7200)
            @task(execution_timeout=timedelta(hours=1))
            def quick():
                time.sleep(1800)
                time.sleep(1200)
            slow(), quick()
    """)
    run = run_dag(file, logical_date=DAY, freeze=True)
    assert run.states == {"slow": "failed", "quick": "success"}
    assert run.task("slow").duration == timedelta(hours=1)
    assert run.task("slow").error.startswith("AirflowTaskTimeout")
    assert run.task("quick").duration == timedelta(minutes=50)


def test_a_task_that_is_said_to_take_too_long_meets_its_time_limit_without_a_stopped_clock(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            @task(execution_timeout=timedelta(hours=1))
            def slow():
                raise AssertionError("its time is over before this")
            slow()
    """)
    run = run_dag(file, logical_date=DAY, takes={"slow": timedelta(hours=2)})
    assert run.task("slow").error.startswith("AirflowTaskTimeout")
    assert run.duration == timedelta(hours=1)


def test_dagrun_timeout_stops_what_runs(write: Write) -> None:
    file = write("""
        def told(context):
            print("told", context["reason"])
        with DAG("etl", schedule=None, start_date=START, dagrun_timeout=timedelta(hours=1), on_failure_callback=told):
            @task
            def slow():
                return 1
            slow() >> EmptyOperator(task_id="after")
    """)
    run = run_dag(file, logical_date=DAY, takes={"slow": timedelta(hours=5)})
    assert (run.state, run.reason, run.duration) == ("failed", "timed_out", timedelta(hours=1))
    assert run.states == {"slow": "skipped", "after": "skipped"}
    assert run.xcom("slow") is None
    assert [callback.offer.callback for callback in run.callbacks] == ["dag:on_failure"]
    assert "told timed_out" in run.callbacks[0].log


# --- shape -------------------------------------------------------------------------------------------------------


def test_branches_groups_and_mapped_tasks_play_as_they_run(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START, params={"rows": 3}):
            @task
            def rows(params=None):
                return list(range(params["rows"]))
            @task(map_index_template="row {{ x }}")
            def double(x):
                if x == 1:
                    raise RuntimeError("odd")
                return 2 * x
            @task.branch(trigger_rule="all_done")
            def choose(ti=None):
                return "out.few" if len(ti.xcom_pull(task_ids="double")) < 5 else "out.many"
            @task_group(group_id="out")
            def out():
                EmptyOperator(task_id="few")
                EmptyOperator(task_id="many")
            double.expand(x=rows()) >> choose() >> out()
    """)
    run = run_dag(file, conf={"rows": 4})
    assert run.states == {
        "rows": "success", "double[0]": "success", "double[1]": "failed", "double[2]": "success",
        "double[3]": "success", "choose": "success", "out.few": "success", "out.many": "skipped",
    }  # fmt: skip
    assert run.xcom("double") == [0, 4, 6]
    assert run.xcom("double", map_index=3) == 6
    assert [task.map_index for task in run.instances("double")] == [0, 1, 2, 3]
    assert run.task("double", 1).error == "RuntimeError: odd"
    assert run.why("out.many") == "It has ended: skipped (choose decided to skip it)."
    with pytest.raises(IsMapped, match=r"name one of its instances \[0, 1, 2, 3\]"):
        run.task("double")
    with pytest.raises(TaskNotFound):
        run.task("treble")


def test_a_pool_of_one_slot_makes_tasks_wait_for_each_other(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            for name, weight in (("a", 1), ("b", 3), ("c", 2)):
                BashOperator(task_id=name, bash_command="true", pool="narrow", priority_weight=weight)
    """)
    run = run_dag(file, logical_date=DAY, pools={"narrow": 1}, outcomes={"*": "success"}, takes={"*": 60})
    assert run.order == ["b", "c", "a"]
    assert run.duration == timedelta(minutes=3)
    wide = run_dag(file, logical_date=DAY, pools={"narrow": 3}, outcomes={"*": "success"}, takes={"*": 60})
    assert wide.duration == timedelta(minutes=1)


def test_a_run_that_waits_for_what_cannot_come_is_not_over_and_says_for_what(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            BashOperator(task_id="a", bash_command="true", pool="nowhere")
    """)
    run = run_dag(file)
    assert run.state == "running"
    assert run.states == {"a": "scheduled"}
    assert run.why("a").startswith("Its pool 'nowhere' does not exist")
    assert run.why("a") in run.story()


def test_a_queue_needs_no_worker_of_its_own(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            BashOperator(task_id="a", bash_command="echo {{ ds }}", queue="gpu")
    """)
    run = run_dag(file, logical_date="2026-01-05")
    assert run.xcom("a") == "2026-01-05"
    assert run.task("a").rendered["bash_command"] == "echo 2026-01-05"


# --- time --------------------------------------------------------------------------------------------------------

SENSOR = """
    ASKED = []
    def there():
        ASKED.append(datetime.now(UTC))
        return len(ASKED) == 3
    with DAG("etl", schedule=None, start_date=START):
        PythonSensor(task_id="wait", python_callable=there, mode="{mode}", poke_interval=600)
        PythonSensor(task_id="never", python_callable=lambda: False, mode="{mode}", poke_interval=3600, timeout=7000)
"""


@pytest.mark.parametrize(("mode", "freeze"), [("reschedule", True), ("reschedule", False), ("poke", True)])
def test_a_sensor_looks_again_after_virtual_time(write: Write, mode: str, freeze: bool) -> None:
    run = run_dag(write(SENSOR.replace("{mode}", mode)), logical_date=DAY, freeze=freeze)
    assert run.task("wait").state == "success"
    assert _near(run.task("wait").end_date, DAY + timedelta(minutes=20), exactly=freeze)
    assert run.task("wait").try_number == 1
    assert len(run.task("wait").attempts) == (3 if mode == "reschedule" else 1)
    assert run.task("never").state == "failed"
    assert run.task("never").error.startswith("AirflowSensorTimeout")
    assert _near(run.task("never").end_date, DAY + timedelta(hours=2), exactly=freeze)


@pytest.mark.parametrize("freeze", [True, False])
def test_deferred_tasks_wait_for_their_triggers_in_virtual_time(write: Write, tmp_path: Path, freeze: bool) -> None:
    file = write(
        """
        from airflow.providers.standard.sensors.filesystem import FileSensor
        from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
        INBOX = "{inbox}"
        with DAG("etl", schedule=None, start_date=START):
            FileSensor(task_id="arrives", filepath=INBOX, deferrable=True, poke_interval=45)
            FileSensor(task_id="never", filepath=INBOX + ".not", deferrable=True, poke_interval=60, timeout=3600)
            TimeDeltaSensor(task_id="later", delta=timedelta(hours=2), deferrable=True)
            @task(retries=1, retry_delay=timedelta(minutes=10))
            def deliver(ti=None):
                if ti.try_number == 1:
                    raise ValueError("not yet")
                open(INBOX, "w").close()
            deliver()
    """.replace("{inbox}", str(tmp_path / "inbox"))
    )
    run = run_dag(file, logical_date=DAY, freeze=freeze)
    assert run.states == {"arrives": "success", "never": "failed", "later": "success", "deliver": "success"}
    arrives, never = run.task("arrives"), run.task("never")
    assert [attempt.outcome for attempt in arrives.attempts] == ["deferred", "success"]
    assert arrives.try_number == 1
    assert _near(arrives.end_date, DAY + timedelta(minutes=10, seconds=30), exactly=freeze)
    assert "fires" in arrives.log
    assert _near(never.end_date, DAY + timedelta(hours=1), exactly=freeze)
    if freeze:
        assert run.task("later").end_date == DAY + timedelta(hours=2)


def _near(at: datetime | None, expected: datetime, *, exactly: bool) -> bool:
    """Real milliseconds add up where author code reads the real clock."""
    assert at is not None
    return at == expected if exactly else timedelta() <= at - expected < timedelta(minutes=1)


def test_task_code_sees_virtual_time_when_it_is_frozen_and_the_real_one_when_not(write: Write) -> None:
    file = write("""
        import pendulum
        READ = datetime.now(UTC)
        with DAG("etl", schedule=None, start_date=START):
            @task(retries=1, retry_delay=timedelta(hours=1))
            def clocks(ti=None):
                if ti.try_number == 1:
                    raise ValueError
                began = time.monotonic()
                time.sleep(30)
                passed = time.monotonic() - began
                return [READ.timestamp(), time.time(), pendulum.now("UTC").timestamp(), 30 <= passed < 60]
            clocks()
    """)
    run = run_dag(file, logical_date=None, now="2026-05-01T06:00+00:00", freeze=True)
    begin = datetime(2026, 5, 1, 6, tzinfo=UTC).timestamp()
    assert run.xcom("clocks") == [begin, begin + 3630, begin + 3630, True]
    assert run.logical_date is None
    assert run.task("clocks").duration == timedelta(seconds=30)
    real = run_dag(file, now="2020-01-01", outcomes={"clocks": lambda: time.time()})
    assert real.xcom("clocks") > begin - 365 * 86400
    assert time.sleep.__module__ == "time"


def test_waiting_for_something_real_takes_real_time_when_the_clock_stands(write: Write) -> None:
    file = write("""
        import subprocess, threading
        with DAG("etl", schedule=None, start_date=START):
            @task
            def wait():
                began = time.perf_counter()
                subprocess.Popen(["sleep", "0.05"]).wait(timeout=60)
                thread = threading.Thread(target=time.sleep, args=(0.05,))
                thread.start()
                thread.join()
                return time.perf_counter() - began >= 0.1
            wait()
    """)
    run = run_dag(file, freeze=True)
    assert run.xcom("wait") is True
    assert run.task("wait").duration == timedelta()


def test_a_schedule_with_catchup_makes_the_runs_that_were_missed_and_those_to_come(write: Write) -> None:
    body = """
        with DAG("etl", schedule="0 6 * * *", start_date=datetime(2026, 1, 1), catchup={catchup}, max_active_runs=1):
            @task(depends_on_past=True)
            def load(logical_date=None):
                return str(logical_date.date())
            load()
    """
    played = play(write(body.replace("{catchup}", "True")), from_="2026-01-03T12:00", to="2026-01-05T12:00")
    assert [run.xcom("load") for run in played] == [f"2026-01-0{day}" for day in range(1, 6)]
    assert {run.run_type for run in played} == {"scheduled"}
    assert [run.start_date for run in played][2:] == [
        datetime(2026, 1, 3, 12, tzinfo=UTC), datetime(2026, 1, 4, 6, tzinfo=UTC), datetime(2026, 1, 5, 6, tzinfo=UTC),
    ]  # fmt: skip
    newest = play(write(body.replace("{catchup}", "False")), from_="2026-01-03T12:00", to="2026-01-05T12:00")
    assert [run.xcom("load") for run in newest] == ["2026-01-03", "2026-01-04", "2026-01-05"]
    assert newest["scheduled__2026-01-04T06:00:00+00:00"].state == "success"


def test_a_timetable_of_ones_own_is_asked_in_virtual_time(write: Write) -> None:
    file = write("""
        from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
        import pendulum

        class EveryOtherDay(Timetable):
            def infer_manual_data_interval(self, *, run_after):
                return DataInterval.exact(run_after)
            def next_dagrun_info(self, *, last_automated_data_interval, restriction):
                before = last_automated_data_interval
                at = before.end.add(days=2) if before else pendulum.now("UTC").start_of("day")
                return DagRunInfo.exact(at)

        with DAG("etl", schedule=EveryOtherDay(), start_date=START, catchup=True):
            @task
            def day(logical_date=None):
                return logical_date.day
            day()
    """)
    played = play(file, from_="2026-01-05T12:00", to="2026-08-31T12:00", freeze=True)
    assert [run.xcom("day") for run in played][:3] == [5, 7, 9]
    assert len(played) == 120  # more than are named at once


def test_a_conf_that_does_not_fit_the_params_is_refused_as_in_an_installation(write: Write) -> None:
    file = write("""
        from airflow.sdk import Param
        with DAG("etl", schedule=None, start_date=START, params={"rows": Param(1, type="integer")}):
            BashOperator(task_id="a", bash_command="true")
    """)
    with pytest.raises(InvalidInput, match="'rows'"):
        run_dag(file, conf={"rows": "many"})


def test_a_run_by_hand_makes_no_run_that_its_schedule_would(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule="@hourly", start_date=START, catchup=True, is_paused_upon_creation=True):
            @task(retries=3, retry_delay=timedelta(hours=12))
            def load(ti=None):
                assert ti.try_number == 3
            load()
    """)
    run = run_dag(file, logical_date="2026-02-01")
    assert (run.state, len(run.played)) == ("success", 1)
    assert run.data_interval_end == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_play_without_an_end_is_ended_with_a_sentence(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewind.testing.engine.MOST_STARTS", 20)
    file = write("""
        with DAG("etl", schedule="@continuous", start_date=START, max_active_runs=1):
            BashOperator(task_id="a", bash_command="true")
    """)
    with pytest.raises(GoesOnForEver, match="'a' was to start next"):
        play(file, from_=DAY, to=DAY + timedelta(days=1), outcomes={"a": "success"})


# --- stand-ins ---------------------------------------------------------------------------------------------------


def test_outcomes_stand_in_for_tasks(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START, default_args={"retries": 2}):
            @task
            def never(x=None):
                raise AssertionError("this is not to run")
            first = never.override(task_id="first")()
            mapped = never.override(task_id="mapped").expand(x=first)
            first >> mapped >> EmptyOperator(task_id="empty", trigger_rule="all_done")
    """)
    run = run_dag(
        file,
        outcomes={
            "first": [OSError("unplugged"), RuntimeError, lambda ti, ds: [ti.try_number, ds]],
            "mapped[1]": "skipped",
            "map*": lambda: "done",
            "empty": "failed_for_good",
        },
        logical_date=DAY,
    )
    assert run.states == {
        "first": "success", "mapped[0]": "success", "mapped[1]": "skipped", "empty": "failed"
    }  # fmt: skip
    assert run.xcom("first") == [3, "2026-01-01"]
    assert [attempt.error for attempt in run.task("first").attempts] == ["OSError: unplugged", "RuntimeError", ""]
    assert run.xcom("mapped") == ["done"]
    assert run.task("empty").try_number == 1


def test_a_lost_worker_does_not_use_up_a_retry(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            @task(retries=1)
            def load(): ...
            load()
    """)
    run = run_dag(file, outcomes={"load": ["lost", "failed", "success"]})
    assert [attempt.outcome for attempt in run.task("load").attempts] == ["lost", "failed", "success"]
    assert run.task("load").max_tries == 2


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({"lod": "failed"}, "There is no task 'lod'; there are load."),
        ({"load": "fail"}, r"outcomes\['load'\] is 'fail'; it may be success, failed, failed_for_good, skipped, lost."),
        ({"load": []}, "is empty; give an outcome for the first try"),
        ({"load": 3}, "give a word"),
    ],
)
def test_an_outcome_that_makes_no_sense_is_refused(write: Write, outcomes: dict[str, Any], said: str) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            BashOperator(task_id="load", bash_command="true")
    """)
    with pytest.raises(UnusableOutcome, match=said):
        run_dag(file, outcomes=outcomes)


# --- what tasks ask ----------------------------------------------------------------------------------------------


def test_variables_and_connections_are_given_or_come_from_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_PLACE", "the environment")
    monkeypatch.setenv("TRADEWIND_VAR_ONLY_THERE", "yes")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://me:pw@there/db")
    file = write("""
        PLACE = Variable.get("place")
        with DAG("etl", schedule=None, start_date=START):
            @task
            def ask(templated):
                Variable.set("left", "behind")
                warehouse, api = BaseHook.get_connection("warehouse"), BaseHook.get_connection("api")
                return [PLACE, Variable.get("only_there"), Variable.get("sizes", deserialize_json=True), templated,
                        warehouse.host, api.host, api.extra_dejson]
            ask("{{ var.value.place }} {{ conn.api.login }}")
    """)
    connections = {"api": {"conn_type": "http", "host": "api.example", "login": "me", "extra": {"a": 1}}}
    run = run_dag(file, variables={"place": "the test", "sizes": [1, 2]}, connections=connections)
    assert run.xcom("ask") == ["the test", "yes", [1, 2], "the test me", "there", "api.example", {"a": 1}]
    assert run.played.variables["left"] == "behind"
    assert os.environ["AIRFLOW_VAR_PLACE"] == "the environment"
    given = run_dag(file, variables={"sizes": 3}, connections={"api": "http://me@other", "warehouse": "x://h"})
    assert given.xcom("ask")[0] == "the environment"
    assert given.xcom("ask")[4:6] == ["h", "other"]


def test_secrets_are_masked_in_their_own_play_and_in_no_other(write: Write) -> None:
    file = write("""
        KEY = Variable.get("api_key", default=None)
        with DAG("etl", schedule=None, start_date=START):
            @task
            def tell():
                print("it is swordfish, or", KEY)
                Variable.get("password", default=None)
                print("it was swordfish")
            tell()
    """)
    secret = run_dag(file, variables={"password": "swordfish", "api_key": "k-12345"}).task("tell").log
    assert "it is swordfish, or ***" in secret
    assert "it was ***" in secret
    assert "it was swordfish" in run_dag(file).task("tell").log


def test_a_variable_that_nobody_gives_is_missing_as_it_would_be(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            BashOperator(task_id="a", bash_command="echo {{ var.value.nowhere }}")
    """)
    assert "Variable 'nowhere' does not exist" in run_dag(file).task("a").log


def test_a_dag_that_another_one_triggers_is_played_too(write: Write) -> None:
    write("""
        with DAG("second", schedule=None, start_date=START):
            @task
            def said(dag_run=None):
                return dag_run.conf["from"]
            said()
    """, "second.py")  # fmt: skip
    first = write("""
        with DAG("first", schedule=None, start_date=START):
            TriggerDagRunOperator(task_id="go", trigger_dag_id="second", conf={"from": "{{ dag.dag_id }}"})
            TriggerDagRunOperator(task_id="stay", trigger_dag_id="second", conf={"from": "stay"},
                                  logical_date="2026-02-02", wait_for_completion=True)
    """, "first.py")  # fmt: skip
    run = run_dag(DagBag(first.parent), "first", logical_date=DAY)
    assert run.states == {"go": "success", "stay": "failed"}
    assert "give wait_for_completion=False" in run.task("stay").error
    others = [other for other in run.played if other.dag_id == "second"]
    assert [(other.state, other.run_type) for other in others] == [("success", "operator_triggered")] * 2
    assert others[0].xcom("said") == "first"
    assert "No Dag 'second'" in run_dag(first, logical_date=DAY).task("go").log


def test_tasks_see_other_runs_and_tasks(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule="@daily", start_date=START, catchup=True):
            @task
            def first(ti=None):
                ti.xcom_push("mine", ti.run_id[-25:-15])
            @task
            def look(ti=None, dag_run=None, prev_start_date_success=None):
                before = dag_run.get_previous_dagrun()
                return [
                    str(dag_run.get_task_instance("first").state),
                    ti.xcom_pull(task_ids="first", key="mine"),
                    before and ti.xcom_pull(task_ids="first", key="mine", run_id=before.run_id),
                    ti.get_dr_count("etl"),
                ]
            first() >> look()
    """)
    played = play(file, from_="2026-01-01", to="2026-01-02")
    assert [run.xcom("look") for run in played] == [
        ["success", "2026-01-01", None, 1],
        ["success", "2026-01-02", "2026-01-01", 2],
    ]


def test_a_parameter_with_the_name_of_an_asset_is_that_asset_with_its_uri(write: Write) -> None:
    file = write("""
        from airflow.sdk import asset
        @asset(schedule=None, uri="s3://shop/orders.csv")
        def orders(self):
            return self.uri
        @asset(schedule=orders)
        def report(self, orders, of_nobody):
            return [orders.name, orders.uri, of_nobody.name, hasattr(of_nobody, "uri")]
    """)
    (report,) = [run for run in run_dag(file, "orders").played.runs if run.dag_id == "report"]
    assert report.xcom("report") == ["orders", "s3://shop/orders.csv", "of_nobody", False]


def test_tasks_keep_values_from_try_to_try_and_beside_assets(write: Write) -> None:
    file = write("""
        from airflow.sdk import Asset
        ORDERS = Asset("orders", "s3://orders")
        with DAG("etl", schedule="@daily", start_date=START, catchup=True):
            @task(retries=2, retry_delay=timedelta(hours=1), outlets=[ORDERS])
            def job(task_state_store, asset_state_store, ti=None):
                done = task_state_store.get("done", [])
                task_state_store.set("done", [*done, ti.try_number])
                task_state_store.set("short", ti.try_number, retention=timedelta(minutes=30))
                if ti.try_number < 3:
                    raise ValueError("again")
                asset_state_store.set("runs", asset_state_store.get("runs", 0) + 1)
                return [done, asset_state_store[ORDERS].get("runs")]
            @task
            def after(task_state_store):
                return task_state_store.get("done")
            job() >> after()
    """)
    played = play(file, from_="2026-01-01", to="2026-01-02")
    assert [run.xcom("job") for run in played] == [[[1, 2], 1], [[1, 2], 2]]
    assert [run.state for run in played] == ["success"] * 2
    assert [run.xcom("after") for run in played] == [None] * 2


def test_what_is_kept_for_a_while_is_gone_after_it_in_virtual_time(write: Write) -> None:
    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            @task(retries=2, retry_delay=timedelta(minutes=20))
            def job(task_state_store, ti=None):
                found = task_state_store.get("token", "none")
                if ti.try_number == 1:
                    task_state_store.set("token", "t1", retention=timedelta(minutes=30))
                if ti.try_number < 3:
                    raise ValueError(f"try {ti.try_number} found {found}")
                return found
            job()
    """)
    run = run_dag(file)
    assert [attempt.error for attempt in run.task("job").attempts[:2]] == [
        "ValueError: try 1 found none", "ValueError: try 2 found t1",
    ]  # fmt: skip
    assert run.xcom("job") == "none"


# --- callbacks ---------------------------------------------------------------------------------------------------


def test_callbacks_of_tasks_and_dags_are_called(write: Write) -> None:
    file = write("""
        def say(word):
            return lambda context: print(word, context["ti"].task_id if context["ti"].task_id else context["reason"])
        with DAG("etl", schedule=None, start_date=START, on_failure_callback=say("run")):
            said = {f"on_{name}_callback": say(word)
                    for name, word in (("retry", "again"), ("failure", "over"), ("execute", "on"))}
            @task(retries=1, **said)
            def bad():
                raise ValueError
            bad()
    """)
    run = run_dag(file)
    assert [next(word for word in ("again", "over") if word in a.log) for a in run.task("bad").attempts] == [
        "again", "over",
    ]  # fmt: skip
    assert "on bad" in run.task("bad").log
    assert "run task_failure" in run.callbacks[0].log


def test_a_mail_is_asked_for_and_not_sent_and_a_late_run_is_told_of(write: Write) -> None:
    file = write("""
        from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback

        def late(context):
            print("late", (context["deadline"].deadline_time - context["dag_run"].start_date).total_seconds())

        ALERT = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(minutes=5), SyncCallback(late))

        with DAG("etl", schedule=None, start_date=START, deadline=ALERT, default_args={"email": "me@x.org"}):
            @task(retries=1, retry_delay=timedelta(minutes=10))
            def fails():
                raise ValueError

            fails()
    """)
    run = run_dag(file, "etl")
    assert run.state == "failed"
    assert [callback.offer.callback for callback in run.callbacks] == [
        "task:email_on_retry", "deadline:0", "task:email_on_failure"
    ]  # fmt: skip
    assert "late 300.0" in run.callbacks[1].log
    assert all("No mail is sent: Dags are only played here." in run.callbacks[place].log for place in (0, 2))


# --- the process -------------------------------------------------------------------------------------------------


def airflow_modules() -> dict[str, object]:
    return {name: module for name, module in sys.modules.copy().items() if name.partition(".")[0] == "airflow"}


def test_the_process_is_afterwards_as_it_was(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("""
        import os, sys
        with DAG("etl", schedule=None, start_date=START):
            @task(execution_timeout=timedelta(hours=1))
            def litter():
                os.environ["LITTER"] = "1"
                del os.environ["KEPT"]
                os.chdir("/")
                import airflow.sdk
                return sys.path
            litter()
    """)
    monkeypatch.setenv("KEPT", "1")
    before = (dict(os.environ), os.getcwd(), list(sys.path), sys.stdout, signal.getsignal(signal.SIGALRM))
    left = signal.getitimer(signal.ITIMER_REAL)[0]
    names = airflow_modules()  # other tests of this process may have left some
    run = run_dag(file)
    assert str(file.parent) in run.xcom("litter")
    assert before == (dict(os.environ), os.getcwd(), list(sys.path), sys.stdout, signal.getsignal(signal.SIGALRM))
    assert airflow_modules() == names
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) == bool(left)  # that of pytest-timeout


def test_ctrl_c_in_a_task_ends_the_test_and_not_the_task(write: Write) -> None:
    file = write("""
        import os, signal
        with DAG("etl", schedule=None, start_date=START):
            @task(retries=1)
            def long():
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(10)
            long()
    """)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            run_dag(file)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_time_limit_of_the_test_that_ends_in_a_task_ends_the_test(write: Write) -> None:
    class OutOfTime(BaseException):
        """What pytest-timeout raises."""

    def out_of_time(*_: object) -> None:
        raise OutOfTime

    file = write("""
        with DAG("etl", schedule=None, start_date=START):
            @task(retries=3)
            def long():
                time.sleep(60)
            long()
    """)
    before, left = signal.signal(signal.SIGALRM, out_of_time), signal.setitimer(signal.ITIMER_REAL, 1.5)[0]
    try:
        with pytest.raises(OutOfTime):
            run_dag(file)
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)


def test_outside_of_the_main_thread_it_is_refused(write: Write) -> None:
    from concurrent.futures import ThreadPoolExecutor

    file = write("")
    with ThreadPoolExecutor() as pool, pytest.raises(surroundings_module.NotInMainThread):
        pool.submit(run_dag, file).result()


def test_a_dag_made_in_a_test_can_be_run(write: Write) -> None:
    from tradewind.sdk import DAG, task

    with DAG("mine", schedule=None, start_date=DAY) as mine:

        @task
        def one() -> int:
            return 1

        one()
    run: PlayedRun = run_dag(mine)
    assert run.xcom("one") == 1


def test_a_file_that_cannot_be_imported_says_where(write: Write) -> None:
    file = write("import nowhere_at_all\n", "bad.py", head="# dag airflow\n")
    with pytest.raises(UnknownDag, match=r"bad.py:2: module 'nowhere_at_all' is not installed"):
        run_dag(file, "etl")
    with pytest.raises(FileNotFoundError, match="There is no Dag file"):
        run_dag(file.with_name("none.py"))


def test_what_a_task_updates_makes_runs_of_those_who_wait_for_it(write: Write) -> None:
    file = write("""
        from airflow.sdk import Asset
        RAW = Asset("raw")
        with DAG("makes", schedule=None, start_date=START):
            @task(outlets=[RAW])
            def make(outlet_events):
                outlet_events[RAW].extra = {"rows": 3}
            make()
        with DAG("reads", schedule=RAW, start_date=START):
            @task
            def read(triggering_asset_events):
                return triggering_asset_events[RAW][0].extra["rows"]
            read()
    """)
    run = run_dag(file, "makes")
    (made,) = [other for other in run.played.runs if other.run_id.startswith("asset_triggered__")]
    assert (run.state, made.state, made.xcom("read")) == ("success", "success", 3)


# --- mapped groups -----------------------------------------------------------------------------------------------


def test_tasks_inside_a_mapped_group_see_what_stands_beside_them(write: Write) -> None:
    file = write("""
        @dag(schedule=None, start_date=START)
        def groups():
            @task
            def rows():
                return [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]

            @task
            def double(v):
                return 2 * v

            @task
            def tens(v, n):
                return 10 * v + n

            @task
            def seen(d, inner, word, c, ti=None):
                asked = ti.xcom_pull(task_ids="each.double")
                everyone = ti.xcom_pull(task_ids="each.double", map_indexes=[0, 1])
                return [ti.map_index, d, list(inner), word, c, asked, everyone]

            @task_group
            def each(a, b, c):
                d = double(a)
                return seen(d, tens.partial(v=d).expand(n=[1, 2, 3]), b, c)

            @task
            def gather(all_of_them):
                return list(all_of_them)

            found = each.partial(c=7).expand_kwargs(rows())
            gather(found)

        groups()
    """)
    run = run_dag(file, "groups")
    assert run.state == "success"
    assert run.xcom("gather") == [
        [0, 2, [21, 22, 23], "x", 7, 2, [2, 4]],
        [1, 4, [41, 42, 43], "y", 7, 4, [2, 4]],
    ]


def test_templates_and_classic_operators_inside_a_mapped_group(write: Write) -> None:
    file = write("""
        with DAG("groups", schedule=None, start_date=START):

            @task_group
            def each(city):
                say = BashOperator(task_id="say", bash_command="echo $CITY", env={"CITY": city}, append_env=True)
                again = BashOperator(
                    task_id="again", bash_command="echo {{ ti.xcom_pull(task_ids='each.say') }} {{ ti.map_index }}"
                )
                say >> again

            each.expand(city=["Seoul", "Jeju"])
    """)
    run = run_dag(file, "groups")
    assert run.state == "success"
    assert run.xcom("each.again") == ["Seoul 0", "Jeju 1"]


def test_a_branch_inside_a_mapped_group_skips_in_its_own_element(write: Write) -> None:
    file = write("""
        with DAG("groups", schedule=None, start_date=START):

            @task.branch
            def choose(n):
                return "each.even" if n % 2 == 0 else "each.odd"

            @task_group
            def each(n):
                choose(n) >> [EmptyOperator(task_id="even"), EmptyOperator(task_id="odd")]

            each.expand(n=[4, 7])
    """)
    run = run_dag(file, "groups")
    assert [task.state for task in run.instances("each.even")] == ["success", "skipped"]
    assert [task.state for task in run.instances("each.odd")] == ["skipped", "success"]


def test_what_a_mapped_task_left_is_read_where_it_is_looked_at(write: Write) -> None:
    file = write("""
        from tradewind.sdk.execution import xcom_values

        @dag(schedule=None, start_date=START)
        def lazy():
            @task
            def part(n):
                return "x" * n

            @task
            def one(parts):
                loaded = []
                real, xcom_values.load = xcom_values.load, lambda stored: loaded.append(stored) or real(stored)
                try:
                    third, count = parts[2], len(parts)
                finally:
                    xcom_values.load = real
                return [third, count, len(loaded), parts == ["x" * n for n in range(50)], parts[-1] == "x" * 49]

            @task
            def passed_on(parts):
                return parts

            parts = part.expand(n=list(range(50)))
            one(parts)
            part.override(task_id="again").expand(n=passed_on(parts.map(len)))

        lazy()
    """)
    run = run_dag(file, "lazy")
    assert run.state == "success"
    assert run.xcom("one") == ["xx", 50, 1, True, True]
    assert len(run.instances("again")) == 50
