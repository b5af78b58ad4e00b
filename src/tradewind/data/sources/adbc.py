"""Databases through ADBC: PostgreSQL, SQLite, and any other that has a driver. Rows travel as Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.cursors import Watermark
from tradewind.data.jobs import literal, quoted
from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting, DataError, DataProblem, SourceUnavailable
from tradewind.data.streams import watched

if TYPE_CHECKING:
    import pyarrow as pa

INSTALL = "pip install 'tradewind[adbc]'"


def connect(address: str | Path, *, driver: str | None = None, options: Mapping[str, str] | None = None) -> Any:
    """A DBAPI connection to `postgresql://…`, `sqlite:///path` or a SQLite file; with `driver`, to whatever it serves.

    `driver` is an ADBC driver's shared library or manifest name, and `options` are its database options. Nothing is
    committed until `commit()`.
    """
    try:
        from adbc_driver_manager import dbapi
    except ImportError as error:
        raise DataProblem(f"ADBC is not installed; run `{INSTALL}`.") from error
    text = str(address)
    with explained(text):
        if driver is not None:
            return dbapi.connect(driver=driver, uri=text, db_kwargs=dict(options or {}))
        scheme, _, rest = text.partition("://")
        if scheme.split("+")[0] in ("postgresql", "postgres"):
            return _postgresql(f"postgresql://{rest}")
        if scheme == "sqlite":
            return _sqlite(rest.removeprefix("/"))
        if "://" not in text:
            return _sqlite(text)
    raise BadSetting(f"{masked(scheme)}:// needs a driver; give driver=, or a postgresql:// or sqlite:/// address.")


@contextmanager
def connected(address: str | Path, **how: Any) -> Iterator[Any]:
    """A connection inside the block. What is not committed in it is undone."""
    connection = connect(address, **how)
    try:
        with explained(str(address)):
            yield connection
    finally:
        try:
            connection.rollback()
        except Exception:
            # It is being given up anyway, and what matters is on its way up already.
            pass
        connection.close()


def query_stream(
    address: str | Path, query: str, *, driver: str | None = None, options: Mapping[str, str] | None = None
) -> pa.RecordBatchReader:
    """The rows of a query, in the batches that the driver makes. The connection is closed after the last one."""
    import pyarrow as pa

    rows = _Rows(str(address), connect(address, driver=driver, options=options))
    return pa.RecordBatchReader.from_batches(rows.execute(query), rows)


class _Rows:
    """The batches of a query. The connection is closed after the last one, or when nobody wants any more of them."""

    def __init__(self, address: str, connection: Any) -> None:
        self._address, self._connection = address, connection
        self._cursor: Any = connection.cursor()

    def execute(self, query: str) -> pa.Schema:
        try:
            with explained(self._address):
                self._cursor.execute(query)
                self._found = self._cursor.fetch_record_batch()
        except BaseException:
            self.close()
            raise
        return self._found.schema

    def __iter__(self) -> _Rows:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            with explained(self._address):
                return self._found.read_next_batch()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()
            self._connection.close()

    def __del__(self) -> None:
        self.close()


def changed_since(
    address: str | Path, table: str, watermark: Watermark, *, driver: str | None = None, inclusive: bool = False
) -> pa.RecordBatchReader:
    """The rows of a table whose `watermark.column` is beyond where the last load ended, and all of them at first.

    With `inclusive`, those that are just there come too: rows that were written later with an equal value are not
    missed. Load them with a key then, since some come twice.
    """
    where = ""
    if watermark.start is not None:
        beyond = ">=" if inclusive else ">"
        where = f" WHERE {quoted(watermark.column)} {beyond} {literal(watermark.start)}"
    rows = query_stream(address, f"SELECT * FROM {table_name(table)}{where}", driver=driver)
    return watched(rows, watermark.see)


def table_name(table: str) -> str:
    """`schema.table` or `table`, for SQL."""
    return ".".join(quoted(part) for part in table.split("."))


@contextmanager
def explained(address: str) -> Iterator[None]:
    """A driver's error as one sentence without the address's password, sorted by whether to try again."""
    from adbc_driver_manager import dbapi

    try:
        yield
    except dbapi.Error as error:
        text = masked(" ".join(str(error).split())[:400], [address])
        where = masked(address)
        final = dbapi.ProgrammingError | dbapi.IntegrityError | dbapi.DataError | dbapi.NotSupportedError
        # PostgreSQL's driver says so of a type that it cannot write.
        if isinstance(error, final) or "is not implemented" in text:
            raise DataProblem(f"{where} refuses: {text}") from error
        raise SourceUnavailable(f"{where} cannot be used now: {text}") from error


def _postgresql(uri: str) -> Any:
    try:
        import adbc_driver_postgresql.dbapi as driver
    except ImportError as error:
        raise DataProblem(f"PostgreSQL's ADBC driver is not installed; run `{INSTALL}`.") from error
    return driver.connect(uri)


def _sqlite(path: str) -> Any:
    try:
        import adbc_driver_sqlite.dbapi as driver
    except ImportError as error:
        raise DataProblem(f"SQLite's ADBC driver is not installed; run `{INSTALL}`.") from error
    return driver.connect(path)


def vendor(connection: Any) -> str:
    """The database's product, in small letters."""
    try:
        return str(connection.adbc_get_info().get("vendor_name", "")).lower()
    except DataError:
        return ""
