"""One hour of weather as an object: written once, and read back with suspicion."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.data.objects import NoSuchObject, ObjectStore
from tradewind.data.pipelines.weather.run import observations_key, quarantine_key, rejected_key
from tradewind.data.weather.fields import OBSERVATIONS, schema_of
from tradewind.data.weather.reading import Rejected

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)

LIMITS = {
    "temperature_c": (-50.0, 50.0),
    "dew_point_c": (-60.0, 40.0),
    "humidity_percent": (0.0, 100.0),
    "wind_direction_deg": (0.0, 360.0),
    "wind_speed_ms": (0.0, 75.0),
    "gust_speed_ms": (0.0, 110.0),
    "precipitation_mm": (0.0, 300.0),
    "sea_level_pressure_hpa": (860.0, 1090.0),
    "visibility_m": (0.0, 100_000.0),
}
"""What the weather of Korea has never left; a value outside is a broken instrument."""


def within_limits(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Rejected]]:
    """The observations with impossible values left out, and these values."""
    import polars as pl

    rejected = []
    for name, (low, high) in LIMITS.items():
        wrong = frame.filter(~pl.col(name).is_between(low, high))
        for hour, station, value in wrong.select("observed_at", "station", name).iter_rows():
            where = f"station {station} at {hour:%Y-%m-%d %H:%M} UTC"
            rejected.append(Rejected(where, f"{name} is not within {low:g} and {high:g}", f"{value:g}"))
        frame = frame.with_columns(pl.when(pl.col(name).is_between(low, high)).then(name).alias(name))
    return frame, rejected


def as_parquet(frame: pl.DataFrame) -> bytes:
    """The same frame gives the same bytes."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def look_at_hour(store: ObjectStore, hour: datetime) -> tuple[pl.DataFrame | None, bytes, str]:
    """The hour as it is kept, its bytes, and why it cannot be used; `NoSuchObject` where there is none."""
    import polars as pl

    content = store.get(observations_key(hour))
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        return None, content, f"is no Parquet file ({str(error).splitlines()[0][:100]})"
    if frame.schema != schema_of(OBSERVATIONS):
        return None, content, "has other columns than observations have"
    return frame, content, ""


def read_hour(store: ObjectStore, hour: datetime) -> tuple[pl.DataFrame, bytes] | None:
    """The hour as it is kept, or None. An object that cannot be read is set aside, so that it is collected anew."""
    try:
        frame, content, wrong = look_at_hour(store, hour)
    except NoSuchObject:
        return None
    if frame is not None:
        return frame, content
    key = observations_key(hour)
    log.warning("%s %s; it is set aside and collected anew.", key, wrong)
    set_aside(store, hour, "unreadable.parquet", content)
    store.delete(key)
    return None


def set_aside(store: ObjectStore, hour: datetime, name: str, content: bytes) -> str:
    """Keep what cannot be used, once for each content; gives its key."""
    stem, dot, extension = name.rpartition(".")
    key = quarantine_key(hour, f"{stem}-{digest(content)[:12]}{dot}{extension}")
    store.put_new(key, content)
    return key


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def rejected_json(rejected: Iterable[Rejected]) -> bytes:
    return as_json([asdict(one) for one in rejected])


def rejected_count(store: ObjectStore, hour: datetime) -> int:
    """How many rows and values of the hour were rejected."""
    try:
        return len(json.loads(store.get(rejected_key(hour))))
    except NoSuchObject:
        return 0


def as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
