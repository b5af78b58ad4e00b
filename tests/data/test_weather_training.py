"""The steps of weather_model_training: what is learned, what is refused, and what stays in production."""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import s3
from weather_hours import DUE, HOUR, LAST, MemoryStore, keep, keep_hours, observations_of, run_on

from tradewind.data import runtime
from tradewind.data.demo import kma_server
from tradewind.data.objects import FolderStore, open_store
from tradewind.data.pipelines.weather import evaluation, features, history, mlflow_mirror, rollback, training
from tradewind.data.pipelines.weather.dataset import hours_between
from tradewind.data.pipelines.weather.hours import as_json, as_parquet
from tradewind.data.pipelines.weather.model import ModelRefused, TemperatureModel
from tradewind.data.pipelines.weather.registry import ModelRegistry, Production, UnknownVersion, version_name
from tradewind.data.pipelines.weather.run import WeatherRun, WeatherSettings, observations_key
from tradewind.data.pipelines.weather.training import TrainingOptions
from tradewind.data.problems import BadSetting, DataProblem, SourceUnavailable

pl = pytest.importorskip("polars")
pytest.importorskip("sklearn")
pytest.importorskip("skops")

OPTIONS = TrainingOptions(train_hours=1440, test_hours=240)


class Recorder:
    def __init__(self) -> None:
        self.metrics: list[tuple[str, float, Mapping[str, str]]] = []

    def progress(self, done: float, total: float | None, unit: str) -> None: ...

    def metric(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        self.metrics.append((name, value, labels))


@pytest.fixture(autouse=True)
def _no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)


@pytest.fixture(scope="module")
def hours() -> dict[str, bytes]:
    store = MemoryStore()
    keep_hours(store, OPTIONS.train_hours)
    return store.objects


@pytest.fixture(scope="module")
def deployed(hours: dict[str, bytes]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The objects after a first run, and what its steps told."""
    store = MemoryStore(hours)
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch, runtime.installed(recorder):
        patch.setitem(sys.modules, "mlflow", None)
        steps = play(run_on(store))
    return store.objects, {**steps, "metrics": recorder.metrics}


@pytest.fixture
def store(deployed: tuple[dict[str, bytes], dict[str, Any]]) -> MemoryStore:
    return MemoryStore(deployed[0])


def play(run: WeatherRun, options: TrainingOptions = OPTIONS) -> dict[str, Any]:
    """All steps in order; what they return must fit into a message."""
    ready = training.check_readiness(run, options)
    prepared = training.prepare(run, options, ready)
    trained = training.train(run, options, prepared)
    evaluated = training.evaluate(run, options, trained)
    told = training.deploy(run, options, evaluated)
    steps = {"ready": ready, "prepared": prepared, "trained": trained, "evaluated": evaluated, "deployed": told}
    assert len(json.dumps(steps)) < 40_000
    return steps


def test_a_model_that_beats_persistence_is_deployed_with_its_card_and_its_figures(
    deployed: tuple[dict[str, bytes], dict[str, Any]],
) -> None:
    objects, steps = deployed
    assert steps["deployed"]["deployed"], steps["deployed"]["reason"]
    evaluated = steps["evaluated"]
    for horizon, facts in evaluated["model"]["horizons"].items():
        assert facts["mae"] < evaluated["persistence"]["horizons"][horizon]["mae"]
        assert facts["forecasts"] > 600
    version = steps["trained"]["version"]
    root = f"models/temperature/date=2025-12-20/version={version}"
    kept = {key.removeprefix(f"{root}/") for key in objects if key.startswith(root)}
    assert kept == {"model.skops", "manifest.json", "evaluation.json", "card.html", "reference.parquet"}
    assert json.loads(objects["models/temperature/production.json"])["version"] == version
    card = objects[f"{root}/card.html"].decode()
    assert card.count("<svg") == 3
    assert "replayed weather of another place" in card
    recorded = {(name, labels.get("model"), labels.get("horizon")) for name, _, labels in steps["metrics"]}
    assert {("forecast_error_c", "model", "6"), ("forecast_error_c", "persistence", "1")} <= recorded
    assert ("model_deployed", 1, {"pipeline": "weather_model_training"}) in steps["metrics"]


def test_a_run_that_is_repeated_doubles_nothing(store: MemoryStore) -> None:
    kept = dict(store.objects)
    steps = play(run_on(store))
    assert not steps["trained"]["is_new"]
    assert steps["deployed"]["reason"].endswith("is in production already.")
    changed = {key for key in store.objects if store.objects[key] != kept.get(key)}
    # Judged again beside itself, which is in production now.
    assert {key.rpartition("/")[2] for key in changed} <= {"evaluation.json", "card.html"}
    assert set(store.objects) == set(kept)


def test_the_next_day_s_model_is_compared_on_the_same_hours_and_told_why_it_stays_out(store: MemoryStore) -> None:
    keep(store, observations_of(hours_between(LAST + HOUR, LAST + 24 * HOUR)))
    run = run_on(store, DUE + timedelta(days=1))
    before = store.objects["models/temperature/production.json"]
    steps = play(run, replace(OPTIONS, min_gain_percent=50))
    evaluated = steps["evaluated"]
    pairs = zip(evaluated["model"]["horizons"].values(), evaluated["production"]["horizons"].values(), strict=True)
    assert all(own["forecasts"] == other["forecasts"] for own, other in pairs)
    assert evaluated["production_trained_until"] < evaluated["trained_until"]
    assert not steps["deployed"]["deployed"]
    assert "on the same hours" in steps["deployed"]["reason"]
    assert "at least 50 % less" in steps["deployed"]["reason"]
    assert store.objects["models/temperature/production.json"] == before


# --- the rule of deploying -----------------------------------------------------------------------------------------

OLD, NEW = "20260105T0200Z-aaaaaaaa", "20260106T0200Z-bbbbbbbb"


def errors(*values: float) -> dict[str, Any]:
    horizons = {str(h): {"mae": value} for h, value in zip((1, 3, 6), values, strict=True)}
    return {"mae": sum(values) / 3, "horizons": horizons}


def judged(own: dict[str, Any], rival: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "version": NEW,
        "trained_until": "2025-12-08",
        "model": own,
        "persistence": errors(1.0, 2.0, 3.0),
        "production_version": OLD if rival or changed else None,
        "production": rival,
        "production_problem": "",
        "production_trained_until": "2025-12-07",
        **changed,
    }


@pytest.mark.parametrize(
    ("evaluated", "production", "deploy", "reason"),
    [
        (judged(errors(0.8, 1.5, 2.0)), None, True, "nothing was in production: it is deployed"),
        (judged(errors(1.1, 1.5, 2.0)), None, False, "does not beat persistence 1 hours ahead"),
        (judged(errors(0.8, 1.5, 2.0), errors(0.9, 1.6, 2.1)), OLD, True, "It is deployed: on the same hours"),
        (judged(errors(0.8, 1.5, 2.0), errors(0.7, 1.4, 1.9)), OLD, False, "It is not deployed: on the same hours"),
        (judged(errors(0.8, 1.5, 2.0), errors(0.8, 1.5, 2.001)), OLD, False, "at least 0.5 % less"),
        (judged(errors(0.8, 1.5, 2.0), production_problem="it is gone"), OLD, True, "cannot be used (it is gone)"),
        (judged(errors(0.8, 1.5, 2.0), errors(0.9, 1.6, 2.1)), NEW, True, "in production already"),
        (judged(errors(0.8, 1.5, 2.0)), OLD, False, "clear evaluate_model to compare again"),
        (
            judged(errors(0.8, 1.5, 2.0), errors(0.9, 1.6, 2.1), production_trained_until="2025-12-09"),
            OLD,
            False,
            "learned from older hours",
        ),
    ],
)
def test_the_rule_in_one_sentence(evaluated: dict[str, Any], production: str | None, deploy: bool, reason: str) -> None:
    there = None if production is None else Production(production, "2026-01-05")
    said = evaluation.verdict(evaluated, there, 0.5)
    assert said.deploy is deploy
    assert reason in said.reason


def test_what_a_person_rolled_back_is_not_deployed_by_itself() -> None:
    there = Production(OLD, "2026-01-05", withdrawn=(NEW,))
    said = evaluation.verdict(judged(errors(0.8, 1.5, 2.0), errors(0.9, 1.6, 2.1)), there, 0.5)
    assert (said.deploy, said.reason) == (False, f"{NEW} was rolled back by a person, so it is not deployed by itself.")


# --- features ------------------------------------------------------------------------------------------------------


def test_a_row_knows_nothing_that_was_observed_after_its_hour() -> None:
    frame = observations_of(hours_between(LAST - 99 * HOUR, LAST))
    middle = LAST - 40 * HOUR
    later = pl.col("observed_at") > middle
    numbers = [name for name, kind in frame.schema.items() if kind == pl.Float64]
    changed = frame.with_columns(pl.when(later).then(pl.col(name) + 50).otherwise(name).alias(name) for name in numbers)
    known = ["observed_at", "station_number", *features.COLUMNS]
    before = features.table(frame).filter(~later).select(known)
    assert before.height > 150
    assert before.equals(features.table(changed).filter(~later).select(known))


def test_what_is_learned_from_ends_before_what_is_judged_by() -> None:
    made = features.table(observations_of(hours_between(LAST - 99 * HOUR, LAST)))
    split = LAST - 40 * HOUR
    for horizon in features.HORIZONS:
        learned, by = features.until(made, split, horizon), features.since(made, split, horizon)
        assert learned["observed_at"].max() + horizon * HOUR < split
        assert by["observed_at"].min() == split
        assert by["observed_at"].max() == LAST - horizon * HOUR


def test_an_hour_that_is_missing_leaves_a_gap_and_moves_nothing() -> None:
    frame = observations_of(hours_between(LAST - 49 * HOUR, LAST))
    gone = LAST - 10 * HOUR
    made = features.table(frame.filter(pl.col("observed_at") != gone))
    row = made.filter((pl.col("observed_at") == gone + HOUR) & (pl.col("station_number") == 108)).row(0, named=True)
    whole = features.table(frame).filter(
        (pl.col("observed_at") == gone + HOUR) & (pl.col("station_number") == 108)
    ).row(0, named=True)  # fmt: skip
    assert row["temperature_change_1h"] is None
    assert row["temperature_change_2h"] == whole["temperature_change_2h"]
    assert made.filter(pl.col("observed_at") == gone).is_empty()


# --- files that are no models --------------------------------------------------------------------------------------


def poisoned() -> bytes:
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    return skops.io.dumps(
        {"kind": "weather temperature model", "columns": [], "estimators": FunctionTransformer(os.system)}
    )


def of_another_kind() -> bytes:
    import skops.io
    from sklearn.linear_model import LinearRegression

    kept = {"kind": "weather temperature model", "columns": ["a"], "estimators": {"1": LinearRegression()}}
    return skops.io.dumps(kept)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (poisoned, r"model X holds posix\.system, which no temperature model has; it is not loaded"),
        (of_another_kind, "holds a LinearRegression where a HistGradientBoostingRegressor belongs"),
        (lambda: pickle.dumps({"a": 1}), "model X is no skops file"),
        (lambda: b"", "model X is no skops file"),
    ],
)
def test_a_file_that_is_no_model_is_refused_by_the_name_of_what_it_holds(content: Any, names: str) -> None:
    with pytest.raises(ModelRefused, match=names):
        TemperatureModel.from_bytes(content(), "model X")


def test_a_poisoned_file_fails_the_run_and_leaves_production_as_it_is(store: MemoryStore) -> None:
    keep(store, observations_of(hours_between(LAST + HOUR, LAST + 24 * HOUR)))
    run = run_on(store, DUE + timedelta(days=1))
    before = store.objects["models/temperature/production.json"]
    ready = training.check_readiness(run, OPTIONS)
    trained = training.train(run, OPTIONS, training.prepare(run, OPTIONS, ready))
    registry = ModelRegistry(store)
    good = registry.manifest(trained["version"])
    registry.add(trained["version"], poisoned(), good)  # with a manifest that agrees
    with pytest.raises(ModelRefused, match=r"posix\.system"):
        training.evaluate(run, OPTIONS, trained)
    assert store.objects["models/temperature/production.json"] == before
    # The rerun makes the same version anew.
    again = training.train(run, OPTIONS, training.prepare(run, OPTIONS, ready))
    assert (again["version"], again["is_new"]) == (trained["version"], True)
    assert training.evaluate(run, OPTIONS, again)["model"]["mae"] > 0


def test_what_is_in_production_and_poisoned_is_told_and_replaced_by_what_beats_persistence(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    keep(store, observations_of(hours_between(LAST + HOUR, LAST + 24 * HOUR)))
    registry = ModelRegistry(store)
    production = registry.production()
    assert production is not None
    registry.add(production.version, poisoned(), registry.manifest(production.version))
    steps = play(run_on(store, DUE + timedelta(days=1)))
    assert "posix.system" in caplog.text
    assert steps["deployed"]["deployed"]
    assert "cannot be used" in steps["deployed"]["reason"]


# --- bad input -----------------------------------------------------------------------------------------------------


def test_too_few_hours_say_what_is_missing_and_what_to_do(hours: dict[str, bytes]) -> None:
    store = MemoryStore(hours)
    options = TrainingOptions()
    with pytest.raises(
        DataProblem, match=r"memory has 1428 of 8760 hours, and 90 % are needed; .*history --hours 8760`"
    ):
        training.check_readiness(run_on(store), options)
    for hour in hours_between(LAST - 100 * HOUR, LAST):
        del store.objects[observations_key(hour)]  # entered, and gone
    with pytest.raises(DataProblem, match="139 of the last 240, which are held out"):
        training.check_readiness(run_on(store), OPTIONS)


def test_known_gaps_of_a_station_are_not_missed(hours: dict[str, bytes], caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore(hours)
    frame = observations_of(hours_between(LAST - 1439 * HOUR, LAST - 1000 * HOUR))
    keep(store, frame.filter(pl.col("station") != 119))
    assert training.check_readiness(run_on(store), OPTIONS)["stations"]["119"] < 75
    assert "Station 119 reported in" in caplog.text
    gap = {"station": 119, "start": "2025-01-01T00:00Z", "end": (LAST - 1000 * HOUR).isoformat()}
    store.put("known_gaps.json", json.dumps([gap]).encode())
    assert training.check_readiness(run_on(store), OPTIONS)["stations"]["119"] > 95


def spoil(store: MemoryStore, count: int) -> None:
    """Half-written objects, objects with other columns, and doubled hours, by turns."""
    for n, hour in enumerate(hours_between(LAST - 500 * HOUR, LAST - (501 - count) * HOUR)):
        key = observations_key(hour)
        whole = observations_of([hour])
        match n % 3:
            case 0:
                store.objects[key] = store.objects[key][:100]
            case 1:
                store.objects[key] = as_parquet(whole.rename({"temperature_c": "ta"}))
            case 2:
                store.objects[key] = as_parquet(pl.concat([whole, whole, observations_of([hour - HOUR])]))


def test_hours_that_cannot_be_read_are_named_and_left_out(
    hours: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore(hours)
    whole = training.prepare(run_on(store), OPTIONS, training.check_readiness(run_on(store), OPTIONS))
    spoil(store, 6)
    kept = dict(store.objects)
    prepared = training.prepare(run_on(store), OPTIONS, training.check_readiness(run_on(store), OPTIONS))
    assert (prepared["unreadable"], prepared["doubled"]) == (4, 12)
    assert prepared["rows"] == whole["rows"] - 12
    assert "is no Parquet file" in caplog.text
    assert "has other columns than observations have; this hour is left out" in caplog.text
    assert {key: store.objects[key] for key in kept} == kept  # reading changes nothing


def test_too_many_hours_that_cannot_be_read_fail_the_run_and_the_history_mends_them(hours: dict[str, bytes]) -> None:
    store = MemoryStore(hours)
    spoil(store, 300)
    run = run_on(store)
    ready = training.check_readiness(run, OPTIONS)
    with pytest.raises(DataProblem, match=r"200 cannot be read .*; `python -m .*history --hours 1440` collects them"):
        training.prepare(run, OPTIONS, ready)
    told = history.fill(run, OPTIONS.train_hours)
    assert (told["new"], told["not_to_be_had"]) == (200, 12)  # the gaps of the year
    mended = training.prepare(run, OPTIONS, training.check_readiness(run, OPTIONS))
    assert mended["unreadable"] == 0
    assert mended["rows"] == training.prepare(run_on(MemoryStore(hours)), OPTIONS, ready)["rows"]


def test_a_table_that_was_changed_is_not_learned_from(store: MemoryStore) -> None:
    run = run_on(store)
    prepared = training.prepare(run, OPTIONS, training.check_readiness(run, OPTIONS))
    other = {**prepared, "sha256": "0" * 64}
    with pytest.raises(DataProblem, match="is not what was prepared; clear prepare_training_data"):
        training.train(run, OPTIONS, other)
    store.delete(prepared["key"])
    with pytest.raises(DataProblem, match="is gone; clear prepare_training_data"):
        training.train(run, OPTIONS, {**other})


def test_a_store_that_is_away_is_told_and_the_rerun_goes_on(store: MemoryStore) -> None:
    run = run_on(store)
    ready = training.check_readiness(run, OPTIONS)
    store.is_away = True
    for step in (lambda: training.check_readiness(run, OPTIONS), lambda: training.prepare(run, OPTIONS, ready)):
        with pytest.raises(SourceUnavailable, match="memory is away"):
            step()
    store.is_away = False
    assert play(run)["deployed"]["reason"].endswith("is in production already.")


@pytest.mark.parametrize("missing", ["skops", "sklearn"])
def test_without_the_libraries_it_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(DataProblem, match=r"missing here; run `pip install 'tradewind\[data,mlops\]'`"):
        training.check_readiness(run_on(MemoryStore()), OPTIONS)


def test_a_run_counts_in_plain_moments_whatever_the_engine_hands_in() -> None:
    pendulum = pytest.importorskip("pendulum")
    run = WeatherRun.of(pendulum.datetime(2025, 12, 20, 12, 20, tz="Asia/Seoul"))
    assert (type(run.hour), run.due, run.hour) == (datetime, DUE, LAST)
    assert len(hours_between(run.hour - 3 * HOUR, run.hour)) == 4


@pytest.mark.parametrize("params", [{"train_hours": 10}, {"test_hours": True}, {"min_coverage": 101}])
def test_parameters_of_training_that_cannot_work_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=f"The parameter {next(iter(params))} must be"):
        TrainingOptions.from_params(params)
    with pytest.raises(BadSetting, match=r"test_hours \(720\) must be at most half of train_hours \(1000\)"):
        TrainingOptions.from_params({"train_hours": 1000})


# --- the registry --------------------------------------------------------------------------------------------------


@pytest.fixture
def three() -> tuple[ModelRegistry, list[str]]:
    registry = ModelRegistry(MemoryStore())
    names = [version_name(DUE + timedelta(days=n), f"{n:08x}") for n in range(3)]
    for n, name in enumerate(names):
        registry.add(name, f"model {n}".encode(), {"trained_until": f"2025-12-0{n + 1}"})
        registry.promote(name, DUE)
    return registry, names


def test_a_rollback_goes_to_the_version_before_and_remembers_what_it_took_out(
    three: tuple[ModelRegistry, list[str]],
) -> None:
    registry, names = three
    assert registry.versions() == names
    assert registry.roll_back(DUE) == Production(names[1], DUE.isoformat(), (names[0],), (names[2],))
    assert registry.roll_back(DUE) == Production(names[0], DUE.isoformat(), (), (names[2], names[1]))
    with pytest.raises(DataProblem, match="is the first version in production; there is none before it"):
        registry.roll_back(DUE)
    assert registry.roll_back(DUE, names[2]).withdrawn == (names[1], names[0])
    with pytest.raises(UnknownVersion, match="has no version 20260106T0320Z-12345678"):
        registry.roll_back(DUE, "20260106T0320Z-12345678")
    with pytest.raises(UnknownVersion, match=r"'\.\./production' is no version"):
        registry.read("../production")


def test_a_file_that_is_not_the_registered_one_is_not_read(three: tuple[ModelRegistry, list[str]]) -> None:
    registry, names = three
    registry.attach(names[1], "model.skops", b"another")
    with pytest.raises(DataProblem, match=r"model\.skops is not the file that was registered"):
        registry.read(names[1])


def test_a_pointer_that_cannot_be_read_is_told_and_written_anew_by_a_rollback(
    three: tuple[ModelRegistry, list[str]],
) -> None:
    registry, names = three
    registry._store.put(registry.pointer_key, b'{"version": ')
    with pytest.raises(DataProblem, match=r"production\.json cannot be read .*rollback --to VERSION"):
        registry.production()
    assert registry.roll_back(DUE, names[1]) == Production(names[1], DUE.isoformat(), (names[0],))
    assert registry.production() is not None


def test_the_command_rolls_back_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEATHER_STORE", str(tmp_path))
    assert rollback.main([]) == 1
    assert "has nothing in production" in capsys.readouterr().err
    registry = ModelRegistry(FolderStore(tmp_path))
    for name in (OLD, NEW):
        registry.add(name, b"m", {})
        registry.promote(name, DUE)
    assert rollback.main([]) == 0
    assert f"In production is {OLD}; not deployed by itself: {NEW}." in capsys.readouterr().out
    assert rollback.main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{OLD}  in production", f"{NEW}  rolled back"]


@pytest.fixture
def in_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty store in S3."""
    pytest.importorskip("obstore")
    pytest.importorskip("moto")
    server = s3.S3Server()
    try:
        server.start("weather")
        for name, value in {**s3.ENVIRONMENT, "AWS_ENDPOINT_URL": server.url}.items():
            monkeypatch.setenv(name, value)
        yield open_store("s3://weather/kma")
    finally:
        server.stop()


def test_the_registry_is_the_same_in_s3(in_s3: Any) -> None:
    registry = ModelRegistry(in_s3)
    assert registry.production() is None
    for name in (OLD, NEW):
        registry.add(name, name.encode(), {})
        registry.promote(name, DUE)
    assert registry.versions() == [OLD, NEW]
    assert registry.roll_back(DUE).version == OLD
    production = registry.production()
    assert production == Production(OLD, DUE.isoformat(), (), (NEW,))
    assert registry.read(OLD)[1] == OLD.encode()


@pytest.mark.heavy
def test_a_model_is_trained_and_deployed_in_s3_as_elsewhere(
    in_s3: Any, hours: dict[str, bytes], deployed: tuple[dict[str, bytes], dict[str, Any]]
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: in_s3.put(*item), hours.items()))
    for _ in range(2):  # and once more: nothing is doubled
        run = WeatherRun(DUE, WeatherSettings(str(in_s3)), now=lambda: DUE, sleep=lambda seconds: None)
        steps = play(run)
        assert steps["deployed"]["deployed"], steps["deployed"]["reason"]
        assert steps["trained"]["version"] == deployed[1]["trained"]["version"]
        assert steps["evaluated"]["model"] == deployed[1]["evaluated"]["model"]
        assert sorted(in_s3.keys("models")) == sorted(key for key in deployed[0] if key.startswith("models"))
    assert in_s3.get("models/temperature/production.json") == deployed[0]["models/temperature/production.json"]


# --- MLflow --------------------------------------------------------------------------------------------------------


def test_without_mlflow_the_registry_is_used_alone(deployed: tuple[dict[str, bytes], dict[str, Any]]) -> None:
    told = "MLflow is not installed (`pip install 'tradewind[mlops]'`): the object store's registry is used alone."
    assert deployed[1]["evaluated"]["mlflow"] == deployed[1]["deployed"]["mlflow"] == told


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mlflow_has_each_version_once_and_knows_which_is_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "mlflow")
    pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("TRADEWIND_DATA", str(tmp_path))
    for version in (OLD, NEW, OLD):
        told = mlflow_mirror.register(version, {"model_mae": 0.5}, {"rows": 3}, {"model.skops": b"m"})
    assert told == f"MLflow has {OLD} already."
    assert mlflow_mirror.point_to(NEW) == "MLflow's alias production of weather-temperature is version 2."
    assert mlflow_mirror.point_to(OLD).endswith("is version 1.")
    assert mlflow_mirror.point_to("20260107T0200Z-cccccccc").startswith("MLflow does not have")
    assert list((tmp_path / "mlflow" / "artifacts").rglob("model.skops"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert mlflow_mirror.point_to(NEW).startswith("MLflow at http://127.0.0.1:9 took nothing (")


# --- the history ---------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[kma_server.KmaServer]:
    with kma_server.running(now=lambda: DUE) as server:
        yield server


def test_a_history_is_kept_once_and_asks_for_a_month_at_a_time(server: kma_server.KmaServer) -> None:
    store = MemoryStore()
    run = replace(run_on(store), settings=replace(run_on(store).settings, access=server.access))
    told = history.fill(run, 800)
    assert (told["there_before"], told["bad"], told["new"] + told["not_to_be_had"]) == (0, {}, 800)
    assert told["not_to_be_had"] <= 10  # the gaps of the year
    assert len(server.calls) == 2
    kept = dict(store.objects)
    again = history.fill(run, 800)
    assert (again["there_before"], again["new"]) == (told["new"], 0)
    assert {key: content for key, content in store.objects.items() if not key.startswith("raw/")} == {
        key: content for key, content in kept.items() if not key.startswith("raw/")
    }
    assert json.loads(store.get("catalogue/catalogue.json"))["hours"] == told["new"]


def test_where_the_hub_grants_no_periods_the_portal_is_asked(server: kma_server.KmaServer) -> None:
    store = MemoryStore()
    run = replace(run_on(store), settings=replace(run_on(store).settings, access=server.access))
    server.script("hub-403")
    told = history.fill(run, 60)
    day = json.loads(store.get("catalogue/date=2025-12-19.json"))
    assert {entry["source"] for entry in day.values()} == {"asos"}
    assert told["new"] == 47  # the portal has no hour of today, in Korea
    with pytest.raises(BadSetting, match="hours must be a whole number from 1"):
        history.fill(run, 0)


def test_what_a_row_was_rejected_for_is_kept_with_its_hour(server: kma_server.KmaServer) -> None:
    hour = datetime(2025, 2, 11, 18, tzinfo=UTC)  # a wind of 1,048 miles an hour, 12 February, 03:00 in Korea
    store = MemoryStore()
    run = run_on(store, hour + 3 * HOUR)
    history.fill(replace(run, settings=replace(run.settings, access=server.access)), 24)
    [rejected] = json.loads(store.get("rejected/date=2025-02-11/hour=18.json"))
    assert rejected["reason"] == "wind_speed_ms is not within 0 and 75"
    assert as_json([rejected]) == store.get("rejected/date=2025-02-11/hour=18.json")
