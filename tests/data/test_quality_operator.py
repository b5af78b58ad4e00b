"""The quality gate in a Dag: what is good goes on, and what is not stops there at its first try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tradewind.testing.dag_bag import DagBag

pl = pytest.importorskip("polars")

DAG = """
from datetime import timedelta
from airflow.sdk import DAG, task
from tradewind.data.operators import QualityGateOperator

with DAG("sales", schedule=None, default_args={{"retries": 2, "retry_delay": timedelta(seconds=1)}}):
    gate = QualityGateOperator(
        task_id="gate",
        path="{folder}/{{{{ dag_run.conf['file'] }}}}",
        rules=[{{"rule": "not_null", "column": "city"}}, {{"rule": "row_count", "at_least": 2}}],
        report="{folder}/report.html",
        good="{folder}/good.parquet",
        quarantine="{folder}/bad.parquet",
    )

    @task
    def load():
        return "loaded"

    gate >> load()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    pl.DataFrame({"city": ["Seoul", "Busan"]}).write_parquet(tmp_path / "fine.parquet")
    pl.DataFrame({"city": ["Seoul", None, None]}).write_parquet(tmp_path / "poor.parquet")
    path = tmp_path / "sales.py"
    path.write_text(DAG.format(folder=tmp_path))
    return path


def test_good_data_go_on(run_dag: Any, file: Path) -> None:
    run = run_dag(file, "sales", conf={"file": "fine.parquet"})
    assert run.state == "success"
    found = run.xcom("gate")
    assert (found["score"], found["broken"], found["good_rows"], found["quarantined_rows"]) == (100, [], 2, 0)
    assert run.xcom("load") == "loaded"


def test_bad_data_stop_at_the_gate_without_another_try(run_dag: Any, file: Path) -> None:
    run = run_dag(file, "sales", conf={"file": "poor.parquet"})
    assert run.state == "failed"
    assert (run.task("gate").state, run.task("gate").try_number) == ("failed", 1)
    assert run.task("load").state == "upstream_failed"
    assert "Data quality is" in run.task("gate").log
    assert pl.read_parquet(file.with_name("bad.parquet"))["broken_rules"].to_list() == ["city is present"] * 2
    assert "city is present" in file.with_name("report.html").read_text()


def test_rows_need_both_places_to_go_to_or_none(file: Path) -> None:
    file.write_text(file.read_text().replace(f'good="{file.parent}/good.parquet",', ""))
    [fault] = DagBag(file.parent, files=[file.name]).import_errors.values()
    assert "Task 'gate' needs both good= and quarantine=, or neither" in str(fault)
