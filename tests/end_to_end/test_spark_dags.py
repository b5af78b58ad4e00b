"""The Dag files of dags/spark: those without Spark in memory, those with it on a real standalone cluster."""

from __future__ import annotations

import ast
import csv
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewind.testing.installation import Installation
from tradewind.testing.spark_cluster import SparkCluster

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dags" / "spark"
FILES = sorted(FOLDER.glob("*.py"))
PYSPARK = "pyspark==4.3.0"
ENVIRONMENT = (
    Path.home() / ".cache" / "tradewind-tests" / f"{PYSPARK}-python{sys.version_info[0]}.{sys.version_info[1]}"
)
PATIENCE_SECONDS = 900.0
"""A submission takes half a minute on an idle machine."""

heavy = [pytest.mark.heavy, pytest.mark.timeout(2400), pytest.mark.xdist_group("spark")]


# --- without Spark ---


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_imports_only_what_both_engines_have(file: Path) -> None:
    imported = {node.module or "" for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)}
    of_engines = {name for name in imported if name.startswith(("tradewind", "airflow"))}
    assert of_engines <= {
        "airflow.sdk", "airflow.providers.standard.operators.bash", "airflow.providers.standard.operators.python",
        "airflow.providers.apache.spark.operators.spark_sql", "airflow.providers.apache.spark.operators.spark_submit",
    }  # fmt: skip
    assert "airflow.sdk" in of_engines


def test_their_tasks_and_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewind.testing.dag_bag import DagBag

    bag = DagBag(FOLDER, files=[file.name for file in FILES])
    assert bag.import_errors == {}
    edges = {
        dag_id: {task.task_id: sorted(task.downstream_task_ids) for task in bag[dag_id].tasks} for dag_id in sorted(bag)
    }
    assert edges == {
        "access_log_aggregation": {"collect_log": ["aggregate"], "aggregate": ["report"], "report": []},
        "csv_test": {"make_input": ["process_csv"], "process_csv": []},
        "parallel_test": {"days": ["add_up"], "add_up": ["put_together"], "put_together": []},
        "rdd_and_sql_test": {"make_orders": ["sql"], "make_log": ["rdd"], "rdd": [], "sql": []},
        "shell_test": {"make_input": ["process_csv"], "process_csv": []},
        "spark_submit_example": {
            "make_input": ["submit_job"], "submit_job": ["ask_sql"], "ask_sql": ["read_result"], "read_result": []
        },
    }  # fmt: skip


def test_the_same_orders_come_of_pandas_the_shell_and_parallel_tasks(
    run_dag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    monkeypatch.setenv("TRADEWIND_DATA", str(tmp_path))
    runs = {
        dag_id: run_dag(FOLDER / file, dag_id)
        for dag_id, file in (
            ("csv_test", "1_csv_test.py"), ("shell_test", "2_shell_test.py"), ("parallel_test", "3_parallel_test.py")
        )
    }  # fmt: skip
    assert {run.state for run in runs.values()} == {"success"}
    expected = cities(tmp_path / "spark" / "orders.csv")
    output = tmp_path / "spark" / "output"
    assert table(output / "pandas" / "cities.csv") == table(output / "shell" / "cities.csv") == expected
    together = runs["parallel_test"].xcom("put_together")
    assert [{"city": city, "orders": str(of[0]), "total": str(of[1])} for city, of in together.items()] == expected
    used = sum(int(row["orders"]) for row in expected)
    assert runs["csv_test"].xcom("process_csv") == {"read": 5000, "used": used, "cities": 4}
    assert 0 < used < 5000
    assert runs["shell_test"].xcom("process_csv") == f"4 cities in {output}/shell/cities.csv"


def test_the_input_is_the_same_each_time(tmp_path: Path) -> None:
    script = FOLDER / "scripts" / "make_inputs.py"
    for name in ("one", "two"):
        for what in (["orders", tmp_path / f"{name}.csv"], ["access-log", tmp_path / f"{name}.log", "2025-11-01"]):
            subprocess.run([sys.executable, script, *what], check=True)
    for kind in ("csv", "log"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


# --- what should come of it, computed without Spark ---


def table(file: Path) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def part(folder: Path, kind: str) -> Path:
    """The one file that Spark left in a folder."""
    [found] = folder.glob(f"part-*.{kind}")
    return found


def good_orders(file: Path) -> list[dict[str, str]]:
    """Without rows that have no amount or come twice."""
    return list({row["order_id"]: row for row in table(file) if row["amount"].isdigit()}.values())


def cities(file: Path) -> list[dict[str, str]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in good_orders(file):
        found[row["city"]].append(int(row["amount"]))
    return [
        {"city": city, "orders": str(len(amounts)), "total": str(sum(amounts))}
        for city, amounts in sorted(found.items())
    ]


def requests(file: Path) -> list[tuple[str, str, int, int]]:
    """User, path, status and bytes of each line that can be read."""
    pattern = re.compile(r'\S+ - (\S+) \[[^\]]+\] "GET (\S+) HTTP/1.1" (\d+) (\d+)')
    found = (pattern.match(line) for line in file.read_text().splitlines())
    return [(match[1], match[2], int(match[3]), int(match[4])) for match in found if match]


def check_orders(data: Path) -> None:
    """What Spark made of the orders is what plain Python makes of them."""
    orders = data / "spark" / "orders.csv"
    output = data / "spark" / "output" / "dataframe"
    assert table(part(output / "cities", "csv")) == cities(orders)
    days = {row["day"] for row in good_orders(orders)}
    assert {path.name for path in (output / "orders").glob("day=*")} == {f"day={day}" for day in days}


def check_rdd_and_sql(data: Path) -> None:
    output = data / "spark" / "output" / "kinds"
    counts = Counter(path for _, path, status, _ in requests(data / "spark" / "access.log") if status < 400)
    assert json.loads((output / "paths.json").read_text()) == [
        [path, count] for path, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    totals: Counter[tuple[str, str]] = Counter()
    for row in good_orders(data / "spark" / "orders.csv"):
        totals[row["city"], row["customer"]] += int(row["amount"])
    best = {}
    for (city, customer), total in sorted(totals.items(), key=lambda item: (item[0][0], -item[1], item[0][1])):
        best.setdefault(city, {"city": city, "customer": customer, "total": total})
    assert json.loads((output / "best_customers.json").read_text()) == list(best.values())


def check_access_log(data: Path) -> tuple[Path, list[tuple[str, str, int, int]], list[str]]:
    """The same of the access log; returns it, its requests by known users, and those users."""
    [log] = (data / "spark" / "logs").glob("access-*.log")
    day = log.stem.removeprefix("access-")
    known = [request for request in requests(log) if request[0] != "-"]
    users = sorted({user for user, *_ in known})
    output = data / "spark" / "output" / "access"
    assert table(part(output / "users" / f"day={day}", "csv")) == [
        {
            "day": day, "user": user, "requests": str(len(mine)), "bytes": str(sum(size for *_, size in mine)),
            "errors": str(sum(status >= 400 for _, _, status, _ in mine)),
        }
        for user in users
        for mine in [[request for request in known if request[0] == user]]
    ]  # fmt: skip
    lines = part(output / "features" / f"day={day}", "json").read_text().splitlines()
    features = [json.loads(line) for line in lines]
    for row in features:
        views = [path.split("/")[1] for user, path, status, _ in known if user == row["user"] and status < 400]
        counts = [views.count(kind) for kind in ("books", "films", "music")]
        assert row["features"] == pytest.approx([count / sum(counts) for count in counts], abs=1e-6)
    assert [row["user"] for row in features] == users
    return log, known, users


# --- on a cluster ---


@pytest.fixture(scope="module")
def spark_environ() -> dict[str, str]:
    """An environment whose PATH begins with an installed pyspark; made once for all sessions."""
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none here")
    ENVIRONMENT.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{ENVIRONMENT}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (ENVIRONMENT / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True, timeout=300)
            command = [ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", PYSPARK]
            done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
            if done.returncode:
                pytest.skip(f"PyPI gave no {PYSPARK}: {''.join(done.stderr.strip().splitlines()[-1:])}")
            (ENVIRONMENT / "complete").touch()
    # Paths and Python as they are there, whatever Spark the machine has.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    environ["PATH"] = f"{ENVIRONMENT / 'bin'}{os.pathsep}{environ['PATH']}"
    environ["PYSPARK_PYTHON"] = str(ENVIRONMENT / "bin" / "python")
    environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    return environ


@pytest.mark.heavy
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("spark")
def test_quality_rules_find_the_same_on_spark_as_on_the_other_engines(spark_environ: dict[str, str]) -> None:
    [packages] = (ENVIRONMENT / "lib").glob("python*/site-packages")
    path = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "spark"]
    done = subprocess.run(
        [*command, ROOT / "tests" / "data" / "test_quality_rules.py"], env={**spark_environ, "PYTHONPATH": path},
        cwd=ROOT, capture_output=True, text=True, timeout=1000, check=False,
    )  # fmt: skip
    assert re.search(r"^[1-9]\d* passed", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def cluster(spark_environ: dict[str, str]) -> Iterator[SparkCluster]:
    with SparkCluster(environ=spark_environ) as cluster:
        yield cluster


WAITS = """
import os, sys, time
from pathlib import Path

folder = Path(sys.argv[1])
with open(folder / "started", "a") as started:
    started.write(f"{os.getpid()} {os.getppid()}\\n")
print("waiting for the release", flush=True)
while not (folder / "release").exists():
    time.sleep(0.1)
(folder / "result").write_text("42")
print("released", flush=True)
"""
"""A job that says that it runs, and waits."""

FAILS_ONCE = """
import sys
from pathlib import Path

marker = Path(sys.argv[1]) / "failed"
if not marker.exists():
    marker.touch()
    raise ValueError("the orders are not there yet")
print("the orders are there", flush=True)
"""

DAGS = """
from datetime import timedelta
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

FOLDER = Path({folder!r})
# Spark takes no Python file in the deploy mode cluster of a standalone master; the class that runs Python it takes.
AS_CLASS = dict(
    application={jar!r}, java_class="org.apache.spark.deploy.PythonRunner", conn_id="spark_cluster",
    driver_memory="512m", conf={{"spark.driver.cores": "1"}},
)

with DAG("fails_once", schedule=None):
    SparkSubmitOperator(
        task_id="submit", name="fails_once", conn_id="spark_local", application=str(FOLDER / "fails_once.py"),
        application_args=[str(FOLDER)], retries=1, retry_delay=timedelta(0),
    )

for dag_id in ("outlives", "killed_there"):
    with DAG(dag_id, schedule=None):
        script = str(FOLDER / "waits.py")
        SparkSubmitOperator(
            task_id="submit", name=dag_id, application_args=[script, script, str(FOLDER / dag_id)],
            retries=2, retry_delay=timedelta(0), **AS_CLASS,
        )

with DAG("killed_here", schedule=None):
    SparkSubmitOperator(
        task_id="submit", name="killed_here", conn_id="spark_local", application=str(FOLDER / "waits.py"),
        application_args=[str(FOLDER / "killed_here")],
    )
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where jobs and tests meet."""
    folder = tmp_path_factory.mktemp("jobs")
    for name in ("outlives", "killed_there", "killed_here"):
        (folder / name).mkdir()
    (folder / "waits.py").write_text(WAITS)
    (folder / "fails_once.py").write_text(FAILS_ONCE)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def installation(
    cluster: SparkCluster, spark_environ: dict[str, str], folder: Path, data: Path
) -> Iterator[Installation]:
    """Tradewind with the Dag files as they are, but that none starts by itself."""
    [jar] = (ENVIRONMENT / "lib").glob("python*/site-packages/pyspark/jars/py4j-*.jar")
    names = ("PATH", "PYSPARK_PYTHON", "SPARK_LOCAL_IP")
    environ = {name: spark_environ[name] for name in names} | {
        "TRADEWIND_DATA": str(data),
        "AIRFLOW_CONN_SPARK_DEFAULT": cluster.connection(),
        "AIRFLOW_CONN_SPARK_CLUSTER": cluster.connection("cluster"),
        "AIRFLOW_CONN_SPARK_LOCAL": '{"conn_type": "spark", "host": "local[1]"}',
    }
    with Installation({"jobs.py": DAGS.format(folder=str(folder), jar=str(jar))}, **environ) as installation:
        shutil.copytree(FOLDER, installation.dags / "spark")
        file = installation.dags / "spark" / "6_access_log_aggregation.py"
        file.write_text(file.read_text().replace('schedule="@daily"', "schedule=None"))
        installation.start()
        yield installation


def ended(installation: Installation, dag_id: str, **body: Any) -> tuple[str, str]:
    """The final state of a new run, and its id."""
    run_id = installation.trigger(dag_id, **body)
    return installation.wait_for_run(dag_id, run_id, PATIENCE_SECONDS), run_id


def log_of(installation: Installation, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
    where = f"logs/dag_id={dag_id}/run_id={run_id}/task_id={task_id}/attempt={attempt}.log"
    return (installation.home / where).read_text()


def returned(installation: Installation, run_id: str, task_id: str) -> Any:
    [row] = installation.rows(
        "SELECT x.value FROM xcom x JOIN run r ON r.number = x.run "
        "WHERE r.run_id = ? AND x.task_id = ? AND x.key = 'return_value'",
        run_id,
        task_id,
    )
    return json.loads(row["value"])


class TestOnACluster:
    pytestmark = heavy

    def test_a_csv_becomes_parquet_and_sql_asks_it(self, installation: Installation, data: Path) -> None:
        state, run_id = ended(installation, "spark_submit_example")
        assert state == "success", installation.last_words()
        check_orders(data)
        orders = good_orders(data / "spark" / "orders.csv")
        assert returned(installation, run_id, "read_result") == Counter(row["status"] for row in orders)
        log = log_of(installation, "spark_submit_example", run_id, "submit_job")
        assert f"read 5000 rows, kept {len(orders)}" in log
        assert re.search(r"The master has app-\d+-\d+ \(orders_to_parquet\) as RUNNING with 1 cores\.", log)

    def test_parquet_has_these_columns(self, installation: Installation, data: Path) -> None:
        pyarrow = pytest.importorskip("pyarrow.parquet")
        folder = data / "spark" / "output" / "dataframe" / "orders"
        files = sorted(folder.glob("day=*/*.parquet"))
        schema = pyarrow.read_schema(files[0])
        assert {field.name: str(field.type) for field in schema} == {
            "order_id": "int64", "city": "string", "customer": "string", "amount": "int64", "status": "string"
        }  # fmt: skip
        assert sum(pyarrow.read_metadata(file).num_rows for file in files) == len(
            good_orders(data / "spark" / "orders.csv")
        )

    def test_an_rdd_job_and_a_sql_job(self, installation: Installation, data: Path) -> None:
        state, _ = ended(installation, "rdd_and_sql_test")
        assert state == "success", installation.last_words()
        check_rdd_and_sql(data)

    def test_an_access_log_is_added_up_by_user_and_day(self, installation: Installation, data: Path) -> None:
        state, run_id = ended(installation, "access_log_aggregation", logical_date="2025-11-03T00:00:00+00:00")
        assert state == "success", installation.last_words()
        log, known, users = check_access_log(data)
        report = returned(installation, run_id, "report")
        assert (report["users"], report["requests"]) == (len(users), len(known))
        unreadable = 8000 - len(requests(log))
        said = f"{log.stem.removeprefix('access-')}: 8000 lines, {unreadable} of them unreadable, {len(users)} users"
        assert said in log_of(installation, "access_log_aggregation", run_id, "aggregate")

    def test_a_job_that_fails_is_tried_again_and_the_reason_is_a_sentence(self, installation: Installation) -> None:
        state, run_id = ended(installation, "fails_once")
        assert state == "success", installation.last_words()
        [task] = installation.rows(
            "SELECT t.try_number FROM task_instance t JOIN run r ON r.number = t.run WHERE r.run_id = ?", run_id
        )
        assert task["try_number"] == 2
        assert "Spark job 'fails_once' ended with exit code 1: ValueError: the orders are not there yet;" in log_of(
            installation, "fails_once", run_id, "submit"
        )
        assert "the orders are there" in log_of(installation, "fails_once", run_id, "submit", 2)

    def test_a_driver_outlives_the_worker_and_is_submitted_once(
        self, installation: Installation, cluster: SparkCluster, folder: Path
    ) -> None:
        here = folder / "outlives"
        run_id = installation.trigger("outlives")
        pid, java = started(installation, here, 1)[0]
        installation.until("the kept id", lambda: kept(installation, "outlives"))
        installation.signal("agent")
        log = f"logs/dag_id=outlives/run_id={run_id}/task_id=submit/attempt=2.log"
        installation.until(
            "the next try", lambda: (path := installation.home / log).exists() and "waiting for it" in path.read_text(),
            PATIENCE_SECONDS,
        )  # fmt: skip
        assert alive(pid)
        assert alive(java)
        (here / "release").touch()
        assert installation.wait_for_run("outlives", run_id, PATIENCE_SECONDS) == "success"
        assert len(started(installation, here, 1)) == 1
        assert (here / "result").read_text() == "42"
        assert "released" in log_of(installation, "outlives", run_id, "submit", 2)
        assert len(drivers(cluster, kept(installation, "outlives"))) == 1

    def test_clearing_ends_the_driver_on_the_cluster_and_submits_another(
        self, installation: Installation, cluster: SparkCluster, folder: Path
    ) -> None:
        here = folder / "killed_there"
        run_id = installation.trigger("killed_there")
        _, java = started(installation, here, 1)[0]
        first = installation.until("the kept id", lambda: kept(installation, "killed_there"))
        installation.command("task.clear", dag_id="killed_there", run_id=run_id, task_ids=["submit"])
        installation.until("the driver's end", lambda: not alive(java), PATIENCE_SECONDS)
        (here / "release").touch()
        assert installation.wait_for_run("killed_there", run_id, PATIENCE_SECONDS) == "success"
        assert [driver["state"] for driver in drivers(cluster, first)] == ["KILLED"]
        assert len(started(installation, here, 2)) == 2

    def test_clearing_ends_the_driver_in_the_task(self, installation: Installation, folder: Path) -> None:
        here = folder / "killed_here"
        run_id = installation.trigger("killed_here")
        both = started(installation, here, 1)[0]
        installation.command("task.clear", dag_id="killed_here", run_id=run_id, task_ids=["submit"])
        installation.until("the driver's end", lambda: not any(map(alive, both)), PATIENCE_SECONDS)
        (here / "release").touch()
        assert installation.wait_for_run("killed_here", run_id, PATIENCE_SECONDS) == "success"


def started(installation: Installation, folder: Path, times: int) -> list[list[int]]:
    """Python and Java of each start of a job that waits, as soon as there were so many."""
    file = folder / "started"
    return installation.until(
        f"{times} starts of {folder.name}",
        lambda: (
            pids
            if file.exists()
            and len(pids := [[*map(int, line.split())] for line in file.read_text().splitlines()]) >= times
            else []
        ),
        PATIENCE_SECONDS,
    )


def kept(installation: Installation, dag_id: str) -> str:
    """The driver's id that the task keeps; empty while there is none."""
    sql = "SELECT s.value FROM task_state_store s JOIN run r ON r.number = s.run WHERE r.dag_id = ?"
    rows = installation.rows(sql, dag_id)
    return json.loads(rows[-1]["value"]) if rows else ""


def drivers(cluster: SparkCluster, driver_id: str) -> list[dict[str, Any]]:
    state = cluster.state()
    every = [*state["activedrivers"], *state["completeddrivers"]]
    return [driver for driver in every if driver["id"] == driver_id]


def alive(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
