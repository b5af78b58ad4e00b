"""Mapped task groups: what their functions are given, how their tasks expand, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.core.dag import LengthSpec, TaskSpec
from tradewind.sdk import DAG, task, task_group
from tradewind.sdk.exceptions import AirflowException, DagInvalid
from tradewind.sdk.expand_input import MappedArgument
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.serialize import dag_spec
from tradewind.sdk.task_group import MappedTaskGroup
from tradewind.sdk.types import NOTSET


@task
def make() -> list[int]:
    return [1, 2, 3]


@task
def use(x: Any) -> Any:
    return x


@task_group
def pair(x: Any, y: Any = 0) -> Any:
    """First, then second."""
    return use.override(task_id="second")(use.override(task_id="first")(x))


def specs(made: DAG) -> dict[str, TaskSpec]:
    return dict(dag_spec(made, "d.py").tasks)


def lengths(spec: TaskSpec) -> list[LengthSpec]:
    assert spec.map is not None
    return [length for _, length in spec.map.inputs]


def test_every_task_inside_expands_over_what_the_group_does() -> None:
    with DAG("d") as made:
        use.override(task_id="after")(pair.expand(x=make()))
    found = specs(made)
    over = [LengthSpec(kind="xcom", task_id="make")]
    assert lengths(found["pair.first"]) == over
    assert lengths(found["pair.second"]) == over
    assert found["pair.first"].upstream == ("make",)
    assert found["pair.second"].upstream == ("pair.first",)
    assert found["pair.second"].mapped_group == "pair"
    assert found["after"].map is None
    (group,) = dag_spec(made, "d.py").groups
    assert group.map == found["pair.first"].map
    assert group.tooltip == "First, then second."


def test_a_group_inside_a_mapped_one_expands_with_it() -> None:
    with DAG("d") as made:

        @task_group
        def outer(x: Any) -> None:
            pair.override(group_id="inner")(x)

        outer.expand(x=[1, 2])
    assert lengths(specs(made)["outer.inner.second"]) == [LengthSpec(kind="literal", length=2)]
    assert specs(made)["outer.inner.second"].mapped_group == "outer"


def test_what_is_the_same_in_every_element_is_given_to_partial() -> None:
    seen: dict[str, Any] = {}

    @task_group
    def group(x: Any, y: Any, z: Any) -> None:
        seen.update(x=x, y=y, z=z)
        use(x)

    with DAG("d") as made:
        returned = group.partial(z="same").expand(x=[1, 2], y={"a": 1, "b": 2})
    assert isinstance(returned, MappedTaskGroup)
    assert seen["z"] == "same"
    assert isinstance(seen["x"], MappedArgument)
    assert [length.length for length in lengths(specs(made)["group.use"])] == [2, 2]


def test_expand_kwargs_gives_every_argument_that_is_still_open() -> None:
    with DAG("d") as made:
        pair.partial(y=1).expand_kwargs([{"x": 1}, {"x": 2}])
    assert [length.length for length in lengths(specs(made)["pair.first"])] == [2]


def test_an_argument_is_one_part_of_its_element() -> None:
    with DAG("d"):
        seen: list[MappedArgument] = []

        @task_group
        def takes(x: Any, y: Any) -> None:
            seen.extend((x, y))

        takes.expand(x=[1, 2], y=["a", "b"])
    x, y = seen

    def pull(index: int) -> Any:
        def pulled(task_id: str, key: str, map_indexes: int | None) -> Any:
            return x.input.kwargs_for(index, lambda *_: NOTSET)[key]

        return pulled

    assert [(x.resolve(pull(n)), y.resolve(pull(n))) for n in range(4)] == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


def test_a_mapped_task_inside_expands_over_both() -> None:
    with DAG("d") as made:

        @task_group
        def group(x: Any) -> None:
            BashOperator.partial(task_id="b", env={"x": x}).expand(bash_command=["a", "b", "c"])

        group.expand(x=make())
    assert lengths(specs(made)["group.b"]) == [
        LengthSpec(kind="xcom", task_id="make"), LengthSpec(kind="literal", length=3),
    ]  # fmt: skip


def test_edges_to_the_group_are_edges_to_its_first_and_last_tasks() -> None:
    @task_group
    def group(x: Any) -> None:
        use.override(task_id="first")(x) >> use.override(task_id="second")(0)

    with DAG("d") as made:
        make.override(task_id="a")() >> group.expand(x=[1]) >> make.override(task_id="z")()
    assert specs(made)["group.first"].upstream == ("a",)
    assert specs(made)["z"].upstream == ("group.second",)


# --- refused -----------------------------------------------------------------------------------------------------


def test_one_mapped_group_inside_another_is_refused() -> None:
    @task_group
    def outer(x: Any) -> None:
        pair.expand(x=[1, 2])

    with DAG("d"), pytest.raises(AirflowException, match="one mapped group cannot be inside another"):
        outer.expand(x=[1])


def test_expanding_over_one_element_is_refused() -> None:
    @task_group
    def group(x: Any) -> None:
        use.expand(x=x)

    with DAG("d"), pytest.raises(ValueError, match="its length is not known before the run"):
        group.expand(x=[[1], [2]])


def test_expanding_over_a_task_of_the_same_group_is_refused() -> None:
    @task_group
    def group(x: Any) -> None:
        use.override(task_id="b").expand(x=use(x))

    with DAG("d") as made:
        group.expand(x=[1])
    with pytest.raises(DagInvalid, match=r"expands over 'group.use', which is in the same mapped group 'group'"):
        dag_spec(made, "d.py")


def test_trigger_rule_always_is_refused_inside() -> None:
    @task_group
    def group(x: Any) -> None:
        use.override(trigger_rule="always")(x)

    with DAG("d") as made:
        group.expand(x=[1])
    with pytest.raises(DagInvalid, match="trigger rule always is not allowed"):
        dag_spec(made, "d.py")


@pytest.mark.parametrize("call", [
    lambda: pair.expand(nothing=[1]), lambda: pair.partial(nothing=1), lambda: pair.partial(x=1).expand(x=[1]),
    lambda: pair.expand(),
])  # fmt: skip
def test_wrong_arguments_are_refused(call: Any) -> None:
    with DAG("d"), pytest.raises(TypeError, match="Group 'pair'"):
        call()


def test_a_text_is_nothing_to_expand_over() -> None:
    with DAG("d"), pytest.raises(ValueError, match="Group 'pair': expand"):
        pair.expand(x="text")
