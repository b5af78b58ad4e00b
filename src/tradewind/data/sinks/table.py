"""Tables of PostgreSQL, SQLite or any ADBC database. A load is one transaction, its name and its watermark in it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.cursors import Value, Watermark, decoded, encoded, now_text
from tradewind.data.jobs import literal, quoted
from tradewind.data.masking import masked
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
from tradewind.data.sources.adbc import connected, table_name, vendor
from tradewind.data.streams import fitted, passing, stream_of, watched

if TYPE_CHECKING:
    import pyarrow as pa

LOADS, CURSORS = "tradewind_loads", "tradewind_cursors"


class TableSink:
    """One table.

    | mode | a new load | the same load id again |
    |---|---|---|
    | `append` | adds its rows | adds nothing |
    | `merge` | its rows take the place of those with the same `key` | the same rows again |
    | `replace` | fills a new table and swaps it in, with the old one's indexes and defaults | the same table again |

    A watermark moves in the transaction that brings the rows. In PostgreSQL, `replace` locks the table for the swap
    alone; a table that views depend on cannot be swapped, and says so.
    """

    def __init__(
        self,
        address: str | Path,
        table: str,
        *,
        mode: Mode = "append",
        key: Sequence[str] = (),
        driver: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        require_mode(mode, key)
        self.address, self.table, self.mode, self.key = address, table, mode, tuple(key)
        self._how = {"driver": driver, "options": options}

    def __str__(self) -> str:
        return f"{masked(str(self.address))} {self.table}"

    def load(self, stream: pa.RecordBatchReader, *, load_id: str, watermark: Watermark | None = None) -> Loaded:
        """Load the rows in one transaction; see the table above for what a repeated load does."""
        require_load_id(load_id)
        with connected(self.address, **self._how) as connection:
            with connection.cursor() as cursor:
                work = _Load(connection, cursor, self.table, self.key)
                work.prepare()
                connection.commit()
                if self.mode == "append" and work.rows_of(load_id) is not None:
                    return self._repeated(work, load_id, watermark)
                rows = getattr(work, self.mode)(stream)
                if self.mode == "append" and work.rows_of(load_id) is not None:
                    # Another that ran the same load was quicker: its rows count, and ours are undone.
                    connection.rollback()
                    return self._repeated(work, load_id, watermark)
                work.remember(load_id, rows, anew=self.mode != "append")
                if watermark is not None and watermark.value is not None:
                    work.move(watermark)
            connection.commit()
        metric("rows_loaded", rows, {"table": self.table})
        return Loaded(str(self), load_id, rows, watermark=watermark.value if watermark else None)

    def watermark(self, name: str) -> Value | None:
        with connected(self.address, **self._how) as connection, connection.cursor() as cursor:
            work = _Load(connection, cursor, self.table, self.key)
            return work.stored(name) if work.exists(CURSORS) else None

    def _repeated(self, work: _Load, load_id: str, watermark: Watermark | None) -> Loaded:
        reached = None
        if watermark is not None:
            reached = watermark.value = work.stored(watermark.name)
        return Loaded(str(self), load_id, work.rows_of(load_id) or 0, repeated=True, watermark=reached)


class _Load:
    """The SQL of one load."""

    def __init__(self, connection: Any, cursor: Any, table: str, key: Sequence[str]) -> None:
        self.connection, self.cursor, self.table, self.key = connection, cursor, table, key
        self.schema, _, self.name = table.rpartition(".")
        self.vendor = vendor(connection) if connection is not None else ""
        # Names of at most 63 bytes, as PostgreSQL cuts longer ones.
        self.staging = f"{self.name[:40]}_new_{uuid.uuid4().hex[:12]}"

    def prepare(self) -> None:
        """The tables that remember loads and watermarks."""
        for name, columns in (
            (LOADS, "target VARCHAR(300), load_id VARCHAR(400), loaded BIGINT, loaded_at VARCHAR(40), "
             "PRIMARY KEY (target, load_id)"),
            (CURSORS, "target VARCHAR(300), source VARCHAR(300), reached VARCHAR(400), PRIMARY KEY (target, source)"),
        ):  # fmt: skip
            if not self.exists(name):
                self.cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")

    def append(self, stream: pa.RecordBatchReader) -> int:
        if not self.exists(self.table):
            return self._ingest(self.name, stream, "create")
        return self._ingest(self.name, self._fitted(stream), "append")

    def replace(self, stream: pa.RecordBatchReader) -> int:
        target, staging = table_name(self.table), self._beside(self.staging)
        exists = self.exists(self.table)
        if exists and "postgres" in self.vendor:
            self.cursor.execute(f"CREATE TABLE {staging} (LIKE {target} INCLUDING ALL)")
            rows = self._ingest(self.staging, self._fitted(stream), "append")
        else:
            rows = self._ingest(self.staging, stream, "create")
        if exists:
            self.cursor.execute(f"DROP TABLE {target}")
        self.cursor.execute(f"ALTER TABLE {staging} RENAME TO {quoted(self.name)}")
        return rows

    def merge(self, stream: pa.RecordBatchReader) -> int:
        require_key(self.key, stream.schema.names, self.table)
        if not self.exists(self.table):
            empty = stream.schema.empty_table()
            self._ingest(self.name, empty, "create")
        stream = self._fitted(stream)
        target, staging = table_name(self.table), self._beside(self.staging)
        columns = ", ".join(quoted(name) for name in stream.schema.names)
        rows = self._ingest(self.staging, stream, "create")
        require_usable_key(self.key, self._row(unusable_key(self.key, staging, quoted)), self.table)
        same = " AND ".join(f"n.{quoted(name)} = {target}.{quoted(name)}" for name in self.key)
        self.cursor.execute(f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {staging} n WHERE {same})")
        self.cursor.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {staging}")
        self.cursor.execute(f"DROP TABLE {staging}")
        return rows

    def rows_of(self, load_id: str) -> int | None:
        found = self._row(f"SELECT loaded FROM {LOADS} WHERE {self._target} AND load_id = {literal(load_id)}")
        return None if found is None else int(found[0])

    def remember(self, load_id: str, rows: int, *, anew: bool) -> None:
        """`anew`: what is noted of this load before gives way. Added rows would be there twice then."""
        if anew:
            self.cursor.execute(f"DELETE FROM {LOADS} WHERE {self._target} AND load_id = {literal(load_id)}")
        values = f"{literal(self.table)}, {literal(load_id)}, {rows}, {literal(now_text())}"
        # Two that load the same at once meet here, at the primary key, and one of them is undone.
        self.cursor.execute(f"INSERT INTO {LOADS} VALUES ({values})")

    def stored(self, source: str) -> Value | None:
        found = self._row(f"SELECT reached FROM {CURSORS} WHERE {self._target} AND source = {literal(source)}")
        return None if found is None else decoded(found[0])

    def move(self, watermark: Watermark) -> None:
        assert watermark.value is not None
        self.cursor.execute(f"DELETE FROM {CURSORS} WHERE {self._target} AND source = {literal(watermark.name)}")
        values = f"{literal(self.table)}, {literal(watermark.name)}, {literal(encoded(watermark.value))}"
        self.cursor.execute(f"INSERT INTO {CURSORS} VALUES ({values})")

    def exists(self, table: str) -> bool:
        schema, _, name = table.rpartition(".")
        if "sqlite" in self.vendor:
            query = f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = {literal(name)}"
        elif "postgres" in self.vendor:
            query = f"SELECT 1 WHERE to_regclass({literal(table_name(table))}) IS NOT NULL"
        else:
            query = f"SELECT 1 FROM information_schema.tables WHERE table_name = {literal(name)}"
            query += f" AND table_schema = {literal(schema)}" if schema else ""
        return self._row(query) is not None

    def _fitted(self, stream: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """The stream in the types of the table. A driver may write the bytes of another type into a column."""
        if "sqlite" in self.vendor:
            # It has no types of columns: what comes is kept as it is.
            return stream
        self.cursor.execute(f"SELECT * FROM {table_name(self.table)} LIMIT 0")
        return fitted(stream, self.cursor.fetch_arrow_table().schema, self.table)

    @property
    def _target(self) -> str:
        return f"target = {literal(self.table)}"

    def _beside(self, name: str) -> str:
        return table_name(f"{self.schema}.{name}" if self.schema else name)

    def _ingest(self, name: str, stream: Any, mode: str) -> int:
        counted = 0

        def count(batch: pa.RecordBatch) -> None:
            nonlocal counted
            counted += batch.num_rows

        where = {"db_schema_name": self.schema} if self.schema else {}
        with passing(watched(stream_of(stream), count)) as rows:
            self.cursor.adbc_ingest(name, rows, mode=mode, **where)
        return counted

    def _row(self, query: str) -> tuple[Any, ...] | None:
        self.cursor.execute(query)
        found: tuple[Any, ...] | None = self.cursor.fetchone()
        return found
