"""The tutorial's pipeline does what the tutorial says: it loads good sales, and refuses bad ones."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from tradewind.testing import run_dag

pytest.importorskip("duckdb")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "first-pipeline.md").read_text("utf-8")
MAKE, FIRST, TRANSFORM, CHECK, LOAD, ORDER, WHOLE = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def cafe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", MAKE], check=True)
    (tmp_path / "cafe_sales.py").write_text(WHOLE)
    return tmp_path


def revenue(cafe: Path) -> dict[str, float]:
    with closing(sqlite3.connect(cafe / "data" / "cafe.db")) as database:
        return dict(database.execute("SELECT day, revenue FROM revenue"))


def test_the_steps_are_the_whole_file() -> None:
    start, _, end = FIRST.partition("    extract()\n")
    steps = "\n".join(textwrap.indent(part, "    ") for part in (TRANSFORM, CHECK, LOAD, ORDER))
    assert start + steps + end == WHOLE


def test_good_sales_are_loaded_a_day_a_row(cafe: Path) -> None:
    run = run_dag(cafe / "cafe_sales.py", "cafe_sales")
    assert run.state == "success", run
    assert "9900 of 10000 rows are kept" in run.task("transform").log
    loaded = revenue(cafe)
    assert len(loaded) == 7
    assert loaded["2026-03-02"] == 12887.8
    assert run_dag(cafe / "cafe_sales.py", "cafe_sales").state == "success"
    assert revenue(cafe) == loaded


def test_sales_without_their_prices_are_refused(cafe: Path) -> None:
    sales = cafe / "inbox" / "sales.csv"
    sales.write_text(sales.read_text().replace(",3.80", ","))
    run = run_dag(cafe / "cafe_sales.py", "cafe_sales")
    assert run.state == "failed"
    assert run.task("check_quality").try_number == 2
    assert "at most 5 % of the rows are rejected (33.77 %)" in run.task("check_quality").log
    assert run.task("load").state == "upstream_failed"
    assert not (cafe / "data" / "cafe.db").exists()
