"""The steps of `weather_monitoring`: three looks, a report, alerts, and tidying up.

What is watched and found to be bad is told by an alert and fails nothing; a store that is away is such a finding too,
so that somebody hears of it although no report can be written there.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.alert_rules import AlertRule, Metrics
from tradewind.data.alerts import AlertManager, alert_manager, at_least, below
from tradewind.data.objects import FolderStore, NoSuchObject
from tradewind.data.pipelines.weather import evaluation, features, monitoring_report
from tradewind.data.pipelines.weather.catalogue import entries_between
from tradewind.data.pipelines.weather.checks import KnownGaps
from tradewind.data.pipelines.weather.dataset import hours_between, read_hours
from tradewind.data.pipelines.weather.drift import ColumnDrift, drift
from tradewind.data.pipelines.weather.model import TemperatureModel, require_libraries
from tradewind.data.pipelines.weather.registry import ModelRegistry
from tradewind.data.pipelines.weather.run import WeatherRun, quality_key
from tradewind.data.problems import BadSetting, DataError, DataProblem
from tradewind.data.runtime import metric
from tradewind.data.system_readings import SystemReadings
from tradewind.data.weather.times import HOUR

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)

Facts = dict[str, Any]
PIPELINE = {"pipeline": "weather_monitoring"}
CPU_SECONDS = 1.0
"""The CPU's use is measured over so long."""


@dataclass(frozen=True)
class MonitoringOptions:
    """What a person can choose for a run; the Dag's parameters."""

    stale_after_hours: int = 3
    drift_days: int = 14
    season_days: int = 21
    """So many days before and after the same date of the model's year are its season."""
    error_growth: float = 1.5
    """So many times the error of the evaluation is an alert."""
    keep_days: int = 30
    """Reports and tables made for training are removed when they are older."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> MonitoringOptions:
        """Options from a run's parameters; other parameters are not looked at."""
        options = cls(**{name: params[name] for name in cls.__dataclass_fields__ if name in params})
        most = {"stale_after_hours": 744, "drift_days": 60, "season_days": 90, "keep_days": 3660}
        for name, limit in most.items():
            value = getattr(options, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
                raise BadSetting(f"The parameter {name} must be a whole number from 1 to {limit}, not {value!r}.")
        growth = options.error_growth
        if isinstance(growth, bool) or not isinstance(growth, int | float) or not 1 <= growth <= 100:
            raise BadSetting(f"The parameter error_growth must be a number from 1 to 100, not {growth!r}.")
        return options


def finding(look: Callable[..., Facts]) -> Callable[[WeatherRun, MonitoringOptions], Facts]:
    """A look whose failure over data is a finding of its own: `problem` says what, in one sentence."""

    def looked(run: WeatherRun, options: MonitoringOptions) -> Facts:
        try:
            return {"problem": "", **look(run, options)}
        except DataError as error:
            log.error("%s", error)
            return {"problem": str(error)}

    looked.__doc__ = look.__doc__
    return looked


@finding
def system_health(run: WeatherRun, options: MonitoringOptions) -> Facts:
    """The machine, and whether the store takes and gives an object."""
    store = run.store
    is_folder = isinstance(store, FolderStore)
    folder = store.folder if isinstance(store, FolderStore) and store.folder.is_dir() else Path("/")
    readings = SystemReadings(folder)
    run.sleep(CPU_SECONDS)
    sample = readings.read().as_metrics()
    for name in ("cpu_percent", "memory_percent", "disk_percent"):
        metric(name, round(sample[name], 2), PIPELINE)
    probe = f"health/monitoring-{run.due:%Y%m%d%H%M}"
    store.put(probe, b"probe")
    store.get(probe)
    store.delete(probe)
    shown = ("cpu_percent", "memory_percent", "load_1m", *(("disk_percent",) if is_folder else ()))
    return {"store": str(store), **{name: round(sample[name], 2) for name in shown}}


@finding
def data_quality(run: WeatherRun, options: MonitoringOptions) -> Facts:
    """The age of the newest hour, the gaps of the last day, and its scores."""
    store, gaps = run.store, KnownGaps.read(run.store)
    last_day = hours_between(run.hour - 23 * HOUR, run.hour)
    entries = entries_between(store, run.hour - 30 * 24 * HOUR, run.hour)
    facts: Facts = {"newest": None, "newest_age_hours": None, "gaps": [], "scores": {}, "score": None, "lowest": None}
    if not entries:
        facts["problem"] = (
            f"The catalogue of {store} has no hour of the last 30 days; is weather_data_collection paused?"
        )
        return facts
    newest = max(entries)
    age = (run.now() - newest) / HOUR
    stations = run.settings.stations
    # Other hours than the run's own may be missing only because nobody reported: known gaps of all stations are none.
    absent = [
        hour.isoformat()
        for hour in last_day[:-1]
        if hour not in entries and not all(gaps.cover(station.number, hour) for station in stations)
    ]
    scores = {hour.isoformat(): score for hour in last_day if (score := _score(run, hour)) is not None}
    facts |= {"newest": newest.isoformat(), "newest_age_hours": round(age, 2), "gaps": absent, "scores": scores}
    if scores:
        facts |= {"score": round(sum(scores.values()) / len(scores), 2), "lowest": min(scores.values())}
        metric("quality_score", facts["score"], PIPELINE)
    metric("data_age_hours", facts["newest_age_hours"], PIPELINE)
    metric("data_gaps", len(absent), PIPELINE)
    return facts


@finding
def model_performance(run: WeatherRun, options: MonitoringOptions) -> Facts:
    """The error of what is in production on hours that it had not seen, and whether the weather drifted away."""
    require_libraries()
    store = run.store
    registry = ModelRegistry(store)
    production = registry.production()
    if production is None:
        return {"version": None}
    manifest, content = registry.read(production.version)
    model = TemperatureModel.from_bytes(content, f"{registry}: {production.version}")
    first = run.hour - (24 * options.drift_days - 1) * HOUR
    read = read_hours(store, entries_between(store, first - features.LOOKS_BACK * HOUR, run.hour))
    for problem in list(read.unreadable.values())[:5]:
        log.warning("%s; this hour is left out.", problem)
    facts: Facts = {
        "version": production.version,
        "unreadable": len(read.unreadable),
        "columns": [],
        "drifted": [],
    }
    since = max(first, datetime.fromisoformat(manifest["trained_until"]))
    if manifest["features"] == list(features.COLUMNS):
        made = features.table(read.frame)
        facts |= {
            "since": since.isoformat(),
            "model": evaluation.scores(model, made, since),
            "persistence": evaluation.scores(None, made, since),
            "expected_mae": _expected(registry, production.version),
        }
        _compare(facts)
        for who in ("model", "persistence"):
            if facts[who]["mae"] is not None:
                metric("live_error_mean_c", facts[who]["mae"], {**PIPELINE, "model": who})
    else:
        facts["told"] = f"{production.version} takes other inputs than are made now; train again."
    columns = drift(
        read.frame.filter(read.frame["observed_at"] >= first),
        _reference(registry, production.version),
        days=options.drift_days,
        season_days=options.season_days,
    )
    facts["columns"] = [asdict(one) for one in columns]
    facts["drifted"] = [one.column for one in columns if one.drifted]
    _tell_of_drift(columns)
    return facts


def generate_report(run: WeatherRun, health: Facts, quality: Facts, performance: Facts) -> Facts:
    """One HTML page of the three looks; gives its key with what the alerts go by. A store that is away gets none."""
    key = f"reports/date={run.due:%Y-%m-%d}/monitoring-{run.due:%H%M}.html"
    found = {"system_health": health, "data_quality": quality, "model_performance": performance}
    try:
        run.store.put(key, monitoring_report.render(run.due, found).encode())
    except DataError as error:
        log.error("The report is not written: %s", error)
        return {"report": None, "report_problem": str(error), **found}
    return {"report": key, "report_problem": "", **found}


def send_alerts(
    run: WeatherRun, options: MonitoringOptions, reported: Facts, manager: AlertManager = alert_manager
) -> Facts:
    """Tell people once what began to be bad, and once that it is over."""
    for rule in alert_rules(options):
        manager.add_alert_rule(rule)
    measured = measurements(reported)
    firing = manager.evaluate(measured, PIPELINE)
    metric("alerts_firing", len(firing), PIPELINE)
    return {
        "firing": [alert.rule for alert in firing],
        "notified": sorted({channel for alert in firing for channel in alert.notified}),
    }


def clean_up(run: WeatherRun, options: MonitoringOptions) -> Facts:
    """Remove old reports and tables made for training; hours, models and what is in quarantine stay."""
    oldest = f"{run.due - timedelta(days=options.keep_days):%Y-%m-%d}"
    store = run.store
    removed = 0
    try:
        for folder in ("reports", "training"):
            for key in store.keys(folder):
                day = key.removeprefix(f"{folder}/date=")[:10]
                if key.startswith(f"{folder}/date=") and day < oldest:
                    store.delete(key)
                    removed += 1
    except DataError as error:
        log.warning("Tidying up is left to a later run: %s", error)
    return {"removed": removed, "older_than": oldest}


def alert_rules(options: MonitoringOptions) -> list[AlertRule]:
    """What people are told about."""
    stale, growth = options.stale_after_hours, options.error_growth
    return [
        AlertRule(
            "weather_look_failed",
            _beside(at_least("failed_looks", 1), "problems"),
            "critical",
            "Something could not be looked at.",
        ),
        AlertRule("weather_stale", at_least("newest_age_hours", stale), "error", f"No hour came for {stale} hours."),
        AlertRule("weather_gaps", at_least("gaps", 1), "warning", "Hours of the last day are missing."),
        AlertRule("weather_low_quality", below("score", 80), "error", "The last day's quality score is below 80."),
        AlertRule(
            "weather_drift",
            _beside(at_least("drifted", 1), "drifted_columns"),
            "warning",
            "The last days are unlike their season.",
        ),
        AlertRule(
            "weather_model_useless", at_least("to_persistence", 1), "error", "The model does not beat persistence."
        ),
        AlertRule(
            "weather_model_worse",
            at_least("growth", growth),
            "error",
            f"The error is {growth:g} times the evaluation's.",
        ),
        AlertRule(
            "weather_memory", at_least("memory_percent", 90), "critical", "90 % of the memory or more is in use."
        ),
        AlertRule("weather_disk", at_least("disk_percent", 90), "critical", "90 % of the disk or more is in use."),
    ]


def _beside(condition: Callable[[Metrics], bool], name: str) -> Callable[[Metrics], bool]:
    """The condition, with another value beside those that it looks at in what people are told."""

    def with_it(metrics: Metrics) -> bool:
        metrics.get(name)
        return condition(metrics)

    return with_it


def measurements(reported: Facts) -> dict[str, Any]:
    """The values that the rules look at; what could not be measured is not among them."""
    health, quality, performance = (reported[name] for name in ("system_health", "data_quality", "model_performance"))
    problems = [facts["problem"] for facts in (health, quality, performance) if facts["problem"]]
    problems += [reported["report_problem"]] if reported["report_problem"] else []
    values = {
        "failed_looks": len(problems),
        "problems": " ".join(dict.fromkeys(problems)) or None,
        "newest_age_hours": quality.get("newest_age_hours"),
        "gaps": len(quality["gaps"]) if "gaps" in quality and quality.get("newest") else None,
        "score": quality.get("score"),
        "drifted": len(performance["drifted"]) if "drifted" in performance else None,
        "drifted_columns": ", ".join(performance.get("drifted", ())) or None,
        "to_persistence": performance.get("to_persistence"),
        "growth": performance.get("growth"),
        "memory_percent": health.get("memory_percent"),
        "disk_percent": health.get("disk_percent"),
    }
    return {name: value for name, value in values.items() if value is not None}


def _score(run: WeatherRun, hour: datetime) -> float | None:
    try:
        return float(json.loads(run.store.get(quality_key(hour)))["score"])
    except NoSuchObject:
        return None
    except (ValueError, KeyError, TypeError):
        log.warning("%s cannot be read; this hour's score is left out.", quality_key(hour))
        return None


def _expected(registry: ModelRegistry, version: str) -> float | None:
    try:
        return float(json.loads(registry.attached(version, "evaluation.json"))["model"]["mae"])
    except (NoSuchObject, ValueError, KeyError, TypeError):
        return None


def _compare(facts: Facts) -> None:
    mae, held, expected = facts["model"]["mae"], facts["persistence"]["mae"], facts["expected_mae"]
    if mae is not None and held:
        facts["to_persistence"] = round(mae / held, 4)
    if mae is not None and expected:
        facts["growth"] = round(mae / expected, 4)


def _reference(registry: ModelRegistry, version: str) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(io.BytesIO(registry.attached(version, "reference.parquet")))
    except NoSuchObject:
        raise DataProblem(f"{version} lacks the hours it learned from, so drift cannot be told; train again.") from None
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:100]
        raise DataProblem(f"{registry.key(version, 'reference.parquet')} cannot be read ({reason}).") from error


def _tell_of_drift(columns: list[ColumnDrift]) -> None:
    for one in columns:
        metric("drift_psi", one.psi, {**PIPELINE, "column": one.column})
        if one.drifted:
            log.warning(
                "%s drifted: PSI %.2f (the year's most is %.2f), distance %.2f (%.2f); its mean is %.1f, usually %.1f.",
                one.column, one.psi, one.psi_limit, one.ks, one.ks_limit, one.mean, one.season_mean,
            )  # fmt: skip
