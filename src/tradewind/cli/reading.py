"""Quick readers of the metadata database: plain SQL, read-only, the same text for SQLite and PostgreSQL."""

import json
import sys
from collections.abc import Collection, Sequence
from typing import Any, Protocol, Self

from tradewind.config import Settings
from tradewind.core.errors import DagNotFound, RunNotFound, TradewindError, Unreadable

Row = dict[str, Any]


class NoDatabase(TradewindError):
    """The metadata database does not exist yet, or cannot be reached."""


class NoBackfill(TradewindError):
    """There is no backfill of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"No backfill {number}; `tradewind backfill list` shows them.")
        self.number = number


class Database(Protocol):
    """Runs one query. Placeholders are `?`."""

    def rows(self, sql: str, *values: Any) -> list[Row]: ...

    def close(self) -> None: ...


def open_reader(settings: Settings) -> "Reader":
    """A reader of the installation's database. Raises NoDatabase."""
    return Reader(open_database(settings))


def open_database(settings: Settings) -> "SqliteFile | Postgres":
    """The database of this installation, for reading only."""
    url = settings.database.sql_alchemy_conn
    if url.startswith("sqlite:///"):
        return SqliteFile(url.removeprefix("sqlite:///").partition("?")[0])
    if url.startswith("postgresql+psycopg://"):
        return Postgres(url.replace("+psycopg", "", 1))
    check_kind(url)
    raise NoDatabase("A database in memory belongs to one process; [database] sql_alchemy_conn must name a file.")


def check_kind(url: str) -> None:
    """Raise NoDatabase for anything but SQLite and PostgreSQL."""
    if not url.startswith(("sqlite://", "postgresql+psycopg://")):
        raise NoDatabase(
            "[database] sql_alchemy_conn must be a SQLite file or PostgreSQL; `tradewind config lint` says more."
        )


class _Closing:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    _connection: Any


class SqliteFile(_Closing):
    """A SQLite file, opened so that it cannot be written."""

    def __init__(self, path: str) -> None:
        import sqlite3
        from urllib.parse import quote

        self._path = path
        try:
            self._connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=10)
        except sqlite3.OperationalError as error:
            raise _missing(path, str(error)) from None
        try:
            self.rows("PRAGMA schema_version")  # the first look into the file
        except NoDatabase:
            self.close()
            raise

    def rows(self, sql: str, *values: Any) -> list[Row]:
        import sqlite3

        try:
            return self._fetched(sql, values)
        except sqlite3.DatabaseError as error:
            if "Could not decode to UTF-8" not in str(error):
                raise _missing(self._path, str(error)) from None
        # Some text is no text: it is shown as what it is, and everything else as ever.
        self._connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
        try:
            return self._fetched(sql, values)
        finally:
            self._connection.text_factory = str

    def _fetched(self, sql: str, values: Sequence[Any]) -> list[Row]:
        cursor = self._connection.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Postgres(_Closing):
    """A PostgreSQL database in a session that cannot write."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise NoDatabase("PostgreSQL needs psycopg: pip install 'tradewind[postgres]'.") from None
        self._psycopg = psycopg
        try:
            self._connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
            self._connection.execute("SET default_transaction_read_only = on")
        except psycopg.Error as error:
            raise NoDatabase(f"PostgreSQL cannot be reached: {_first_line(error)}.") from None

    def rows(self, sql: str, *values: Any) -> list[Row]:
        try:
            cursor = self._connection.execute(sql.replace("?", "%s"), values)
        except (self._psycopg.errors.UndefinedTable, self._psycopg.errors.UndefinedColumn) as error:
            raise NoDatabase(f"The database has no tables of this version ({_first_line(error)}); {_CREATE}") from None
        except self._psycopg.Error as error:
            raise NoDatabase(f"PostgreSQL cannot be read: {_first_line(error)}.") from None
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_BACKFILLS = (
    "SELECT b.*, (SELECT COUNT(*) FROM backfill_run s WHERE s.backfill = b.id) AS dates, (SELECT COUNT(*) FROM "
    "backfill_run s LEFT JOIN run r ON r.number = s.run WHERE s.backfill = b.id AND s.is_done AND (s.action = 'leave' "
    "OR r.state IN ('success', 'failed'))) AS done FROM backfill b"
)

QUESTION_STATES = ("pending", "answered", "defaulted", "unanswered")
"""What can have become of a question; `unanswered`: nobody answered in time, or it is asked no more."""

_QUESTIONS = (
    "SELECT * FROM (SELECT q.*, r.dag_id, r.run_id, CASE WHEN q.answered_by IS NOT NULL THEN 'answered' "
    "WHEN q.answered_at IS NOT NULL THEN 'defaulted' WHEN d.id = q.id AND NOT d.is_answered THEN 'pending' "
    "ELSE 'unanswered' END AS state FROM question q JOIN run r ON r.number = q.run LEFT JOIN deferral d "
    "ON d.run = q.run AND d.task_id = q.task_id AND d.map_index = q.map_index) AS asked"
)

_CREATE = "run `tradewind db migrate` or start `tradewind standalone`."


def _missing(path: str, error: str) -> NoDatabase:
    if "unable to open" in error:
        return NoDatabase(f"There is no database {path} yet; {_CREATE}")
    if "no such table" in error or "no such column" in error:
        return NoDatabase(f"The database {path} has no tables of this version ({error}); {_CREATE}")
    return NoDatabase(f"The database {path} cannot be read: {error}.")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _spec_in(dag_id: str, encoded: Any) -> Row:
    try:
        spec: Row = json.loads(bytes(encoded) if isinstance(encoded, memoryview) else encoded)
        if isinstance(spec, dict) and isinstance(spec.get("tasks"), dict):
            return spec
    except (TypeError, ValueError, RecursionError):
        pass
    raise Unreadable(no_dag(dag_id))


def no_dag(dag_id: str) -> str:
    """What is said of a Dag whose stored version is none."""
    return f"What is stored of Dag {dag_id!r} is no Dag; `tradewind dags reserialize` has its file parsed again."


class Reader:
    """Named questions to the database; answers are rows as stored (times in microseconds)."""

    def __init__(self, database: Database) -> None:
        self._rows = database.rows
        self.close = database.close

    def dags(self) -> list[Row]:
        """Dags whose file still defines them, by id."""
        return self._rows(
            "SELECT d.*, f.parsed_at, f.seconds FROM dag d LEFT JOIN dag_file f ON f.file = d.file "
            "WHERE NOT d.is_stale ORDER BY d.dag_id"
        )

    def dag(self, dag_id: str) -> Row:
        """One Dag, its file's facts and its newest version's number. Raises DagNotFound."""
        found = self._rows(
            "SELECT d.*, f.parsed_at, f.seconds, v.number AS version_number FROM dag d "
            "LEFT JOIN dag_file f ON f.file = d.file LEFT JOIN dag_version v ON v.id = d.version WHERE d.dag_id = ?",
            dag_id,
        )
        if not found:
            raise DagNotFound(dag_id)
        return found[0]

    def spec(self, dag_id: str) -> Row:
        """The newest DagSpec of a Dag as plain values. Raises DagNotFound."""
        found = self._rows("SELECT v.spec FROM dag d JOIN dag_version v ON v.id = d.version WHERE d.dag_id = ?", dag_id)
        if not found:
            raise DagNotFound(dag_id)
        return _spec_in(dag_id, found[0]["spec"])

    def specs(self) -> dict[str, Row]:
        """The newest DagSpec of every present Dag that can be read; a line to stderr names each other one."""
        found = self._rows(
            "SELECT d.dag_id, v.spec FROM dag d JOIN dag_version v ON v.id = d.version WHERE NOT d.is_stale"
        )
        specs = {}
        for row in found:
            try:
                specs[row["dag_id"]] = _spec_in(row["dag_id"], row["spec"])
            except Unreadable as fault:
                print(f"Not shown: {fault}", file=sys.stderr)
        return specs

    def values_kept(self) -> int:
        """How many values the state stores of tasks and assets hold."""
        found = self._rows(
            "SELECT (SELECT count(*) FROM task_state_store) + (SELECT count(*) FROM asset_state_store) AS number"
        )
        return int(found[0]["number"])

    def expired_values(self, now_us: int) -> list[Row]:
        """What tasks kept for a time that is over."""
        return self._rows(
            "SELECT r.dag_id, r.run_id, s.task_id, s.map_index, s.key FROM task_state_store s "
            "JOIN run r ON r.number = s.run WHERE s.expires_at <= ? ORDER BY s.run, s.task_id, s.map_index, s.key",
            now_us,
        )

    def orphaned_asset_values(self) -> list[Row]:
        """What is kept beside assets that no present Dag names and that no alias stands for."""
        from tradewind.cli.asset_catalogue import catalogue

        found = self._rows(
            "SELECT name, uri, key FROM asset_state_store s WHERE NOT EXISTS (SELECT 1 FROM asset_event e "
            "JOIN asset_event_alias a ON a.event = e.number WHERE e.name = s.name AND e.uri = s.uri) "
            "ORDER BY name, uri, key"
        )
        named = {(known.name, known.uri) for known in catalogue(self.specs()) if not known.is_alias}
        return [row for row in found if (row["name"], row["uri"]) not in named]

    def files(self) -> list[Row]:
        """Dag files that were parsed, by path."""
        return self._rows("SELECT file, seconds, dag_ids FROM dag_file ORDER BY file")

    def import_errors(self) -> list[Row]:
        """Problems of Dag files, by file."""
        return self._rows("SELECT file, dag_id, line, kind, message, at FROM import_error ORDER BY file, position")

    def runs(
        self,
        dag_id: str,
        state: str | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        without_backfill: bool = False,
    ) -> list[Row]:
        """Runs of a Dag, newest first; start and end bound the logical date (or run_after, where there is none)."""
        conditions = ["dag_id = ?"]
        values: list[Any] = [dag_id]
        for condition, value in (
            ("state = ?", state),
            ("COALESCE(logical_date, run_after) >= ?", start_us),
            ("COALESCE(logical_date, run_after) <= ?", end_us),
            ("run_type <> ?", "backfill" if without_backfill else None),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return self._rows(f"SELECT * FROM run WHERE {' AND '.join(conditions)} ORDER BY number DESC", *values)

    def run(self, dag_id: str, run_id: str, logical_us: int | None = None) -> Row:
        """One run, by its id or its logical date. Raises DagNotFound or RunNotFound."""
        found = self._rows(
            "SELECT * FROM run WHERE dag_id = ? AND (run_id = ? OR logical_date = ?) ORDER BY number DESC LIMIT 1",
            dag_id, run_id, logical_us,
        )  # fmt: skip
        if not found:
            self.dag(dag_id)
            raise RunNotFound(dag_id, run_id)
        return found[0]

    def backfills(self, dag_id: str | None = None) -> list[Row]:
        """Backfills, newest first, with how many dates each has and how many are dealt with or running."""
        return self._rows(
            f"{_BACKFILLS} WHERE CAST(? AS TEXT) IS NULL OR b.dag_id = ? ORDER BY b.id DESC", dag_id, dag_id
        )

    def backfill(self, number: int) -> Row:
        """One backfill. Raises NoBackfill."""
        found = self._rows(f"{_BACKFILLS} WHERE b.id = ?", number)
        if not found:
            raise NoBackfill(number)
        return found[0]

    def backfill_runs(self, number: int) -> list[Row]:
        """The dates of a backfill in their order, each with its run as far as there is one."""
        return self._rows(
            "SELECT s.logical_date, s.action, s.reason, s.is_done, r.run_id, r.state FROM backfill_run s "
            "LEFT JOIN run r ON r.number = s.run WHERE s.backfill = ? ORDER BY s.position",
            number,
        )

    def questions(self, dag_id: str | None = None, state: str | None = None) -> list[Row]:
        """What tasks have asked people, oldest first; `state` is one of QUESTION_STATES."""
        return self._rows(
            f"{_QUESTIONS} WHERE (CAST(? AS TEXT) IS NULL OR dag_id = ?) AND (CAST(? AS TEXT) IS NULL OR state = ?) "
            "ORDER BY asked_at, task_id, map_index",
            dag_id, dag_id, state, state,
        )  # fmt: skip

    def history(self, start_us: int, end_us: int, dag_id: str | None = None) -> list[Row]:
        """Lines of the event log in their order; those of runs that were made say when these were due, and why."""
        return self._rows(
            "SELECT e.*, r.run_after, r.run_type FROM event e LEFT JOIN run r ON e.name = 'run.created' "
            "AND r.dag_id = e.dag_id AND r.run_id = e.run_id WHERE e.at >= ? AND e.at < ? "
            "AND (CAST(? AS TEXT) IS NULL OR e.dag_id = ?) ORDER BY e.seq",
            start_us, end_us, dag_id, dag_id,
        )  # fmt: skip

    def durations_us(self, dag_id: str, count: int = 20) -> list[int]:
        """How long the newest successful runs of a Dag took."""
        found = self._rows(
            "SELECT start_date, end_date FROM run WHERE dag_id = ? AND state = 'success' AND start_date IS NOT NULL "
            "AND end_date IS NOT NULL ORDER BY number DESC LIMIT ?",
            dag_id, count,
        )  # fmt: skip
        return [row["end_date"] - row["start_date"] for row in found]

    def run_ids(self, dag_id: str, numbers: Collection[int]) -> dict[int, str]:
        """The ids of runs of one Dag, by the runs' numbers."""
        if not numbers:
            return {}
        found = self._rows(
            "SELECT number, run_id FROM run WHERE dag_id = ? AND number BETWEEN ? AND ?",
            dag_id, min(numbers), max(numbers),
        )  # fmt: skip
        return {row["number"]: row["run_id"] for row in found}

    def unreadable_files(self) -> int:
        """How many Dag files have a problem."""
        return int(self._rows("SELECT COUNT(DISTINCT file) AS n FROM import_error")[0]["n"])

    def run_to_explain(self, dag_id: str) -> Row | None:
        """The newest unfinished run, whatever it says of its state, else the newest."""
        found = self._rows(
            "SELECT * FROM run WHERE dag_id = ? ORDER BY CASE WHEN state IN ('success', 'failed') THEN 1 ELSE 0 END, "
            "number DESC LIMIT 1",
            dag_id,
        )
        return found[0] if found else None

    def tasks_of_run(self, number: int, task_id: str | None = None) -> list[Row]:
        """Task instances of one run."""
        sql = "SELECT * FROM task_instance WHERE run = ?"
        values: Sequence[Any] = (number,)
        if task_id is not None:
            sql, values = f"{sql} AND task_id = ?", (number, task_id)
        return self._rows(f"{sql} ORDER BY task_id, map_index", *values)

    def waiting_asset_events(self, dag_id: str) -> list[Row]:
        """Asset events that wait for a run of a Dag, oldest first."""
        return self._rows(
            "SELECT e.number, e.name, e.uri, e.aliases, e.at FROM asset_queue q "
            "JOIN asset_event e ON e.number = q.event WHERE q.dag_id = ? ORDER BY e.number",
            dag_id,
        )

    def watchers(self) -> list[Row]:
        """Triggers that watch assets now, or will after a failure."""
        return self._rows("SELECT * FROM watcher ORDER BY classpath, id")

    def gathered_asset_events(self, dag_id: str) -> list[Row]:
        """The same for a Dag with partitions, by the `partition` of the run that will take them."""
        return self._rows(
            "SELECT q.partition, e.number, e.name, e.uri, e.aliases, e.at, e.partition_key FROM partition_queue q "
            "JOIN asset_event e ON e.number = q.event WHERE q.dag_id = ? ORDER BY e.number",
            dag_id,
        )

    def asset_event_facts(self, name: str, uri: str, alias: str = "") -> Row:
        """How many events of an asset, or through an alias, there are, and when the newest was."""
        return self._of_asset("SELECT COUNT(*) AS events, MAX(e.at) AS newest", name, uri, alias)[0]

    def asset_event_moments(self, name: str, uri: str, alias: str = "") -> list[Row]:
        """When the events of an asset, or through an alias, were."""
        return self._of_asset("SELECT e.number, e.at", name, uri, alias)

    def _of_asset(self, selected: str, name: str, uri: str, alias: str) -> list[Row]:
        if alias:
            through = "FROM asset_event e JOIN asset_event_alias a ON a.event = e.number WHERE a.alias = ?"
            return self._rows(f"{selected} {through}", alias)
        return self._rows(f"{selected} FROM asset_event e WHERE e.name = ? AND e.uri = ?", name, uri)

    def variables(self) -> list[Row]:
        return self._rows("SELECT key, value, description FROM variable ORDER BY key")

    def variable(self, key: str) -> Row | None:
        found = self._rows("SELECT key, value, description FROM variable WHERE key = ?", key)
        return found[0] if found else None

    def connections(self) -> list[Row]:
        return self._rows("SELECT * FROM connection ORDER BY conn_id")

    def connection(self, conn_id: str) -> Row | None:
        found = self._rows("SELECT * FROM connection WHERE conn_id = ?", conn_id)
        return found[0] if found else None

    def accounts(self) -> list[Row]:
        """Who may log in, by name; `roles` is a list in JSON."""
        return self._rows(
            "SELECT username, email, first_name, last_name, roles, is_active FROM account ORDER BY username"
        )

    def roles(self) -> list[Row]:
        """What is stored of roles, by name."""
        return self._rows("SELECT name, grants FROM role ORDER BY name")

    def pools(self) -> list[Row]:
        return self._rows("SELECT name, slots, description, include_deferred FROM pool ORDER BY name")

    def pool(self, name: str) -> Row | None:
        found = self._rows("SELECT name, slots, description, include_deferred FROM pool WHERE name = ?", name)
        return found[0] if found else None

    def own_alert_rules(self) -> dict[str, str]:
        """By name, the text of each alert rule that is stored."""
        return {row["name"]: row["text"] for row in self._rows("SELECT name, text FROM own_alert_rule ORDER BY name")}

    def alert_silences(self, after_us: int) -> list[Row]:
        """Silences that end after a moment, those that end first before others."""
        return self._rows("SELECT * FROM alert_silence WHERE end_date > ? ORDER BY end_date, id", after_us)

    def counts(self) -> dict[str, int]:
        """Rows of the tables that grow."""
        return {
            table: self._rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]
            for table in ("dag", "run", "task_instance", "attempt", "xcom", "event")
        }
