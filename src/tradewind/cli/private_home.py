"""An installation for the length of one command: a home folder, and its services in a child process.

The child has a session of its own, so that Ctrl-C reaches the command alone, which then stops it in good order; the
kernel kills it when the command itself is killed.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tradewind.cli.reading import NoDatabase, Reader, Row, open_database
from tradewind.config import Settings
from tradewind.core.errors import TradewindError
from tradewind.worker.process import die_with_parent, kill_leftovers, name_process, tree_mark

START_SECONDS = 30.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.02

COPIED = ("variable", "connection", "pool")
"""Tables that a temporary installation takes over from the user's own."""


class ServicesFailed(TradewindError):
    """The services of a temporary installation did not start, or ended."""

    def __init__(self, what: str, log: Path) -> None:
        tail = "\n".join(_tail(log, 15))
        super().__init__(f"{what}; their last words ({log}):\n{tail}" if tail else f"{what}; they left no log.")


@dataclass(slots=True)
class Services:
    """The services in a child process; what they print goes to `log`."""

    settings: Settings
    log: Path
    main: Callable[[Settings], int]
    pid: int = 0

    def start(self) -> None:
        """Fork them. To be called before anything starts a thread."""
        parent = os.getpid()
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                die_with_parent(parent)
                name_process("tw-services")
                _redirect(self.log)
                os._exit(self.main(self.settings))
            except BaseException as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                sys.stderr.flush()
            finally:
                os._exit(1)

    def is_alive(self) -> bool:
        """Whether the process that keeps the services running is there."""
        if self.pid and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.pid = 0
        return bool(self.pid)

    def wait_for(self, ready: Callable[[], Any], *, seconds: float, what: str) -> Any:
        """The first true answer of `ready`. Raises ServicesFailed when the services end or the time is over."""
        deadline = time.monotonic() + seconds
        while not (answer := ready()):
            if not self.is_alive():
                raise ServicesFailed("The services have ended", self.log)
            if time.monotonic() > deadline:
                raise ServicesFailed(f"{what} did not happen within {seconds:.0f} s", self.log)
            time.sleep(POLL_SECONDS)
        return answer

    def stop(self) -> None:
        """End the services and everything below them, for certain."""
        if not self.is_alive():
            return
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_alive():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self.pid = 0
                kill_leftovers(tree_mark("local", self.settings.home))
            time.sleep(POLL_SECONDS)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)


def _tail(path: Path, most: int) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()[-most:]
    except OSError:
        return []


# --- for one file ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class OneFile:
    """A temporary installation that knows one Dag file and has no HTTP server."""

    settings: Settings
    services: Services
    file: str
    """The file relative to its Dags folder."""
    reader: Reader
    keep_logs: bool = False

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Rows of the installation's database."""
        with open_database(self.settings) as database:
            return database.rows(sql, *values)


@contextmanager
def installation_for(settings: Settings, file: Path) -> Iterator[OneFile]:
    """A temporary installation in which this file has been read; it is gone afterwards, but for logs to be kept.

    Variables, connections and pools are those of the user's installation.
    """
    folder, name = place_of(file, settings.core.dags_folder)
    rows = stored_settings(settings)
    home = Path(tempfile.mkdtemp(prefix="tradewind-run-"))
    place: OneFile | None = None
    services: Services | None = None
    try:
        own = settings_in(settings, home, folder)
        services = Services(own, home / "run" / "services.log", lambda own: _serve(own, name, rows))
        services.start()
        reader = services.wait_for(lambda: _reader_of(own), seconds=START_SECONDS, what="The start of the services")
        seconds = own.core.dagbag_import_timeout + START_SECONDS
        services.wait_for(reader.files, seconds=seconds, what=f"Reading {file}")
        place = OneFile(own, services, name, reader)
        yield place
    finally:
        if services is not None:
            services.stop()
        if place is not None:
            place.reader.close()
        _tidy(home, keep_logs=place is not None and place.keep_logs)


def place_of(file: Path, dags_folder: Path) -> tuple[Path, str]:
    """The Dags folder for a file, and its name there. A file of the user's Dags folder imports as it does there."""
    path = file.absolute()
    for candidate in (path, path.resolve()):
        if candidate.is_relative_to(dags_folder):
            return dags_folder, candidate.relative_to(dags_folder).as_posix()
    return path.parent, path.name


def settings_in(settings: Settings, home: Path, dags_folder: Path) -> Settings:
    """The user's settings with another home, an own database there, and this Dags folder."""
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    for name in ("secret.key", "config"):
        # Stored secrets stay as they are encrypted: the key is looked up in the user's home, not copied.
        if (settings.home / name).exists():
            (home / name).symlink_to((settings.home / name).absolute())
    return replace(
        settings,
        home=home,
        core=replace(settings.core, dags_folder=dags_folder, dags_are_paused_at_creation=True),
        database=replace(settings.database, sql_alchemy_conn=f"sqlite:///{home}/tradewind.db"),
        logging=replace(settings.logging, base_log_folder=home / "logs"),
    )


def stored_settings(settings: Settings) -> dict[str, list[Row]]:
    """Variables, connections and pools as they are stored; none where there is no database yet."""
    try:
        with open_database(settings) as database:
            return {table: database.rows(f"SELECT * FROM {table}") for table in COPIED}
    except NoDatabase:
        return {}


def _serve(settings: Settings, file: str, rows: Mapping[str, Sequence[Row]]) -> int:
    """Scheduler and agent. Everything of the user's is stored before the file is read for the first time."""
    from tradewind.dag_processor.processor import ONLY_FILE
    from tradewind.standalone import Service, Tree, run_agent, run_scheduler

    os.environ[ONLY_FILE] = json.dumps([str(settings.core.dags_folder), file])
    # The scheduler watches the Dags folder that it is told of: an empty one, since the real one may be anybody's home.
    empty = settings.home / "dags"
    empty.mkdir(mode=0o700)
    unwatched = replace(settings, core=replace(settings.core, dags_folder=empty))

    def scheduler(_: Settings) -> None:
        _store(unwatched, rows)
        run_scheduler(unwatched)

    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    settings.ensure_home()
    return Tree(settings, [Service("scheduler", scheduler), Service("agent", run_agent)]).run()


def _store(settings: Settings, rows: Mapping[str, Sequence[Row]]) -> None:
    from tradewind.store import tables
    from tradewind.store.engine import open_engine
    from tradewind.store.migrate import migrate

    engine = open_engine(settings.database.sql_alchemy_conn)
    if migrate(engine):
        with engine.begin() as connection:
            for name, values in rows.items():
                if values:
                    connection.execute(getattr(tables, name).insert(), [dict(row) for row in values])
    engine.dispose()


def _reader_of(settings: Settings) -> Reader | None:
    try:
        reader = Reader(open_database(settings))
        reader.files()
    except NoDatabase:
        return None
    return reader


def _tidy(home: Path, *, keep_logs: bool) -> None:
    for entry in home.iterdir():
        if entry.name == "logs" and keep_logs:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    if not keep_logs:
        shutil.rmtree(home, ignore_errors=True)
