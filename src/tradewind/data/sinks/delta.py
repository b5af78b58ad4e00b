"""Delta Lake tables. A load is one commit of the table's log, with its name and its watermark in it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.cursors import Value, Watermark
from tradewind.data.duck import parquet
from tradewind.data.jobs import quoted
from tradewind.data.masking import masked
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
from tradewind.data.streams import fitted, passing, watched

if TYPE_CHECKING:
    import pyarrow as pa

WATERMARK = "tradewind-watermark"
MICROSECOND = timedelta(microseconds=1)


class DeltaSink:
    """One Delta table, in a folder or at `s3://…`; needs `pip install 'tradewind[delta]'`.

    `append` adds a load's rows once: each load is also noted in the Delta log, in the commit that adds its rows.
    `merge` lets rows take the place of those with the same `key`, and `replace` makes a new version of the table, so
    that both may be repeated. Readers see the version before or the one after.
    """

    def __init__(
        self,
        address: str | Path,
        *,
        mode: Mode = "append",
        key: Sequence[str] = (),
        partition_by: Sequence[str] = (),
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        require_mode(mode, key)
        self.address, self.mode, self.key = str(address), mode, tuple(key)
        self.partition_by = list(partition_by)
        self.storage_options = dict(storage_options) if storage_options else None

    def __str__(self) -> str:
        return masked(self.address)

    def load(self, stream: pa.RecordBatchReader, *, load_id: str, watermark: Watermark | None = None) -> Loaded:
        """Load the rows in one commit; a repeated `append` writes nothing."""
        import pyarrow as pa

        require_load_id(load_id)
        delta = _deltalake()
        app_id = f"tradewind-{hashlib.sha256(load_id.encode()).hexdigest()[:32]}"
        table = self._table(delta)
        done = table.transaction_version(app_id) if self.mode == "append" and table is not None else None
        if done is not None:
            return self._repeated(table, load_id, watermark)
        with tempfile.TemporaryDirectory(prefix="tradewind-load-") as folder:
            if watermark is not None or self.mode == "merge":
                # A commit is described before its rows are read, so the watermark has to be known by then; and what
                # takes the place of what, only when no two rows want the same one.
                stream = self._spooled(stream, Path(folder) / "rows.parquet")
            if table is not None and self.mode != "replace":
                stream = fitted(stream, pa.schema(table.schema().to_arrow()), self)
            count = _Count()
            commit = delta.CommitProperties(app_transactions=_transactions(delta, app_id, watermark))
            with _explained(self, delta), passing(watched(stream, count.see)) as rows:
                self._write(delta, table, rows, commit)
        metric("rows_loaded", count.rows, {"sink": "delta"})
        return Loaded(str(self), load_id, count.rows, watermark=watermark.value if watermark else None)

    def watermark(self, name: str) -> Value | None:
        delta = _deltalake()
        table = self._table(delta)
        return None if table is None else _stored(table, name)

    def _write(self, delta: Any, table: Any, rows: pa.RecordBatchReader, commit: Any) -> None:
        if self.mode == "merge" and table is not None:
            same = " AND ".join(f"old.{_name(column)} = new.{_name(column)}" for column in self.key)
            merge = table.merge(rows, same, source_alias="new", target_alias="old", commit_properties=commit)
            merge.when_matched_update_all().when_not_matched_insert_all().execute()
            return
        delta.write_deltalake(
            table if table is not None else self.address,
            rows,
            mode="overwrite" if self.mode == "replace" else "append",
            schema_mode="overwrite" if self.mode == "replace" and table is not None else None,
            partition_by=self.partition_by or None,
            storage_options=self.storage_options if table is None else None,
            commit_properties=commit,
        )

    def _spooled(self, stream: pa.RecordBatchReader, path: Path) -> pa.RecordBatchReader:
        """The stream from a file, where its key can be looked at as a whole."""
        import duckdb

        from tradewind.data.sinks.files import write_file
        from tradewind.data.sources.files import open_parquet

        if self.key:
            require_key(self.key, stream.schema.names, self)
        write_file(stream, path)
        if self.key:
            with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(path.parent)}) as duck:
                wrong = duck.execute(unusable_key(self.key, parquet(path), quoted)).fetchone()
            require_usable_key(self.key, wrong, self)
        return open_parquet(path)

    def _table(self, delta: Any) -> Any:
        if not delta.DeltaTable.is_deltatable(self.address, self.storage_options):
            return None
        with _explained(self, delta):
            return delta.DeltaTable(self.address, storage_options=self.storage_options)

    def _repeated(self, table: Any, load_id: str, watermark: Watermark | None) -> Loaded:
        reached = _stored(table, watermark.name) if watermark else None
        if watermark is not None:
            watermark.value = reached
        return Loaded(str(self), load_id, 0, repeated=True, watermark=reached)


class _Count:
    rows = 0

    def see(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows


def _deltalake() -> Any:
    try:
        import deltalake
    except ImportError as error:
        raise DataProblem(
            "Delta takes a library that is not installed; run `pip install 'tradewind[delta]'`."
        ) from error
    return deltalake


def _transactions(delta: Any, app_id: str, watermark: Watermark | None) -> list[Any]:
    """What the log keeps for ever, checkpoints and clean-ups included: that this load was done, and how far it got."""
    found = [delta.Transaction(app_id, 1)]
    if watermark is not None and watermark.value is not None:
        kind, number = _as_number(watermark.value)
        found.append(delta.Transaction(f"{WATERMARK}-{kind}-{watermark.name}", number))
    return found


def _as_number(value: Value) -> tuple[str, int]:
    match value:
        case datetime() if value.tzinfo is None:
            return "local", (value - datetime.min) // MICROSECOND
        case datetime():
            return "utc", (value - datetime.min.replace(tzinfo=UTC)) // MICROSECOND
        case date():
            return "date", value.toordinal()
        case int():
            return "int", value
    raise DataProblem(
        f"Delta keeps whole numbers and times as watermarks, no {type(value).__name__}; choose such a column."
    )


def _stored(table: Any, name: str) -> Value | None:
    def number(kind: str) -> int | None:
        found: int | None = table.transaction_version(f"{WATERMARK}-{kind}-{name}")
        return found

    if (found := number("int")) is not None:
        return found
    if (found := number("date")) is not None:
        return date.fromordinal(found)
    if (found := number("local")) is not None:
        return datetime.min + found * MICROSECOND
    if (found := number("utc")) is not None:
        return datetime.min.replace(tzinfo=UTC) + found * MICROSECOND
    return None


@contextmanager
def _explained(sink: DeltaSink, delta: Any) -> Iterator[None]:
    from deltalake.exceptions import CommitFailedError, DeltaError, SchemaMismatchError

    try:
        yield
    except CommitFailedError as error:
        raise SourceUnavailable(
            f"{sink} was changed by another at the same time; try again ({_short(error)})."
        ) from error
    except (SchemaMismatchError, DeltaError) as error:
        raise DataProblem(f"{sink} does not take these rows: {_short(error)}") from error
    except Exception as error:
        # The engine below says some things as a bare Exception, such as a text that is no number.
        if type(error) is not Exception:
            raise
        raise DataProblem(f"{sink} does not take these rows: {_short(error)}") from error


def _short(error: BaseException) -> str:
    return masked(" ".join(str(error).split())[:300])


def _name(column: str) -> str:
    return "`" + column.replace("`", "``") + "`"
