"""Dags: arguments of both generations, dates, registration, cycles, names."""

from __future__ import annotations

import subprocess
import sys
import types
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tradewind.sdk import DAG, Label, TaskGroup, chain, chain_linear, cross_downstream, dag, task, task_group
from tradewind.sdk.exceptions import (
    AirflowDagCycleException,
    AirflowException,
    DagInvalid,
    DuplicateTaskIdFound,
    FailFastDagInvalidTriggerRule,
)
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.registry import collect
from tradewind.sdk.serialize import dag_spec

START = datetime(2025, 11, 1)


def test_importing_the_sdk_brings_in_nothing_heavy() -> None:
    code = (
        "import sys; import tradewind.sdk; from tradewind.sdk import DAG, dag, task;"
        "heavy = {'pandas', 'numpy', 'sqlalchemy', 'rich', 'pendulum', 'jinja2', 'asyncio', 'jsonschema'};"
        "print(sorted(heavy & sys.modules.keys()), callable(dag))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[] True\n"


def test_every_exported_name_can_be_imported() -> None:
    import tradewind.sdk as sdk

    assert {name for name in sdk.__all__ if getattr(sdk, name, None) is None} == set()
    assert sdk.dag is dag
    assert sdk.task_group is task_group


def test_the_first_seed_form_is_a_dag_of_the_second_generation() -> None:
    with DAG(dag_id="large_data_etl_pipeline", schedule_interval="@daily", start_date=START) as made:
        EmptyOperator(task_id="start") >> EmptyOperator(task_id="end")
    spec = dag_spec(made, "etl.py")
    assert (spec.generation, spec.catchup, spec.timetable.data_interval) == (2, True, True)
    assert spec.start_date == datetime(2025, 11, 1, tzinfo=UTC)
    assert "schedule='@daily'" in spec.notices[0]


def test_the_second_seed_form_registers_itself_when_called() -> None:
    with collect() as found:

        @dag(schedule_interval="@daily", start_date=START, catchup=False)
        def monitoring():
            """Looks after things."""

            @task
            def check():
                return 1

            check()

        monitoring()
    (made,) = found.dags()
    spec = dag_spec(made, "m.py")
    assert (spec.dag_id, spec.generation, spec.catchup, spec.doc_md) == ("monitoring", 2, False, "Looks after things.")
    assert list(spec.tasks) == ["check"]


def test_a_modern_dag_has_no_data_intervals_and_no_catchup() -> None:
    spec = dag_spec(DAG("d", schedule="@daily", start_date=START), "d.py")
    assert (spec.generation, spec.catchup, spec.timetable.data_interval, spec.notices) == (3, False, False, ())


def test_older_arguments_are_translated_and_noticed() -> None:
    made = DAG("d", concurrency=3, fail_stop=True, default_view="graph", sla_miss_callback=print, schedule=None)
    spec = dag_spec(made, "d.py")
    assert (spec.max_active_tasks, spec.fail_fast, spec.generation) == (3, True, 3)
    assert [notice.split(": ")[1].split("=")[0] for notice in spec.notices] == [
        "concurrency", "default_view", "fail_stop", "sla_miss_callback"
    ]  # fmt: skip


def test_rights_that_a_file_gives_are_kept_in_one_spelling_and_a_slip_is_named() -> None:
    made = DAG("d", schedule=None, access_control={"team": {"can_edit", "can_read"}, "all": {"DAG Runs": {"can_read"}}})
    assert dag_spec(made, "d.py").extra["access_control"] == {
        "all": {"DAG Runs": ["can_read"]}, "team": {"DAGs": ["can_edit", "can_read"]},
    }  # fmt: skip
    assert "access_control" not in dag_spec(DAG("d", schedule=None), "d.py").extra
    with pytest.raises(DagInvalid, match="Dag 'd': access_control= of role 'team' gives 'can_fly' on DAGs; choose"):
        dag_spec(DAG("d", schedule=None, access_control={"team": ["can_fly"]}), "d.py")


def test_an_unknown_argument_is_named_with_its_dag_and_a_suggestion() -> None:
    with pytest.raises(
        TypeError, match=r"Dag 'd': DAG\(\) got an unexpected argument 'schedul'; did you mean 'schedule'"
    ):
        DAG("d", schedul="@daily")


def test_two_schedules_are_refused() -> None:
    with pytest.raises(TypeError, match="give one of schedule and schedule_interval"):
        DAG("d", schedule="@daily", schedule_interval="@daily")


def test_a_naive_date_means_the_configured_timezone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Asia/Seoul")
    spec = dag_spec(DAG("d", schedule="0 9 * * *", start_date=START), "d.py")
    assert spec.start_date == datetime(2025, 10, 31, 15, tzinfo=UTC)
    assert spec.timetable.timezone == "Asia/Seoul"


def test_an_aware_date_gives_the_dag_its_timezone() -> None:
    import pendulum

    fixed = DAG("a", schedule="@daily", start_date=datetime(2025, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")))
    loose = DAG("b", schedule="@daily", default_args={"start_date": pendulum.datetime(2025, 1, 1, tz="Asia/Tokyo")})
    assert [dag_spec(made, "d.py").timetable.timezone for made in (fixed, loose)] == ["Europe/Berlin", "Asia/Tokyo"]
    assert type(dag_spec(loose, "d.py").start_date) is datetime


def test_a_cycle_is_named_from_the_task_that_was_written_first() -> None:
    with DAG("d") as made:
        a, b, c, last = (EmptyOperator(task_id=name) for name in ("a", "b", "c", "last"))
        b >> c >> a >> b >> last
    with pytest.raises(AirflowDagCycleException, match="Cycle detected in Dag 'd': a >> b >> c >> a; take one"):
        dag_spec(made, "d.py")


def test_a_task_that_waits_for_itself_is_a_cycle() -> None:
    with DAG("d") as made:
        a = EmptyOperator(task_id="a")
        a >> a
    with pytest.raises(AirflowDagCycleException, match="a >> a"):
        made.check_cycle()


def test_two_tasks_of_one_name_are_refused() -> None:
    with DAG("d"), pytest.raises(DuplicateTaskIdFound, match="Dag 'd': task id 'a' has already been added"):
        [EmptyOperator(task_id=name) for name in "aa"]


def test_a_bad_cron_names_the_dag() -> None:
    with pytest.raises(AirflowException, match="'d'"):
        dag_spec(DAG("d", schedule="61 * * * *", start_date=START), "d.py")


def test_fail_fast_refuses_rules_that_wait_for_failures() -> None:
    with DAG("d", fail_fast=True), pytest.raises(FailFastDagInvalidTriggerRule, match="Task 'a' of Dag 'd'"):
        EmptyOperator(task_id="a", trigger_rule="one_failed")


def test_a_scheduled_dag_needs_defaults_for_its_params() -> None:
    from tradewind.sdk import Param

    made = DAG("d", schedule="@daily", start_date=START, params={"n": Param(type="integer")})
    with pytest.raises(ValueError, match="Dag 'd': param 'n' needs a valid default"):
        dag_spec(made, "d.py")
    assert dag_spec(DAG("d", params={"n": Param(type="integer", description="How many")}), "d.py").params == {
        "n": {"value": None, "schema": {"type": "integer"}, "required": True, "description": "How many"}
    }


def test_dags_bound_to_names_and_entered_dags_are_collected_once() -> None:
    module = types.ModuleType("dags_of_mine")
    module.__file__ = "/somewhere/mine.py"
    source = """
from tradewind.sdk import DAG
from tradewind.sdk.operators.empty import EmptyOperator
first = DAG("first")
EmptyOperator(task_id="t", dag=first)
with DAG("second"):
    EmptyOperator(task_id="t")
with DAG("hidden", auto_register=False):
    EmptyOperator(task_id="t")
def factory():
    return DAG("forgotten")
factory()
with DAG("third") as third:
    EmptyOperator(task_id="t")
"""
    with collect() as found:
        exec(compile(source, "mine.py", "exec"), vars(module))
    assert [made.dag_id for made in found.dags(module)] == ["first", "second", "third"]
    assert found.dags(module)[0].fileloc == "/somewhere/mine.py"


def test_a_block_left_open_by_one_file_does_not_reach_the_next() -> None:
    with collect():
        DAG("open").__enter__()
    with pytest.raises(RuntimeError, match="has not been assigned to a Dag"):
        _ = EmptyOperator(task_id="a").dag


def test_nested_dags_take_their_own_tasks() -> None:
    with DAG("outer") as outer:
        EmptyOperator(task_id="a")
        with DAG("inner") as inner:
            EmptyOperator(task_id="b")
        EmptyOperator(task_id="c", dag=inner)
        EmptyOperator(task_id="d")
    assert (outer.task_ids, inner.task_ids) == (["a", "d"], ["b", "c"])


def test_edges_of_every_form() -> None:
    with DAG("d") as made:
        a, b, c, d, e, f = (EmptyOperator(task_id=name) for name in "abcdef")
        a >> Label("ok") >> [b, c]
        [b, c] >> d
        d << a
        chain(d, [e, f])
        cross_downstream([a], [e])
        chain_linear(b, [e, f])
    spec = dag_spec(made, "d.py")
    assert {name: task.upstream for name, task in spec.tasks.items()} == {
        "a": (), "b": ("a",), "c": ("a",), "d": ("a", "b", "c"), "e": ("a", "b", "d"), "f": ("b", "d")
    }  # fmt: skip
    assert spec.edge_labels == (("a", "b", "ok"), ("a", "c", "ok"))


def test_chain_refuses_lists_of_different_length() -> None:
    with DAG("d"), pytest.raises(ValueError, match="2 and 1 tasks"):
        chain([EmptyOperator(task_id="a"), EmptyOperator(task_id="b")], [EmptyOperator(task_id="c")])


def test_tasks_of_two_dags_cannot_be_joined() -> None:
    with pytest.raises(AirflowException, match=r"more than one Dag: 'a' \(one\), 'b' \(two\)"):
        EmptyOperator(task_id="a", dag=DAG("one")) >> EmptyOperator(task_id="b", dag=DAG("two"))


def test_a_task_without_a_dag_joins_that_of_its_neighbour() -> None:
    made = DAG("d")
    EmptyOperator(task_id="a", dag=made) >> EmptyOperator(task_id="b")
    assert made.task_ids == ["a", "b"]


def test_groups_prefix_ids_and_are_joined_by_their_ends() -> None:
    with DAG("d", default_args={"retries": 1}) as made:
        first = EmptyOperator(task_id="first")
        with TaskGroup("outer", default_args={"retries": 2}, tooltip="Both") as outer:
            with TaskGroup("inner", default_args={"owner": "me"}):
                a = EmptyOperator(task_id="a")
            b = EmptyOperator(task_id="b", retries=5)
            a >> b
        with TaskGroup("bare", prefix_group_id=False):
            EmptyOperator(task_id="c")
        first >> outer >> EmptyOperator(task_id="last")
    spec = dag_spec(made, "d.py")
    assert {task.task_id: (task.retries, task.owner, task.group_id) for task in spec.tasks.values()} == {
        "first": (1, "airflow", None),
        "outer.inner.a": (2, "me", "outer.inner"),
        "outer.b": (5, "airflow", "outer"),
        "c": (1, "airflow", "bare"),
        "last": (1, "airflow", None),
    }
    assert spec.tasks["outer.inner.a"].upstream == ("first",)
    assert spec.tasks["last"].upstream == ("outer.b",)
    assert [(group.group_id, group.parent, group.task_ids) for group in spec.groups] == [
        ("bare", None, ("c",)),
        ("outer", None, ("outer.b", "outer.inner.a")),
        ("outer.inner", "outer", ("outer.inner.a",)),
    ]


def test_a_group_function_may_be_called_twice_and_returns_what_it_returns() -> None:
    with DAG("d") as made:

        @task_group
        def load(x):
            """Loads."""

            @task
            def put(x):
                return x

            return put(x)

        load(1) >> load(2)
        load.override(group_id="other")(3)
    assert made.task_ids == ["load.put", "load__1.put", "other.put"]
    assert made.get_task("load__1.put").upstream_task_ids == {"load.put"}


def test_dag_cli_points_to_the_command_line() -> None:
    with pytest.raises(AirflowException, match="use `tradewind run "):
        DAG("d").cli()


def test_a_file_that_tests_its_dag_whenever_it_is_imported_does_not_start_itself_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRADEWIND_DAG_TEST", "d")
    with pytest.raises(AirflowException, match=r"calls dag.test\(\) while it is imported; put the call below"):
        DAG("d").test()


def test_equal_dags_written_in_different_order_have_equal_specs() -> None:
    def first() -> DAG:
        with DAG("d", schedule="@daily", start_date=START, tags=["b", "a"], params={"x": 1, "y": 2}) as made:
            a = BashOperator(task_id="a", bash_command="true", env={"p": "1", "q": "2"})
            b, c = EmptyOperator(task_id="b"), EmptyOperator(task_id="c")
            a >> Label("x") >> [b, c]
        return made

    def second() -> DAG:
        made = DAG("d", params={"y": 2, "x": 1}, tags=["a", "b", "a"], start_date=START, schedule="@daily")
        c, b = EmptyOperator(task_id="c", dag=made), EmptyOperator(task_id="b", dag=made)
        a = BashOperator(bash_command="true", env={"q": "2", "p": "1"}, task_id="a", dag=made)
        c << Label("x") << a
        b.set_upstream(a)
        made.set_edge_info("a", "b", {"label": "x"})
        return made

    assert dag_spec(first(), "d.py") == dag_spec(second(), "d.py")


def test_a_spec_has_no_addresses_and_is_the_same_in_another_process() -> None:
    code = """
from datetime import datetime
from tradewind.sdk import DAG, task, Asset, AssetAlias
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.serialize import dag_spec
class Thing: pass
with DAG("d", schedule=Asset("s3://x") & Asset("y"), on_failure_callback=print, tags={"a", "b", "c", "d"}) as made:
    @task(outlets=[Asset("z")], executor_config={"thing": Thing(), "names": {"p", "q", "r"}})
    def one(): ...
    PythonOperator.partial(task_id="two", python_callable=lambda x: x).expand(op_args=[[1], [2]]) << one()
print(dag_spec(made, "d.py"))
"""
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert " at 0x" not in texts.pop()


def test_tasks_come_in_the_order_in_which_a_person_would_read_them() -> None:
    with DAG("d") as made:
        last, mid, first, _ = (EmptyOperator(task_id=name) for name in ("last", "mid", "first", "alone"))
        first >> mid >> last
    assert list(dag_spec(made, "d.py").tasks) == ["first", "mid", "last", "alone"]


def test_a_file_that_must_be_spawned_overrules_its_tasks() -> None:
    with DAG("d") as made:
        EmptyOperator(task_id="a", executor_config={"isolation": "reuse"})
        EmptyOperator(task_id="b", isolation="spawn", lost_policy="retry")
        EmptyOperator(task_id="c")
    assert [t.isolation for t in dag_spec(made, "d.py").tasks.values()] == ["reuse", "spawn", "fork"]
    assert {t.isolation for t in dag_spec(made, "d.py", isolation="spawn").tasks.values()} == {"spawn"}
    assert dag_spec(made, "d.py").tasks["b"].lost_policy == "retry"


def test_an_empty_task_is_sent_to_a_worker_only_if_there_is_something_to_do() -> None:
    with DAG("d") as made:
        EmptyOperator(task_id="plain", on_failure_callback=print)
        EmptyOperator(task_id="called", on_success_callback=print)
        EmptyOperator(task_id="outlets", outlets=["x"])
        EmptyOperator(task_id="hooked", pre_execute=print)
        PythonOperator(task_id="python", python_callable=print)
    spec = dag_spec(made, "d.py")
    assert [task.task_id for task in spec.tasks.values() if task.never_sent] == ["plain"]
    assert spec.tasks["plain"].callbacks == ("on_failure",)


def test_durations_are_seconds_and_backoff_is_a_number() -> None:
    with DAG("d", dagrun_timeout=timedelta(hours=1)) as made:
        EmptyOperator(
            task_id="a", retries="3", retry_delay=timedelta(minutes=2), retry_exponential_backoff=True,
            max_retry_delay=600, execution_timeout=timedelta(seconds=30),
        )  # fmt: skip
    spec = dag_spec(made, "d.py")
    a = spec.tasks["a"]
    assert (a.retries, a.retry_delay_seconds, a.retry_backoff) == (3, 120.0, 2.0)
    assert (a.max_retry_delay_seconds, a.execution_timeout_seconds, spec.dagrun_timeout_seconds) == (
        600.0,
        30.0,
        3600.0,
    )


def test_params_stand_in_the_order_in_which_their_author_wrote_them() -> None:
    from tradewind.sdk import Param

    params = {"zone": Param("a"), "day": Param("b"), "amount": Param(1)}
    assert list(dag_spec(DAG("d", params=params), "d.py").params) == ["zone", "day", "amount"]
