"""parallel_transform gives what calling the function value by value gives, and says how it did so."""

from __future__ import annotations

import functools
import math
import os
import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tradewind.data import DataProcessor
from tradewind.data.column_transform import WORTH_PROCESSES
from tradewind.data.problems import DataProblem

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pytest.importorskip("pyarrow")

MANY = WORTH_PROCESSES + 7
FACTOR = 1.25
NAMES = {"a": "first", "b": "second"}


def label(value: str) -> str:
    return NAMES.get(value, value.upper())


def by_pandas(function: Callable[[Any], Any], values: list[Any]) -> tuple[list[Any], str]:
    processor = DataProcessor(max_workers=2)
    frame = pd.DataFrame({"other": range(len(values)), "x": pd.Series(values)})
    result = processor.parallel_transform(frame, function, "x")
    assert processor.last_transform is not None
    assert list(result.columns) == ["other", "x"]
    assert frame["x"].equals(pd.Series(values, name="x"))
    return result["x"].tolist(), processor.last_transform.way


def by_polars(function: Callable[[Any], Any], values: list[Any]) -> tuple[list[Any], str]:
    processor = DataProcessor(max_workers=2)
    result = processor.parallel_transform(pl.DataFrame({"x": values, "other": 1}), function, "x")
    assert processor.last_transform is not None
    return result["x"].to_list(), processor.last_transform.way


both = pytest.mark.parametrize("transformed", [by_pandas, by_polars])
DRAW = random.Random(1)
WHOLE = [DRAW.randrange(-10_000, 10_000) for _ in range(1000)]
FLOATS = [DRAW.uniform(-1e6, 1e6) for _ in range(1000)] + [0.0, -0.0, 1e308, 5e-324, math.inf]


@both
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2 + 1,
        lambda x: -x + 3,
        lambda x: (x - 1) * (x + 1) * FACTOR,
        lambda x: x > 5,
        lambda x: x * 0.3 - FACTOR,
    ],
)
@pytest.mark.parametrize("values", [WHOLE, FLOATS])
def test_plain_arithmetic_runs_as_an_expression_with_equal_values(
    transformed: Any, function: Any, values: list[Any]
) -> None:
    assert transformed(function, values) == ([function(value) for value in values], "expression")


@both
def test_numpys_functions_get_an_array(transformed: Any) -> None:
    values = [abs(value) for value in FLOATS[:500]]
    for column in (values, WHOLE):
        assert transformed(lambda x: (-x + 1) / 3, column) == ([(-x + 1) / 3 for x in column], "numpy")
    for function in (np.sqrt, lambda x: np.floor(x) * 2 + np.pi, lambda x: np.sqrt(np.abs(x))):
        assert transformed(function, values) == ([function(value) for value in values], "numpy")


def default(x: float, k: int = 2) -> float:
    return x * k


@both
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2 if x > 0 else x,
        lambda x: x if isinstance(x, int) else 0,
        lambda x: 7,
        lambda x: x % 7,
        lambda x: x // 3,
        lambda x: x**2,
        lambda x: {1: "one"}.get(x, str(x)),
        lambda x: round(x / 7, 2),
        lambda x: 1 if x in (1, 2, 3) else 2,
        lambda x: f"<{x}>",
        lambda x: math.floor(x),
        default,
        functools.partial(default, k=3),
        lambda x: 0 < x < 10,
        lambda x: 1 / x if x else 0.0,
    ],
)
def test_any_other_function_is_called_value_by_value(transformed: Any, function: Any) -> None:
    assert transformed(function, WHOLE) == ([function(value) for value in WHOLE], "serial")


def test_whole_numbers_do_not_overflow_as_they_would_in_a_column() -> None:
    for function, values in (
        (lambda x: x * 1000, [2**62, 1, 3]),
        (lambda x: x * x, [2**40, 2]),
        (lambda x: np.sqrt(x * x), [2**31, 2]),
    ):
        assert by_polars(function, values) == ([function(value) for value in values], "serial")
    narrow = pd.DataFrame({"x": np.array([100, 120, -100], dtype="int8")})
    assert DataProcessor().parallel_transform(narrow, lambda x: x * 100, "x")["x"].tolist() == [10_000, 12_000, -10_000]


def test_missing_values_are_the_functions_own_business() -> None:
    values = [1.0, math.nan, 3.0]
    result, way = by_pandas(lambda x: x > 2, values)
    assert (result, way) == ([False, False, True], "serial")
    result, way = by_pandas(lambda x: x + 1, values)
    assert (result[0], math.isnan(result[1]), way) == (2.0, True, "expression")
    assert by_polars(lambda x: -1 if x is None else x, [1, None, 3])[0] == [1, -1, 3]
    with pytest.raises(TypeError):
        by_polars(lambda x: x + 1, [1, None, 3])


def test_an_expression_of_polars_is_taken_as_it_is() -> None:
    frame = pd.DataFrame({"x": ["Seoul", "Busan"]})
    processor = DataProcessor()
    assert processor.parallel_transform(frame, pl.col("x").str.to_uppercase(), "x")["x"].tolist() == ["SEOUL", "BUSAN"]
    assert processor.last_transform is not None
    assert processor.last_transform.way == "expression"


@both
def test_many_values_are_shared_out_between_processes(transformed: Any) -> None:
    values = [random.Random(n).choice("abcdef") for n in range(MANY)]
    assert transformed(label, values) == ([label(value) for value in values], "processes")
    captured = 3
    values = list(range(MANY))
    assert transformed(lambda x: x % captured, values) == ([x % 3 for x in values], "processes")


def test_as_many_processes_work_as_there_are_workers() -> None:
    processor = DataProcessor(max_workers=3)
    frame = pd.DataFrame({"x": range(2 * MANY)})
    found = processor.parallel_transform(frame, lambda x: (os.getpid(), x)[0], "x")["x"]
    assert found.nunique() == 3
    assert os.getpid() not in set(found)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: date.fromordinal(x + 1),
        lambda x: Decimal(x),
        lambda x: None if x % 2 else "even",
        lambda x: x / 3 if x % 2 else 0,
        lambda x: (x, x + 1),
        lambda x: x if x % 2 else str(x),
        lambda x: {"value": x},
        lambda x: x * 10**17,
    ],
)
def test_results_of_any_type_come_back_from_processes_as_they_are(function: Any) -> None:
    frame = pd.DataFrame({"x": range(MANY)})
    result = DataProcessor(max_workers=2).parallel_transform(frame, function, "x")["x"].tolist()
    serial = pd.DataFrame({"x": range(MANY)})["x"].apply(function).tolist()
    assert [None if value != value else value for value in result] == [
        None if value != value else value for value in serial
    ]


class OnlyHere(Exception):
    """Of no module that could be imported."""


def test_the_functions_own_error_is_raised_whatever_process_it_was_in() -> None:
    def picky(value: int) -> int:
        if value == MANY - 1:
            raise OnlyHere(f"{value} is refused")
        return value % 5

    with pytest.raises(OnlyHere, match=f"{MANY - 1} is refused"):
        DataProcessor(max_workers=2).parallel_transform(pd.DataFrame({"x": range(MANY)}), picky, "x")


def test_a_killed_process_is_an_error_and_not_a_shorter_column() -> None:
    from tradewind.data.forking import ChildFailed

    parent = os.getpid()

    def deadly(value: int) -> int:
        if value == MANY - 1 and os.getpid() != parent:
            os.kill(os.getpid(), 9)
        return value % 5

    with pytest.raises(ChildFailed, match="was killed"):
        DataProcessor(max_workers=2).parallel_transform(pd.DataFrame({"x": range(MANY)}), deadly, "x")


def test_a_function_that_uses_polars_is_not_run_in_a_forked_process() -> None:
    processor = DataProcessor(max_workers=2)
    frame = pd.DataFrame({"x": range(MANY)})
    processor.parallel_transform(frame, lambda x: pl and x % 3, "x")
    assert processor.last_transform is not None
    assert processor.last_transform.way == "serial"
    assert "do not survive a fork" in processor.last_transform.reason


def test_what_cannot_be_transformed_is_named() -> None:
    with pytest.raises(DataProblem, match=r"no column 'y'; it has x"):
        DataProcessor().parallel_transform(pd.DataFrame({"x": [1]}), abs, "y")
    with pytest.raises(DataProblem, match="pandas or Polars frame, not list"):
        DataProcessor().parallel_transform([1], abs, "x")
    assert DataProcessor().parallel_transform(pd.DataFrame({"x": []}), lambda x: x + 1, "x")["x"].tolist() == []


def test_what_is_no_frame_or_has_a_name_twice_is_named() -> None:
    frame = pl.DataFrame({"x": [1]})
    for other in (frame.lazy(), frame["x"], pd.Series([1])):
        with pytest.raises(DataProblem, match=r"frame, not (LazyFrame|Series)"):
            DataProcessor().parallel_transform(other, abs, "x")
    with pytest.raises(DataProblem, match="several columns 'x'"):
        DataProcessor().parallel_transform(pd.DataFrame([[1, 2]], columns=["x", "x"]), abs, "x")
