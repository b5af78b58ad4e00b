"""The steps of weather_monitoring: what each look finds, who is told once, and what is tidied up."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from weather_hours import DUE, HOUR, LAST, MemoryStore, keep, keep_hours, observations_of, run_on

from tradewind.data import Alert, AlertManager, MemoryState
from tradewind.data.pipelines.weather import drift, monitoring, training
from tradewind.data.pipelines.weather.dataset import hours_between
from tradewind.data.pipelines.weather.hours import as_parquet
from tradewind.data.pipelines.weather.monitoring import MonitoringOptions
from tradewind.data.pipelines.weather.registry import ModelRegistry
from tradewind.data.pipelines.weather.run import WeatherRun, observations_key, quality_key
from tradewind.data.problems import BadSetting

pl = pytest.importorskip("polars")
pytest.importorskip("sklearn")
pytest.importorskip("skops")
pytest.importorskip("scipy")

OPTIONS = MonitoringOptions()
TRAINING = training.TrainingOptions(train_hours=1440, test_hours=240)


class Told:
    name = "told"
    secrets: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.alerts: list[tuple[str, str]] = []
        self.texts: list[str] = []

    def send(self, alert: Alert) -> None:
        self.alerts.append((alert.rule, alert.status))
        self.texts.append(alert.text)


@pytest.fixture(scope="module")
def trained() -> dict[str, bytes]:
    """Sixty days of hours, and a model in production that has seen fifty of them."""
    store = MemoryStore()
    keep_hours(store, TRAINING.train_hours)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mlflow", None)
        run = run_on(store)
        prepared = training.prepare(run, TRAINING, training.check_readiness(run, TRAINING))
        evaluated = training.evaluate(run, TRAINING, training.train(run, TRAINING, prepared))
        assert training.deploy(run, TRAINING, evaluated)["deployed"]
    return store.objects


@pytest.fixture
def store(trained: dict[str, bytes]) -> MemoryStore:
    return MemoryStore(trained)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def manager(told: Told) -> AlertManager:
    return AlertManager([told], storage=MemoryState())


def look(run: WeatherRun, manager: AlertManager, options: MonitoringOptions = OPTIONS) -> dict[str, Any]:
    """All steps in order; what they return must fit into a message."""
    health = monitoring.system_health(run, options)
    quality = monitoring.data_quality(run, options)
    performance = monitoring.model_performance(run, options)
    reported = monitoring.generate_report(run, health, quality, performance)
    alerted = monitoring.send_alerts(run, options, reported, manager)
    removed = monitoring.clean_up(run, options)
    assert len(json.dumps([reported, alerted, removed])) < 40_000
    return {**reported, "alerts": alerted, "cleanup": removed}


def test_a_well_installation_has_a_report_and_no_alert(store: MemoryStore, manager: AlertManager, told: Told) -> None:
    seen = look(run_on(store), manager)
    assert [seen[name]["problem"] for name in ("system_health", "data_quality", "model_performance")] == ["", "", ""]
    assert told.alerts == []
    quality, model = seen["data_quality"], seen["model_performance"]
    assert (quality["score"], quality["lowest"], quality["gaps"]) == (100, 100, [])
    assert quality["newest_age_hours"] == 0.33
    assert model["model"]["mae"] < model["persistence"]["mae"]
    assert model["drifted"] == []
    assert seen["report"] == "reports/date=2025-12-20/monitoring-0320.html"
    page = store.get(seen["report"]).decode()
    assert "<svg" in page
    assert model["version"] in page
    assert not [key for key in store.objects if key.startswith("health/")]


def test_before_anything_is_in_production_that_is_said_and_no_alert(manager: AlertManager, told: Told) -> None:
    store = MemoryStore()
    keep_hours(store, 24)
    seen = look(run_on(store), manager)
    assert seen["model_performance"] == {"problem": "", "version": None}
    assert "Nothing is in production yet." in store.get(seen["report"]).decode()
    assert told.alerts == []


def test_what_begins_to_be_bad_is_told_once_and_once_when_it_is_over(
    store: MemoryStore, manager: AlertManager, told: Told
) -> None:
    late = DUE + timedelta(hours=5)
    for minutes in (0, 30):
        seen = look(run_on(store, late + timedelta(minutes=minutes)), manager)
    assert len(seen["data_quality"]["gaps"]) == 4  # its own hour may still come
    assert set(seen["alerts"]["firing"]) == {"weather_stale", "weather_gaps"}
    assert sorted(told.alerts) == [("weather_gaps", "firing"), ("weather_stale", "firing")]
    keep(store, observations_of(hours_between(LAST + HOUR, LAST + 5 * HOUR)))
    look(run_on(store, late + timedelta(minutes=35)), manager)
    assert sorted(told.alerts)[1::2] == [("weather_gaps", "recovered"), ("weather_stale", "recovered")]


def test_a_bad_score_is_told_and_one_that_cannot_be_read_left_out(
    store: MemoryStore, manager: AlertManager, told: Told
) -> None:
    for n, hour in enumerate(hours_between(LAST - 23 * HOUR, LAST)):
        store.put(quality_key(hour), b'{"score": 61.5}' if n else b'{"score"')
    seen = look(run_on(store), manager)
    assert (seen["data_quality"]["score"], len(seen["data_quality"]["scores"])) == (61.5, 23)
    assert told.alerts == [("weather_low_quality", "firing")]


def test_an_empty_catalogue_is_a_finding(manager: AlertManager, told: Told) -> None:
    seen = look(run_on(MemoryStore()), manager)
    assert "has no hour of the last 30 days; is weather_data_collection paused?" in seen["data_quality"]["problem"]
    assert ("weather_look_failed", "firing") in told.alerts


def test_a_store_that_is_away_is_told_although_no_report_can_be_written(
    store: MemoryStore, manager: AlertManager, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    store.is_away = True
    kept = dict(store.objects)
    seen = look(run_on(store), manager)
    assert seen["report"] is None
    assert "memory is away" in seen["report_problem"]
    assert told.alerts == [("weather_look_failed", "firing")]
    assert "Tidying up is left to a later run: memory is away" in caplog.text
    store.is_away = False
    assert store.objects == kept
    look(run_on(store), manager)
    assert told.alerts[1:] == [("weather_look_failed", "recovered")]


def test_a_poisoned_model_in_production_is_named_and_nothing_else_stops(
    store: MemoryStore, manager: AlertManager, told: Told
) -> None:
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    registry = ModelRegistry(store)
    production = registry.production()
    assert production is not None
    registry.add(
        production.version, skops.io.dumps(FunctionTransformer(os.system)), registry.manifest(production.version)
    )
    seen = look(run_on(store), manager)
    assert (
        "holds posix.system, which no temperature model has; it is not loaded" in seen["model_performance"]["problem"]
    )
    assert seen["data_quality"]["score"] == 100
    assert "posix.system" in store.get(seen["report"]).decode()
    assert told.alerts == [("weather_look_failed", "firing")]
    assert "posix.system" in told.texts[0]


def test_hours_that_cannot_be_read_are_left_out(store: MemoryStore, manager: AlertManager) -> None:
    store.put(observations_key(LAST - 5 * HOUR), b"PAR1")
    store.delete(observations_key(LAST - 6 * HOUR))
    seen = look(run_on(store), manager)
    assert seen["model_performance"]["unreadable"] == 2
    assert seen["model_performance"]["model"]["mae"] > 0
    assert store.get(observations_key(LAST - 5 * HOUR)) == b"PAR1"


def test_weather_that_is_shifted_raises_the_alert(
    store: MemoryStore, manager: AlertManager, told: Told, year: Any
) -> None:
    recent = observations_of(hours_between(LAST - 14 * 24 * HOUR, LAST))
    keep(store, recent.with_columns(pl.col("temperature_c") + 20, pl.col("dew_point_c") + 20))
    # Sixty days do not say what is usual.
    assert look(run_on(store), manager)["model_performance"]["columns"] == []
    registry = ModelRegistry(store)
    production = registry.production()
    assert production is not None
    registry.attach(production.version, "reference.parquet", as_parquet(year))
    seen = look(run_on(store), manager)
    assert {"temperature_c", "dew_point_c"} <= set(seen["model_performance"]["drifted"])
    assert ("weather_drift", "firing") in told.alerts


def test_only_old_reports_and_tables_are_removed(store: MemoryStore) -> None:
    old, young = "date=2025-11-19", "date=2025-11-20"
    for key in (
        f"reports/{old}/a.html",
        f"reports/{young}/a.html",
        f"training/{old}/a.parquet",
        "reports/of-mine.html",
    ):
        store.put(key, b"x")
    kept = set(store.objects)
    assert monitoring.clean_up(run_on(store), OPTIONS) == {"removed": 2, "older_than": "2025-11-20"}
    assert kept - set(store.objects) == {f"reports/{old}/a.html", f"training/{old}/a.parquet"}


@pytest.mark.parametrize("params", [{"drift_days": 0}, {"keep_days": True}, {"error_growth": "much"}])
def test_parameters_of_monitoring_that_cannot_work_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=f"The parameter {next(iter(params))} must be"):
        MonitoringOptions.from_params(params)


# --- drift ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def year() -> Any:
    first = datetime(2025, 1, 1, tzinfo=UTC)
    return observations_of(hours_between(first, first + timedelta(days=365) - HOUR))


def days_of(year: Any, month: int, days: int = 14) -> Any:
    """The first days of a month, a year later."""
    first = datetime(2025, month, 1, tzinfo=UTC)
    part = year.filter(pl.col("observed_at").is_between(first, first + timedelta(days=days), closed="left"))
    return part.with_columns(pl.col("observed_at") + timedelta(days=365))


def drifted(recent: Any, year: Any) -> set[str]:
    return {one.column for one in drift.drift(recent, year, days=14, season_days=21) if one.drifted}


@pytest.mark.parametrize("month", [1, 4, 7, 10])
def test_a_season_is_no_drift_in_its_own_year_and_would_be_one_in_another_season(month: int, year: Any) -> None:
    recent = days_of(year, month)
    assert drifted(recent, year) == set()
    moved = recent.with_columns(pl.col("observed_at") + timedelta(days=182))
    assert "temperature_c" in drifted(moved, year) if month in (1, 7) else True


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("temperature_c", pl.col("temperature_c") + 8),
        ("temperature_c", pl.col("temperature_c") * 1.8 + 32),
        ("wind_speed_ms", pl.col("wind_speed_ms") * 2.2),
        ("sea_level_pressure_hpa", pl.col("sea_level_pressure_hpa") - 20),
        ("humidity_percent", pl.col("humidity_percent") * 0.4),
    ],
)
def test_a_column_that_is_shifted_is_named(column: str, change: Any, year: Any) -> None:
    recent = days_of(year, 1)
    assert drifted(recent.with_columns(change.alias(column)), year) == {column}


def test_too_little_to_tell_is_no_drift(year: Any) -> None:
    recent = days_of(year, 1)
    assert drift.drift(recent.head(0), year, days=14, season_days=21) == []
    assert drift.drift(recent, year.head(24 * 3 * 100), days=14, season_days=21) == []
    empty = recent.with_columns(pl.lit(None, pl.Float64).alias("wind_speed_ms"))
    assert "wind_speed_ms" not in {one.column for one in drift.drift(empty, year, days=14, season_days=21)}
