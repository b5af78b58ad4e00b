"""Operators: default_args, arguments of one's own, references between tasks, setup and teardown, weights."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tradewind.sdk import DAG, Asset, BaseOperator, PriorityWeightStrategy, TaskGroup, XComArg, setup, task, teardown
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.serialize import dag_spec
from tradewind.sdk.setup_teardown import context_wrapper


class Copy(BaseOperator):
    template_fields = ("source",)

    def __init__(self, bucket: str, source: Any = "", *, dry: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket, self.source, self.dry = bucket, source, dry


class CarefulCopy(Copy):
    def __init__(self, limit: int = 1, **kwargs: Any) -> None:
        super().__init__(retries=7, **kwargs)
        self.limit = limit


def test_default_args_reach_the_arguments_of_a_third_party_operator() -> None:
    with DAG("d", default_args={"bucket": "b", "limit": 9, "retries": 2, "owner": "me", "unknown": 1}):
        first = CarefulCopy(task_id="first")
        second = Copy(task_id="second", bucket="own", default_args={"dry": True, "owner": "you"})
    assert (first.bucket, first.limit, first.retries, first.owner) == ("b", 9, 7, "me")
    assert (second.bucket, second.dry, second.retries, second.owner) == ("own", True, 2, "you")


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(TypeError, match=r"Copy\(task_id='c'\) is missing the argument 'bucket'"):
        Copy(task_id="c")


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="use keyword arguments"):
        EmptyOperator("a")


def test_an_unknown_argument_names_operator_task_and_dag() -> None:
    with DAG("d"), pytest.raises(TypeError, match=r"passed to EmptyOperator \(Task 'a' of Dag 'd'\): colour, shape"):
        EmptyOperator(task_id="a", shape=1, colour=2)


def test_a_template_field_without_attribute_is_an_error() -> None:
    class Broken(BaseOperator):
        template_fields = ("nothing",)

    with DAG("d"), pytest.raises(AttributeError, match="Broken names 'nothing' in template_fields"):
        Broken(task_id="a")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"retries": "many"}, "Task 'a' of Dag 'd': 'retries' must be a whole number, not 'many'"),
        ({"retries": 1.5}, "Task 'a' of Dag 'd': 'retries' type must be int, not float"),
        ({"retry_delay": "5m"}, "Task 'a' of Dag 'd': 'retry_delay' must be a timedelta or a number of seconds"),
        ({"execution_timeout": 5}, "'execution_timeout' must be a timedelta, not int"),
        ({"trigger_rule": "most"}, "Task 'a' of Dag 'd': trigger rule 'most' is not one of all_success"),
        ({"pool_slots": 0}, "'pool_slots' is 0 and cannot be less than 1"),
        ({"weight_rule": "heavy"}, "Task 'a' of Dag 'd': weight_rule 'heavy' is not one of"),
        ({"isolation": "jail"}, "isolation is 'jail'"),
        ({"lost_policy": "cry"}, "lost_policy is 'cry'"),
        ({"task_id": "a b"}, "The task_id has to be made of letters"),
        ({"task_id": "a" * 251}, "less than 250 characters, not 251"),
    ],
)
def test_a_wrong_value_is_explained(arguments: dict[str, Any], message: str) -> None:
    with DAG("d"), pytest.raises((TypeError, ValueError, AirflowException), match=message):
        EmptyOperator(**{"task_id": "a", **arguments})


def test_older_spellings_are_accepted_with_a_notice() -> None:
    with DAG("d") as made:
        one = PythonOperator(task_id="a", python_callable=print, provide_context=True, task_concurrency=2)
        two = EmptyOperator(task_id="b", trigger_rule="none_failed_or_skipped", sla=timedelta(hours=1))
    assert (one.max_active_tis_per_dag, two.trigger_rule) == (2, "none_failed_min_one_success")
    assert [notice.split("=")[0].rpartition(" ")[2] for notice in made.notices] == [
        "provide_context", "task_concurrency", "sla"
    ]  # fmt: skip


def test_a_result_among_the_arguments_makes_an_upstream_task_and_a_read() -> None:
    with DAG("d") as made:
        a = BashOperator(task_id="a", bash_command="echo 1")
        b = PythonOperator(task_id="b", python_callable=print, op_kwargs={"deep": [{"x": a.output["key"]}, a.output]})
        Copy(task_id="c", bucket="b", source=XComArg(b))
        late = Copy(task_id="late", bucket="b")
        late.source = b.output
    spec = dag_spec(made, "d.py")
    assert spec.tasks["b"].upstream == ("a",)
    assert spec.tasks["b"].reads == (("a", "key"), ("a", "return_value"))
    assert spec.tasks["c"].reads == spec.tasks["late"].reads == (("b", "return_value"),)
    assert spec.tasks["late"].upstream == ("b",)


def test_a_reference_in_text_becomes_the_template_that_pulls_it() -> None:
    with DAG("d"):
        a = BashOperator(task_id="a", bash_command="echo 1")
    assert f"{a.output}" == "{{ task_instance.xcom_pull(task_ids='a', dag_id='d', key='return_value') }}"
    with pytest.raises(TypeError, match="not iterable"):
        list(a.output)


def test_relatives_are_found_near_and_far() -> None:
    with DAG("d"):
        a, b, c = (EmptyOperator(task_id=name) for name in "abc")
        a >> b >> c
    assert [t.task_id for t in a.downstream_list] == ["b"]
    assert a.get_flat_relative_ids(upstream=False) == {"b", "c"}
    assert [t.task_id for t in c.get_flat_relatives(upstream=True)] == ["a", "b"]


def test_weights_count_each_neighbour_once_and_fit_32_bits() -> None:
    def weights(rule: Any) -> dict[str, int]:
        with DAG("d", default_args={"weight_rule": rule}) as made:
            a, b, c, d = (
                EmptyOperator(task_id=n, priority_weight=w) for n, w in zip("abcd", (1, 2, 3, 4), strict=True)
            )
            a >> [b, c] >> d
            EmptyOperator(task_id="huge", priority_weight=2**40)
        return {name: task.effective_weight for name, task in dag_spec(made, "d.py").tasks.items()}

    class Doubled(PriorityWeightStrategy):
        def get_weight(self, ti: Any) -> int:
            return 2 * ti.task.priority_weight

    largest = 2**31 - 1
    assert weights("downstream") == {"a": 10, "b": 6, "c": 7, "d": 4, "huge": largest}
    assert weights("upstream") == {"a": 1, "b": 3, "c": 4, "d": 10, "huge": largest}
    assert weights("absolute") == {"a": 1, "b": 2, "c": 3, "d": 4, "huge": largest}
    assert weights(Doubled()) == weights(Doubled) == {"a": 2, "b": 4, "c": 6, "d": 8, "huge": largest}


def test_a_failing_weight_strategy_names_the_task() -> None:
    class Broken(PriorityWeightStrategy):
        def get_weight(self, ti: Any) -> int:
            return 1 // 0

    with DAG("d") as made:
        EmptyOperator(task_id="a", weight_rule=Broken())
    with pytest.raises(AirflowException, match="Task 'a' of Dag 'd': weight rule Broken failed: ZeroDivisionError"):
        dag_spec(made, "d.py")


def test_a_teardown_follows_its_setup_and_ends_the_run_only_if_asked() -> None:
    with DAG("d") as made:
        up, work = EmptyOperator(task_id="up"), EmptyOperator(task_id="work")
        down = EmptyOperator(task_id="down").as_teardown(setups=up, on_failure_fail_dagrun=True)
        up >> work >> down
    spec = dag_spec(made, "d.py")
    assert (spec.tasks["up"].is_setup, spec.tasks["down"].is_teardown) == (True, True)
    assert spec.tasks["down"].upstream == ("up", "work")
    assert (spec.tasks["down"].trigger_rule, spec.tasks["down"].on_failure_fail_dagrun) == (
        "all_done_setup_success",
        True,
    )


def test_a_block_puts_its_tasks_between_setup_and_teardown() -> None:
    with DAG("d") as made:

        @setup
        def up(): ...

        @teardown
        def down(): ...

        @task
        def work(x=None): ...

        start = up()
        end = down()
        with start >> end.as_teardown(setups=start):
            work.override(task_id="a")() >> work.override(task_id="b")()
            with TaskGroup("g"):
                work.override(task_id="c")()
        work.override(task_id="outside")()
    spec = dag_spec(made, "d.py")
    assert {name: t.upstream for name, t in spec.tasks.items()} == {
        "up": (), "a": ("up",), "b": ("a",), "g.c": ("up",), "down": ("b", "g.c", "up"), "outside": ()
    }  # fmt: skip


def test_nested_blocks_and_several_setups() -> None:
    with DAG("d") as made:
        names = ("s1", "s2", "t1", "t2")
        s1, s2, t1, t2 = (EmptyOperator(task_id=name) for name in names)
        t1.as_teardown(setups=[s1])
        t2.as_teardown(setups=[s2])
        with context_wrapper([t1, t2]):
            EmptyOperator(task_id="x")
        with t1, t2:
            EmptyOperator(task_id="y")
    assert made.get_task("x").upstream_task_ids == {"s1", "s2"}
    assert made.get_task("x").downstream_task_ids == {"t1", "t2"}
    assert made.get_task("y").upstream_task_ids == {"s2"}
    assert "s1" in made.get_task("s2").upstream_task_ids
    assert "t1" in made.get_task("t2").downstream_task_ids


def test_what_follows_a_setup_must_wait_for_its_success() -> None:
    with DAG("d") as made:
        EmptyOperator(task_id="up").as_setup() >> EmptyOperator(task_id="work", trigger_rule="all_done")
    with pytest.raises(AirflowException, match="Task 'work' of Dag 'd': it follows setup 'up'"):
        dag_spec(made, "d.py")


def test_assets_are_shown_and_make_an_asset_schedule() -> None:
    one, two, three = Asset("s3://Bucket/key"), Asset("two"), Asset(name="three", uri="file:///x")
    with DAG("d", schedule=(one & two) | three) as made:
        EmptyOperator(task_id="a", inlets=[one], outlets=three)
    spec = dag_spec(made, "d.py")
    assert spec.timetable.kind == "asset"
    assert [list(part) for part in spec.assets["any"]] == [["all"], ["asset"]]
    assert spec.tasks["a"].extra["outlets"] == [{"asset": {"name": "three", "uri": "file:///x", "group": "asset"}}]
    assert not spec.tasks["a"].never_sent


def test_dag_params_are_below_the_tasks_own() -> None:
    with DAG("d", params={"x": 1, "y": 2}) as made:
        a = EmptyOperator(task_id="a", params={"y": 3})
    assert a.params.dump() == {"x": 1, "y": 3}
    assert dag_spec(made, "d.py").tasks["a"].extra["params"] == {"y": {"value": 3, "schema": {}}}


def test_hooks_around_execute_are_called() -> None:
    said: list[Any] = []
    with DAG("d"):
        a = EmptyOperator(
            task_id="a", pre_execute=said.append, post_execute=lambda context, result: said.append(result)
        )
    a.pre_execute("before")
    a.post_execute({}, "after")
    assert said == ["before", "after"]
