"""The steps of `weather_data_collection`: collect, validate, catalogue, look after.

The run's own hour has to succeed. Hours before it that are missing are collected as well, which is how a gap closes
once KMA, the network or the store is back; one that still cannot be had is left to a later run. An hour is written
once: a run that is repeated finds it and asks nobody.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tradewind.data.objects import FolderStore, NoSuchObject, ObjectStore
from tradewind.data.pipelines.weather import catalogue
from tradewind.data.pipelines.weather.checks import KnownGaps, check_hour
from tradewind.data.pipelines.weather.hours import (
    as_json,
    as_parquet,
    digest,
    read_hour,
    rejected_count,
    rejected_json,
    set_aside,
    within_limits,
)
from tradewind.data.pipelines.weather.run import (
    OBSERVED_AFTER,
    WeatherRun,
    observations_key,
    quality_key,
    raw_key,
    rejected_key,
)
from tradewind.data.problems import DataError, DataProblem, QualityGateFailed, SourceUnavailable
from tradewind.data.quality import QualityResult
from tradewind.data.runtime import metric, progress
from tradewind.data.weather import hub_text, portal
from tradewind.data.weather.client import KmaClient
from tradewind.data.weather.errors import KmaNotObserved, KmaQuotaSpent, KmaSchemaChanged
from tradewind.data.weather.fields import observations
from tradewind.data.weather.reading import Reading
from tradewind.data.weather.times import HOUR, in_kst

log = logging.getLogger(__name__)

Facts = dict[str, Any]

READ_AGAIN: dict[str, Callable[..., Reading]] = {
    hub_text.SOURCE: hub_text.read_again,
    portal.ASOS_SOURCE: portal.read_asos_again,
    portal.NOWCAST_SOURCE: portal.read_nowcast_again,
}


def collect(run: WeatherRun) -> Facts:
    """Keep the run's hour, and the missing ones before it."""
    store = run.store
    if run.settings.is_replayed:
        log.warning("KMA_HUB_KEY and KMA_SERVICE_KEY are not set: this is replayed weather of another place and year.")
    held = catalogue.hours_held(store, [run.hour, *run.earlier_hours])
    missing = [hour for hour in run.earlier_hours if hour not in held]
    left: dict[str, str] = {}
    with run.client() as client:
        hours = [_collect_hour(run, client, store, run.hour)]
        for done, hour in enumerate(missing, 1):
            try:
                hours.append(_collect_hour(run, client, store, hour))
            except DataError as error:
                log.warning("%s is left to a later run: %s", f"{hour:%Y-%m-%d %H:%M} UTC", error)
                left[hour.isoformat()] = str(error)
                if isinstance(error, KmaQuotaSpent | SourceUnavailable) and not isinstance(error, KmaNotObserved):
                    break  # the next hour would wait for the same
            progress(done, len(missing), "missing hours")
    metric("rows_extracted", sum(hour["rows"] for hour in hours if hour["is_new"]), {"source": "kma"})
    return {"hours": hours, "left": left, "replayed": run.settings.is_replayed}


def _collect_hour(run: WeatherRun, client: KmaClient, store: ObjectStore, hour: datetime) -> Facts:
    kept = read_hour(store, hour)
    is_new = kept is None
    if kept is None:
        _fetch(run, client, store, hour)
        kept = read_hour(store, hour)
        assert kept is not None
    frame, content = kept
    return {
        "hour": hour.isoformat(),
        "key": observations_key(hour),
        "rows": frame.height,
        "stations": frame["station"].to_list(),
        "source": frame["source"][0] if frame.height else None,
        "rejected": rejected_count(store, hour),
        "bytes": len(content),
        "sha256": digest(content),
        "is_new": is_new,
    }


def _fetch(run: WeatherRun, client: KmaClient, store: ObjectStore, hour: datetime) -> None:
    """Ask the services in turn until one has the hour, and write it."""
    problems: list[DataError] = []
    for source, ask in _sources(run, client, hour):
        try:
            reading = ask()
        except DataError as error:
            if isinstance(error, KmaSchemaChanged):
                set_aside(store, hour, f"{source}-schema.txt", error.raw)
            log.warning("%s", error)
            problems.append(error)
            continue
        if reading.frame.is_empty():
            if reading.rejected:
                set_aside(store, hour, f"{source}-rejected.json", rejected_json(reading.rejected))
            reason = f"; {reading.rejected[0].reason}" if reading.rejected else ""
            problems.append(KmaNotObserved(f"{source} has no observations of {hour:%Y-%m-%d %H:%M} UTC yet{reason}."))
            continue
        _write(store, hour, reading)
        return
    if not problems:
        raise DataProblem(
            f"No service has {hour:%Y-%m-%d %H:%M} UTC: the hub takes KMA_HUB_KEY, and data.go.kr has only hours of "
            "the last day and days that are over in Korea."
        )
    raise problems[0]


def _sources(run: WeatherRun, client: KmaClient, hour: datetime) -> list[tuple[str, Callable[[], Reading]]]:
    """Who can have the hour, the best first: stations now, stations of a day that is over, the analysis of a grid."""
    stations, now = run.settings.stations, run.now()
    found: list[tuple[str, Callable[[], Reading]]] = []
    if client.access.hub_key:
        found.append((hub_text.SOURCE, lambda: client.hour(hour, stations)))
    if client.access.service_key and in_kst(hour).date() < in_kst(now).date():
        found.append((portal.ASOS_SOURCE, lambda: _asos_of_all(client, run, hour)))
    if client.access.service_key and OBSERVED_AFTER <= now - hour < 23 * HOUR:
        found.append((portal.NOWCAST_SOURCE, lambda: client.nowcast(hour, stations)))
    return found


def _asos_of_all(client: KmaClient, run: WeatherRun, hour: datetime) -> Reading:
    each = [json.loads(client.asos(station, hour, hour).raw) for station in run.settings.stations]
    return portal.parse_asos([item for items in each for item in items])


def _write(store: ObjectStore, hour: datetime, reading: Reading) -> None:
    # What was received comes first, and decides: a run that ended between the two writes is finished from it.
    key = raw_key(reading.source, hour)
    if not store.put_new(key, reading.raw):
        reading = READ_AGAIN[reading.source](store.get(key), lambda observed: observed == hour)
    frame, impossible = within_limits(observations(reading.frame, reading.source))
    rejected = [*reading.rejected, *impossible]
    if rejected:
        store.put(rejected_key(hour), rejected_json(rejected))
    store.put_new(observations_key(hour), as_parquet(frame))


def validate(run: WeatherRun, collected: Facts) -> Facts:
    """Score each collected hour. One that is not good enough is set aside; the run's own then fails the run."""
    store = run.store
    gaps = KnownGaps.read(store)
    good: dict[str, float] = {}
    bad: dict[str, str] = {}
    for facts in collected["hours"]:
        hour = datetime.fromisoformat(facts["hour"])
        kept = read_hour(store, hour)
        if kept is None:
            bad[facts["hour"]] = f"{facts['key']} is not there any more."
            continue
        frame, content = kept
        before = read_hour(store, hour - HOUR)
        checks = check_hour(run, hour, frame, None if before is None else before[0], gaps, facts["rejected"])
        result = QualityResult(tuple(checks))
        store.put(quality_key(hour), as_json({"hour": facts["hour"], **result.as_dict()}))
        metric("quality_score", result.score, {"pipeline": "weather_data_collection"})
        try:
            result.gate(run.options.min_quality)
        except QualityGateFailed as failed:
            bad[facts["hour"]] = str(failed)
            _take_out(store, hour, str(facts["source"]), content)
        else:
            good[facts["hour"]] = result.score
    if reason := bad.get(run.hour.isoformat()):
        name = f"{run.hour:%Y-%m-%d %H:%M} UTC"
        raise QualityGateFailed(f"The hour {name} was set aside, so that a rerun asks for it anew. {reason}")
    for text, reason in bad.items():
        log.warning("%s was set aside: %s", text, reason)
    return {"collected": collected, "scores": good, "bad": bad, "score": good[run.hour.isoformat()]}


def _take_out(store: ObjectStore, hour: datetime, source: str, content: bytes) -> None:
    """Move an hour and what it was made of to the quarantine."""
    set_aside(store, hour, "bad-quality.parquet", content)
    store.delete(observations_key(hour))
    store.delete(rejected_key(hour))
    try:
        set_aside(store, hour, f"{source}-bad-quality.txt", store.get(raw_key(source, hour)))
    except NoSuchObject:
        return
    store.delete(raw_key(source, hour))


def update_catalogue(run: WeatherRun, checked: Facts) -> Facts:
    """Enter the good hours; entering one again changes nothing."""
    collected = checked["collected"]
    entries = [
        {**facts, "score": checked["scores"][facts["hour"]], "replayed": collected["replayed"]}
        for facts in collected["hours"]
        if facts["hour"] in checked["scores"]
    ]
    summary = catalogue.enter(run.store, entries)
    metric("rows_loaded", sum(entry["rows"] for entry in entries if entry["is_new"]), {"table": "observations"})
    return {"entered": len(entries), "hours": summary["hours"], "rows": summary["rows"], "last": summary["last"]}


def look_after(run: WeatherRun, catalogued: Facts) -> Facts:
    """Is the collection well? The hour must be in the catalogue; gaps, age and room are told."""
    store = run.store
    looked_at = [run.hour, *run.earlier_hours]
    held = catalogue.hours_held(store, looked_at)
    if run.hour not in held:
        raise DataProblem(f"The catalogue of {store} does not have {run.hour:%Y-%m-%d %H:%M} UTC; run the Dag again.")
    age = run.now() - datetime.fromisoformat(catalogued["last"])
    probe = f"health/probe-{run.hour:%Y%m%d%H}"
    store.put(probe, b"")
    store.delete(probe)
    gaps = [hour.isoformat() for hour in looked_at if hour not in held]
    stale = age > run.options.stale_after_hours * HOUR
    facts: Facts = {
        "status": "stale" if stale else "gaps" if gaps else "healthy",
        "newest_age_hours": round(age / HOUR, 2),
        "gaps": gaps,
        "store": str(store),
    }
    if isinstance(store, FolderStore):
        usage = shutil.disk_usage(store.folder)
        facts["disk_percent"] = round(100 * usage.used / usage.total, 1)
    metric("data_age_hours", facts["newest_age_hours"], {"table": "observations"})
    metric("data_gaps", len(gaps), {"table": "observations"})
    return facts
