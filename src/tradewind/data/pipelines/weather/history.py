"""Collect many past hours at once, and mend those that are kept and cannot be read.

    python -m tradewind.data.pipelines.weather.history --hours 8760

asks for a month in one call instead of an hour: the hub's period service, where the key has it, else data.go.kr's
records of days that are over. Without any key the local server's year is collected. Hours pass the same checks as those
of `weather_data_collection`, and are entered in the same catalogue; what is there already is not asked for. Pause that
Dag while this runs: one at a time writes the catalogue.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tradewind.data.objects import ObjectStore
from tradewind.data.pipelines.weather import catalogue
from tradewind.data.pipelines.weather.catalogue import READERS
from tradewind.data.pipelines.weather.checks import KnownGaps, check_hour
from tradewind.data.pipelines.weather.dataset import hours_between
from tradewind.data.pipelines.weather.hours import (
    as_json,
    as_parquet,
    digest,
    read_hour,
    rejected_json,
    set_aside,
    within_limits,
)
from tradewind.data.pipelines.weather.run import WeatherRun, observations_key, quality_key, rejected_key
from tradewind.data.problems import BadSetting, DataError, QualityGateFailed
from tradewind.data.quality import QualityResult
from tradewind.data.runtime import progress
from tradewind.data.weather import hub_text, portal
from tradewind.data.weather.client import KmaClient, pieces
from tradewind.data.weather.errors import KmaRefused
from tradewind.data.weather.fields import observations
from tradewind.data.weather.reading import Reading, Rejected
from tradewind.data.weather.times import HOUR, in_kst, next_kst_midnight

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)

Facts = dict[str, Any]
MOST_HOURS = 10 * 8784


def fill(run: WeatherRun, hours: int) -> Facts:
    """Collect what is missing of so many hours up to the run's own; says how many are new, bad and still missing."""
    if not 1 <= hours <= MOST_HOURS:
        raise BadSetting(f"hours must be a whole number from 1 to {MOST_HOURS}, not {hours}.")
    store, gaps = run.store, KnownGaps.read(run.store)
    wanted = hours_between(run.hour - (hours - 1) * HOUR, run.hour)
    missing = _missing(store, wanted)
    new = 0
    bad: dict[str, str] = {}
    if missing:
        if run.settings.is_replayed:
            log.warning("No key of KMA's is set: this is replayed weather of another place and year.")
        with run.client() as client:
            for source, reading, asked in _readings(run, client, missing):
                entries, worse = _keep(run, store, gaps, source, reading, asked)
                bad |= worse
                if entries:
                    catalogue.enter(store, entries)
                new += len(entries)
                log.info(
                    "%s: %d of %d hours up to %s are new.", source, len(entries), len(asked), asked[-1].isoformat()
                )
                progress(sum(hour <= asked[-1] for hour in missing), len(missing), "missing hours")
    return {
        "wanted": len(wanted),
        "there_before": len(wanted) - len(missing),
        "new": new,
        "bad": bad,
        "not_to_be_had": len(missing) - new - len(bad),
        "store": str(store),
    }


def _missing(store: ObjectStore, wanted: list[datetime]) -> list[datetime]:
    """The hours that the catalogue lacks, or whose object is gone or cannot be read; the latter are set aside."""
    entered = catalogue.entries_between(store, wanted[0], wanted[-1])
    kept = set(store.keys("observations"))
    there = [hour for hour in wanted if hour in entered and observations_key(hour) in kept]
    with ThreadPoolExecutor(READERS) as readers:
        readable = {
            hour
            for hour, found in zip(there, readers.map(lambda hour: read_hour(store, hour), there), strict=True)
            if found is not None
        }
    return [hour for hour in wanted if hour not in readable]


def _readings(
    run: WeatherRun, client: KmaClient, missing: list[datetime]
) -> Iterator[tuple[str, Reading, list[datetime]]]:
    """Answers of the first service that gives them, each with the missing hours that it was asked for."""
    stations = run.settings.stations
    ways: list[tuple[str, Callable[[datetime, datetime], Reading]]] = []
    if client.access.hub_key:
        ways.append((hub_text.SOURCE, lambda start, end: next(client.period(start, end, stations))))
    if client.access.service_key:
        ways.append((portal.ASOS_SOURCE, lambda start, end: _asos_of_all(run, client, start, end)))
    for start, end in pieces(missing[0], missing[-1]):
        asked = [hour for hour in missing if start <= hour <= end]
        while asked:
            source, ask = ways[0]
            try:
                yield source, ask(asked[0], asked[-1]), asked
                break
            except KmaRefused as refused:
                # The hub grants its period service separately; the portal may have what it does not give.
                if len(ways) == 1:
                    raise
                log.warning("%s", refused)
                del ways[0]


def _asos_of_all(run: WeatherRun, client: KmaClient, start: datetime, end: datetime) -> Reading:
    # The portal has days that are over in Korea.
    over = min(end, next_kst_midnight(run.now()) - timedelta(days=1) - HOUR)
    if over < start:
        return portal.parse_asos([])
    each = [json.loads(client.asos(station, start, over).raw) for station in run.settings.stations]
    return portal.parse_asos([item for items in each for item in items])


def _keep(
    run: WeatherRun, store: ObjectStore, gaps: KnownGaps, source: str, reading: Reading, asked: list[datetime]
) -> tuple[list[Facts], dict[str, str]]:
    """Write the hours that pass their checks; gives their entries, and of the others why not."""
    key = f"raw/source={source}/period={asked[0]:%Y-%m-%dT%H}--{asked[-1]:%Y-%m-%dT%H}-{digest(reading.raw)[:12]}"
    store.put_new(f"{key}.{'txt' if source == hub_text.SOURCE else 'json'}", reading.raw)
    frame, impossible = within_limits(observations(reading.frame, source))
    by_hour = {
        hour: part for (hour,), part in frame.partition_by("observed_at", as_dict=True, maintain_order=True).items()
    }
    rejected: dict[datetime, list[Rejected]] = {}
    for one in [*reading.rejected, *impossible]:
        hour = next((hour for hour in _named_in(one, by_hour)), None)
        if hour is not None:
            rejected.setdefault(hour, []).append(one)

    def keep(hour: datetime) -> Facts | str:
        before = by_hour.get(hour - HOUR)
        return _keep_hour(run, store, gaps, hour, by_hour[hour], before, source, rejected.get(hour, []))

    answered = [hour for hour in asked if hour in by_hour]
    with ThreadPoolExecutor(READERS) as writers:
        kept = dict(zip(answered, writers.map(keep, answered), strict=True))
    entries = [facts for facts in kept.values() if isinstance(facts, dict)]
    bad = {hour.isoformat(): reason for hour, reason in kept.items() if isinstance(reason, str)}
    for text, reason in bad.items():
        log.warning("%s was set aside: %s", text, reason)
    return entries, bad


def _keep_hour(
    run: WeatherRun,
    store: ObjectStore,
    gaps: KnownGaps,
    hour: datetime,
    frame: pl.DataFrame,
    before: pl.DataFrame | None,
    source: str,
    rejected: list[Rejected],
) -> Facts | str:
    result = QualityResult(tuple(check_hour(run, hour, frame, before, gaps, len(rejected))))
    store.put(quality_key(hour), as_json({"hour": hour.isoformat(), **result.as_dict()}))
    content = as_parquet(frame)
    try:
        result.gate(run.options.min_quality)
    except QualityGateFailed as failed:
        set_aside(store, hour, "bad-quality.parquet", content)
        return str(failed)
    if rejected:
        store.put(rejected_key(hour), rejected_json(rejected))
    if not store.put_new(observations_key(hour), content):
        # It was collected in the meantime, or before it could be entered: what is there decides.
        found = read_hour(store, hour)
        if found is not None:
            frame, content = found
    return {
        "hour": hour.isoformat(),
        "key": observations_key(hour),
        "rows": frame.height,
        "stations": frame["station"].to_list(),
        "source": frame["source"][0],
        "rejected": len(rejected),
        "bytes": len(content),
        "sha256": digest(content),
        "score": result.score,
        "replayed": run.settings.is_replayed,
    }


def _named_in(rejected: Rejected, hours: dict[datetime, pl.DataFrame]) -> Iterator[datetime]:
    """The hours that a rejected row is of, as far as its text tells."""
    for hour in hours:
        korean = in_kst(hour)
        if (
            f"{hour:%Y-%m-%d %H:%M} UTC" in rejected.where
            or rejected.text.startswith(f"{korean:%Y%m%d%H%M}")
            or f"{korean:%Y-%m-%d %H:%M}" in rejected.text
        ):
            yield hour


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tradewind.data.pipelines.weather.history", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--hours", type=int, default=8760, help="how many, up to --until (default: a year)")
    parser.add_argument("--until", metavar="MOMENT", help="such as 2026-01-06T00:00+09:00 (default: now)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        until = datetime.fromisoformat(options.until) if options.until else datetime.now(UTC)
    except ValueError:
        parser.error(f"--until takes a moment such as 2026-01-06T00:00+09:00, not {options.until!r}")
    if until.tzinfo is None:
        parser.error(f"--until takes a moment with its time zone, such as {options.until}+09:00")
    try:
        told = fill(WeatherRun.of(until), options.hours)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{told['store']}: of {told['wanted']} hours {told['there_before']} were there, {told['new']} are new, "
        f"{len(told['bad'])} are set aside, {told['not_to_be_had']} are not to be had."
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
