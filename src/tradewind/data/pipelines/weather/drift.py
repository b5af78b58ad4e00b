"""Has the weather, or how it is measured, changed? The last days beside the same season of the model's year.

A week of real weather differs from its month by far more than the usual limits of PSI and of a Kolmogorov-Smirnov test
allow, because hours that follow each other are alike. So the limit is the year's own: how much its most unusual stretch
of as many days differed from the season around it. Only what differs more, by both measures, is drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Numbers = np.ndarray[Any, Any]

COLUMNS = ("temperature_c", "dew_point_c", "humidity_percent", "wind_speed_ms", "sea_level_pressure_hpa")
BINS = 10
LEAST_PSI = 0.25
"""The usual limit, below which nothing counts as drift however calm the year was."""
LEAST_HOURS = 48
LEAST_STRETCHES = 12
"""From fewer, what is usual in a year is not known, and nothing is said to be unusual."""


@dataclass(frozen=True)
class ColumnDrift:
    """How much one column of the last days differs from its season, and the most that the year itself differed."""

    column: str
    psi: float
    psi_limit: float
    ks: float
    ks_limit: float
    mean: float
    season_mean: float

    @property
    def drifted(self) -> bool:
        return self.psi > self.psi_limit and self.ks > self.ks_limit


def drift(recent: pl.DataFrame, reference: pl.DataFrame, *, days: int, season_days: int) -> list[ColumnDrift]:
    """Each column of `recent`, of at most `days`, beside the days of `reference` within `season_days` of the same date.

    Columns are left out that either side hardly has, and all when the reference is too short to know what is usual.
    """
    if recent.is_empty() or reference.is_empty():
        return []
    first, last = recent["observed_at"].min(), recent["observed_at"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    season = _of_season(reference, first, last, season_days)
    found = []
    for column in COLUMNS:
        now, then = _values(recent, column), _values(season, column)
        if len(now) < LEAST_HOURS or len(then) < LEAST_HOURS:
            continue
        usual = _usual(reference, column, days, season_days)
        if len(usual) < LEAST_STRETCHES:
            continue
        found.append(
            ColumnDrift(
                column,
                round(psi(then, now), 4),
                round(max([LEAST_PSI, *(one[0] for one in usual)]), 4),
                round(ks(then, now), 4),
                round(max([0.0, *(one[1] for one in usual)]), 4),
                round(float(now.mean()), 2),
                round(float(then.mean()), 2),
            )
        )
    return found


def psi(expected: Numbers, actual: Numbers) -> float:
    """The population stability index over tenths of what is expected."""
    import numpy as np

    edges = np.quantile(expected, np.linspace(0, 1, BINS + 1)[1:-1])
    share = [np.bincount(np.searchsorted(edges, values), minlength=BINS) / len(values) for values in (expected, actual)]
    # A bin that one side never saw would make it infinite.
    was, now = (np.maximum(part, 0.001) for part in share)
    return float(((now - was) * np.log(now / was)).sum())


def ks(expected: Numbers, actual: Numbers) -> float:
    """The largest distance of the two distributions, from 0 to 1 (Kolmogorov-Smirnov)."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(expected, actual, method="asymp").statistic)


def _usual(reference: pl.DataFrame, column: str, days: int, season_days: int) -> list[tuple[float, float]]:
    """PSI and distance of each stretch of `days` of the reference to the season around it, itself left out."""
    import polars as pl

    start, end = reference["observed_at"].min(), reference["observed_at"].max()
    assert isinstance(start, datetime)
    assert isinstance(end, datetime)
    found = []
    while start + timedelta(days=days) <= end + timedelta(hours=1):
        until = start + timedelta(days=days)
        inside = pl.col("observed_at").is_between(start, until, closed="left")
        part = reference.filter(inside)
        around = _of_season(reference.filter(~inside), start, until, season_days)
        now, then = _values(part, column), _values(around, column)
        if len(now) >= LEAST_HOURS and len(then) >= LEAST_HOURS:
            found.append((psi(then, now), ks(then, now)))
        start = until
    return found


def _of_season(frame: pl.DataFrame, first: datetime, last: datetime, season_days: int) -> pl.DataFrame:
    """The rows of any year whose date is at most `season_days` away from those of the stretch."""
    import polars as pl

    middle = first + (last - first) / 2
    reach = (last - first).total_seconds() / 86400 / 2 + season_days
    away = (pl.col("observed_at").dt.ordinal_day().cast(pl.Float64) - middle.timetuple().tm_yday).abs()
    return frame.filter(pl.min_horizontal(away, 365.25 - away) <= reach)


def _values(frame: pl.DataFrame, column: str) -> Numbers:
    return frame[column].drop_nulls().to_numpy()
