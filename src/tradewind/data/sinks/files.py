"""Files as sinks: Parquet, CSV and JSON lines in a folder or in S3, one file for each load."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tradewind.data.cursors import Value, Watermark, decoded, encoded, now_text
from tradewind.data.files import replacing
from tradewind.data.objects import NoSuchObject, ObjectStore, open_store
from tradewind.data.problems import BadSetting
from tradewind.data.runtime import metric
from tradewind.data.sinks.base import Loaded, file_safe, require_load_id
from tradewind.data.streams import json_line

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["parquet", "csv", "jsonl"]
PARTS, LOADS = "parts", "loads"


def write_file(stream: pa.RecordBatchReader, path: str | Path, *, format: Format | None = None) -> int:
    """The rows as one file, which is there as a whole or not at all; the format is that of its name. Gives the rows."""
    destination = Path(path)
    kind = format or _format(destination)
    with replacing(destination) as temporary:
        return _write(stream, temporary, kind)


class FilesSink:
    """A folder or `s3://bucket/prefix` that a data set is added to, one file for each load.

    `parts/` has the data; a load counts once its entry is in `loads/`, which is written last and only once (in S3 by a
    conditional put), with the watermark in it. The same load id again writes nothing. `files()` lists what counts, so
    that what a broken load left behind is not read.
    """

    def __init__(self, address: str | Path, *, format: Format = "parquet") -> None:
        if format not in ("parquet", "csv", "jsonl"):
            raise BadSetting(f"format must be 'parquet', 'csv' or 'jsonl', not {format!r}.")
        self.format = format
        self._store: ObjectStore = open_store(address)

    def __str__(self) -> str:
        return str(self._store)

    def load(self, stream: pa.RecordBatchReader, *, load_id: str, watermark: Watermark | None = None) -> Loaded:
        """Add the rows as one file, unless this load did so before."""
        entry = f"{LOADS}/{file_safe(require_load_id(load_id))}.json"
        if (before := self._entry(entry)) is not None:
            return self._repeated(load_id, before, watermark)
        with tempfile.TemporaryDirectory(prefix="tradewind-load-") as folder:
            part = Path(folder) / "part"
            rows = _write(stream, part, self.format)
            with part.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            # By its content, so that two that write the same load never write something else over each other's.
            key = f"{PARTS}/{file_safe(load_id)}-{digest[:16]}.{self.format}"
            self._store.put_file(key, part)
        record: dict[str, Any] = {"load_id": load_id, "file": key, "rows": rows, "sha256": digest, "at": now_text()}
        if watermark is not None and watermark.value is not None:
            record["watermark"] = {"source": watermark.name, "value": encoded(watermark.value)}
        if not self._store.put_new(entry, json.dumps(record).encode()):
            # Another that ran the same load was quicker: its file counts, and ours is in nobody's list.
            winner = self._entry(entry) or record
            if winner["file"] != key:
                self._store.delete(key)
            return self._repeated(load_id, winner, watermark)
        metric("rows_loaded", rows, {"sink": self.format})
        return Loaded(str(self), load_id, rows, watermark=watermark.value if watermark else None)

    def watermark(self, name: str) -> Value | None:
        found = [
            decoded(entry["watermark"]["value"])
            for entry in self._entries()
            if entry.get("watermark", {}).get("source") == name
        ]
        return max(found, default=None)  # type: ignore[type-var]

    def files(self) -> list[str]:
        """The keys of the files of every load that ended, oldest first."""
        return [entry["file"] for entry in sorted(self._entries(), key=lambda entry: (entry["at"], entry["load_id"]))]

    def _entries(self) -> list[dict[str, Any]]:
        entries = [self._entry(key) for key in self._store.keys(LOADS)]
        return [entry for entry in entries if entry is not None]

    def _entry(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._store.get(key))
        except NoSuchObject:
            return None
        return found

    def _repeated(self, load_id: str, entry: dict[str, Any], watermark: Watermark | None) -> Loaded:
        reached = decoded(entry["watermark"]["value"]) if "watermark" in entry else None
        if watermark is not None:
            watermark.value = reached
        return Loaded(str(self), load_id, int(entry["rows"]), repeated=True, watermark=reached)


def _format(path: Path) -> Format:
    known: dict[str, Format] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    if path.suffix.lower() not in known:
        raise BadSetting(f"{path} is named like no known kind of file; end it in .parquet, .csv or .jsonl.")
    return known[path.suffix.lower()]


def _write(stream: pa.RecordBatchReader, path: Path, kind: Format) -> int:
    rows = 0
    with _writer(path, stream.schema, kind) as write:
        for batch in stream:
            write(batch)
            rows += batch.num_rows
    return rows


@contextmanager
def _writer(path: Path, schema: pa.Schema, kind: Format) -> Iterator[Any]:
    if kind == "parquet":
        import pyarrow.parquet as pq

        with pq.ParquetWriter(path, schema, compression="zstd") as parquet:
            yield parquet.write_batch
    elif kind == "csv":
        import pyarrow.csv as csv

        with csv.CSVWriter(path, schema) as table:
            yield table.write_batch
    else:
        with path.open("w", encoding="utf-8") as file:

            def write(batch: pa.RecordBatch) -> None:
                for row in batch.to_pylist():
                    file.write(json_line(row) + "\n")

            yield write
