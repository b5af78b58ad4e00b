"""One column through a function, in the quickest way that gives the same values: expression, NumPy, processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tradewind.data.closed_form import LARGEST_EXACT, ClosedForm, closed_form, largest_step, uses
from tradewind.data.forking import Unsendable, can_fork, in_processes
from tradewind.data.problems import DataProblem
from tradewind.data.runtime import metric

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

log = logging.getLogger(__name__)

Way = Literal["expression", "numpy", "processes", "serial"]

WORTH_PROCESSES = 20_000
"""With fewer values, starting processes takes longer than calling the function."""
NO_BOUND = "how large its values become is not known, or it divides by one"
NOT_AFTER_A_FORK = frozenset({"polars", "duckdb"})
"""Their threads are not in a forked child, so that a function that uses them would wait there for ever."""


@dataclass(frozen=True)
class ColumnTransform:
    """How a column was transformed."""

    column: str
    way: Way
    reason: str
    """Why not in a quicker way."""
    rows: int
    workers: int
    seconds: float


def transform_column(
    frame: Any, transform: Callable[[Any], Any] | pl.Expr, column: str, *, max_workers: int
) -> tuple[Any, ColumnTransform]:
    """The frame with `column` transformed, and how that was done. The frame handed in is left as it is.

    A Polars expression, or a function that is plain arithmetic, runs on the whole column; one that calls NumPy's
    ufuncs gets an array. Any other function is called with each value, in `max_workers` processes where that pays.
    """
    started = time.perf_counter()
    adapter = _adapter(frame, column)
    way, reason, result, workers = _transformed(adapter, transform, max_workers)
    done = ColumnTransform(column, way, reason, len(frame), workers, time.perf_counter() - started)
    log.info("column %r: %d values by %s%s", column, done.rows, way, f" ({reason})" if reason else "")
    metric("transform_column_seconds", done.seconds, {"way": way})
    return adapter.replaced(result), done


def _transformed(adapter: Any, transform: Any, max_workers: int) -> tuple[Way, str, Any, int]:
    if _is_expression(transform):
        return "expression", "", adapter.by_expression(transform), 1
    form = closed_form(transform)
    reason = "the function is not plain arithmetic" if form is None else adapter.unfit(transform, form)
    if form is not None and not reason:
        if form.ufuncs:
            return "numpy", "the function calls NumPy", adapter.by_numpy(transform), 1
        if form.divides:
            # Polars multiplies by the divisor's reciprocal, which may round otherwise than Python does.
            return "numpy", "the function divides", adapter.by_numpy(transform), 1
        return "expression", "", adapter.by_function_of_column(transform), 1
    values = adapter.values()
    workers = min(max_workers, max(1, len(values) // (WORTH_PROCESSES // 2)))
    if len(values) < WORTH_PROCESSES:
        why_not = f"{len(values)} values are too few for processes"
    elif max_workers < 2:
        why_not = "MAX_WORKERS is 1"
    elif not can_fork():
        why_not = "this system cannot fork"
    elif uses(transform, NOT_AFTER_A_FORK):
        why_not = "the function uses Polars or DuckDB, which do not survive a fork"
    else:
        try:
            return "processes", reason, adapter.of_list(in_processes(transform, values, workers)), workers
        except Unsendable as error:
            why_not = str(error)
    return "serial", f"{reason}; {why_not}", adapter.of_list([transform(value) for value in values]), 1


def _is_expression(transform: ClosedForm) -> bool:
    try:
        import polars as pl
    except ImportError:
        return False
    return isinstance(transform, pl.Expr)


def _adapter(frame: Any, column: str) -> _Pandas | _Polars:
    kind = type(frame).__module__.split(".")[0]
    if kind not in ("pandas", "polars") or type(frame).__name__ != "DataFrame":
        raise DataProblem(f"parallel_transform takes a pandas or Polars frame, not {type(frame).__name__}.")
    if list(frame.columns).count(column) > 1:
        raise DataProblem(f"The frame has several columns {column!r}; give each a name of its own.")
    if column not in frame.columns:
        raise DataProblem(f"The frame has no column {column!r}; it has {', '.join(map(str, frame.columns))}.")
    return _Pandas(frame, column) if kind == "pandas" else _Polars(frame, column)


class _Pandas:
    def __init__(self, frame: pd.DataFrame, column: str) -> None:
        self.frame, self.column = frame, column

    @property
    def series(self) -> pd.Series[Any]:
        return self.frame[self.column]

    def values(self) -> list[Any]:
        found: list[Any] = self.series.tolist()
        return found

    def unfit(self, transform: Any, form: ClosedForm) -> str:
        import numpy as np

        if not isinstance(self.series.dtype, np.dtype) or self.series.dtype.kind not in "iuf":
            return f"the column holds {self.series.dtype}, no plain numbers"
        return _unfit_numbers(self.series.to_numpy(), transform, form)

    def by_expression(self, expression: pl.Expr) -> Any:
        import polars as pl

        own = pl.from_pandas(self.series.to_frame())
        return own.select(expression.alias(self.column))[self.column].to_pandas().to_numpy()

    def by_function_of_column(self, function: Callable[[Any], Any]) -> Any:
        import polars as pl

        wide = pl.Series(self.column, _wide(self.series.to_numpy()))
        return pl.DataFrame([wide]).select(function(pl.col(self.column)).alias(self.column))[self.column].to_numpy()

    def by_numpy(self, function: Callable[[Any], Any]) -> Any:
        return function(_wide(self.series.to_numpy()))

    def of_list(self, values: list[Any]) -> Any:
        import pandas as pd

        return pd.Series(values, index=self.frame.index).infer_objects()

    def replaced(self, values: Any) -> Any:
        return self.frame.assign(**{self.column: values})


class _Polars:
    def __init__(self, frame: pl.DataFrame, column: str) -> None:
        self.frame, self.column = frame, column

    def values(self) -> list[Any]:
        return self.frame[self.column].to_list()

    def unfit(self, transform: Any, form: ClosedForm) -> str:
        series = self.frame[self.column]
        if not (series.dtype.is_integer() or series.dtype.is_float()):
            return f"the column holds {series.dtype}, no plain numbers"
        if series.null_count():
            return "the column has nulls, which the function may treat in its own way"
        return _unfit_numbers(series.to_numpy(), transform, form)

    def by_expression(self, expression: pl.Expr) -> Any:
        return self.frame.select(expression.alias(self.column))[self.column]

    def by_function_of_column(self, function: Callable[[Any], Any]) -> Any:
        import polars as pl

        wide = pl.Series(self.column, _wide(self.frame[self.column].to_numpy()))
        return pl.DataFrame([wide]).select(function(pl.col(self.column)).alias(self.column))[self.column]

    def by_numpy(self, function: Callable[[Any], Any]) -> Any:
        return self.of_list(function(_wide(self.frame[self.column].to_numpy())))

    def of_list(self, values: Sequence[Any]) -> Any:
        import polars as pl
        import pyarrow as pa

        try:
            # Arrow takes whole numbers among floats, as pandas does; Polars would refuse them.
            return pl.Series(self.column, pa.array(values))
        except (pa.ArrowException, OverflowError):
            pass
        try:
            return pl.Series(self.column, values)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            return pl.Series(self.column, values, dtype=pl.Object)

    def replaced(self, series: Any) -> Any:
        return self.frame.with_columns(series.alias(self.column))


def _wide(values: Any) -> Any:
    """The numbers as Python would hold them: narrow integers overflow, narrow floats round."""
    return values.astype("float64" if values.dtype.kind == "f" else "int64", copy=False)


def _unfit_numbers(values: Any, transform: Callable[[Any], Any], form: ClosedForm) -> str:
    """Why these numbers would give other results as a column than one by one; empty when they would not."""
    import numpy as np

    if not len(values):
        return "the column is empty"
    if values.dtype.kind == "f":
        if form.compares and np.isnan(values).any():
            return "the column has NaN, which compares differently in a column"
        if form.ufuncs:
            return "the function calls NumPy and divides" if form.divides else ""
        return "" if largest_step(transform, 1.0, 1.0) is not None else NO_BOUND
    low, high = int(values.min()), int(values.max())
    if form.ufuncs:
        largest: float | None = None if form.arithmetic else max(abs(low), abs(high))
    else:
        largest = largest_step(transform, low, high)
    if largest is None:
        return NO_BOUND
    return "" if largest <= LARGEST_EXACT else "its whole numbers may become too large for a column"
