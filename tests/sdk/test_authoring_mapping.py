"""Mapped tasks: what they expand over, how long that is, and the operator of each instance."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.core.dag import LengthSpec, MapSpec
from tradewind.sdk import DAG, BaseOperator, task
from tradewind.sdk.exceptions import XComNotFound
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.serialize import dag_spec
from tradewind.sdk.types import NOTSET


def pulling(**left: Any) -> Any:
    asked: list[tuple[str, str, int | None]] = []

    def pull(task_id: str, key: str, map_indexes: int | None) -> Any:
        asked.append((task_id, key, map_indexes))
        return left.get(task_id, NOTSET)

    pull.asked = asked  # type: ignore[attr-defined]
    return pull


def instances(mapped: Any, count: int, **left: Any) -> list[dict[str, Any]]:
    return [mapped.kwargs_for(index, pulling(**left)) for index in range(count)]


def test_the_last_argument_varies_fastest() -> None:
    with DAG("d") as made:
        mapped = BashOperator.partial(task_id="m", retries=2).expand(
            bash_command=["a", "b"], env=[{"x": "1"}, {"x": "2"}]
        )
    assert instances(mapped, 4) == [
        {"bash_command": "a", "env": {"x": "1"}},
        {"bash_command": "a", "env": {"x": "2"}},
        {"bash_command": "b", "env": {"x": "1"}},
        {"bash_command": "b", "env": {"x": "2"}},
    ]
    with pytest.raises(IndexError):
        mapped.kwargs_for(4, pulling())
    spec = dag_spec(made, "d.py").tasks["m"]
    literal = LengthSpec(kind="literal", length=2)
    assert spec.map == MapSpec(mode="product", inputs=(("bash_command", literal), ("env", literal)))
    assert (spec.operator, spec.retries, spec.template_fields) == ("BashOperator", 2, ("bash_command", "env", "cwd"))


def test_an_unmapped_instance_is_a_whole_operator() -> None:
    class Copy(BaseOperator):
        template_fields = ("source",)

        def __init__(self, bucket: str, source: str, **kwargs: Any) -> None:
            super().__init__(retries=7, **kwargs)
            self.bucket, self.source = bucket, source

    with DAG("d", default_args={"bucket": "b", "retries": 2, "owner": "me"}) as made:
        first = EmptyOperator(task_id="first")
        mapped = Copy.partial(task_id="m", pool="p").expand(source=["x", "y"])
        first >> mapped
    one = mapped.unmap(mapped.kwargs_for(1, pulling()))
    assert (type(one), one.task_id, one.bucket, one.source, one.pool) == (Copy, "m", "b", "y", "p")
    assert (one.retries, one.owner, one.upstream_task_ids, one.dag) == (7, "me", {"first"}, made)
    assert made.task_ids == ["first", "m"]


def test_a_dict_expands_into_pairs() -> None:
    with DAG("d"):
        mapped = PythonOperator.partial(task_id="m", python_callable=print).expand(op_args={"a": 1, "b": 2})
    assert instances(mapped, 2) == [{"op_args": ("a", 1)}, {"op_args": ("b", 2)}]


def test_sets_of_arguments_are_taken_as_they_are() -> None:
    with DAG("d") as made:
        source = BashOperator(task_id="s", bash_command="x")
        mapped = BashOperator.partial(task_id="m").expand_kwargs(
            [{"bash_command": source.output}, {"bash_command": "b", "cwd": "/"}]
        )
    assert instances(mapped, 2, s="from s") == [{"bash_command": "from s"}, {"bash_command": "b", "cwd": "/"}]
    spec = dag_spec(made, "d.py").tasks["m"]
    assert spec.map == MapSpec(mode="kwargs", inputs=(("kwargs", LengthSpec(kind="literal", length=2)),))
    assert (spec.upstream, spec.reads) == (("s",), (("s", "return_value"),))


def test_lengths_follow_the_shape_of_references() -> None:
    with DAG("d") as made:
        a, b = (BashOperator(task_id=name, bash_command="x") for name in "ab")
        base = BashOperator.partial(task_id="m")
        mapped = base.expand(bash_command=a.output.map(str).zip(b.output["k"], fillvalue=0).concat(b.output))
    ((_, length),) = mapped.expand_input.map_spec().inputs
    xcom_a, xcom_b = LengthSpec(kind="xcom", task_id="a"), LengthSpec(kind="xcom", task_id="b")
    zipped = LengthSpec(
        kind="zip",
        parts=(LengthSpec(kind="map", parts=(xcom_a,)), LengthSpec(kind="xcom", task_id="b", key="k")),
        fill=True,
    )
    assert length == LengthSpec(kind="concat", parts=(zipped, xcom_b))
    assert dag_spec(made, "d.py").tasks["m"].reads == (("a", "return_value"), ("b", "k"), ("b", "return_value"))


def test_references_resolve_lazily_to_what_was_left() -> None:
    with DAG("d"):
        a, b = (BashOperator(task_id=name, bash_command="x") for name in "ab")
    seen: list[int] = []

    def double(x: int) -> int:
        seen.append(x)
        return 2 * x

    left = pulling(a=[1, 2, 3], b={"k": "v"})
    doubled = a.output.map(double).map(lambda x: x + 1).resolve(left)
    assert (len(doubled), seen) == (3, [])
    assert (doubled[1], seen) == (5, [2])
    assert list(a.output.zip(b.output).resolve(left)) == [(1, ("k", "v"))]
    assert list(a.output.zip(b.output, fillvalue=None).resolve(left)) == [(1, ("k", "v")), (2, None), (3, None)]
    assert list(a.output.concat(b.output).resolve(left)) == [1, 2, 3, ("k", "v")]
    assert a.output.concat(b.output).resolve(left)[-1] == ("k", "v")
    assert left.asked[0] == ("a", "return_value", -1)


def test_all_values_of_a_mapped_task_are_pulled_together() -> None:
    with DAG("d"):
        mapped = BashOperator.partial(task_id="m").expand(bash_command=["x", "y"])
    left = pulling(m=["r0", "r1"])
    assert mapped.output.resolve(left) == ["r0", "r1"]
    assert left.asked == [("m", "return_value", None)]
    assert mapped.output.resolve(pulling()) == []


def test_a_missing_value_is_none_and_a_missing_key_an_error() -> None:
    with DAG("d"):
        a = BashOperator(task_id="a", bash_command="x")
    assert a.output.resolve(pulling()) is None
    with pytest.raises(XComNotFound, match="Task 'a' of Dag 'd' left no XCom 'k'"):
        a.output["k"].resolve(pulling())


def test_a_context_does_as_a_source_of_values() -> None:
    class Instance:
        def xcom_pull(self, **asked: Any) -> Any:
            return asked

    with DAG("d"):
        a = BashOperator(task_id="a", bash_command="x")
    assert a.output.resolve({"ti": Instance()}) == {
        "task_ids": "a", "key": "return_value", "map_indexes": -1, "default": NOTSET
    }  # fmt: skip


def test_a_function_expands_over_its_own_arguments() -> None:
    with DAG("d") as made:

        @task
        def numbers():
            return [1, 2]

        @task(retries=3)
        def add(x, y, z=0, **context):
            return x + y + z

        total = add.partial(y=10).expand(x=numbers(), z=[5])
        add.expand_kwargs([{"x": 1, "y": 2}])
    mapped = total.operator
    one = mapped.unmap(mapped.kwargs_for(1, pulling(numbers=[1, 2])))
    assert one.op_kwargs == {"y": 10, "x": 2, "z": 5}
    assert one.execute({}) == 17
    assert made.task_ids == ["numbers", "add", "add__1"]
    spec = dag_spec(made, "d.py").tasks
    assert (spec["add"].retries, spec["add"].upstream, spec["add"].operator) == (
        3,
        ("numbers",),
        "_PythonDecoratedOperator",
    )
    assert spec["add__1"].map == MapSpec(mode="kwargs", inputs=(("kwargs", LengthSpec(kind="literal", length=1)),))


@pytest.mark.parametrize(
    ("expand", "message"),
    [
        (lambda: BashOperator.partial(task_id="m").expand(bash_command="abc"), "Task 'm' of Dag 'd': .* type 'str'"),
        (lambda: BashOperator.partial(task_id="m").expand(), "needs at least one argument"),
        (lambda: BashOperator.partial(task_id="m").expand(colour=[1]), "Task 'm' of Dag 'd': .* argument 'colour'"),
        (lambda: BashOperator.partial(task_id="m", colour=1), "Task 'm' of Dag 'd': .* argument 'colour'"),
        (lambda: BashOperator.partial(task_id="m").expand(retries=[1, 2]), "'retries' is the same for all instances"),
        (lambda: BashOperator.partial(task_id="m", cwd="/").expand(cwd=["/"]), "'cwd' is in partial.. and in expand"),
        (lambda: BashOperator.partial(task_id="m").expand_kwargs("abc"), "takes a list of dicts"),
        (lambda: BashOperator.partial(task_id="m").expand_kwargs([1]), "takes dicts in its list, not int"),
        (lambda: task(lambda x: x).expand(x="abc"), "unexpected type 'str' for keyword argument 'x'"),
        (lambda: task(sorted_by).expand(z=[1]), r"expand\(\) got an unexpected keyword argument 'z'"),
        (lambda: task(sorted_by).expand(x=[1]), r"Task 'sorted_by' of Dag 'd': .* missing the argument 'y'"),
        (lambda: task(sorted_by).partial(x=1).expand(x=[1]), "'x' is in partial.. and in expand"),
    ],
)  # fmt: skip
def test_a_wrong_expansion_is_explained(expand: Any, message: str) -> None:
    with DAG("d"), pytest.raises((TypeError, ValueError), match=message):
        expand()


def sorted_by(x: Any, y: Any) -> Any:
    return x, y


def test_only_plain_functions_can_be_mapped_over_a_result() -> None:
    with DAG("d"):
        a = BashOperator(task_id="a", bash_command="x")
        with pytest.raises(ValueError, match="not a @task operator"):
            a.output.map(task(sorted_by))


def test_the_arguments_of_one_instance_are_checked() -> None:
    with DAG("d"):
        a = BashOperator(task_id="a", bash_command="x")
        mapped = BashOperator.partial(task_id="m").expand_kwargs(a.output)
    with pytest.raises(ValueError, match="element 0 is int"):
        mapped.kwargs_for(0, pulling(a=[1]))
    with pytest.raises(TypeError, match="'colour'"):
        mapped.unmap(mapped.kwargs_for(0, pulling(a=[{"colour": 1}])))
