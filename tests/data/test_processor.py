from __future__ import annotations

import math
from pathlib import Path

import pytest

from tradewind.data import DataProcessor
from tradewind.data.problems import BadInput, BadSetting, MemoryLimitReached

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


@pytest.mark.parametrize("name", ["chunk_size", "max_workers", "memory_limit_gb"])
@pytest.mark.parametrize("value", [0, -1, "10", None, True, math.inf])
def test_an_impossible_setting_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(BadSetting, match=name):
        DataProcessor(**{name: value})


def test_the_defaults_are_the_documented_ones() -> None:
    processor = DataProcessor()
    assert (processor.chunk_size, processor.max_workers, processor.memory_limit_gb) == (10000, 4, 4)


def test_the_pandas_reader_halves_the_memory_and_keeps_the_values(lineitem: Path) -> None:
    plain = pd.read_csv(lineitem, low_memory=False)
    frame = DataProcessor().pandas_optimized_read_csv(lineitem)
    assert list(frame.columns) == list(plain.columns)
    for name in plain.columns:
        pd.testing.assert_series_equal(
            frame[name].astype(plain[name].dtype), plain[name], check_dtype=False, check_index_type=False
        )
    after = frame.memory_usage(deep=True).sum()
    assert after <= 0.5 * plain.memory_usage(deep=True).sum()
    assert frame["l_linenumber"].dtype == "int8"
    assert frame["l_shipmode"].dtype == "category"
    assert frame.attrs["memory"]["after"] == after


def test_the_polars_reader_gives_the_values_of_the_pandas_reader(lineitem: Path) -> None:
    pandas_frame = DataProcessor().pandas_optimized_read_csv(lineitem)
    polars_frame = DataProcessor().polars_optimized_read_csv(lineitem)
    assert polars_frame.columns == list(pandas_frame.columns)
    for name in polars_frame.columns:
        theirs = [None if pd.isna(value) else value for value in pandas_frame[name]]
        assert polars_frame[name].to_list() == theirs, name
    assert polars_frame.schema["l_linenumber"] == pl.Int8
    assert polars_frame.schema["l_shipmode"] == pl.Categorical


def test_the_polars_reader_saves_two_fifths_of_the_memory(lineitem: Path) -> None:
    plain = pl.read_csv(lineitem, infer_schema_length=None)
    columns = [name for name in plain.columns if name != "l_comment"]
    frame = DataProcessor().polars_optimized_read_csv(lineitem, columns=columns)
    assert frame.estimated_size() <= 0.6 * plain.select(columns).estimated_size()


def test_only_wanted_rows_and_columns_are_read(lineitem: Path) -> None:
    frame = DataProcessor().polars_optimized_read_csv(
        lineitem, columns=["l_orderkey", "l_tax"], where=pl.col("l_shipmode") == "AIR"
    )
    everything = pl.read_csv(lineitem, infer_schema_length=None).filter(pl.col("l_shipmode") == "AIR")
    assert frame["l_orderkey"].to_list() == everything["l_orderkey"].to_list()
    assert frame.columns == ["l_orderkey", "l_tax"]
    assert list(DataProcessor().pandas_optimized_read_csv(lineitem, columns=["l_tax", "l_orderkey"]).columns) == [
        "l_tax",
        "l_orderkey",
    ]


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 100])
def test_the_size_of_the_chunks_does_not_change_the_values(tmp_path: Path, chunk_size: int) -> None:
    path = tmp_path / "mixed.csv"
    path.write_text(
        "whole,big,unsigned,part,word,late_word,gaps,flag,empty\n"
        "1,9007199254740993,1,0.5,a,1,1,True,\n"
        "2,1,18446744073709551615,0.1,a,2.50,,False,\n"
        "-300,2,3,,b,x,3,True,\n"
        "4,3,4,0.25,,4,,False,\n"
        "5,3,4,1e300,a,4,7,False,\n"
    )
    plain = pd.read_csv(path)
    frame = DataProcessor(chunk_size=chunk_size).pandas_optimized_read_csv(path)
    for name in plain.columns:
        ours = [None if pd.isna(value) else value for value in frame[name]]
        theirs = [None if pd.isna(value) else value for value in plain[name]]
        assert ours == theirs, name
        assert [type(v) is str for v in ours] == [type(v) is str for v in theirs], name


def test_a_file_larger_than_the_limit_is_refused_with_advice(lineitem: Path) -> None:
    with pytest.raises(MemoryLimitReached, match=r"lineitem\.csv takes .* MEMORY_LIMIT_GB"):
        DataProcessor(memory_limit_gb=0.001).pandas_optimized_read_csv(lineitem)
    with pytest.raises(MemoryLimitReached, match=r"lineitem\.csv takes"):
        DataProcessor(memory_limit_gb=0.001).polars_optimized_read_csv(lineitem)


@pytest.mark.parametrize("reader", ["pandas_optimized_read_csv", "polars_optimized_read_csv"])
def test_a_reader_names_the_file_it_cannot_read(tmp_path: Path, reader: str) -> None:
    read = getattr(DataProcessor(), reader)
    with pytest.raises(BadInput, match=r"none\.csv: does not exist"):
        read(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(BadInput, match=r"empty\.csv: is empty"):
        read(tmp_path / "empty.csv")
    (tmp_path / "latin.csv").write_bytes(b"a,b\n1,caf\xe9\n")
    with pytest.raises(BadInput, match=r"latin\.csv"):
        read(tmp_path / "latin.csv")
    (tmp_path / "wide.csv").write_text("a,b\n1,2,3\n4,5,6\n")
    with pytest.raises(BadInput, match=r"wide\.csv"):
        read(tmp_path / "wide.csv")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(BadInput, match=r"ragged\.csv"):
        read(tmp_path / "ragged.csv")


def test_blank_lines_are_no_rows_for_either_reader(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,x\n\n2,\n\n\n")
    processor = DataProcessor()
    assert processor.pandas_optimized_read_csv(path)["a"].tolist() == [1, 2]
    assert processor.polars_optimized_read_csv(path)["a"].to_list() == [1, 2]
