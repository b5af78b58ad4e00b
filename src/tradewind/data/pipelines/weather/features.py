"""What a forecast knows at its hour, and what it is to say: a table with one row for each station and hour.

A row holds nothing that was observed after its hour; its targets are later temperatures, as differences to the present
one. A model of the difference beats "it stays as it is", which one of the temperature itself does not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

HORIZONS = (1, 3, 6)
"""So many hours ahead."""

LAGS = (1, 2, 3, 6, 12, 24)
LOOKS_BACK = max(LAGS)

COLUMNS = (
    "temperature_c",
    *(f"temperature_change_{lag}h" for lag in LAGS),
    *(f"yesterday_change_{horizon}h" for horizon in HORIZONS),
    "dew_point_depression_c",
    "humidity_percent",
    "humidity_change_3h",
    "pressure_hpa",
    "pressure_change_3h",
    "pressure_change_6h",
    "wind_speed_ms",
    "wind_east_ms",
    "wind_north_ms",
    "precipitation_mm",
    "hour_sin",
    "hour_cos",
    "year_sin",
    "year_cos",
    "station",
)
"""The model's inputs, in their order."""


def target(horizon: int) -> str:
    return f"target_{horizon}h"


def table(observations: pl.DataFrame) -> pl.DataFrame:
    """`observed_at`, `station`, `COLUMNS` and the targets, for every row that has a temperature."""
    import polars as pl

    if observations.is_empty():
        return pl.DataFrame(schema=_schema())
    # On a grid without holes, so many rows back is so many hours back.
    span = observations.select(
        pl.datetime_range(pl.col("observed_at").min(), pl.col("observed_at").max(), "1h").alias("observed_at")
    )
    grid = observations.select("station").unique().join(span, how="cross")
    frame = grid.join(observations, on=["station", "observed_at"], how="left").sort("station", "observed_at")
    t = pl.col("temperature_c")

    def back(column: str, hours: int) -> pl.Expr:
        return pl.col(column).shift(hours).over("station")

    clock = pl.col("observed_at").dt.convert_time_zone("Asia/Seoul")
    of_day = clock.dt.hour().cast(pl.Float64) * (6.283185307179586 / 24)
    of_year = clock.dt.ordinal_day().cast(pl.Float64) * (6.283185307179586 / 365.25)
    # Wind is named for where it comes from; 0 degrees is calm.
    angle, speed = pl.col("wind_direction_deg").radians(), pl.col("wind_speed_ms")
    features = [
        t,
        *((t - back("temperature_c", lag)).alias(f"temperature_change_{lag}h") for lag in LAGS),
        *((back("temperature_c", 24 - h) - t).alias(f"yesterday_change_{h}h") for h in HORIZONS),
        (t - pl.col("dew_point_c")).alias("dew_point_depression_c"),
        pl.col("humidity_percent"),
        (pl.col("humidity_percent") - back("humidity_percent", 3)).alias("humidity_change_3h"),
        pl.col("sea_level_pressure_hpa").alias("pressure_hpa"),
        *(
            (pl.col("sea_level_pressure_hpa") - back("sea_level_pressure_hpa", lag)).alias(f"pressure_change_{lag}h")
            for lag in (3, 6)
        ),
        speed,
        (-speed * angle.sin()).alias("wind_east_ms"),
        (-speed * angle.cos()).alias("wind_north_ms"),
        pl.col("precipitation_mm"),
        of_day.sin().alias("hour_sin"),
        of_day.cos().alias("hour_cos"),
        of_year.sin().alias("year_sin"),
        of_year.cos().alias("year_cos"),
        pl.col("station").cast(pl.Float64),
    ]
    targets = [(back("temperature_c", -h) - t).alias(target(h)) for h in HORIZONS]
    made = frame.select("observed_at", pl.col("station").alias("number"), *features, *targets)
    return made.filter(pl.col("temperature_c").is_not_null()).rename({"number": "station_number"})


def until(made: pl.DataFrame, split: datetime, horizon: int) -> pl.DataFrame:
    """Rows to learn from: what they are to say was observed before `split`."""
    import polars as pl

    return made.filter(
        (pl.col("observed_at") + timedelta(hours=horizon) < split) & pl.col(target(horizon)).is_not_null()
    )


def since(made: pl.DataFrame, split: datetime, horizon: int) -> pl.DataFrame:
    """Rows to be judged by: forecasts made at `split` or later whose outcome is known."""
    import polars as pl

    return made.filter((pl.col("observed_at") >= split) & pl.col(target(horizon)).is_not_null())


def _schema() -> dict[str, Any]:
    import polars as pl

    numbers = {name: pl.Float64() for name in (*COLUMNS, *map(target, HORIZONS))}
    return {"observed_at": pl.Datetime("us", "UTC"), "station_number": pl.Int32(), **numbers}
