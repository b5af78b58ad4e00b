"""Tables that pass by in batches: what every source gives, and every sink takes.

A stream is a `pyarrow.RecordBatchReader`. It is read once, and only a batch of it is in memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tradewind.data.problems import DataProblem
from tradewind.data.runtime import progress

if TYPE_CHECKING:
    import pyarrow as pa

    from tradewind.data.memory import MemoryMonitor


def stream_of(data: Any, *, chunk_size: int = 10_000) -> pa.RecordBatchReader:
    """A stream of a pyarrow, Polars, pandas or DuckDB table, or of a list of dicts; a stream is given back as it is."""
    import pyarrow as pa

    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, pa.Table):
        return data.to_reader(chunk_size)
    if type(data).__module__.split(".")[0] == "pandas":
        return pa.Table.from_pandas(data, preserve_index=False).to_reader(chunk_size)
    if type(data).__module__.split(".")[0] == "polars":
        import polars as pl

        frame = data.collect(engine="streaming") if isinstance(data, pl.LazyFrame) else data
        # Polars' own kind of text column is not one that every sink knows.
        return _plain_text(frame.to_arrow(compat_level=pl.CompatLevel.oldest())).to_reader(chunk_size)
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    if isinstance(data, list | tuple):
        return records_as_stream(data, chunk_size=chunk_size, schema=_schema_of(list(data), "The rows"))
    raise DataProblem(f"{type(data).__name__} is no table; hand in a frame, an Arrow table or a list of dicts.")


def records_as_stream(
    records: Iterable[dict[str, Any]], *, chunk_size: int, schema: pa.Schema | None = None, name: str = "The records"
) -> pa.RecordBatchReader:
    """A stream of dicts, `chunk_size` at a time. Without a schema, the first chunk says what the columns are."""
    import pyarrow as pa

    chunks = _chunks(records, chunk_size)
    first = next(chunks, [])
    kinds = schema if schema is not None else _schema_of(first, name)

    def batches() -> Iterator[pa.RecordBatch]:
        done = 0
        for chunk in _with_first(first, chunks):
            yield batch_of(chunk, kinds, name=name, done=done)
            done += len(chunk)

    return pa.RecordBatchReader.from_batches(kinds, batches())


def batch_of(
    records: Sequence[dict[str, Any]], schema: pa.Schema, *, name: str = "The rows", done: int = 0
) -> pa.RecordBatch:
    """The records in these columns. `DataProblem` for a field that has none, and for a value that does not fit one."""
    import pyarrow as pa

    unknown = {field for record in records for field in record} - set(schema.names)
    if unknown:
        raise DataProblem(f"{name} have {', '.join(sorted(unknown))} after row {done}; give a schema that has it.")
    try:
        for field in schema:
            # Arrow would cut a fraction off without a word.
            if _holds_whole(field.type):
                for record in records:
                    _require_whole(record.get(field.name), field.type)
        return pa.RecordBatch.from_pylist(list(records), schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise DataProblem(f"{name} do not fit the first ones after row {done} ({error}); give a schema.") from error


def fitted(stream: pa.RecordBatchReader, kept: pa.Schema, sink: object) -> pa.RecordBatchReader:
    """The stream in the types of the columns that it goes into. `DataProblem` for a value of another kind, or without
    room there: databases would cut it, or take its bytes for something else."""
    import pyarrow as pa

    schema = pa.schema([_as_kept(field, kept) for field in stream.schema])
    if schema.equals(stream.schema):
        return stream

    def column(come: pa.Field, values: pa.Array, held: pa.DataType) -> pa.Array:
        if values.null_count == len(values):
            # What has no values may have come in any type: SQLite says so of each column of an empty answer.
            return pa.nulls(len(values), held)
        if come.type != held and not _goes_into(come.type, held):
            raise DataProblem(
                f"{sink} does not take these rows: it keeps {come.name!r} as {held}, and {come.type} comes; "
                "cast it, or change the table."
            )
        try:
            return values.cast(held)
        except pa.ArrowInvalid as error:
            raise DataProblem(f"{sink} does not take these rows: {error} in {come.name!r}.") from error

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream:
            parts = zip(stream.schema, batch.columns, schema.types, strict=True)
            yield pa.RecordBatch.from_arrays([column(*part) for part in parts], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _as_kept(field: pa.Field, kept: pa.Schema) -> pa.Field:
    place = kept.get_field_index(field.name)
    if place < 0:
        return field
    held = kept.field(place).type
    kinds = _kind(field.type), _kind(held)
    is_left = "other" in kinds or (kinds[0] == kinds[1] and kinds[0] != "number")
    return field if is_left else field.with_type(held)


def _goes_into(come: pa.DataType, held: pa.DataType) -> bool:
    return _kind(come) == _kind(held) or (_kind(come), _kind(held)) == ("date", "timestamp")


def _kind(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_date(kind):
        return "date"
    return "timestamp" if pa.types.is_timestamp(kind) else "other"


def rechunked(stream: pa.RecordBatchReader, monitor: MemoryMonitor) -> pa.RecordBatchReader:
    """The same rows in batches of at most as many rows as memory allows when each is taken."""
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in stream:
            start = 0
            while start < batch.num_rows:
                part = batch.slice(start, monitor.next_chunk())
                start += part.num_rows
                done += part.num_rows
                yield part
                progress(done, None, "rows")

    return pa.RecordBatchReader.from_batches(stream.schema, batches())


def watched(stream: pa.RecordBatchReader, see: Callable[[pa.RecordBatch], None]) -> pa.RecordBatchReader:
    """The same stream; `see` is shown each batch as it passes."""
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream:
            see(batch)
            yield batch

    return pa.RecordBatchReader.from_batches(stream.schema, batches())


@contextmanager
def passing(stream: pa.RecordBatchReader) -> Iterator[pa.RecordBatchReader]:
    """The same stream, for a library of another language: what the stream raises comes out of the block as it was, and
    not as what the library made of it."""
    import pyarrow as pa

    raised: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from stream
        except Exception as error:
            raised.append(error)
            raise

    try:
        yield pa.RecordBatchReader.from_batches(stream.schema, batches())
    except Exception as error:
        if raised and error is not raised[0]:
            raise raised[0] from error
        raise


def json_line(row: dict[str, Any]) -> str:
    """A row as JSON: times as ISO 8601, what is not a number as null."""
    return json.dumps({name: _json_value(value) for name, value in row.items()}, ensure_ascii=False, default=_as_text)


def _json_value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _chunks(records: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _with_first(first: list[dict[str, Any]], rest: Iterator[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    if first:
        yield first
    yield from rest


def _holds_whole(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or any(_holds_whole(kind.field(n).type) for n in range(kind.num_fields))


def _require_whole(value: Any, kind: pa.DataType) -> None:
    """Raise `ArrowInvalid` where a value inside is no whole number and its type holds nothing else."""
    import pyarrow as pa

    if isinstance(value, dict) and pa.types.is_struct(kind):
        for n in range(kind.num_fields):
            _require_whole(value.get(kind.field(n).name), kind.field(n).type)
    elif isinstance(value, list) and kind.num_fields == 1:
        for item in value:
            _require_whole(item, kind.field(0).type)
    elif pa.types.is_integer(kind) and (
        isinstance(value, bool) or (isinstance(value, float) and not value.is_integer())
    ):
        raise pa.ArrowInvalid(f"{value!r} is no {kind}")


def _schema_of(records: list[dict[str, Any]], name: str) -> pa.Schema:
    """The columns of all the records, in the order they first occur in; one that is always empty is text."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for record in records for name in record))
    try:
        found = pa.Table.from_pylist([{name: record.get(name) for name in names} for record in records]).schema
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise DataProblem(f"{name} do not fit together ({error}); give a schema.") from error
    return pa.schema([(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in found])


def _plain_text(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    plain = [
        field.with_type(pa.string())
        if pa.types.is_large_string(field.type) or pa.types.is_dictionary(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(plain))
