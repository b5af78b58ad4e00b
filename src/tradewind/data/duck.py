"""DuckDB within a promise: so much memory, so many threads, progress while it runs, errors that name the file."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.problems import BadInput, DataProblem, DiskFull, MemoryLimitReached
from tradewind.data.runtime import progress

if TYPE_CHECKING:
    import duckdb

LIMITED_SHARE = 0.6
"""Part of the memory promise given to DuckDB's buffers; the rest is the process itself and what is not counted."""
LARGEST_BUFFERS_GB = 0.45
"""A streaming job gains nothing from more buffers than this, and several tasks share the machine."""


class Session:
    """One in-memory DuckDB. Queries run in a thread, so that signals and time limits reach the caller at once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, memory_limit_gb: float) -> None:
        self.connection = connection
        self._memory_limit_gb = memory_limit_gb

    def run(self, sql: str, *, source: Path | None = None, total: float = 0, unit: str = "") -> list[Any]:
        """All rows of a query. While it runs, progress is reported as a share of `total`, when that is given."""
        outcome: list[Any] = []
        worker = threading.Thread(target=_into, args=(outcome, lambda: self.connection.execute(sql).fetchall()))
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.2)
                share = self.connection.query_progress() if worker.is_alive() else 100.0
                if total and 0 < share < 100:
                    progress(total * share / 100, total, unit)
        except BaseException:
            self.connection.interrupt()
            worker.join()
            raise
        result = outcome[0]
        if isinstance(result, BaseException):
            raise self._explained(result, source) from result
        rows: list[Any] = result
        return rows

    def _explained(self, error: BaseException, source: Path | None) -> BaseException:
        import duckdb

        text = str(error)
        first = text.strip().split("\n")[0]
        if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in first:
            if "max_temp_directory_size" in text or "No space left" in text:
                return DiskFull(f"No disk is left for intermediate data: {first}")
            return MemoryLimitReached(
                f"The work does not fit into MEMORY_LIMIT_GB={self._memory_limit_gb:g}; raise it, or lower MAX_WORKERS."
            )
        if "No space left on device" in text:
            file = re.search(r'write file \\?"([^"\\]+)', text)
            return DiskFull(f"The disk of {file[1] if file else 'the spill folder'} is full; make room and try again.")
        if source is not None and isinstance(error, duckdb.Error) and "CSV Error" in text:
            return _bad_csv(source, text)
        if isinstance(error, duckdb.Error) and not isinstance(error, duckdb.IOException):
            return DataProblem(first)
        return error


@contextmanager
def session(*, memory_limit_gb: float, max_workers: int, spill: Path) -> Iterator[Session]:
    """An in-memory DuckDB that spills to the folder `spill`, which is removed at the end.

    It never runs more threads than there are processors: they would cost memory and gain nothing.
    """
    import duckdb

    threads = min(max_workers, len(os.sched_getaffinity(0)))
    buffers = min(memory_limit_gb * LIMITED_SHARE, LARGEST_BUFFERS_GB)
    connection = duckdb.connect()
    try:
        connection.execute(f"SET memory_limit='{int(buffers * 1000)}MB'")
        connection.execute(f"SET threads={threads}")
        connection.execute("SET preserve_insertion_order=false")
        connection.execute(f"SET temp_directory='{str(spill).replace(chr(39), chr(39) * 2)}'")
        connection.execute("SET enable_progress_bar=true")
        connection.execute("SET enable_progress_bar_print=false")
        known = {name for (name,) in connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()}
        if "type_pushdown" in known:
            # It turns try_cast over a CSV into a cast, so that a bad value fails the query instead of being null.
            connection.execute("SET disabled_optimizers='type_pushdown'")
        yield Session(connection, memory_limit_gb)
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def csv_as_text(path: Path, columns: list[str]) -> str:
    """A relation that gives every field of a CSV as text; empty is null."""
    types = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in columns)
    options = "header=true, auto_detect=false, delim=',', quote='\"', escape='\"'"
    return f"read_csv({_text(str(path))}, {options}, columns={{{types}}})"


def parquet(path: Path) -> str:
    """A relation over one Parquet file; the names of its folders do not become columns."""
    return f"read_parquet({_text(str(path))}, hive_partitioning=false)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _into(outcome: list[Any], work: Callable[[], Any]) -> None:
    try:
        outcome.append(work())
    except BaseException as error:
        outcome.append(error)


def _bad_csv(source: Path, text: str) -> BadInput:
    line = re.search(r"CSV Error on Line: (\d+)", text)
    column = re.search(r'column "([^"]+)"', text)
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if counts:
        problem = f"has {counts[2]} fields where {counts[1]} were expected"
    elif "nterminated quote" in text or "quote should be followed" in text:
        problem = "has a quote that is not closed"
    elif "maximum line size" in text.lower():
        problem = "has a line that is too long"
    else:
        problem = re.sub(r"^.*?(?=CSV Error)", "", text.split("Possible")[0].replace("\n", " ")).strip()
    return BadInput(source, problem, line=int(line[1]) if line else None, column=column[1] if column else None)
