"""Tables of a DuckDB file. A load is one transaction, with its name and its watermark in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.cursors import Value, Watermark, decoded, encoded, now_text
from tradewind.data.jobs import quoted
from tradewind.data.problems import DataProblem, SourceUnavailable
from tradewind.data.runtime import metric
from tradewind.data.sinks.base import (
    Loaded,
    Mode,
    require_key,
    require_load_id,
    require_mode,
    require_usable_key,
    unusable_key,
)
from tradewind.data.sinks.table import CURSORS, LOADS
from tradewind.data.streams import fitted, passing

if TYPE_CHECKING:
    import pyarrow as pa


class DuckDBSink:
    """One table of a DuckDB file; `append`, `merge` and `replace` promise what `TableSink` does."""

    def __init__(
        self,
        path: str | Path,
        table: str,
        *,
        mode: Mode = "append",
        key: Sequence[str] = (),
        memory_limit_gb: float = 1.0,
    ) -> None:
        require_mode(mode, key)
        self.path, self.table, self.mode, self.key = Path(path), table, mode, tuple(key)
        self._memory = f"{int(memory_limit_gb * 1000)}MB"

    def __str__(self) -> str:
        return f"{self.path} {self.table}"

    def load(self, stream: pa.RecordBatchReader, *, load_id: str, watermark: Watermark | None = None) -> Loaded:
        """Load the rows in one transaction; see `TableSink` for what a repeated load does."""
        require_load_id(load_id)
        with self._connected() as duck:
            self._prepare(duck)
            duck.execute("BEGIN")
            query = f"SELECT loaded FROM {LOADS} WHERE target = ? AND load_id = ?"
            before = _first(duck.execute(query, [self.table, load_id]))
            if before is not None and self.mode == "append":
                reached = self._stored(duck, watermark.name) if watermark else None
                if watermark is not None:
                    watermark.value = reached
                return Loaded(str(self), load_id, int(before[0]), repeated=True, watermark=reached)
            rows = self._write(duck, stream)
            duck.execute(f"INSERT OR REPLACE INTO {LOADS} VALUES (?, ?, ?, ?)", [self.table, load_id, rows, now_text()])
            if watermark is not None and watermark.value is not None:
                values = [self.table, watermark.name, encoded(watermark.value)]
                duck.execute(f"INSERT OR REPLACE INTO {CURSORS} VALUES (?, ?, ?)", values)
            duck.execute("COMMIT")
        metric("rows_loaded", rows, {"table": self.table})
        return Loaded(str(self), load_id, rows, watermark=watermark.value if watermark else None)

    def watermark(self, name: str) -> Value | None:
        if not self.path.exists():
            return None
        with self._connected() as duck:
            self._prepare(duck)
            return self._stored(duck, name)

    def _write(self, duck: Any, stream: pa.RecordBatchReader) -> int:
        target = ".".join(quoted(part) for part in self.table.split("."))
        columns = ", ".join(quoted(name) for name in stream.schema.names)
        empty = stream.schema.empty_table()
        duck.register("shape", empty)
        if self.mode == "replace":
            duck.execute(f"CREATE OR REPLACE TABLE {target} AS FROM shape")
        else:
            duck.execute(f"CREATE TABLE IF NOT EXISTS {target} AS FROM shape")
            kept = duck.sql(f"FROM {target} LIMIT 0").to_arrow_table().schema
            stream = fitted(stream, kept, self)
        require_key(self.key, stream.schema.names, self.table)
        with passing(stream) as rows:
            duck.register("coming", rows)
            if self.mode != "merge":
                return _count(duck.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM coming"))
            duck.execute("CREATE TEMP TABLE merging AS FROM coming")
        keys = ", ".join(quoted(name) for name in self.key)
        require_usable_key(self.key, _first(duck.execute(unusable_key(self.key, "merging", quoted))), self.table)
        duck.execute(f"DELETE FROM {target} WHERE ({keys}) IN (SELECT ({keys}) FROM merging)")
        return _count(duck.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM merging"))

    def _prepare(self, duck: Any) -> None:
        duck.execute(
            f"CREATE TABLE IF NOT EXISTS {LOADS} (target VARCHAR, load_id VARCHAR, loaded BIGINT, loaded_at VARCHAR, "
            "PRIMARY KEY (target, load_id))"
        )
        duck.execute(
            f"CREATE TABLE IF NOT EXISTS {CURSORS} (target VARCHAR, source VARCHAR, reached VARCHAR, "
            "PRIMARY KEY (target, source))"
        )

    def _stored(self, duck: Any, name: str) -> Value | None:
        query = f"SELECT reached FROM {CURSORS} WHERE target = ? AND source = ?"
        found = _first(duck.execute(query, [self.table, name]))
        return decoded(found[0]) if found else None

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import duckdb

        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            duck = duckdb.connect(self.path, config={"memory_limit": self._memory})
        except duckdb.IOException as error:
            raise SourceUnavailable(f"{self.path} is in use or no DuckDB file ({_first_line(error)}).") from error
        try:
            yield duck
        except (duckdb.CatalogException, duckdb.BinderException, duckdb.ConversionException) as error:
            raise DataProblem(f"{self} does not take these rows: {_first_line(error)}") from error
        finally:
            # What was not committed is gone with the connection.
            duck.close()


def _first(result: Any) -> tuple[Any, ...] | None:
    """The first row. All are taken, since an unfinished result holds up the connection."""
    rows = result.fetchall()
    return rows[0] if rows else None


def _count(result: Any) -> int:
    return int(result.fetchall()[0][0])


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
