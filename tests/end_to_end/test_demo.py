"""The demo from nothing, at a small scale: its output, its results, and a second one that reuses the input."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("polars")
ETL = Path(__file__).parents[2] / "dags" / "etl"

# It makes its own input: half a minute on a machine that is busy otherwise.
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tradewind.cli.main", "demo", "--sf", "0.01", "--once", "--dags", "etl", *options]
    environment = {**os.environ, "PYTHONUTF8": "1", "AIRFLOW__CORE__DAGS_FOLDER": "/does/not/count"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)


def test_the_demo_makes_its_input_once_runs_the_pipeline_and_says_where_the_results_are(tmp_path: Path) -> None:
    shutil.copytree(ETL, tmp_path / "etl")
    first = demo(tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Tradewind demo at scale 0.01" in first.stdout
    assert "60,175 read" in first.stdout
    report = next(line.split()[1] for line in first.stdout.splitlines() if line.startswith("  report "))
    assert "<svg" in (tmp_path / report).read_text()
    assert (tmp_path / ".demo" / "data" / "processed" / "mart.duckdb").is_file()

    again = demo(tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Input is there already" in again.stdout


def test_too_little_room_is_said_before_anything_is_made(tmp_path: Path) -> None:
    shutil.copytree(ETL, tmp_path / "etl")
    done = demo(tmp_path, "--sf", "1000000")
    assert done.returncode == 1
    assert "are free; make room, or take a smaller scale" in done.stderr
    assert not (tmp_path / ".demo").exists()
