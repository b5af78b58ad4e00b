from __future__ import annotations

import csv
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tradewind.data import DataProcessor, runtime
from tradewind.data.duck import session
from tradewind.data.jobs import CsvJob, Derived, GroupBy, Rule, Type
from tradewind.data.pipelines.lineitem import LINEITEM
from tradewind.data.problems import BadInput, DiskFull, MemoryLimitReached

duckdb = pytest.importorskip("duckdb")


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def count(path: Path) -> int:
    return int(duckdb.execute(f"SELECT count(*) FROM '{path}'").fetchone()[0])


def by_hand(path: Path) -> dict[tuple[str, str, int], list[float]]:
    """The reference job in plain Python: rows, quantity, net and delay of each group."""
    groups: dict[tuple[str, str, int], list[float]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            quantity, price, discount = (number(row[f"l_{name}"]) for name in ("quantity", "extendedprice", "discount"))
            if quantity is None or price is None or discount is None or not row["l_shipdate"]:
                continue
            shipped, received = date.fromisoformat(row["l_shipdate"]), date.fromisoformat(row["l_receiptdate"])
            if not (quantity > 0 and price >= 0 and received >= shipped):
                continue
            sums = groups.setdefault((row["l_returnflag"], row["l_linestatus"], shipped.year), [0, 0, 0, 0])
            for n, value in enumerate((1, quantity, price * (1 - discount), (received - shipped).days)):
                sums[n] += value
    return groups


def test_the_reference_job_agrees_with_plain_python(lineitem: Path, tmp_path: Path) -> None:
    expected = by_hand(lineitem)
    result = DataProcessor(max_workers=2).stream_csv_to_parquet(lineitem, tmp_path / "out.parquet", LINEITEM)
    kept = int(sum(sums[0] for sums in expected.values()))
    assert (result.rows_in, result.rows_kept, len(result.summary)) == (60_175, kept, 13)
    assert sum(result.rejected.values()) == 60_175 - kept
    assert len(expected) == 13
    for row in result.summary:
        rows, quantity, net, delay = expected[row["returnflag"], row["linestatus"], row["year"]]
        assert row["rows"] == rows
        assert row["quantity"] == quantity
        assert row["net"] == pytest.approx(net, rel=1e-9)
        assert row["mean_delay"] == pytest.approx(delay / rows, rel=1e-9)
    assert count(tmp_path / "out.parquet") == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet"]


def test_each_lost_row_is_counted_for_the_first_rule_it_breaks(lineitem: Path, tmp_path: Path) -> None:
    result = DataProcessor().stream_csv_to_parquet(lineitem, tmp_path / "out.parquet", LINEITEM)
    assert result.rejected["quantity above 0"] == 60_175 // 997
    assert result.rejected["price not negative"] == 60_175 // 1013
    assert result.rejected["discount present"] == 60_175 // 1021
    assert all(key.startswith("l_orderkey=") for key in result.samples["ship date present"])


def test_a_bad_value_becomes_null_and_costs_no_row_of_its_own(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("a,b,c\n1,2024-02-30,x\nzwei,2024-02-28,\n3,,y\n")
    job = CsvJob({"a": Type.INTEGER, "b": Type.DATE, "c": Type.TEXT})
    DataProcessor().stream_csv_to_parquet(source, tmp_path / "out.parquet", job)
    rows = duckdb.execute(f"SELECT * FROM '{tmp_path / 'out.parquet'}' ORDER BY a NULLS LAST").fetchall()
    assert rows == [(1, None, "x"), (3, None, "y"), (None, date(2024, 2, 28), None)]


def test_a_number_with_a_fraction_is_no_whole_number(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("a,b\n1,1.0\n1.5,2\n-0.4,12345678901.0\n3.,4e2\n")
    DataProcessor().stream_csv_to_parquet(
        source, tmp_path / "out.parquet", CsvJob({"a": Type.INTEGER, "b": Type.BIGINT})
    )
    rows = duckdb.execute(f"SELECT * FROM '{tmp_path / 'out.parquet'}' ORDER BY b").fetchall()
    assert rows == [(1, 1), (None, 2), (3, 400), (None, 12_345_678_901)]


def test_a_job_may_filter_derive_and_group_anything(tmp_path: Path) -> None:
    source = tmp_path / "in's.csv"
    source.write_text('city,"the ""value"""\nSeoul,1\nSeoul,2\nBusan,5\nBusan,-1\n')
    job = CsvJob(
        {"city": Type.TEXT, 'the "value"': Type.DOUBLE},
        keep=(Rule("not negative", '"the ""value""" >= 0'),),
        derived=(Derived("twice", '"the ""value""" * 2'),),
        summary=GroupBy((Derived("city", "city"),), (Derived("total", "sum(twice)"),)),
    )
    result = DataProcessor().stream_csv_to_parquet(source, tmp_path / "out.parquet", job)
    assert result.summary == [{"city": "Busan", "total": 10.0}, {"city": "Seoul", "total": 6.0}]
    assert result.rejected == {"not negative": 1}


def test_a_second_run_replaces_the_first(lineitem: Path, first_rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    DataProcessor().stream_csv_to_parquet(lineitem, out, LINEITEM)
    again = DataProcessor().stream_csv_to_parquet(first_rows, out, LINEITEM)
    assert count(out) == again.rows_kept


@pytest.mark.parametrize(("spoil", "said"), [(",extra", "17 fields where 16"), (None, "fields where 16")])
def test_a_line_with_the_wrong_number_of_fields_is_named(first_rows: Path, spoil: str | None, said: str) -> None:
    lines = first_rows.read_text().splitlines()
    lines[1500] = lines[1500] + spoil if spoil else lines[1500].rsplit(",", 3)[0]
    first_rows.write_text("\n".join(lines) + "\n")
    out = first_rows.with_name("out.parquet")
    out.write_text("the last good one")
    with pytest.raises(BadInput, match=said) as caught:
        DataProcessor().stream_csv_to_parquet(first_rows, out, LINEITEM)
    assert caught.value.line == 1501
    assert out.read_text() == "the last good one"
    assert sorted(path.name for path in first_rows.parent.iterdir()) == ["lineitem.csv", "out.parquet"]


@pytest.mark.parametrize("content", [None, b""])
def test_a_missing_or_empty_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    source = tmp_path / "in.csv"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(BadInput, match=r"in\.csv: (does not exist|is empty)"):
        DataProcessor().stream_csv_to_parquet(source, tmp_path / "out.parquet", LINEITEM)


def test_too_little_memory_is_said_and_leaves_nothing(lineitem: Path, tmp_path: Path) -> None:
    with pytest.raises(MemoryLimitReached, match=r"MEMORY_LIMIT_GB=0\.02"):
        DataProcessor(memory_limit_gb=0.02).stream_csv_to_parquet(lineitem, tmp_path / "out.parquet", LINEITEM)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    from tradewind.data.files import replacing

    with pytest.raises(DiskFull, match=r"full, so out\.parquet could not be written"):
        with replacing(tmp_path / "out.parquet"), open("/dev/full", "w") as full:
            full.write("x" * 100_000)


def test_progress_counts_the_bytes_of_the_source(lineitem: Path, tmp_path: Path) -> None:
    class Recorder:
        calls: list[tuple[Any, ...]] = []
        metrics: dict[str, float] = {}

        def progress(self, done: float, total: float | None, unit: str) -> None:
            self.calls.append((done, total, unit))

        def metric(self, name: str, value: float, labels: object) -> None:
            self.metrics[name] = value

    recorder = Recorder()
    with runtime.installed(recorder):
        DataProcessor().stream_csv_to_parquet(lineitem, tmp_path / "out.parquet", LINEITEM)
    size = lineitem.stat().st_size
    assert recorder.calls[-1] == (size, size, "bytes")
    assert recorder.metrics["rows_kept"] + recorder.metrics["rows_rejected"] == 60_175


def test_duckdb_on_a_full_disk_is_explained(tmp_path: Path) -> None:
    with session(memory_limit_gb=1, max_workers=1, spill=tmp_path / "spill") as duck:
        with pytest.raises(DiskFull, match="The disk of /dev/full is full"):
            duck.run("COPY (SELECT hash(range) FROM range(1000000)) TO '/dev/full' (FORMAT parquet)")


def test_an_interrupted_query_ends_at_once(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    class Impatient:
        def progress(self, done: float, total: float | None, unit: str) -> None:
            raise Stop

        def metric(self, name: str, value: float, labels: object) -> None: ...

    endless = "SELECT count(*) FROM range(100000000000) WHERE hash(range) = 0"
    with session(memory_limit_gb=1, max_workers=1, spill=tmp_path / "spill") as duck, runtime.installed(Impatient()):
        with pytest.raises(Stop):
            duck.run(endless, total=1)
        assert duck.run("SELECT 1") == [(1,)]


def test_columns_that_changed_their_places_are_not_taken_for_each_other(tmp_path: Path) -> None:
    job = CsvJob(columns={"a": Type.INTEGER, "b": Type.INTEGER})
    (tmp_path / "t.csv").write_text("b,a\n1,2\n")
    with pytest.raises(BadInput, match=r"t\.csv, line 1, column 'a': the columns are in the wrong order"):
        DataProcessor().stream_csv_to_parquet(tmp_path / "t.csv", tmp_path / "t.parquet", job)
    assert not (tmp_path / "t.parquet").exists()
