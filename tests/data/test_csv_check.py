from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tradewind.data import csv_check
from tradewind.data.csv_check import check_csv, has_blank_lines
from tradewind.data.pipelines.lineitem import COLUMNS
from tradewind.data.problems import BadInput

NAMES = list(COLUMNS)


def problem_of(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        check_csv(path, NAMES)
    assert str(path) in str(caught.value)
    return caught.value


def test_a_good_file_gives_its_size_and_rows(lineitem: Path) -> None:
    facts = check_csv(lineitem, NAMES)
    assert (facts.rows, facts.size) == (60_175, lineitem.stat().st_size)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "none.csv").problem == "does not exist"


def test_an_empty_file_is_empty_and_a_lone_header_has_no_rows(first_rows: Path) -> None:
    header = first_rows.read_bytes().split(b"\n")[0] + b"\n"
    first_rows.write_bytes(b"")
    assert problem_of(first_rows).problem == "is empty"
    first_rows.write_bytes(header)
    assert problem_of(first_rows).problem == "has a header but no rows"


@pytest.mark.parametrize("cut", [40, 90])
def test_a_cut_last_line_is_found_with_its_line(first_rows: Path, cut: int) -> None:
    first_rows.write_bytes(first_rows.read_bytes()[:-cut])
    problem = problem_of(first_rows)
    assert "cut off" in problem.problem
    assert problem.line == 3001


def test_a_last_line_without_a_line_break_is_fine(first_rows: Path) -> None:
    first_rows.write_bytes(first_rows.read_bytes()[:-1])
    assert check_csv(first_rows, NAMES).rows == 3000


def test_compressed_and_other_formats_are_named(first_rows: Path) -> None:
    content = first_rows.read_bytes()
    first_rows.write_bytes(gzip.compress(content))
    assert "gzip" in problem_of(first_rows).problem
    first_rows.write_bytes(content.decode().encode("utf-16"))
    assert "UTF-16" in problem_of(first_rows).problem
    first_rows.write_bytes(b"PAR1" + content)
    assert "Parquet" in problem_of(first_rows).problem


def test_a_byte_that_is_not_utf8_is_found_with_its_line(first_rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = first_rows.read_bytes().splitlines(keepends=True)
    lines[2000] = lines[2000].replace(b'"', b'"caf\xe9 ', 1)
    first_rows.write_bytes(b"".join(lines))
    for block in (64, 4 << 20):
        monkeypatch.setattr(csv_check, "BLOCK", block)
        problem = problem_of(first_rows)
        assert (problem.line, "0xe9" in problem.problem) == (2001, True)


def test_characters_cut_by_a_block_are_no_problem(first_rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_check, "BLOCK", 7)
    lines = first_rows.read_bytes().splitlines(keepends=True)[:50]
    text = b"".join(line.replace(b'"', '"날씨 🌬 '.encode(), 1) for line in lines)
    first_rows.write_bytes(text)
    assert check_csv(first_rows, NAMES).rows == 49


def test_wrong_columns_are_listed(first_rows: Path) -> None:
    content = first_rows.read_bytes()
    first_rows.write_bytes(content.replace(b"l_discount,", b"l_rebate,", 1))
    problem = problem_of(first_rows)
    assert problem.problem == "wrong columns (missing: l_discount; unexpected: l_rebate)"
    assert (problem.line, problem.column) == (1, "l_discount")
    first_rows.write_bytes(content.replace(b"l_orderkey,l_partkey", b"l_partkey,l_orderkey", 1))
    assert "wrong order" in problem_of(first_rows).problem


def test_a_zero_byte_is_found_with_its_line(first_rows: Path) -> None:
    lines = first_rows.read_bytes().splitlines(keepends=True)
    lines[10] = b"\0" + lines[10]
    first_rows.write_bytes(b"".join(lines))
    assert problem_of(first_rows).line == 11


@pytest.mark.parametrize("block", [1, 2, 3, 4 << 20])
@pytest.mark.parametrize(
    ("text", "rows"), [("a\n1\n\n", 1), ("a\r\n1\r\n\r\n2\r\n", 2), ("a\n\n\n1\n2", 2), ("a\n1\n2\n", 2)]
)
def test_a_blank_line_is_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, rows: int, block: int
) -> None:
    monkeypatch.setattr(csv_check, "BLOCK", block)
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    assert check_csv(path, ["a"]).rows == rows
    assert has_blank_lines(path) is (rows != 2 or "2\n" not in text or "\r" in text)
