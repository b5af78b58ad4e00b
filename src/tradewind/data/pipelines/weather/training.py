"""The steps of `weather_model_training`: is there enough, make a table of it, learn, judge, deploy.

Each step leaves an object and returns its key, so that the next may run elsewhere. A run that is repeated over the same
hours finds the same version; nothing is doubled, and what is in production is replaced only by what is better.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Any

from tradewind.data.arguments import percent
from tradewind.data.objects import NoSuchObject
from tradewind.data.pipelines.weather import evaluation, features, mlflow_mirror, model_card
from tradewind.data.pipelines.weather.catalogue import entries_between
from tradewind.data.pipelines.weather.checks import KnownGaps
from tradewind.data.pipelines.weather.dataset import Coverage, HoursRead, coverage, read_hours
from tradewind.data.pipelines.weather.hours import as_json, as_parquet, digest
from tradewind.data.pipelines.weather.model import ROUNDS, TemperatureModel, require_libraries
from tradewind.data.pipelines.weather.registry import ModelRegistry, version_name
from tradewind.data.pipelines.weather.run import WeatherRun
from tradewind.data.problems import BadSetting, DataProblem
from tradewind.data.runtime import metric
from tradewind.data.weather.times import HOUR

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)

Facts = dict[str, Any]
PIPELINE = {"pipeline": "weather_model_training"}
YEAR = 365 * 24


@dataclass(frozen=True)
class TrainingOptions:
    """What a person can choose for a run; the Dag's parameters."""

    train_hours: int = YEAR
    """The hours up to the run's own that are looked at."""
    test_hours: int = 30 * 24
    """The last of them, which are held out to judge by."""
    min_coverage: float = 90.0
    """So many of 100 hours have to be there, of all and of those held out."""
    min_gain_percent: float = 0.5
    """By so much the error has to be less than that of the model in production."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> TrainingOptions:
        """Options from a run's parameters; other parameters are not looked at."""
        options = cls(**{name: params[name] for name in cls.__dataclass_fields__ if name in params})
        for name, least in (("train_hours", 240), ("test_hours", 24)):
            value = getattr(options, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 10 * YEAR:
                raise BadSetting(
                    f"The parameter {name} must be a whole number from {least} to {10 * YEAR}, not {value!r}."
                )
        if options.test_hours * 2 > options.train_hours:
            raise BadSetting(
                f"The parameter test_hours ({options.test_hours}) must be at most half of train_hours "
                f"({options.train_hours})."
            )
        percent("The parameter min_coverage", options.min_coverage)
        percent("The parameter min_gain_percent", options.min_gain_percent)
        return options


def check_readiness(run: WeatherRun, options: TrainingOptions) -> Facts:
    """Are there enough hours? Says what is missing; nothing is read but the catalogue and the list of objects."""
    require_libraries()
    store, gaps = run.store, KnownGaps.read(run.store)
    first, split = _first(run, options), _split(run, options)
    found = coverage(store, first, run.hour, run.settings.stations, gaps)
    metric("training_coverage_percent", round(found.percent, 2), PIPELINE)
    held_out = [hour for hour in found.held if hour >= split]
    _require_enough(run, options, found, len(held_out))
    for number, part in found.stations.items():
        if part < options.min_coverage / 100:
            log.warning("Station %s reported in %.0f %% of the hours; it is used as it is.", number, 100 * part)
    return {
        "first": first.isoformat(),
        "split": split.isoformat(),
        "last": run.hour.isoformat(),
        "hours": len(found.held),
        "missing": len(found.missing),
        "first_missing": [hour.isoformat() for hour in found.missing[:10]],
        "percent": round(found.percent, 2),
        "stations": {str(number): round(100 * part, 2) for number, part in found.stations.items()},
    }


def prepare(run: WeatherRun, options: TrainingOptions, ready: Facts) -> Facts:
    """Read the hours into one table and keep it."""
    first, split, last = (datetime.fromisoformat(ready[name]) for name in ("first", "split", "last"))
    store = run.store
    entries = entries_between(store, first, last)
    read = read_hours(store, entries)
    _tell_what_was_left_out(read)
    held_out = read.frame.filter(read.frame["observed_at"] >= split)["observed_at"].n_unique()
    if read.hours < options.min_coverage / 100 * options.train_hours or (
        held_out < options.min_coverage / 100 * options.test_hours
    ):
        examples = "; ".join(list(read.unreadable.values())[:3])
        raise DataProblem(
            f"Of {len(entries)} hours in the catalogue of {store} {len(read.unreadable)} cannot be read ({examples}), "
            f"and too few are left to learn from; {_fill(options)} collects them anew."
        )
    content = as_parquet(read.frame)
    key = f"training/date={run.due:%Y-%m-%d}/observations-{digest(content)[:12]}.parquet"
    store.put(key, content)
    metric("rows_prepared", read.frame.height, PIPELINE)
    return {
        **ready,
        "key": key,
        "sha256": digest(content),
        "rows": read.frame.height,
        "hours": read.hours,
        "unreadable": len(read.unreadable),
        "doubled": read.doubled,
        "replayed": any(entry.get("replayed") for entry in entries.values()),
    }


def train(run: WeatherRun, options: TrainingOptions, prepared: Facts) -> Facts:
    """Learn from the hours before the split, and keep the model as a version; one that is there is not made again."""
    require_libraries()
    settings = {"rounds": ROUNDS, "features": features.COLUMNS, "split": prepared["split"]}
    version = version_name(run.due, digest(as_json({"data": prepared["sha256"], **settings})))
    registry = ModelRegistry(run.store)
    if version in registry.versions():
        try:
            TemperatureModel.from_bytes(registry.read(version)[1], version)
        except DataProblem as error:
            log.warning("%s It is made anew.", error)
        else:
            return {**prepared, "version": version, "is_new": False}
    observed = _observations(run, prepared)
    made = features.table(observed)
    split = datetime.fromisoformat(prepared["split"])
    rows = {horizon: features.until(made, split, horizon) for horizon in features.HORIZONS}
    if not all(frame.height for frame in rows.values()):
        raise DataProblem(f"No forecast can be learned from the hours before {split:%Y-%m-%d %H:%M} UTC: none has both "
                          "a temperature and a later one; collect more hours.")  # fmt: skip
    model = TemperatureModel.fit(lambda horizon: rows[horizon], ROUNDS)
    shortest = rows[min(features.HORIZONS)]
    manifest = {
        "model": "temperature",
        "made_at": run.now().isoformat(),
        "due": run.due.isoformat(),
        "trained_from": prepared["first"],
        "trained_until": split.isoformat(),
        "held_out_from": split.isoformat(),
        "held_out_until": prepared["last"],
        "hours": prepared["hours"],
        "rows": shortest.height,
        "stations": sorted(shortest["station_number"].unique().to_list()),
        "horizons": list(features.HORIZONS),
        "features": list(features.COLUMNS),
        "rounds": ROUNDS,
        "data_sha256": prepared["sha256"],
        "replayed": prepared["replayed"],
        "libraries": {name: version_of(name) for name in ("scikit-learn", "skops", "numpy", "polars")},
    }
    # What later hours are compared with is kept beside the model that knows it.
    registry.attach(version, "reference.parquet", as_parquet(observed.filter(observed["observed_at"] < split)))
    kept = registry.add(version, model.to_bytes(), manifest)
    metric("rows_trained", shortest.height, PIPELINE)
    metric("model_bytes", kept["bytes"], PIPELINE)
    return {**prepared, "version": version, "is_new": True}


def evaluate(run: WeatherRun, options: TrainingOptions, trained: Facts) -> Facts:
    """Judge the version, persistence and what is in production by the same held-out hours; the card is kept with it."""
    version, split = trained["version"], datetime.fromisoformat(trained["split"])
    registry = ModelRegistry(run.store)
    manifest, content = registry.read(version)
    model = TemperatureModel.from_bytes(content, f"{registry}: {version}")
    made = features.table(_observations(run, trained))
    production = registry.production()
    rival, problem, rival_until = None, "", ""
    if production is not None:
        try:
            kept, rival_content = registry.read(production.version)
            rival_until = str(kept["trained_until"])
            if kept["features"] != list(features.COLUMNS):
                raise DataProblem("it takes other inputs than are made now")
            rival = evaluation.scores(TemperatureModel.from_bytes(rival_content, production.version), made, split)
        except DataProblem as error:
            problem = str(error).rstrip(".")
            log.warning("What is in production cannot be compared with: %s", error)
    facts: Facts = {
        "version": version,
        "trained_until": manifest["trained_until"],
        "model": evaluation.scores(model, made, split),
        "persistence": evaluation.scores(None, made, split),
        "production_version": None if production is None else production.version,
        "production": rival,
        "production_problem": problem,
        "production_trained_until": rival_until,
    }
    if facts["model"]["mae"] is None:
        raise DataProblem(f"No held-out hour since {split:%Y-%m-%d %H:%M} UTC has an outcome; collect more hours.")
    forecasts = {horizon: evaluation.forecasts(model, made, split, horizon) for horizon in features.HORIZONS}
    card = model_card.render(manifest, facts, forecasts)
    registry.attach(version, "evaluation.json", as_json(facts))
    facts["card"] = registry.attach(version, "card.html", card)
    figures = _record(facts)
    files = {"model.skops": content, "card.html": card, "manifest.json": as_json(manifest)}
    params = {name: manifest[name] for name in ("trained_from", "trained_until", "rows", "hours", "data_sha256")}
    facts["mlflow"] = mlflow_mirror.register(version, figures, params, files)
    return facts


def deploy(run: WeatherRun, options: TrainingOptions, evaluated: Facts) -> Facts:
    """Put the version into production if it is better; says why or why not."""
    registry = ModelRegistry(run.store)
    decided = evaluation.verdict(evaluated, registry.production(), options.min_gain_percent)
    log.info("%s", decided.reason)
    facts: Facts = {"version": evaluated["version"], "deployed": decided.deploy, "reason": decided.reason}
    if decided.deploy:
        # Read once more, so that what goes into production is known to load.
        TemperatureModel.from_bytes(registry.read(evaluated["version"])[1], evaluated["version"])
        registry.promote(evaluated["version"], run.now())
        facts["mlflow"] = mlflow_mirror.point_to(evaluated["version"])
    metric("model_deployed", int(decided.deploy and not decided.is_there), PIPELINE)
    return facts


# --- helpers -------------------------------------------------------------------------------------------------------


def _first(run: WeatherRun, options: TrainingOptions) -> datetime:
    return run.hour - (options.train_hours - 1) * HOUR


def _split(run: WeatherRun, options: TrainingOptions) -> datetime:
    return run.hour - (options.test_hours - 1) * HOUR


def _fill(options: TrainingOptions) -> str:
    return f"`python -m tradewind.data.pipelines.weather.history --hours {options.train_hours}`"


def _require_enough(run: WeatherRun, options: TrainingOptions, found: Coverage, held_out: int) -> None:
    short = []
    if found.percent < options.min_coverage:
        short.append(f"{len(found.held)} of {found.wanted} hours")
    if 100 * held_out < options.min_coverage * options.test_hours:
        short.append(f"{held_out} of the last {options.test_hours}, which are held out")
    if short:
        missing = ", ".join(f"{hour:%Y-%m-%d %H:%M}" for hour in found.missing[:3])
        raise DataProblem(
            f"There is not enough to learn from: {run.store} has {' and '.join(short)}, and {options.min_coverage:g} % "
            f"are needed; missing are {missing} UTC and so on; {_fill(options)} collects them."
        )


def _tell_what_was_left_out(read: HoursRead) -> None:
    for problem in list(read.unreadable.values())[:10]:
        log.warning("%s; this hour is left out.", problem)
    if len(read.unreadable) > 10:
        log.warning("%d more hours are left out, which cannot be read either.", len(read.unreadable) - 10)
    if read.doubled:
        log.warning("%d rows are left out: their station and hour was there already, or is another.", read.doubled)


def _observations(run: WeatherRun, prepared: Facts) -> pl.DataFrame:
    import polars as pl

    where = f"{run.store}/{prepared['key']}"
    try:
        content = run.store.get(prepared["key"])
    except NoSuchObject:
        raise DataProblem(f"{where} is gone; clear prepare_training_data to make it anew.") from None
    if digest(content) != prepared["sha256"]:
        raise DataProblem(f"{where} is not what was prepared; clear prepare_training_data to make it anew.")
    return pl.read_parquet(io.BytesIO(content))


def _record(evaluated: Facts) -> dict[str, float]:
    """Hand the figures to the runtime; gives them by name."""
    figures: dict[str, float] = {}
    for who in ("model", "persistence", "production"):
        if evaluated[who] is None:
            continue
        for horizon, facts in evaluated[who]["horizons"].items():
            metric("forecast_error_c", facts["mae"], {**PIPELINE, "model": who, "horizon": horizon})
            figures[f"{who}_mae_{horizon}h"] = facts["mae"]
        figures[f"{who}_mae"] = evaluated[who]["mae"]
        metric("forecast_error_mean_c", evaluated[who]["mae"], {**PIPELINE, "model": who})
    return figures
