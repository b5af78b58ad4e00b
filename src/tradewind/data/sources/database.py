"""Tables of a SQLite database, read in chunks and written as Parquet."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tradewind.data.files import replacing
from tradewind.data.jobs import quoted
from tradewind.data.problems import BadInput, DataProblem
from tradewind.data.runtime import metric, progress

ROWS_PER_GROUP = 100_000


def sqlite_table_to_parquet(database: Path, table: str, destination: Path, *, chunk_size: int) -> int:
    """Copy one table to `destination`, `chunk_size` rows at a time; gives the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not database.is_file():
        raise BadInput(database, "does not exist")
    connection = sqlite3.connect(f"file:{_uri(database)}?mode=ro", uri=True)
    try:
        schema = _schema(connection, database, table)
        total = int(connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()[0])
        rows = connection.execute(f"SELECT * FROM {quoted(table)}")
        done = 0
        with replacing(destination) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            waiting: list[Any] = []
            held = 0
            while chunk := rows.fetchmany(chunk_size):
                waiting.append(_batch(chunk, schema, database, table))
                held += len(chunk)
                done += len(chunk)
                if held >= ROWS_PER_GROUP:
                    writer.write_table(pa.Table.from_batches(waiting))
                    waiting, held = [], 0
                progress(done, total, "rows")
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting))
    except sqlite3.DatabaseError as error:
        raise BadInput(database, f"cannot be read as a SQLite database: {error}") from error
    finally:
        connection.close()
    metric("rows_extracted", done, {"source": "database", "table": table})
    return done


def _schema(connection: sqlite3.Connection, database: Path, table: str) -> Any:
    import pyarrow as pa

    columns = connection.execute(f"PRAGMA table_info({quoted(table)})").fetchall()
    if not columns:
        raise BadInput(database, f"has no table {table!r}")
    return pa.schema([(name, _arrow_type(declared)) for _, name, declared, *_ in columns])


def _arrow_type(declared: str) -> Any:
    import pyarrow as pa

    declared = declared.upper()
    if "INT" in declared:
        return pa.int64()
    if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
        return pa.float64()
    return pa.string()


def _batch(chunk: list[tuple[Any, ...]], schema: Any, database: Path, table: str) -> Any:
    import pyarrow as pa

    arrays = []
    for field, values in zip(schema, zip(*chunk, strict=True), strict=True):
        try:
            arrays.append(pa.array(values, field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataProblem(f"{database}, table {table!r}, column {field.name!r}: {error}") from error
    return pa.record_batch(arrays, schema=schema)


def _uri(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
