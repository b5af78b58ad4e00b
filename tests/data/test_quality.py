from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradewind.data import quality
from tradewind.data.duck import Session, session
from tradewind.data.problems import QualityGateFailed
from tradewind.data.quality import CheckResult, QualityResult, in_range, measure, not_null, one_of

duckdb = pytest.importorskip("duckdb")

ROWS = "(1, 'A', 0.5::DOUBLE), (2, 'B', 1.5), (3, NULL, 99), (3, 'Z', NULL)"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "run=x" / "data.parquet"
    path.parent.mkdir()
    duckdb.execute(f"COPY (SELECT * FROM (VALUES {ROWS}) t(id, flag, share)) TO '{path}'")
    return path


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[Session]:
    with session(memory_limit_gb=1, max_workers=1, spill=tmp_path / "spill") as duck:
        yield duck


def test_each_check_counts_its_bad_rows_and_null_is_only_bad_where_asked(duck: Session, data: Path) -> None:
    checks = (not_null("flag"), in_range("share", 0, 2), one_of("flag", ("A", "B")), not_null("id"))
    assert [(found.bad, found.rows) for found in measure(duck, data, checks)] == [(1, 4), (1, 4), (1, 4), (0, 4)]


def test_a_key_that_occurs_twice_is_counted(duck: Session, data: Path) -> None:
    assert quality.unique(duck, data, ("id",)).bad == 1
    assert quality.unique(duck, data, ("id", "flag")).passed


def test_a_schema_must_agree_in_names_types_and_order(duck: Session, data: Path) -> None:
    right = {"id": "INTEGER", "flag": "VARCHAR", "share": "DOUBLE"}
    assert quality.schema(duck, data, right).passed
    assert quality.schema(duck, data, {**right, "id": "BIGINT"}).detail == "id is INTEGER"
    assert quality.schema(duck, data, {**right, "more": "DATE"}).detail == "more is missing"
    assert quality.schema(duck, data, {"id": "INTEGER", "flag": "VARCHAR"}).detail == "share is unexpected"
    assert not quality.schema(duck, data, dict(reversed(right.items()))).passed


def check(
    bad: int, *, rows: int = 100, allowed: float = 0.0, weight: float = 1.0, required: bool = False
) -> CheckResult:
    return CheckResult("a check", bad, rows, allowed, weight, required)


def test_the_score_goes_from_0_to_100_and_weighs_the_checks() -> None:
    assert QualityResult((check(0), check(0))).score == 100
    assert QualityResult((check(100), check(100))).score == 0
    assert QualityResult((check(0, weight=3), check(100, weight=1))).score == 75
    assert QualityResult(()).score == 0


def test_a_failed_check_never_counts_more_than_half_and_an_allowed_share_counts_in_full() -> None:
    assert QualityResult((check(1),)).score == 50
    assert QualityResult((check(90),)).score == 10
    assert QualityResult((check(5, allowed=0.05),)).score == 100
    assert QualityResult((check(6, allowed=0.05),)).score == 50


def test_the_gate_opens_at_the_minimum_and_closes_below_it() -> None:
    result = QualityResult((check(0, weight=8), check(100, weight=2)))
    result.gate(80)
    with pytest.raises(QualityGateFailed, match=r"80 of 100 and it must be at least 80\.5: a check \(100 bad\)"):
        result.gate(80.5)


def test_a_required_check_closes_the_gate_whatever_the_score() -> None:
    with pytest.raises(QualityGateFailed, match="a required check failed"):
        QualityResult((check(0, weight=99), check(1, required=True))).gate(0)


def test_freshness_and_counts_have_edges() -> None:
    now = datetime(2025, 1, 2, tzinfo=UTC)
    day = timedelta(days=1)
    assert quality.fresh("data", now - day, now, within=day).passed
    assert not quality.fresh("data", now - day - timedelta(seconds=1), now, within=day).passed
    assert quality.row_count("rows", 10, 10).passed
    assert not quality.row_count("rows", 11, 10).passed
    assert not quality.at_least_one_row("data", 0).passed
    assert quality.rejection_rate(1000, 50, 0.05).passed
    assert not quality.rejection_rate(1000, 51, 0.05).passed
