"""Files as streams of Arrow batches: CSV, JSON lines, JSON, Parquet and XML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.problems import BadInput, BadSetting
from tradewind.data.streams import records_as_stream

if TYPE_CHECKING:
    import pyarrow as pa

CSV_BLOCK = 1 << 20
LARGEST_JSON = 1 << 28
"""A JSON array is read as a whole: there is no reading a part of it."""


def open_csv(
    path: str | Path, *, types: Mapping[str, Any] | None = None, columns: Sequence[str] | None = None
) -> pa.RecordBatchReader:
    """A CSV with a header. Types are those given, else what the file's first megabyte looks like."""
    import pyarrow as pa
    import pyarrow.csv as csv

    source = _readable(path)
    convert = csv.ConvertOptions(column_types=dict(types or {}) or None, include_columns=list(columns or ()) or None)
    with _explained(source):
        reader = csv.open_csv(source, read_options=csv.ReadOptions(block_size=CSV_BLOCK), convert_options=convert)
    for field in reader.schema:
        if pa.types.is_binary(field.type) and field.name not in (types or {}):
            raise BadInput(source, "is not UTF-8; convert it first", column=field.name)
    return pa.RecordBatchReader.from_batches(reader.schema, _explaining(source, _whole(source, reader)))


def open_parquet(
    path: str | Path, *, columns: Sequence[str] | None = None, chunk_size: int = 10_000
) -> pa.RecordBatchReader:
    """A Parquet file, `chunk_size` rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = _readable(path)
    with _explained(source):
        file = pq.ParquetFile(source)
    wanted = list(columns) if columns is not None else file.schema_arrow.names
    missing = [name for name in wanted if name not in file.schema_arrow.names]
    if missing:
        raise BadInput(source, f"has no column {missing[0]!r}; it has {', '.join(file.schema_arrow.names)}")
    schema = pa.schema([file.schema_arrow.field(name) for name in wanted])
    batches = (batch.select(wanted) for batch in file.iter_batches(chunk_size, columns=wanted))
    return pa.RecordBatchReader.from_batches(schema, _explaining(source, batches))


def open_json_lines(
    path: str | Path, *, chunk_size: int = 10_000, schema: pa.Schema | None = None
) -> pa.RecordBatchReader:
    """One JSON object a line."""
    source = _readable(path)
    return records_as_stream(_json_lines(source), chunk_size=chunk_size, schema=schema, name=f"The rows of {source}")


def open_json(
    path: str | Path, *, items: str = "", chunk_size: int = 10_000, schema: pa.Schema | None = None
) -> pa.RecordBatchReader:
    """A JSON array of objects, or the one under `items` (`"data.rows"`) of a JSON object."""
    source = _readable(path)
    size = source.stat().st_size
    if size > LARGEST_JSON:
        raise BadInput(source, f"has {size} bytes, and one JSON value is read as a whole; write JSON lines (.jsonl)")
    try:
        value = json.loads(source.read_bytes())
    except ValueError as error:
        raise BadInput(source, f"is not JSON ({error})") from error
    for name in filter(None, items.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadInput(source, f"has no list of objects {f'under {items!r}' if items else 'at its top'}")
    return records_as_stream(value, chunk_size=chunk_size, schema=schema, name=f"The rows of {source}")


def open_file(path: str | Path, *, chunk_size: int = 10_000) -> pa.RecordBatchReader:
    """The file by the end of its name: .csv, .jsonl or .ndjson, .json, .parquet."""
    match Path(path).suffix.lower():
        case ".csv":
            return open_csv(path)
        case ".parquet":
            return open_parquet(path, chunk_size=chunk_size)
        case ".jsonl" | ".ndjson":
            return open_json_lines(path, chunk_size=chunk_size)
        case ".json":
            return open_json(path, chunk_size=chunk_size)
    raise BadSetting(f"{path} is named like no known kind of file; use open_csv, open_parquet, open_json or open_xml.")


def _whole(source: Path, batches: Any) -> Iterator[Any]:
    """The batches; `BadInput` at the end where the last quote is not closed, since all after it was taken for text."""
    last = None
    for batch in batches:
        last = batch if batch.num_rows else last
        yield batch
    if last is None:
        return
    for name, value in last.slice(last.num_rows - 1).to_pylist()[0].items():
        if isinstance(value, str) and value and _ends_with(source, '"' + value.replace('"', '""')):
            raise BadInput(source, "ends inside a quoted field; the file is cut off", column=name)


def _ends_with(source: Path, end: str) -> bool:
    wanted = end.encode()
    with source.open("rb") as file:
        file.seek(max(0, source.stat().st_size - len(wanted)))
        return file.read() == wanted


def _json_lines(source: Path) -> Iterator[dict[str, Any]]:
    with source.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise BadInput(source, f"is not JSON ({error})", line=number) from error
            if not isinstance(record, dict):
                raise BadInput(source, "is no JSON object", line=number)
            yield record


def _readable(path: str | Path) -> Path:
    source = Path(path)
    if not source.is_file():
        raise BadInput(source, "does not exist")
    if not source.stat().st_size:
        raise BadInput(source, "is empty")
    return source


class _explained:
    """What Arrow says of a file, with its name."""

    def __init__(self, source: Path) -> None:
        self.source = source

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        import pyarrow as pa

        if isinstance(error, pa.ArrowInvalid | pa.ArrowKeyError | pa.ArrowTypeError):
            raise BadInput(self.source, " ".join(str(error).split())[:500]) from error


def _explaining(source: Path, batches: Any) -> Iterator[Any]:
    with _explained(source):
        yield from batches
