"""Live updates of a real installation: what a browser hears, across a scheduler's death, and when all of it stops."""

import base64
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tradewind.testing.installation import PATIENCE_SECONDS, USERNAME, Installation

TABS = 50
DAG_FILE = """
from airflow.sdk import dag, task

@dag(schedule=None)
def greets():
    @task
    def hello():
        return "hello"
    hello()

greets()
"""


class Tab:
    """A page that reads its stream as it comes."""

    def __init__(self, installation: Installation, *topics: str) -> None:
        address = installation.until("the HTTP server", lambda: installation.address())
        self._connection = http.client.HTTPConnection(address, timeout=PATIENCE_SECONDS)
        shown = base64.b64encode(f"{USERNAME}:{installation.password}".encode()).decode()
        query = "&".join(f"topics={topic}" for topic in topics)
        self._connection.request("GET", f"/ui/stream?{query}", headers={"Authorization": f"Basic {shown}"})
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        self.told: list[tuple[str, Any]] = []
        self.was_cut = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        event = ""
        try:
            for line in self._answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    self.told.append((event, json.loads(value)))
        except (OSError, http.client.HTTPException):
            self.was_cut = True

    def changes(self) -> list[dict[str, Any]]:
        return [change for event, data in list(self.told) if event == "changes" for change in data]

    def has_seen(self, **wanted: str) -> bool:
        return any(wanted.items() <= change.items() for change in self.changes())

    def is_over(self) -> bool:
        self._thread.join(PATIENCE_SECONDS)
        return not self._thread.is_alive()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_SECONDS)
        self._answer.close()
        self._connection.close()


@contextmanager
def tabs(installation: Installation, count: int, *topics: str) -> Iterator[list[Tab]]:
    with ExitStack() as stack:
        found = []
        installation.until("somebody who may sign in", lambda: installation.rows("SELECT 1 FROM account"))
        for _ in range(count):
            tab = Tab(installation, *topics)
            stack.callback(tab.close)
            found.append(tab)
        yield found


def test_fifty_tabs_hear_of_a_run_and_an_installation_that_stops_lets_go_of_all_of_them() -> None:
    with Installation({"greets.py": DAG_FILE}) as installation:
        installation.start()
        installation.until("the scheduler", installation.is_listening)
        with tabs(installation, TABS, "dags", "dag:greets") as pages:
            run_id = installation.trigger("greets")
            assert installation.wait_for_run("greets", run_id) == "success"
            for page in pages:
                installation.until(
                    "the run's end", lambda page=page: page.has_seen(kind="run.moved", run_id=run_id, state="success")
                )
                assert page.has_seen(kind="task.moved", task_id="hello", state="success")
            assert installation.stop() == 0
            assert all(page.is_over() for page in pages)
            assert {str(page.told[-1]) for page in pages} == {str(("end", {"why": "closing"}))}
            assert not any(page.was_cut for page in pages)
        said = installation.output.read_text()
        assert "graceful shutdown exceeded" not in said, "no answer had to be cut off"
        assert "Traceback" not in said


def test_a_page_hears_that_the_scheduler_is_away_and_then_what_happened_after_it() -> None:
    with Installation({"greets.py": DAG_FILE}) as installation:
        installation.start()
        installation.until("the scheduler", installation.is_listening)
        with tabs(installation, 1, "dags") as (page,):
            installation.until("a page that is live", lambda: _connections(page)[-1:] == ["live"])
            installation.signal("scheduler")
            installation.until("the news of it", lambda: "scheduler-away" in _connections(page))
            run_id = installation.trigger("greets")
            assert installation.wait_for_run("greets", run_id) == "success"
            installation.until("the run's end", lambda: page.has_seen(kind="run.moved", run_id=run_id, state="success"))
            assert _connections(page)[-2:] == ["scheduler-away", "live"]
            numbers = [change["seq"] for change in page.changes()]
            assert numbers == sorted(set(numbers))


def _connections(page: Tab) -> list[str]:
    return [data["connection"] for event, data in list(page.told) if event in ("hello", "state")]
