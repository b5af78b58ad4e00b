"""Odd but legal Dag files of both generations: each checks itself, and ends as it would in Airflow."""

from collections.abc import Iterator

import pytest

from tradewind.testing.installation import Installation

OLD_STYLE = """
from datetime import timedelta
from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import PythonOperator
from airflow.utils.dates import days_ago

def show(ds, **kwargs):
    assert kwargs["params"]["x"] == 5
    assert kwargs["prev_ds"] < kwargs["tomorrow_ds"] and kwargs["execution_date"]
    kwargs["task_instance"].xcom_push(key="k", value={"ds": ds})
    kwargs["ti"].log.info("hello")
    return "r"

def pull(**context):
    assert context["ti"].xcom_pull(task_ids="show", key="k")["ds"] == context["ds"]
    assert context["ti"].xcom_pull("show") == "r"
    assert context["ti"].xcom_pull(task_ids=["show"]) == ["r"]

dag = DAG("old_style", schedule_interval=timedelta(days=1), catchup=False, concurrency=4, max_active_runs=1,
          default_args={"owner": "me", "start_date": days_ago(2), "retries": 1, "params": {"x": 5},
                        "on_success_callback": lambda context: print(context["task_instance"].task_id)},
          user_defined_macros={"f": lambda x: x + 1}, user_defined_filters={"shout": lambda s: s.upper() + "!"})
start = DummyOperator(task_id="start", dag=dag)
shown = PythonOperator(task_id="show", python_callable=show, provide_context=True, dag=dag)
pulled = PythonOperator(task_id="pull", python_callable=pull, provide_context=True, dag=dag)
told = BashOperator(task_id="bash", dag=dag, bash_command=(
    "test '{{ f(1) }} {{ 'a' | shout }} {{ params.x }}' = '2 A! 5' && echo {{ ds_nodash }} {{ prev_execution_date }} "
    "{{ next_ds }} {{ macros.ds_add(ds, 5) }} {{ data_interval_end | ts_nodash }} {{ task_instance_key_str }}"))
start >> shown >> pulled
shown.set_downstream(told)
"""

MAPPING = """
from airflow.exceptions import AirflowSkipException
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
from airflow.sdk import dag, task

@dag
def mapping():
    @task
    def numbers(): return [1, 2, 3]
    @task
    def letters(): return ["a", "b"]
    @task
    def by_key() -> dict: return {"few": [10, 20], "other": 1}
    def but_two(x):
        if x == 2:
            raise AirflowSkipException("no")
        return x * 10
    @task
    def same(v): return v
    @task
    def add(x, y): return x + y
    n, l = numbers(), letters()
    mapped = same.expand(v=n.map(but_two))
    zipped = same.override(task_id="zipped").expand(v=n.zip(l, fillvalue="-"))
    joined = same.override(task_id="joined", retries=2).expand(v=n.concat(l))
    keyed = same.override(task_id="keyed").expand(v=by_key()["few"])
    partly = add.partial(y=100).expand(x=n)
    crossed = add.override(task_id="crossed").expand(x=[1, 2], y=[10, 20])
    given = add.override(task_id="given").expand_kwargs([{"x": 1, "y": 2}, {"x": 3, "y": 4}])
    times = PythonOperator.partial(task_id="classic", python_callable=lambda x, y: x * y)
    classic = times.expand(op_args=[[1, 2], [3, 4]])
    shell = BashOperator.partial(task_id="shell", bash_command="echo $X").expand(env=n.map(lambda x: {"X": str(x)}))
    @task(trigger_rule="none_failed")
    def check(mapped, zipped, joined, keyed, partly, crossed, given, classic, shell):
        assert list(mapped) == [10, 30], list(mapped)
        assert [tuple(pair) for pair in zipped] == [(1, "a"), (2, "b"), (3, "-")]
        assert list(joined) == [1, 2, 3, "a", "b"] and list(keyed) == [10, 20]
        assert list(partly) == [101, 102, 103] and list(crossed) == [11, 21, 12, 22]
        assert list(given) == [3, 7] and list(classic) == [2, 12] and list(shell) == ["1", "2", "3"]
        assert len(joined) == 5 and joined[0] == 1 and list(joined[3:]) == ["a", "b"]
    check(mapped, zipped, joined, keyed, partly, crossed, given, classic.output, shell.output)
mapping()
"""

BRANCHES = """
from datetime import datetime
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.latest_only import LatestOnlyOperator
from airflow.operators.python import BranchPythonOperator, ShortCircuitOperator
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule

with DAG("branches", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    branch = BranchPythonOperator(task_id="branch", python_callable=lambda **_: ["x", "group"])
    x, y = EmptyOperator(task_id="x"), EmptyOperator(task_id="y")
    with TaskGroup("group", prefix_group_id=False) as group:
        with TaskGroup("inner", prefix_group_id=False):
            EmptyOperator(task_id="g1") >> EmptyOperator(task_id="g2")
    join = EmptyOperator(task_id="join", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    branch >> [x, y, group] >> join
    short = ShortCircuitOperator(task_id="short", python_callable=lambda: 0, ignore_downstream_trigger_rules=False)
    short >> EmptyOperator(task_id="s1") >> EmptyOperator(task_id="s2", trigger_rule="all_done")
    LatestOnlyOperator(task_id="latest") >> EmptyOperator(task_id="l1")
    BranchPythonOperator(task_id="nobody", python_callable=lambda: None) >> EmptyOperator(task_id="n1")
"""

SETUPS = """
from airflow.sdk import dag, setup, task, teardown

@dag
def setups():
    @setup
    def make(): return "cluster"
    @teardown
    def drop(name): print("drop", name)
    @task
    def work(name): raise ValueError("the work fails")
    @task(trigger_rule="all_done")
    def later(): pass
    name = make()
    with drop(name) as torn:
        work(name)
    torn >> later()
setups()
"""

NATIVE = """
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.python import PythonOperator

with DAG("native", render_template_as_native_obj=True, params={"l": [1, 2], "d": {"a": 1}, "t": True, "n": None}):
    def check(a, b, c, e, *args, n=None, **_):
        assert (a, b, c, e) == ([1, 2], {"a": 1}, True, 3) and n is None and args == (1,)
    PythonOperator(task_id="classic", python_callable=check, op_kwargs={"n": "{{ params.n }}"},
                   op_args=["{{ params.l }}", "{{ params.d }}", "{{ params.t }}", "{{ 1 + 2 }}", 1])
    @task
    def named(*, ds=None, ti, run_id: str, **kwargs):
        assert run_id and ti.task_id == "named" and kwargs["dag"].dag_id == "native"
    named()
"""

DAGS = {"old_style": OLD_STYLE, "mapping": MAPPING, "branches": BRANCHES, "setups": SETUPS, "native": NATIVE}


@pytest.fixture(scope="module")
def here() -> Iterator[Installation]:
    with Installation({f"{name}.py": text for name, text in DAGS.items()}) as installation:
        installation.start()
        yield installation


def states(here: Installation, dag_id: str) -> dict[str, str]:
    rows = here.rows(
        "SELECT task_id, task_instance.state FROM task_instance JOIN run ON run = number WHERE dag_id = ?", dag_id
    )
    return {row["task_id"]: row["state"] for row in rows}


@pytest.mark.parametrize("dag_id", ["old_style", "mapping", "native"])
def test_a_dag_that_checks_itself_succeeds(here: Installation, dag_id: str) -> None:
    assert here.run(dag_id) == "success", here.last_words()


def test_branches_and_short_circuits_skip_what_they_must(here: Installation) -> None:
    assert here.run("branches") == "success"
    found = states(here, "branches")
    assert {task_id for task_id, state in found.items() if state == "skipped"} == {"y", "s1", "n1"}
    assert set(found.values()) == {"success", "skipped"}


def test_a_teardown_runs_after_failed_work_and_clearing_the_work_clears_around_it(here: Installation) -> None:
    run_id = here.trigger("setups")
    assert here.wait_for_run("setups", run_id) == "failed", "a teardown hides no failure of the work before it"
    assert states(here, "setups") == {"make": "success", "work": "failed", "drop": "success", "later": "success"}
    cleared = here.command("task.clear", dag_id="setups", run_id=run_id, task_ids=["work"], dry_run=True)
    assert {key[1] for key in cleared["tasks"]} == {"make", "work", "drop"}
