"""`@task` and its variants: names, settings, arguments, several outputs, conditions."""

from __future__ import annotations

import functools
from typing import Any, TypedDict

import pytest

from tradewind.sdk import DAG, DagParam, dag, setup, task, teardown
from tradewind.sdk.exceptions import AirflowSkipException
from tradewind.sdk.serialize import dag_spec


class Pair(TypedDict):
    left: int
    right: int


def run(reference: Any, **context: Any) -> Any:
    return reference.operator.execute(context)


def test_a_function_used_again_gets_a_number() -> None:
    with DAG("d") as made:

        @task
        def load():
            return 1

        for _ in range(3):
            load()
        load.override(task_id="other")()
    assert made.task_ids == ["load", "load__1", "load__2", "other"]


def test_override_keeps_the_other_settings() -> None:
    with DAG("d"):

        @task(retries=2, pool="p")
        def load():
            return 1

        one = load.override(task_id="x", retries=5)().operator
        two = load().operator
    assert (one.task_id, one.retries, one.pool) == ("x", 5, "p")
    assert (two.task_id, two.retries, two.pool) == ("load", 2, "p")


def test_outputs_are_several_when_the_annotation_says_so() -> None:
    def plain(): ...
    def simple() -> dict: ...
    def typed() -> dict[str, int]: ...
    def pair() -> Pair: ...
    def listed() -> list: ...
    def wrong() -> Nowhere: ...  # type: ignore[name-defined]  # noqa: F821

    functions = (plain, simple, typed, pair, listed, wrong)
    with DAG("d"):
        found = [task(function)().operator.multiple_outputs for function in functions]
        told = task(multiple_outputs=False)(typed)().operator.multiple_outputs
    assert found == [False, True, True, True, False, False]
    assert told is False


def test_context_values_come_by_the_names_of_parameters() -> None:
    with DAG("d"):

        @task
        def named(x, ds, *, ti=None, y=2):
            return x, ds, ti, y

        @task
        def everything(**context):
            return sorted(context)

        assert run(named(1), ds="2025-11-01", ti="TI", unused=0) == (1, "2025-11-01", "TI", 2)
        assert run(named(1, y=3), ds="d") == (1, "d", None, 3)
        assert run(everything(z=1), ds="d", run_id="r") == ["ds", "run_id", "z"]


def test_a_coroutine_function_is_run() -> None:
    with DAG("d"):

        @task
        async def later(x):
            return x + 1

        assert run(later(1)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), {}), r"Task 'add' of Dag 'd': add\(\) is missing the argument 'x'"),
        (((1, 2, 3), {}), r"Task 'add' of Dag 'd': add\(\) too many positional arguments"),
        (((1,), {"z": 1}), r"Task 'add' of Dag 'd': add\(\) got an unexpected keyword argument 'z'"),
    ],
)
def test_a_wrong_call_is_found_while_the_dag_is_read(arguments: Any, message: str) -> None:
    with DAG("d"):

        @task
        def add(x, y=1):
            return x + y

        with pytest.raises(TypeError, match=message):
            add(*arguments[0], **arguments[1])


def test_conditions_skip_the_task() -> None:
    with DAG("d"):
        said: list[str] = []

        @task.run_if(lambda context: context["go"], skip_message="not now")
        @task(pre_execute=lambda context: said.append("before"))
        def work():
            return 1

        @task.skip_if(lambda context: context["go"])
        @task
        def other():
            return 2

        one, two = work().operator, other().operator
    one.pre_execute({"go": True})
    two.pre_execute({"go": False})
    assert said == ["before"]
    with pytest.raises(AirflowSkipException, match="not now"):
        one.pre_execute({"go": False})
    with pytest.raises(AirflowSkipException):
        two.pre_execute({"go": True})


def test_setup_and_teardown_functions() -> None:
    with DAG("d") as made:

        @setup
        def up(): ...

        @teardown(on_failure_fail_dagrun=True)
        def down(): ...

        @setup
        @task(retries=3)
        def also(): ...

        up() >> down()
        also()
    spec = dag_spec(made, "d.py").tasks
    assert [(t.is_setup, t.is_teardown, t.on_failure_fail_dagrun) for t in spec.values()] == [
        (True, False, False), (False, True, True), (True, False, False)
    ]  # fmt: skip
    assert (spec["down"].trigger_rule, spec["also"].retries) == ("all_done_setup_success", 3)


def test_an_unknown_variant_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"@task\.cobol is unknown; there are bash, branch"):
        task.cobol  # noqa: B018


def test_partials_lambdas_and_methods_can_be_tasks() -> None:
    class Jobs:
        def double(self, x):
            return 2 * x

    with DAG("d") as made:
        assert run(task(Jobs().double)(3)) == 6
        assert run(task(task_id="f")(functools.partial(pow, 2))(5)) == 32
    assert made.task_ids == ["double", "f"]


def test_arguments_of_a_dag_function_are_its_params() -> None:
    kept: list[Any] = []

    @dag
    def made(name: str, count: int = 3):
        kept.extend([name, count])

    built = made("n")
    assert built.params.dump() == {"name": "n", "count": 3}
    name, count = kept
    assert isinstance(name, DagParam)
    assert count.resolve({"params": {"count": 4}}) == 4
    assert name.resolve({"params": {}}) == "n"


def test_the_decorators_documentation_becomes_the_tasks() -> None:
    with DAG("d") as made:

        @task
        def load():
            """Loads it."""

        load()
    assert dag_spec(made, "d.py").tasks["load"].doc_md == "Loads it."
    assert (load.__name__, load.__doc__) == ("load", "Loads it.")
