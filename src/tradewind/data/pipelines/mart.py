"""The warehouse folder and the mart: what is loaded, by run, so that loading again doubles nothing."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.duck import parquet
from tradewind.data.files import place, replacing
from tradewind.data.pipelines.lineitem import LINEITEM
from tradewind.data.pipelines.run import Run, extracts, partition, staging, warehouse
from tradewind.data.problems import DataProblem

if TYPE_CHECKING:
    import duckdb

TABLES = {"lineitem": "lineitem", "flights": "flights_weather"}
"""What the transform calls its outputs, and their tables in the warehouse."""


def load_mart(run: Run, transformed: dict[str, Any], *, score: float, now: datetime) -> dict[str, Any]:
    """Place the run's Parquet files in the warehouse and its summaries in the mart; gives paths and row counts."""
    for output, table in TABLES.items():
        if not Path(transformed[output]).is_file():
            raise DataProblem(f"{transformed[output]} is gone; clear the transform task, so that it is made again.")
        place(Path(transformed[output]), run.warehouse(table))
    with _changed(run) as mart:
        counts = {table: _rows(mart, run.warehouse(table)) for table in TABLES.values()}
        if counts["lineitem"] != transformed["rows_kept"]:
            found, expected = counts["lineitem"], transformed["rows_kept"]
            raise DataProblem(f"{run.warehouse('lineitem')} holds {found} rows, but {expected} were transformed.")
        _replace_rows(mart, run, transformed, counts, score, now)
    return {
        "warehouse": str(warehouse(run.settings)),
        "mart": str(run.mart),
        **{f"{table}_rows": rows for table, rows in counts.items()},
    }


def _replace_rows(
    mart: duckdb.DuckDBPyConnection,
    run: Run,
    transformed: dict[str, Any],
    counts: dict[str, int],
    score: float,
    now: datetime,
) -> None:
    sources = {
        "lineitem_summary": LINEITEM.summarise(parquet(run.warehouse("lineitem"))),
        "flights_daily": f"SELECT * FROM {parquet(Path(transformed['flights_daily']))}",
    }
    mart.execute(
        "CREATE TABLE IF NOT EXISTS runs (run_id VARCHAR PRIMARY KEY, loaded_at TIMESTAMPTZ, rows_in BIGINT, "
        "rows_loaded BIGINT, quality DOUBLE)"
    )
    mart.execute("BEGIN")
    for table, query in sources.items():
        rows = f"SELECT ?::VARCHAR AS run_id, * FROM ({query})"
        mart.execute(f"CREATE TABLE IF NOT EXISTS {table} AS FROM ({rows}) LIMIT 0", [run.run_id])
        mart.execute(f"DELETE FROM {table} WHERE run_id = ?", [run.run_id])
        mart.execute(f"INSERT INTO {table} {rows}", [run.run_id])
    row = [run.run_id, now.isoformat(), transformed["rows_in"], counts["lineitem"], score]
    mart.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", row)
    for table in TABLES.values():
        mart.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM {parquet(run.warehouse(table))}")
    mart.execute("COMMIT")


def prune(run: Run) -> list[str]:
    """Remove the data of the oldest loaded runs beyond `keep_runs`; reports and logs stay. Gives their ids."""
    keep = run.options.keep_runs
    if not keep:
        return []
    with _changed(run) as mart:
        loaded = [name for (name,) in mart.execute("SELECT run_id FROM runs ORDER BY loaded_at DESC").fetchall()]
        old = [name for name in loaded[keep:] if name != run.run_id]
        for name in old:
            for table in ("lineitem_summary", "flights_daily", "runs"):
                mart.execute(f"DELETE FROM {table} WHERE run_id = ?", [name])
    for name in old:
        folders = [extracts(run.settings), staging(run.settings)]
        folders += [warehouse(run.settings) / table for table in TABLES.values()]
        for folder in folders:
            shutil.rmtree(folder / partition(name), ignore_errors=True)
    return old


@contextmanager
def _changed(run: Run) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the mart to change, which takes the mart's place at the end. One writer at a time."""
    import duckdb

    with _locked(run.mart.with_name(".mart.lock")), replacing(run.mart) as temporary:
        if run.mart.exists():
            shutil.copyfile(run.mart, temporary)
        mart = duckdb.connect(str(temporary))
        try:
            mart.execute("SET memory_limit='400MB'")
            yield mart
        finally:
            mart.close()
            temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _rows(mart: duckdb.DuckDBPyConnection, path: Path) -> int:
    found = mart.execute(f"SELECT count(*) FROM {parquet(path)}").fetchone()
    assert found is not None
    return int(found[0])
