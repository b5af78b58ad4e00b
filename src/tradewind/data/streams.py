"""Tables that pass by in batches: what every source gives, and every sink takes.

A stream is a `pyarrow.RecordBatchReader`. It is read once, and only a batch of it is in memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
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
        return pa.Table.from_pylist(list(data)).to_reader(chunk_size)
    raise DataProblem(f"{type(data).__name__} is no table; hand in a frame, an Arrow table or a list of dicts.")


def records_as_stream(
    records: Iterable[dict[str, Any]], *, chunk_size: int, schema: pa.Schema | None = None, name: str = "The records"
) -> pa.RecordBatchReader:
    """A stream of dicts, `chunk_size` at a time. Without a schema, the first chunk says what the columns are."""
    import pyarrow as pa

    chunks = _chunks(records, chunk_size)
    first = next(chunks, [])
    kinds = schema if schema is not None else _schema_of(first)

    def batches() -> Iterator[pa.RecordBatch]:
        done = 0
        for chunk in _with_first(first, chunks):
            unknown = {field for record in chunk for field in record} - set(kinds.names)
            if unknown:
                raise DataProblem(
                    f"{name} have {', '.join(sorted(unknown))} after row {done}; give a schema that has it."
                )
            try:
                yield pa.RecordBatch.from_pylist(chunk, schema=kinds)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                message = f"{name} do not fit the first ones after row {done} ({error}); give a schema."
                raise DataProblem(message) from error
            done += len(chunk)

    return pa.RecordBatchReader.from_batches(kinds, batches())


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


def _schema_of(records: list[dict[str, Any]]) -> pa.Schema:
    """The columns of all the records, in the order they first occur in; one that is always empty is text."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for record in records for name in record))
    found = pa.Table.from_pylist([{name: record.get(name) for name in names} for record in records]).schema
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
