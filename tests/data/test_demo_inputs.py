from __future__ import annotations

import hashlib
import io
import os
import shutil
import sqlite3
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from tradewind.data.demo import inputs
from tradewind.data.problems import BadSetting, DiskFull

AWK = (
    'BEGIN{FS=OFS=","} NR>1{n=NR-1; if(n%997==0)$5="N/A"; if(n%1009==0)$11=""; if(n%1013==0)$6="-"$6; '
    'if(n%1019==0)$13="1900-01-01"; if(n%1021==0)$7="abc"} {print}'
)


def test_the_messy_file_is_byte_for_byte_what_awk_makes_of_the_clean_one(lineitem: Path, clean_csv: Path) -> None:
    if shutil.which("awk") is None:
        pytest.skip("awk is not installed")
    made = subprocess.run(["awk", AWK, str(clean_csv)], stdout=subprocess.PIPE, check=True).stdout
    assert hashlib.sha256(lineitem.read_bytes()).hexdigest() == hashlib.sha256(made).hexdigest()
    assert made != clean_csv.read_bytes()


@pytest.mark.parametrize("size", [1, 37, 1000, 100_003])
def test_the_size_of_the_blocks_does_not_change_the_result(
    size: int, clean_csv: Path, lineitem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "BLOCK", size)
    lines = 3000
    clean = b"".join(clean_csv.read_bytes().splitlines(keepends=True)[:lines])
    expected = b"".join(lineitem.read_bytes().splitlines(keepends=True)[:lines])
    dirty = inputs.Dirtying()
    assert b"".join(dirty.blocks(io.BytesIO(clean))) == expected
    assert dirty.rows == lines - 1


def test_a_row_hit_by_two_rules_gets_both() -> None:
    line = b",".join(b"%d" % n for n in range(15)) + b',"a, b"\n'
    dirty = inputs.dirty_line(line, 997 * 1013)
    assert dirty.split(b",")[4:6] == [b"N/A", b"-5"]
    assert dirty.endswith(b'"a, b"\n')


def test_an_input_that_fits_its_manifest_is_kept(demo_raw: Path, lineitem: Path) -> None:
    before = lineitem.stat()
    assert inputs.make_lineitem(demo_raw, 0.01) == lineitem
    assert (lineitem.stat().st_ino, lineitem.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_changed_input_is_noticed_by_its_hash_and_a_touched_one_is_kept(lineitem: Path, tmp_path: Path) -> None:
    copy = tmp_path / "lineitem.csv"
    shutil.copyfile(lineitem, copy)
    shutil.copyfile(inputs.manifest_path(lineitem), inputs.manifest_path(copy))
    os.utime(copy, ns=(1, 1))
    assert inputs.is_current(copy, 0.01)
    assert not inputs.is_current(copy, 0.02)
    content = bytearray(copy.read_bytes())
    content[-3] ^= 1
    copy.write_bytes(content)
    assert not inputs.is_current(copy, 0.01)


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 5_000_000))
    with pytest.raises(DiskFull, match=r"scale factor 1 needs 847 MB in .*raw, which has 5 MB free"):
        inputs.make_lineitem(tmp_path / "raw", 1)
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_scale_factor_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="scale factor must be above 0"):
        inputs.make_lineitem(tmp_path, 0)


def test_progress_ends_with_the_size_of_the_file(tmp_path: Path) -> None:
    seen: list[tuple[float, float | None, str]] = []
    path = inputs.make_lineitem(tmp_path, 0.001, lambda *call: seen.append(call))
    size = path.stat().st_size
    assert seen[-1] == (size, size, "bytes")
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_the_database_holds_the_flights_with_their_gaps(demo_raw: Path) -> None:
    with sqlite3.connect(demo_raw / "flights.db") as connection:
        rows = connection.execute("SELECT count(*), count(dep_time), count(tailnum) FROM flights").fetchone()
    connection.close()
    assert rows == (336_776, 336_776 - 8_255, 336_776 - 2_512)
