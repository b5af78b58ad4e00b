"""Smaller frames with equal values: narrower integers, exact floats, categories for repeated text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

CATEGORY_SHARE = 0.5
"""Text becomes a category when fewer than this share of its values differ."""

NULL_TEXTS = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
]  # fmt: skip
"""What pandas reads as missing; Polars is told the same."""


def shrink_pandas(series: pd.Series[Any], *, categories: bool = True) -> pd.Series[Any]:
    """The column in the smallest type that holds exactly the same values."""
    import numpy as np
    import pandas as pd

    kind = series.dtype.kind if isinstance(series.dtype, np.dtype) else ""
    if kind == "i":
        return pd.to_numeric(series, downcast="integer")
    if kind == "u":
        return pd.to_numeric(series, downcast="unsigned")
    if kind == "f":
        with np.errstate(over="ignore"):
            narrow = series.astype("float32")
        exact = (narrow.astype("float64") == series) | series.isna()
        return narrow if bool(exact.all()) else series
    if categories and is_text(series) and len(series) and series.nunique() < CATEGORY_SHARE * len(series):
        return series.astype("category")
    return series


def is_text(series: pd.Series[Any]) -> bool:
    """Whether every present value is text."""
    import pandas as pd

    if isinstance(series.dtype, pd.StringDtype):
        return True
    return bool(series.dtype == object and pd.api.types.infer_dtype(series, skipna=True) == "string")


def join_pandas(parts: list[pd.Series[Any]]) -> pd.Series[Any] | None:
    """The chunks of one column as one column, or None when their types do not fit together.

    They do not when one chunk holds numbers and another text, as in a messy file; then only a reading of the whole
    column says what its values are.
    """
    import pandas as pd
    from pandas.api.types import union_categoricals

    filled = [part for part in parts if not part.isna().all()] or parts[:1]
    kinds = {_kind(part) for part in filled}
    if len(kinds) > 1 and kinds != {"i", "f"}:
        return None
    if kinds == {"c"}:
        whole = [part if _kind(part) == "c" else part.astype("str").astype("category") for part in parts]
        whole = [part.cat.set_categories(part.cat.categories.astype("str")) for part in whole]
        joined = union_categoricals(whole)
        return pd.Series(joined, index=pd.concat([part.index.to_series() for part in parts]).index, name=parts[0].name)
    if kinds == {"t"}:
        parts = [part if _kind(part) == "t" else part.astype("str") for part in parts]
    return pd.concat(parts)


def _kind(series: pd.Series[Any]) -> str:
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return "c"
    if is_text(series):
        return "t"
    return str(series.dtype.kind)


def polars_types(frame: pl.LazyFrame) -> dict[str, Any]:
    """The smallest exact type of each column, found in one streaming pass."""
    import polars as pl

    schema = frame.collect_schema()
    facts: list[pl.Expr] = [pl.len().alias("rows")]
    for name, dtype in schema.items():
        column = pl.col(name)
        if dtype.is_integer():
            facts += [column.min().alias(f"min:{name}"), column.max().alias(f"max:{name}")]
        elif dtype == pl.Float64:
            same = column.cast(pl.Float32, strict=False).cast(pl.Float64).eq_missing(column)
            facts.append(same.all().alias(f"exact:{name}"))
        elif dtype == pl.String:
            facts.append(column.approx_n_unique().alias(f"unique:{name}"))
    found = frame.select(facts).collect(engine="streaming").row(0, named=True)
    types: dict[str, Any] = {}
    for name, dtype in schema.items():
        if dtype.is_integer() and found[f"min:{name}"] is not None:
            types[name] = _narrowest(found[f"min:{name}"], found[f"max:{name}"])
        elif dtype == pl.Float64 and found[f"exact:{name}"]:
            types[name] = pl.Float32
        elif dtype == pl.String and found["rows"] and found[f"unique:{name}"] < CATEGORY_SHARE * found["rows"]:
            types[name] = pl.Categorical
    return types


def _narrowest(low: int, high: int) -> Any:
    import polars as pl

    for bits, dtype in ((8, pl.Int8), (16, pl.Int16), (32, pl.Int32), (64, pl.Int64)):
        if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1):
            return dtype
    return pl.UInt64
