"""The data catalogue: which hours there are, how good they are, and what their columns mean.

Each day has an object of its own with an entry for each hour; `catalogue/catalogue.json` sums the days up. Readers go
by it: what is not in the catalogue has not passed its checks. One run at a time writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tradewind.data.objects import NoSuchObject, ObjectStore
from tradewind.data.pipelines.weather.hours import as_json, read_hour
from tradewind.data.pipelines.weather.run import CATALOGUE, day_key
from tradewind.data.weather.fields import OBSERVATIONS

if TYPE_CHECKING:
    import polars as pl

Facts = dict[str, Any]
DAY = timedelta(days=1)
READERS = 16
"""So many objects are asked for at once where many are needed: in S3 each takes some milliseconds to come."""


def enter(store: ObjectStore, entries: Iterable[Facts]) -> Facts:
    """Add or replace the entries of these hours; gives the summary of the whole catalogue."""
    days: dict[str, dict[str, Facts]] = {}
    for entry in entries:
        key = day_key(datetime.fromisoformat(entry["hour"]))
        day = days.setdefault(key, _read(store, key, {}))
        # Whether it was new is a fact of a run, and would make the entry differ from run to run.
        entry = {name: value for name, value in entry.items() if name != "is_new"}
        day[entry["hour"]] = entry
    for key, day in days.items():
        store.put(key, as_json(day))
    summary: Facts = _read(store, CATALOGUE, {"dataset": "observations", "days": {}})
    if not summary["days"]:
        days = {key: _read(store, key, {}) for key in store.keys("catalogue") if key != CATALOGUE}
    summary["columns"] = {field.name: {"type": field.kind, "unit": field.unit} for field in OBSERVATIONS}
    summary["days"].update({key: _day(day) for key, day in days.items() if day})
    summary["hours"] = sum(day["hours"] for day in summary["days"].values())
    summary["rows"] = sum(day["rows"] for day in summary["days"].values())
    summary["last"] = max(day["last"] for day in summary["days"].values())
    store.put(CATALOGUE, as_json(summary))
    return summary


def hours_held(store: ObjectStore, hours: Iterable[datetime]) -> set[datetime]:
    """Which of these hours the catalogue has."""
    wanted: dict[str, list[datetime]] = {}
    for hour in hours:
        wanted.setdefault(day_key(hour), []).append(hour)
    held = set()
    for key, of_day in wanted.items():
        day = _read(store, key, {})
        held |= {hour for hour in of_day if hour.isoformat() in day}
    return held


def entries_between(store: ObjectStore, first: datetime, last: datetime) -> dict[datetime, Facts]:
    """The catalogue's entries of the hours from `first` to `last`, both included, in order."""
    days = [first + n * DAY for n in range((last - first) // DAY + 2)]
    keys = sorted({day_key(day) for day in [*days, last]})
    with ThreadPoolExecutor(READERS) as readers:
        found = {
            datetime.fromisoformat(text): entry
            for day in readers.map(lambda key: _read(store, key, {}), keys)
            for text, entry in day.items()
        }
    return {hour: found[hour] for hour in sorted(found) if first <= hour <= last}


def observations_between(store: ObjectStore, first: datetime, last: datetime) -> pl.DataFrame:
    """All catalogued observations from hour `first` to hour `last`, both included."""
    import polars as pl

    from tradewind.data.weather.fields import schema_of

    frames = [pl.DataFrame(schema=schema_of(OBSERVATIONS))]
    for key in store.keys("catalogue"):
        if (
            key == CATALOGUE
            or not f"{first:%Y-%m-%d}" <= key.removeprefix("catalogue/date=")[:10] <= f"{last:%Y-%m-%d}"
        ):
            continue
        for text in sorted(_read(store, key, {})):
            hour = datetime.fromisoformat(text)
            kept = read_hour(store, hour) if first <= hour <= last else None
            if kept is not None:
                frames.append(kept[0])
    return pl.concat(frames).sort("observed_at", "station")


def _day(entries: dict[str, Facts]) -> Facts:
    return {
        "hours": len(entries),
        "rows": sum(entry["rows"] for entry in entries.values()),
        "bytes": sum(entry["bytes"] for entry in entries.values()),
        "rejected": sum(entry["rejected"] for entry in entries.values()),
        "lowest_score": min(entry["score"] for entry in entries.values()),
        "sources": sorted({entry["source"] for entry in entries.values()}),
        "replayed": any(entry["replayed"] for entry in entries.values()),
        "last": max(entries),
    }


def _read(store: ObjectStore, key: str, otherwise: Any) -> Any:
    try:
        return json.loads(store.get(key))
    except (NoSuchObject, ValueError):
        # A catalogue that cannot be read is built anew from the days; a day is, as its hours are collected again.
        return otherwise
