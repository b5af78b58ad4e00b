"""The same rules give the same results on Polars, DuckDB and, where it is installed, Spark."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewind.data.problems import BadInput, BadSetting, DataProblem, QualityGateFailed
from tradewind.data.quality import QualityResult
from tradewind.data.quality_engines import check, drift_reference, quarantine
from tradewind.data.quality_gates import quality_gate
from tradewind.data.quality_rules import (
    Condition,
    Drift,
    Fresh,
    InRange,
    NotNull,
    OneOf,
    RowCount,
    Rule,
    Schema,
    Unique,
    rules_as_data,
    rules_from,
    stability_index,
)

pl = pytest.importorskip("polars")
duckdb = pytest.importorskip("duckdb")
pq = pytest.importorskip("pyarrow.parquet")

NOW = datetime(2025, 1, 3, tzinfo=UTC)
ROWS = {
    "id": [1, 2, 3, 3, None],
    "city": ["Seoul", "Busan", None, "Jeju", "Seoul"],
    "the price": [1.5, -2.0, float("nan"), None, 1e9],
    "day": [date(2025, 1, n) for n in (1, 2, 3, 4, 5)],
    "at": [datetime(2025, 1, 1, n) for n in range(5)],
    "open": [True, False, True, None, True],
}
RULES: list[Rule] = [
    Schema(
        {"id": "integer", "city": "text", "the price": "float", "day": "date", "at": "timestamp", "open": "boolean"}
    ),
    RowCount(at_least=5, at_most=5),
    RowCount(at_least=6),
    NotNull("id"),
    NotNull("city", allowed=0.2),
    InRange("the price", 0, 1000),
    InRange("the price", low=-5),
    InRange("day", date(2025, 1, 2), date(2025, 1, 4)),
    InRange("at", high=datetime(2025, 1, 1, 2)),
    OneOf("city", ["Seoul", "Busan", "it's"]),
    Condition("open in Seoul", "open OR city <> 'Seoul'"),
    Unique(["id"]),
    Unique(["id", "city"]),
    Fresh("at", within_seconds=48 * 3600),
    Fresh("at", within_seconds=44 * 3600 - 1),
    Fresh("day", within_seconds=0),
    Drift("the price", (0.0, 1000.0), (0.2, 0.2, 0.4, 0.2)),
    Drift("the price", (0.0, 1000.0), (0.0, 1.0, 0.0, 0.0)),
    NotNull("gone"),
    Unique(["id", "gone"]),
]
BAD = [0, 0, 1, 1, 1, 3, 0, 2, 2, 1, 0, 1, 0, 0, 1, 0, 0, 1, 5, 5]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quality") / "data.parquet"
    pl.DataFrame(ROWS).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("PySpark is not installed, so the rules are not tried on Spark.")
    import os

    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = (
        builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "1").getOrCreate()
    )
    try:
        yield session
    finally:
        session.stop()


SPARK = ["spark"] if importlib.util.find_spec("pyspark") else []
"""Seven hundred megabytes that are in an environment of their own: `tests/end_to_end/test_spark_dags.py` runs this
module once more with that."""


@pytest.fixture(params=["polars", "polars lazy", "duckdb", "parquet file", *SPARK])
def data(request: pytest.FixtureRequest, file: Path) -> Any:
    match request.param:
        case "polars":
            return pl.read_parquet(file)
        case "polars lazy":
            return pl.scan_parquet(file)
        case "duckdb":
            return duckdb.connect().read_parquet(str(file))
        case "spark":
            return request.getfixturevalue("spark").read.parquet(str(file))
    return file


def test_each_rule_finds_the_same_on_every_engine(data: Any) -> None:
    found = check(data, RULES, now=NOW)
    assert dict(zip([rule.name for rule in RULES], BAD, strict=True)) == {c.name: c.bad for c in found.checks}
    assert [result.bad for result in found.checks] == BAD


def test_times_and_texts_mean_the_same_on_every_engine_in_every_zone(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The machine's zone, a connection's and a session's are all Seoul's here: rules are in UTC all the same."""
    path = tmp_path / "times.parquet"
    at = [datetime(2026, 1, 1, hour, 30, tzinfo=UTC) for hour in (0, 1, 3)]
    texts = ["it's", "a\\b", "\\"]
    pl.DataFrame(
        {"at": at, "local": [each.replace(tzinfo=None) for each in at], "day": [each.date() for each in at], "c": texts}
    ).write_parquet(path)
    inside = datetime(2026, 1, 1, 0, tzinfo=UTC), datetime(2026, 1, 1, 2, tzinfo=UTC)
    rules = [
        InRange("at", *inside), InRange("local", *inside), InRange("at", high=inside[1].replace(tzinfo=None)),
        Fresh("at", 1800), Fresh("local", 1800), Fresh("day", 4 * 3600), OneOf("c", texts), OneOf("c", texts[:1]),
    ]  # fmt: skip
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Seoul'")
    kinds = [pl.read_parquet(path), pl.scan_parquet(path), path, connection.read_parquet(str(path))]
    if SPARK:
        session = request.getfixturevalue("spark")
        session.conf.set("spark.sql.session.timeZone", "Asia/Seoul")
        kinds.append(session.read.parquet(str(path)))
    for number, kind in enumerate(kinds):
        found = check(kind, rules, now=datetime(2026, 1, 1, 4, tzinfo=UTC))
        assert [result.bad for result in found.checks] == [1, 1, 1, 0, 0, 0, 0, 2], type(kind)
        good, bad = tmp_path / f"good{number}", tmp_path / f"bad{number}"
        assert quarantine(kind, [rules[0], rules[6]], good=good, bad=bad) == (2, 1)
        assert pq.read_table(bad).column_names == ["at", "local", "day", "c", "broken_rules"]
    if SPARK:
        assert session.conf.get("spark.sql.session.timeZone") == "Asia/Seoul"
        session.conf.set("spark.sql.session.timeZone", "UTC")


def test_results_say_what_was_found(data: Any) -> None:
    found = check(data, [Schema({"id": "text", "more": "date"}), Fresh("at", 0), RowCount(9), NotNull("gone")], now=NOW)
    schema, fresh, count, gone = found.checks
    assert schema.detail.startswith("id is integer; more is missing; city is unexpected")
    assert fresh.detail == "the newest is 1 day, 20:00:00 old"
    assert count.detail == "5 rows"
    assert gone.detail == "gone is missing"
    assert gone.required
    with pytest.raises(QualityGateFailed, match="a required check failed"):
        found.gate(0)


def test_rows_that_break_a_rule_are_put_aside_with_its_name(data: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    days = InRange("day", date(2025, 1, 2), date(2025, 1, 4))
    for _ in range(2):
        rules = [NotNull("id"), InRange("the price", 0, 1000), days, NotNull("gone"), Unique(["id"])]
        assert quarantine(data, rules, good=good, bad=bad) == (1, 4)
    kept, lost = pq.read_table(good), pq.read_table(bad)
    assert kept.column_names == list(ROWS)
    assert kept["day"].to_pylist() == [date(2025, 1, 4)]
    reasons = dict(zip(lost["day"].to_pylist(), lost["broken_rules"].to_pylist(), strict=True))
    assert reasons == {
        date(2025, 1, 1): days.name,
        date(2025, 1, 2): "the price is within 0 and 1000",
        date(2025, 1, 3): "the price is within 0 and 1000",
        date(2025, 1, 5): f"id is present; the price is within 0 and 1000; {days.name}",
    }


def test_a_reference_does_not_drift_from_itself_and_does_from_another(data: Any) -> None:
    reference = drift_reference(data, "id", bins_wanted=2)
    assert sum(reference.shares) == pytest.approx(1)
    assert check(data, [reference]).score == 100
    moved = pl.DataFrame({"id": [100] * 50})
    assert check(moved, [reference]).checks[0].bad == 1


def test_engines_find_the_same_reference(file: Path) -> None:
    values = pl.DataFrame({"x": [((n * 7919) % 1000) / 7 for n in range(1000)]})
    ours = drift_reference(values, "x")
    theirs = drift_reference(duckdb.connect().from_arrow(values.to_arrow()), "x")
    assert ours.edges == pytest.approx(theirs.edges)
    assert ours.shares == pytest.approx(theirs.shares, abs=0.002)
    assert len(ours.edges) == 9


def test_the_index_is_zero_for_the_same_spread_and_grows_with_the_distance() -> None:
    assert stability_index([0.5, 0.5, 0], [10, 10, 0]) == pytest.approx(0)
    assert stability_index([0.5, 0.5], [60, 40]) == pytest.approx(0.0405, abs=1e-4)
    assert stability_index([0.5, 0.5], [100, 0]) > 4
    assert not stability_index([1.0], [0]) <= 1e9


def test_rules_are_data() -> None:
    rules = [rule for rule in RULES if not (isinstance(rule, InRange) and isinstance(rule.low or rule.high, date))]
    again = rules_from(json.loads(json.dumps(rules_as_data(rules))))
    assert [rule.name for rule in again] == [rule.name for rule in rules]
    assert rules_as_data(again) == json.loads(json.dumps(rules_as_data(rules)))
    for data, problem in (
        ({"rule": "nul"}, r"Rule 1 is 'nul'; there are not_null"),
        ({"rule": "not_null"}, r"Rule 1 \(not_null\) needs 'column'"),
        ({"rule": "not_null", "column": "a", "colour": 1}, "has no 'colour'"),
        ({"rule": "drift", "column": "a", "edges": [2, 1], "shares": [1, 0, 0, 0]}, "needs growing edges"),
    ):
        with pytest.raises(BadSetting, match=problem):
            rules_from([data])


def test_what_cannot_be_checked_is_named(tmp_path: Path, file: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        check(tmp_path / "none.parquet", RULES)
    with pytest.raises(DataProblem, match="not on list"):
        check([1], RULES)
    for data in (file, pl.read_parquet(file)):
        with pytest.raises(DataProblem, match="cannot be worked out"):
            check(data, [Condition("nonsense", "id >>> 'x")])
    with pytest.raises(DataProblem, match="no row-wise rule"):
        quarantine(file, [RowCount()], good=tmp_path / "g", bad=tmp_path / "b")
    assert (
        check(pl.DataFrame({"id": []}, schema={"id": pl.Int64}), [NotNull("id"), Unique(["id"]), RowCount()]).score
        < 100
    )


def test_an_empty_set_has_no_newest_time() -> None:
    empty = pl.DataFrame(schema={"at": pl.Datetime("us", "Asia/Seoul")})
    assert check(empty, [Fresh("at", 10)]).checks[0].detail == "it has no value"
    seoul = pl.DataFrame({"at": [NOW]}).with_columns(pl.col("at").dt.convert_time_zone("Asia/Seoul"))
    assert check(seoul, [Fresh("at", 0)], now=NOW).score == 100
    assert check(seoul, [Fresh("at", 9)], now=NOW + timedelta(seconds=10)).score == 0


def test_the_gate_writes_its_report_and_quarantine_before_it_closes(file: Path, tmp_path: Path) -> None:
    rules = [{"rule": "not_null", "column": "id"}, {"rule": "one_of", "column": "city", "values": ["Seoul", "<b>"]}]
    where = {"report": tmp_path / "q.html", "good": tmp_path / "g.parquet", "quarantined": tmp_path / "b.parquet"}
    assert quality_gate(file, rules, minimum=50, **where) == {
        "score": 50.0,
        "broken": ["id is present", "city is one of Seoul, <b>"],
        "good_rows": 2,
        "quarantined_rows": 3,
        "report": str(tmp_path / "q.html"),
    }
    page = (tmp_path / "q.html").read_text()
    assert "id is present" in page
    assert "&lt;b&gt;" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    (tmp_path / "q.html").unlink()
    with pytest.raises(QualityGateFailed, match=r"must be at least 99"):
        quality_gate(file, rules, minimum=99, **where)
    assert (tmp_path / "q.html").exists()
    with pytest.raises(BadSetting, match="or neither"):
        quality_gate(file, rules, good=tmp_path / "g.parquet")


def test_one_broken_rule_lowers_the_score_by_its_weight(file: Path) -> None:
    found: Callable[..., QualityResult] = lambda *rules: check(file, rules)  # noqa: E731
    assert found(NotNull("day"), NotNull("id", weight=3)).score == pytest.approx((1 + 3 * 0.5) / 4 * 100)
