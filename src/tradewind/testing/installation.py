"""A real installation for tests: real processes, a fresh home, a free port; and hands to look at and hurt them."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any, Self, TypeVar
from uuid import uuid4

from tradewind.cli.client import Client, NoScheduler
from tradewind.config import Settings, load_settings
from tradewind.core.errors import RunAlreadyExists, TradewindError
from tradewind.testing.ledger import Dump, Entry, read, started_at

MARK = "TRADEWIND_TEST_INSTALLATION"
"""In the environment of every process of an installation, and in /proc for as long as it lives."""

USERNAME = "tester"

PATIENCE_SECONDS = 180.0
"""How long anything is waited for: only a hang takes that long, whatever else the machine does."""

Row = dict[str, Any]
T = TypeVar("T")


class Installation:
    """Processes, folders and database of one installation; a context manager that leaves nothing behind."""

    def __init__(self, dags: Mapping[str, str] | None = None, **environment: str) -> None:
        # Not pytest's tmp_path: the path of a unix socket may have 107 bytes.
        self.base = Path(tempfile.mkdtemp(prefix="tw-"))
        self.home = self.base / "home"
        self.dags = self.home / "dags"
        self.ledger = self.base / "ledger.jsonl"
        self.output = self.base / "output.log"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.password = uuid4().hex
        """That of `USERNAME`, who is an admin."""
        self._mark = uuid4().hex
        self._environment = environment
        self.dags.mkdir(parents=True)
        for name, text in (dags or {}).items():
            self.write(name, text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_all()
        rmtree(self.base, ignore_errors=True)

    # --- Dag files ---

    def write(self, name: str, text: str | bytes) -> Path:
        """Put a file into the Dags folder, whole at once; `LEDGER` in a text becomes the ledger's path."""
        path = self.dags / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else text.replace("LEDGER", repr(str(self.ledger))).encode()
        new = self.base / "new"
        new.write_bytes(data)
        new.replace(path)
        return path

    # --- processes ---

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `tradewind …`; without arguments `standalone` on a free port. Returns at once."""
        environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(("AIRFLOW", "TRADEWIND"))}
        environment |= {
            "TRADEWIND_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "_AIRFLOW_WWW_USER_USERNAME": USERNAME,
            "_AIRFLOW_WWW_USER_PASSWORD": self.password,
            MARK: self._mark,
            **self._environment,
        }
        program = "from tradewind.cli.main import main; main()"
        command = [sys.executable, "-c", program, *(arguments or ("standalone", "-p", "0"))]
        with open(self.output, "ab") as output:
            process = subprocess.Popen(
                command, env=environment, cwd=self.base, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.processes.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes] | None = None) -> int:
        """SIGTERM to what was started first (or to `process`); its exit status."""
        process = process or self.processes[0]
        process.terminate()
        return process.wait(PATIENCE_SECONDS)

    def pids(self) -> list[int]:
        """Every live process of this installation, however far it has strayed."""
        wanted = f"{MARK}={self._mark}".encode()
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_ours(pid, wanted)]

    def pids_of(self, component: str) -> list[int]:
        """`scheduler`, `agent`, `api`, `template`, `host`, `child` (busy or standing by), or a command's name."""
        return [pid for pid in self.pids() if component_of(pid) == component]

    def busy_children(self) -> list[int]:
        """Processes that run a ledger task now."""
        open_attempts: dict[str, Entry] = {}
        for entry in self.entries():
            if entry.phase == "end":
                open_attempts.pop(entry.attempt, None)
            else:
                open_attempts[entry.attempt] = entry
        return [e.pid for e in open_attempts.values() if started_at(e.pid) == e.started and not _is_zombie(e.pid)]

    def signal(self, component: str, number: int = signal.SIGKILL) -> int | None:
        """Send a signal to one process of a component (`child`: one that works, if any does); its pid, or None."""
        found = (self.busy_children() if component == "child" else []) or self.pids_of(component)
        for pid in found:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            return pid
        return None

    def freeze(self) -> list[int]:
        """SIGSTOP to the whole tree; says which processes `thaw` will wake."""
        frozen: list[int] = []
        while fresh := [pid for pid in self.pids() if pid not in frozen]:
            for pid in fresh:
                self._send(pid, signal.SIGSTOP)
            frozen += fresh
        return frozen

    def thaw(self, frozen: list[int]) -> None:
        """SIGCONT, the last stopped first."""
        for pid in reversed(frozen):
            self._send(pid, signal.SIGCONT)

    def kill_all(self) -> None:
        """SIGKILL to everything, and wait until it is gone."""
        until = time.monotonic() + PATIENCE_SECONDS
        while (left := self.pids()) and time.monotonic() < until:
            for pid in left:
                self._send(pid, signal.SIGKILL)
            time.sleep(0.02)
        for process in self.processes:
            process.wait(PATIENCE_SECONDS)

    def left(self, *components: str) -> list[str]:
        """What does not end (of these components, else of all); empty once nothing of it runs."""
        until = time.monotonic() + PATIENCE_SECONDS / 2
        while found := [f"{component_of(pid)} {pid}" for pid in self.pids()]:
            found = [name for name in found if not components or name.split()[0] in components]
            if not found or time.monotonic() > until:
                return found
            time.sleep(0.02)
        return []

    def _send(self, pid: int, number: int) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    # --- the engine ---

    @property
    def settings(self) -> Settings:
        return load_settings(self.home)

    def until(self, what: str, condition: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
        """The condition's value as soon as it is true; fails with the installation's last words."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > end or all(process.poll() is not None for process in self.processes):
                raise AssertionError(f"{what}: not within {seconds:g} s.\n{self.last_words()}")
            time.sleep(0.02)
        return value

    def last_words(self) -> str:
        """What a person would look at first when something hangs."""
        text = self.output.read_text(errors="replace")[-3000:] if self.output.exists() else ""
        processes = " ".join(f"{pid}:{component_of(pid)}" for pid in self.pids())
        tasks = self.rows("SELECT run, task_id, map_index, state, try_number, reason FROM task_instance")
        errors = self.rows("SELECT file, message FROM import_error")
        return f"processes {processes}\ntasks {tasks}\nimport errors {errors}\n{text}"

    def request(self, method: str, **arguments: Any) -> Any:
        """Ask the running scheduler; waits while there is none."""
        return self._with_client(lambda client: client.request(method, **arguments))

    def command(self, kind: str, **body: Any) -> Any:
        """Have the running scheduler apply a command; waits while there is none. Not for what must not be repeated."""

        def send(client: Client) -> Any:
            client.request("status")  # without a scheduler the client would apply the command by itself
            return client.command(kind, **body)

        return self._with_client(send)

    def http(self, path: str, *, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of a request by the admin; a header `Authorization` makes it somebody else, or nobody."""
        import base64
        import http.client
        import json

        address = self.until("the HTTP server", lambda: self.address())
        sent = {"Content-Type": "application/json"} | headers
        if "Authorization" not in headers:
            shown = base64.b64encode(f"{USERNAME}:{self.password}".encode()).decode()
            sent["Authorization"] = f"Basic {shown}"
        elif not headers["Authorization"]:
            del sent["Authorization"]
        with closing(http.client.HTTPConnection(address, timeout=PATIENCE_SECONDS)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return answer.status, json.loads(text) if text[:1] in ("{", "[") else text

    def address(self) -> str:
        path = self.home / "run" / "api.url"
        return path.read_text().strip().removeprefix("http://") if path.exists() else ""

    def is_listening(self) -> bool:
        """Whether a scheduler answers at the door."""
        with closing(socket.socket(socket.AF_UNIX)) as door:
            return door.connect_ex(str(self.settings.scheduler_socket)) == 0

    def _with_client(self, use: Callable[[Client], Any]) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            client = Client(self.settings, timedelta(seconds=PATIENCE_SECONDS))
            try:
                with warnings.catch_warnings():
                    # A connection that breaks while it is greeted is left to its finalizer.
                    warnings.simplefilter("ignore", ResourceWarning)
                    return use(client)
            except NoScheduler:
                problem: Exception = NoScheduler(self.home)
            except TradewindError as error:
                if "went away" not in str(error):
                    raise
                problem = error
            finally:
                client.close()
            if time.monotonic() > end:
                raise AssertionError(f"{problem}\n{self.last_words()}")
            time.sleep(0.05)

    def trigger(self, dag_id: str, run_id: str | None = None, **body: Any) -> str:
        """Create a run, once, and say its id. Waits until the Dag is known."""
        name = run_id or f"test-{uuid4().hex[:8]}"
        self.until(f"Dag {dag_id}", lambda: self.rows("SELECT 1 FROM dag WHERE dag_id = ? AND NOT is_stale", dag_id))
        try:
            self.command("run.create", dag_id=dag_id, run_id=name, **body)
        except TradewindError as error:
            if not isinstance(error, RunAlreadyExists) and "already" not in str(error):
                raise
        return name

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float = PATIENCE_SECONDS) -> str:
        """The run's final state."""
        sql = "SELECT state FROM run WHERE dag_id = ? AND run_id = ? AND state IN ('success', 'failed')"
        found = self.until(f"the end of {dag_id} {run_id}", lambda: self.rows(sql, dag_id, run_id), seconds)
        return str(found[0]["state"])

    def run(self, dag_id: str, **body: Any) -> str:
        """Trigger a run and wait for its final state."""
        return self.wait_for_run(dag_id, self.trigger(dag_id, **body))

    # --- what it left ---

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """A query over the database as it is now; empty while there is no such table."""
        try:
            with closing(sqlite3.connect(f"file:{self.home}/tradewind.db?mode=ro", uri=True, timeout=10)) as database:
                database.row_factory = sqlite3.Row
                return [dict(row) for row in database.execute(sql, values)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return []
            raise

    def entries(self) -> list[Entry]:
        return read(self.ledger)

    def dump(self) -> Dump:
        """What `ledger.check` needs of the database."""
        return Dump(
            runs=self.rows("SELECT * FROM run"),
            tasks=self.rows("SELECT * FROM task_instance"),
            attempts=self.rows("SELECT * FROM attempt"),
            events=self.rows("SELECT * FROM event ORDER BY seq"),
            pools=self.rows("SELECT * FROM pool"),
        )

    def log(self, dag_id: str, task_id: str, try_number: int = 1) -> str:
        """The raw log of a task's newest run."""
        found = self.home.glob(f"logs/dag_id={dag_id}/run_id=*/task_id={task_id}/attempt={try_number}.log")
        paths = sorted(found, key=lambda path: path.stat().st_mtime_ns)
        return paths[-1].read_text() if paths else ""


def component_of(pid: int) -> str:
    """What a process is, by its name and session."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        own_session = os.getsid(pid) == pid
    except (OSError, ProcessLookupError):
        return "gone"
    if name.startswith("tw-host"):
        return "child" if own_session else "host"
    return "child" if name == "tw-spawned" else name.removeprefix("tw-")


def _is_ours(pid: int, mark: bytes) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return mark in environment.split(b"\0") and not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] in (b"Z", b"X")
    except (OSError, IndexError):
        return True
