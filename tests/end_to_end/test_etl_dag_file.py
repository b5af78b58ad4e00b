"""The Dag files of `dags/etl` as an author's: what they import, and what they say to the engine."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / "dags" / "etl" / "large_data_etl_pipeline.py"
MONITORING = ROOT / "dags" / "etl" / "monitoring_dag.py"


@pytest.mark.parametrize("file", [FILE, MONITORING], ids=lambda file: file.name)
def test_it_imports_only_what_both_engines_have(file: Path) -> None:
    tree = ast.parse(file.read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in modules if name and name.startswith(("tradewind", "airflow"))}
    assert {name.split(".")[0] + "." + name.split(".")[1] for name in ours} == {"airflow.sdk", "tradewind.data"}


def test_its_code_loads_no_data_library_and_no_engine_before_it_works() -> None:
    script = (
        "import sys\n"
        "import tradewind.data, tradewind.data.pipelines.large_etl, tradewind.data.pipelines.watch\n"
        "heavy = {'polars', 'duckdb', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules)\n"
        "ours = {name for name in sys.modules if name.startswith('tradewind.')}\n"
        "engine = {name for name in ours if not name.startswith('tradewind.data')}\n"
        "assert not heavy | engine, heavy | engine\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_it_is_the_same_dag_on_this_engine() -> None:
    script = (
        "import runpy, sys\n"
        f"found = runpy.run_path({str(FILE)!r})\n"
        "dag = found['large_data_etl_pipeline']()\n"
        "task = dag.task_dict['transform']\n"
        "print(dag.dag_id, dag.max_active_tasks, dag.max_active_runs, dag.catchup)\n"
        "print(task.retries, task.retry_delay, task.retry_exponential_backoff)\n"
        "for name in dag.task_dict: print(name, *sorted(dag.task_dict[name].upstream_task_ids))\n"
    )
    folder = FILE.parent
    done = subprocess.run(
        [sys.executable, "-c", f"from tradewind.compat import install; install()\n{script}"],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "large_data_etl_pipeline 10 2 False",
        "3 0:05:00 2.0",
        "extract_files",
        "extract_database",
        "extract_api",
        "transform extract_api extract_database extract_files",
        "check_quality extract_database extract_files transform",
        "load check_quality transform",
        "report check_quality extract_api extract_database extract_files load transform",
    ]


def test_the_short_name_of_the_processor_works() -> None:
    script = "import tradewind.data as a, utils.data_processor as b; assert a.DataProcessor is b.DataProcessor"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT / "dags")
