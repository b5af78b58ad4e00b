"""What a row may do with an installation, whichever engine it is."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from harness import processes

Runs = set[tuple[str, str]]
"""(dag_id, run_id)"""


class TaskTimes(NamedTuple):
    """Stored times of one task instance, in microseconds since 1970."""

    task_id: str
    state: str
    queued: int
    start: int
    end: int


class GaveUp(Exception):
    """Something that a row waits for did not happen in time."""


class Installation(ABC):
    """One engine in a folder of its own. As a context manager it is stopped and its folder removed at the end."""

    engine: str
    port: int

    def __init__(self, scratch: Path, url: str, files: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix=f"{self.engine}-", dir=scratch, ignore_cleanup_errors=True)
        self.home = Path(self._temporary.name)
        self.dags = self.home / "dags"
        self.dags.mkdir()
        self.out = self.home / "out.txt"
        """Where task bodies leave their own times."""
        self.url = url
        self.given = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: Reader | None = None
        for name, text in files.items():
            (self.dags / name).write_text(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._temporary.cleanup()

    # --- what each engine does in its own way ---

    @abstractmethod
    def command(self, *words: str) -> list[str]:
        """The engine's command line."""

    @abstractmethod
    def environment(self) -> dict[str, str]: ...

    @abstractmethod
    def is_healthy(self) -> bool:
        """Every component is up and `GET /api/v2/dags` answers 200."""

    @abstractmethod
    def listed_dags(self) -> set[str]:
        """Ids as `GET /api/v2/dags` gives them."""

    @abstractmethod
    def trigger(self, dag_id: str) -> str:
        """Create a run; its id."""

    @abstractmethod
    def known_dags(self) -> set[str]:
        """Ids of the Dags that the database knows."""

    @abstractmethod
    def open_runs(self) -> Runs:
        """Runs that are not over, by the database."""

    @abstractmethod
    def tasks(self, dag_id: str, run_id: str) -> list[TaskTimes]: ...

    @abstractmethod
    def run_times(self, dag_id: str, run_id: str) -> tuple[str, int, int]:
        """State, start and end of a run."""

    # --- life ---

    def start(self) -> None:
        """Start the whole engine; returns at once."""
        with open(self.home / "standalone.log", "ab") as log:
            self._process = subprocess.Popen(
                self.command("standalone"),
                env=self.environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_healthy(self, seconds: float = 300.0) -> float:
        """Start, and wait until healthy; how long that took."""
        began = time.monotonic()
        self.start()
        self.wait(self.is_healthy, "to be healthy", seconds, every=0.01)
        return time.monotonic() - began

    def wait_for_dags(self, dag_ids: Iterable[str], seconds: float = 300.0) -> None:
        wanted = set(dag_ids)
        self.wait(lambda: wanted <= self.known_dags(), "to know its Dags", seconds, every=0.05)

    def wait_for_runs(self, runs: Runs, seconds: float) -> None:
        """Wait until none of these runs is open."""
        self.wait(lambda: not runs & self.open_runs(), f"to end {len(runs)} runs", seconds, every=0.03)

    def wait(self, condition: Callable[[], bool], what: str, seconds: float, every: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if self._process is not None and self._process.poll() is not None:
                raise GaveUp(f"{self.engine} ended while it was waited for {what}:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise GaveUp(f"{self.engine} took more than {seconds:.0f} s {what}:\n{self.last_words()}")
            time.sleep(every)

    def last_words(self) -> str:
        log = self.home / "standalone.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""

    def pids(self) -> list[int]:
        """All processes of the tree."""
        assert self._process is not None
        return processes.tree(self._process.pid)

    def stop(self, seconds: float = 30.0) -> float:
        """Stop the tree; how long it took. What is left after that time is killed."""
        self.forget_connections()
        if self._process is None:
            return 0.0
        began = time.monotonic()
        members = {pid: processes.started(pid) for pid in self.pids()}
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        took = time.monotonic() - began
        for pid, began_at in members.items():
            if began_at and processes.started(pid) == began_at:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        self._process = None
        return took

    def forget_connections(self) -> None:
        """Close what this object holds open into the installation."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def run_command(self, *words: str, seconds: float = 120.0) -> float:
        """Seconds that one command line takes."""
        began = time.monotonic()
        subprocess.run(
            self.command(*words), env=self.environment(), cwd=self.home, check=True, timeout=seconds,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return time.monotonic() - began

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query on the metadata database; placeholders are `?`."""
        if self._reader is None:
            self._reader = Reader(self.url)
        return self._reader.rows(sql, *values)

    def own_times(self) -> list[tuple[str, int, int, int, int]]:
        """What task bodies wrote: name, first and last line on CLOCK_MONOTONIC (ns), then on the wall clock (us)."""
        if not self.out.exists():
            return []
        found = []
        for line in self.out.read_text().splitlines():
            name, first, last, first_us, last_us = line.split()
            found.append((name, int(first), int(last), int(first_us), int(last_us)))
        return sorted(found, key=lambda one: one[1])


class Reader:
    """A connection to a metadata database that only reads."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite:///")
        self._connection: Any
        if self._is_sqlite:
            path = Path(url.removeprefix("sqlite:///"))
            self._connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10, isolation_level=None)
        else:
            import psycopg

            self._connection = psycopg.connect(url, autocommit=True)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        text = sql if self._is_sqlite else sql.replace("?", "%s")
        return list(self._connection.execute(text, values or None if not self._is_sqlite else values).fetchall())

    def close(self) -> None:
        self._connection.close()
