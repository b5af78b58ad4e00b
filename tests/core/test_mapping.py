"""Into how many instances a mapped task expands."""

import pytest

from tradewind.core.dag import LengthSpec, MapSpec
from tradewind.core.mapping import expansion_length, literal_length


def literal(n: int) -> LengthSpec:
    return LengthSpec(kind="literal", length=n)


def xcom(task_id: str, key: str = "return_value") -> LengthSpec:
    return LengthSpec(kind="xcom", task_id=task_id, key=key)


def of(kind: str, *parts: LengthSpec, fill: bool = False) -> LengthSpec:
    return LengthSpec(kind=kind, parts=parts, fill=fill)


def product(*inputs: LengthSpec) -> MapSpec:
    return MapSpec(mode="product", inputs=tuple((f"x{n}", spec) for n, spec in enumerate(inputs)))


LENGTHS = {("extract", "return_value"): 4, ("extract", "files"): 3, ("list", "return_value"): 0}


def known(task_id: str, key: str) -> int | None:
    return LENGTHS.get((task_id, key))


@pytest.mark.parametrize(
    ("inputs", "length"),
    [
        ((literal(3),), 3),
        ((literal(3), literal(2)), 6),
        ((literal(3), literal(0)), 0),
        ((xcom("extract"), literal(2)), 8),
        ((xcom("extract", "files"),), 3),
        ((xcom("list"), xcom("extract")), 0),
        ((xcom("nobody"), literal(2)), None),
        ((xcom("list"), xcom("nobody")), None),
        ((of("map", xcom("extract")),), 4),
        ((of("zip", xcom("extract"), xcom("extract", "files")),), 3),
        ((of("zip", xcom("extract"), xcom("extract", "files"), fill=True),), 4),
        ((of("zip", xcom("extract"), xcom("nobody")),), None),
        ((of("zip"),), 0),
        ((of("concat", xcom("extract"), literal(2), of("map", xcom("extract", "files"))),), 9),
        ((of("concat", xcom("extract"), xcom("nobody")),), None),
    ],
)
def test_a_product_multiplies_its_inputs(inputs: tuple[LengthSpec, ...], length: int | None) -> None:
    assert expansion_length(product(*inputs), known) == length


def test_kwargs_are_as_long_as_their_one_input() -> None:
    assert expansion_length(MapSpec(mode="kwargs", inputs=(("", xcom("extract")),)), known) == 4


@pytest.mark.parametrize(
    ("inputs", "length"),
    [
        ((literal(3), literal(2)), 6),
        ((of("zip", literal(3), of("concat", literal(1), literal(1))),), 2),
        ((literal(3), xcom("extract")), None),
        ((of("map", xcom("extract")),), None),
    ],
)
def test_the_length_is_known_at_parse_time_only_without_xcoms(
    inputs: tuple[LengthSpec, ...], length: int | None
) -> None:
    assert literal_length(product(*inputs)) == length


def test_an_unknown_kind_of_input_is_named() -> None:
    with pytest.raises(ValueError, match="'guess'"):
        expansion_length(product(of("guess")), known)
