"""Tradewind in the environment of an installed Airflow: the same results, and `airflow` is Tradewind's in its tasks."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import polars
import pytest
import test_published_dags as published
import test_seed_dags as seeds
import test_spark_dags as spark

from tradewind.testing.installation import Installation
from tradewind.testing.spark_cluster import SparkCluster

cluster, spark_environ = spark.cluster, spark.spark_environ
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
AIRFLOW = "apache-airflow==3.3.2"
ENVIRONMENT = (
    Path.home() / ".cache" / "tradewind-tests" / f"{AIRFLOW}-python{sys.version_info[0]}.{sys.version_info[1]}"
)
SPARK_PROVIDER = "apache-airflow-providers-apache-spark==6.3.4"
TUTORIALS = "tutorial tutorial_dag tutorial_taskflow_api tutorial_taskflow_api_virtualenv tutorial_taskflow_templates"

WHOSE = """
import sys
from importlib.metadata import version

import airflow
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, BaseHook, dag, task

@dag(schedule=None)
def whose():
    @task
    def tell():
        import airflow.models
        from_airflow = [
            name for name, module in sorted(sys.modules.items())
            if "/site-packages/airflow/" in (getattr(module, "__file__", None) or "")
        ]
        return {
            "installed": version("apache-airflow"),
            "type": type(airflow).__module__,
            "file": getattr(airflow, "__file__", None) or "",
            "dag": DAG.__module__,
            "model": airflow.models.DAG.__module__,
            "bash": BashOperator.__module__,
            "hook": SmtpHook.__module__,
            "hook is ours": issubclass(SmtpHook, BaseHook) and BaseHook.__module__,
            "from airflow": [name for name in from_airflow if not name.startswith("airflow.providers.")],
        }
    tell()

whose()
"""

READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

bag = DagBag(dag_folder=sys.argv[1])
found = dict(bag.import_errors)
for dag_id, dag in bag.dags.items():
    try:
        DagSerialization.to_dict(dag)
    except Exception as error:
        found[dag_id] = repr(error)
print(json.dumps({"files": len({dag.fileloc for dag in bag.dags.values()}), "faults": found}))
"""
"""Reads Dags as Airflow's own Dag processor does."""


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """The interpreter of an environment that has both; made once for all sessions, and skipped without PyPI."""
    ENVIRONMENT.parent.mkdir(parents=True, exist_ok=True)
    python = ENVIRONMENT / "bin" / "python"
    with open(f"{ENVIRONMENT}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (ENVIRONMENT / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True, timeout=300)
            _pip_install(python, AIRFLOW)
        needed = [text for text in requires("tradewind") or () if "extra ==" not in text]
        _pip_install(python, "--no-deps", "--editable", str(ROOT))
        _pip_install(python, *needed)
        _pip_install(python, "--no-deps", SPARK_PROVIDER)
        (ENVIRONMENT / "complete").touch()
        yield python


def _pip_install(python: Path, *what: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        pytest.skip(f"PyPI gave no {what[-1]}: {''.join(done.stderr.strip().splitlines()[-1:])}")


@pytest.fixture
def beside_airflow(python: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installations start with that interpreter."""
    monkeypatch.setattr(sys, "executable", str(python))
    return python


def test_airflow_is_tradewinds_in_task_code_and_its_own_elsewhere(beside_airflow: Path) -> None:
    with Installation({"whose.py": WHOSE}) as installation:
        installation.start()
        assert installation.run("whose") == "success", installation.last_words()
        [row] = installation.rows("SELECT value FROM xcom WHERE task_id = 'tell' AND key = 'return_value'")
    told = json.loads(row["value"])
    assert told == {
        "installed": "3.3.2",
        "type": "tradewind.compat.modules",
        "file": told["file"],
        "dag": "tradewind.sdk.dag",
        "model": "tradewind.sdk.dag",
        "bash": "tradewind.sdk.operators.bash",
        "hook": "airflow.providers.smtp.hooks.smtp",
        "hook is ours": "tradewind.sdk.hooks.base",
        "from airflow": [],
    }
    assert "site-packages/airflow" not in told["file"]
    elsewhere = subprocess.run(
        [str(beside_airflow), "-c", "import tradewind, airflow; print(airflow.__file__)"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert elsewhere.stdout.strip().endswith("site-packages/airflow/__init__.py")


@pytest.mark.parametrize("folder", ["examples", "etl", "weather", "spark"])
def test_airflow_itself_reads_and_stores_the_dags(folder: str, python: Path, tmp_path: Path) -> None:
    files = ROOT / "dags" / folder
    done = subprocess.run(
        [str(python), "-c", READ, str(files)],
        env=airflow_environment(tmp_path), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"files": len(list(files.glob("*.py"))), "faults": {}}


def airflow_environment(home: Path) -> dict[str, str]:
    """Of Airflow alone, with a database of its own."""
    return {
        "PATH": os.environ["PATH"], "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }  # fmt: skip


def run_by_airflow(python: Path, home: Path, *commands: Sequence[str], **environ: str) -> None:
    """Airflow itself carries out its commands one after the other, with the Dags of dags/ and data in `home`."""
    whole = {
        **airflow_environment(home), "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "TRADEWIND_DATA": str(home / "data"), "PYTHONDONTWRITEBYTECODE": "1", **environ,
    }  # fmt: skip
    for command in (["db", "migrate"], ["dags", "reserialize"], *commands):
        done = subprocess.run(
            [str(python), str(python.parent / "airflow"), *command],
            env=whole, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr[-3000:]}"


def _install_libraries(python: Path) -> None:
    libraries = needed_by("data", "mlops", "demo")
    _pip_install(python, *(text for text in libraries if not text.startswith(("mlflow", "tpchgen"))))


def test_the_pipelines_are_run_by_airflow_itself_as_by_tradewind(
    python: Path, demo_raw: Path, run_dag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_libraries(python)
    for home in (tmp_path, tmp_path / "ours"):
        shutil.copytree(demo_raw, home / "data" / "raw")
    run_by_airflow(
        python,
        tmp_path,
        ["dags", "test", "large_data_etl_pipeline", "2025-11-01"],
        ["dags", "test", "pipeline_monitoring_system", "2025-11-01"],
        ["dags", "test", "weather_data_collection", "2026-01-06T03:20:00+00:00", "--conf", '{"repair_hours": 3}'],
    )
    monkeypatch.setenv("TRADEWIND_DATA", str(tmp_path / "ours" / "data"))
    ours = run_dag(ROOT / "dags" / "etl" / "large_data_etl_pipeline.py", "large_data_etl_pipeline")
    assert ours.state == "success"
    processed = tmp_path / "data" / "processed"
    loaded = polars.scan_parquet(processed / "warehouse" / "lineitem" / "**" / "*.parquet")
    assert loaded.select(polars.len()).collect().item() == ours.xcom("load")["lineitem_rows"] > 0
    [watched] = json.loads((processed / "monitoring" / "history.json").read_text())
    assert "firing" in watched
    hours = (tmp_path / "data" / "weather" / "observations" / "date=2026-01-06").iterdir()
    assert sorted(path.name for path in hours) == [f"hour={hour:02d}.parquet" for hour in range(4)]


def test_a_weather_model_is_trained_and_watched_by_airflow_itself(python: Path, tmp_path: Path) -> None:
    _install_libraries(python)
    subprocess.run(
        [
            str(python), "-m", "tradewind.data.pipelines.weather.history", "--hours", "1440",
            "--until", "2025-12-20T03:20Z",
        ],
        env={**airflow_environment(tmp_path), "TRADEWIND_DATA": str(tmp_path / "data")}, timeout=900, check=True,
    )  # fmt: skip
    conf = json.dumps({"train_hours": 1440, "test_hours": 240})
    run_by_airflow(
        python,
        tmp_path,
        ["dags", "test", "weather_model_training", "2025-12-20T03:20:00+00:00", "--conf", conf],
        ["dags", "test", "weather_monitoring", "2025-12-20T03:20:00+00:00"],
    )
    weather = tmp_path / "data" / "weather"
    assert (weather / "models" / "temperature" / "production.json").is_file()
    assert len(list((weather / "reports").rglob("*.html"))) == 1


def test_the_spark_jobs_are_run_by_airflow_itself(
    python: Path, cluster: SparkCluster, spark_environ: dict[str, str], tmp_path: Path
) -> None:
    _pip_install(python, *(text for text in needed_by("data") if text.startswith(("polars", "pandas"))))
    environ = {name: spark_environ[name] for name in ("PATH", "PYSPARK_PYTHON", "SPARK_LOCAL_IP")}
    by_hand = ("csv_test", "shell_test", "parallel_test", "spark_submit_example", "rdd_and_sql_test")
    run_by_airflow(
        python,
        tmp_path,
        *(["dags", "test", dag_id] for dag_id in by_hand),
        ["dags", "test", "access_log_aggregation", "2025-11-03"],
        AIRFLOW_CONN_SPARK_DEFAULT=cluster.connection(),
        **environ,
    )
    data = tmp_path / "data"
    cities = spark.cities(data / "spark" / "orders.csv")
    output = data / "spark" / "output"
    assert spark.table(output / "pandas" / "cities.csv") == spark.table(output / "shell" / "cities.csv") == cities
    spark.check_orders(data)
    spark.check_rdd_and_sql(data)
    spark.check_access_log(data)


GATED = """
from datetime import timedelta
from airflow.sdk import DAG, task
from tradewind.data.operators import QualityGateOperator

with DAG("gated", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}):
    gate = QualityGateOperator(
        task_id="gate",
        path="FOLDER/{{ dag_run.conf['file'] }}.parquet",
        rules=[{"rule": "not_null", "column": "city"}],
        report="FOLDER/{{ dag_run.conf['file'] }}.html",
        good="FOLDER/{{ dag_run.conf['file'] }}.good.parquet",
        quarantine="FOLDER/{{ dag_run.conf['file'] }}.bad.parquet",
    )

    @task
    def load(found):
        open("FOLDER/loaded", "a").write(f"{found['score']:g}\\n")

    load(gate.output)
"""


def test_a_quality_gate_holds_on_airflow_itself(python: Path, tmp_path: Path) -> None:
    _pip_install(python, *(text for text in needed_by("data") if text.startswith(("polars", "duckdb"))))
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "gated.py").write_text(GATED.replace("FOLDER", str(tmp_path)))
    polars.DataFrame({"city": ["Seoul", "Busan"]}).write_parquet(tmp_path / "fine.parquet")
    polars.DataFrame({"city": ["Seoul", None]}).write_parquet(tmp_path / "poor.parquet")
    environ = {**airflow_environment(tmp_path), "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags")}
    airflow = str(python.parent / "airflow")
    told: dict[str, str] = {}
    for command in (
        ["db", "migrate"], ["dags", "reserialize"],
        ["dags", "test", "gated", "2026-01-01", "--conf", '{"file": "fine"}'],
        ["dags", "test", "gated", "2026-01-02", "--conf", '{"file": "poor"}'],
    ):  # fmt: skip
        done = subprocess.run(
            [str(python), airflow, *command], env=environ, capture_output=True, text=True, timeout=300, check=False
        )
        told[command[-1]] = done.stdout + done.stderr
        assert done.returncode == (1 if "poor" in command[-1] else 0), told[command[-1]][-3000:]
    assert (tmp_path / "loaded").read_text() == "100\n"
    assert polars.read_parquet(tmp_path / "poor.bad.parquet")["broken_rules"].to_list() == ["city is present"]
    assert "city is present" in (tmp_path / "poor.html").read_text()
    assert "Data quality is" in told['{"file": "poor"}']
    assert "UP_FOR_RETRY" not in told['{"file": "poor"}']


def needed_by(*extras: str) -> list[str]:
    """What these extras install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return sorted({name for extra in extras for name in project["optional-dependencies"][extra]})


@pytest.mark.parametrize("seed", seeds.SEEDS)
def test_a_seed_pipeline_gives_the_same_result(seed: str, beside_airflow: Path) -> None:
    seeds.test_a_seed_pipeline_catches_up_from_its_start_date_and_passes_its_values_on(seed)


@pytest.mark.parametrize("release", published.DAGS)
def test_the_tutorials_give_the_same_result(release: str, beside_airflow: Path) -> None:
    for played in published.play(release, frozenset(TUTORIALS.split()), TUTORIALS.split(), 300.0):
        assert played.import_errors == []
        for dag_id in TUTORIALS.split():
            published.check(played, release, dag_id)
