"""Alert rules on real processes that are killed while the receivers are away: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradewind.testing.installation import Installation
from tradewind.testing.mail_sink import MailSink

DAGS = """
from airflow.sdk import DAG, task
from tradewind.data import metric

with DAG("scores", schedule=None):

    @task
    def check(params=None, dag_run=None):
        metric("quality_score", dag_run.conf["score"], {"source": "sea"})
        if dag_run.conf.get("fails"):
            raise ValueError("too bad")

    check()
"""
RULES = """
channels:
  hook: {type: webhook, url: {env: HOOK_URL}}
  ops: {type: email, to: ops@example.com}
rules:
  - {name: quality, when: {quality_below: 80}, severity: error, dedupe_window: 0}
  - {name: low_data_quality, when: {quality_below: 80}, enabled: false}
  - {name: high_memory, when: {memory_at_least: 100%}, enabled: false}
  - {name: high_disk, when: {disk_at_least: 100%}, enabled: false}
  - {name: high_failure_rate, when: {failure_rate: 10%}, dedupe_window: 0, channels: [hook]}
"""


class Hook:
    """A webhook's other side on a port that it keeps while it is away."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self._server: ThreadingHTTPServer | None = None

    def come_back(self) -> None:
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                taken.append((self.headers["Idempotency-Key"], body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def told(self) -> list[tuple[str, str]]:
        return sorted((body["rule"], body["status"]) for _, body in self.taken)


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def mails() -> Iterator[MailSink]:
    with MailSink(refuses="450 come again") as sink:
        yield sink


@pytest.fixture
def installation(tmp_path: Path, hook: Hook, mails: MailSink) -> Iterator[Installation]:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES, encoding="utf-8")
    environment = {
        "TRADEWIND__ALERTS__RULES_FILE": str(rules),
        "HOOK_URL": f"http://127.0.0.1:{hook.port}/hook",
        **mails.settings(),
    }
    with Installation({"scores.py": DAGS}, **environment) as installation:
        installation.start()
        yield installation


def states(installation: Installation) -> list[tuple[str, str, str, str]]:
    rows = installation.rows("SELECT rule, status, channel, state FROM alert_notice")
    return sorted((row["rule"], row["status"], row["channel"], row["state"]) for row in rows)


def log_of(installation: Installation) -> str:
    """Everything that deliveries have logged."""
    return "".join(path.read_text("utf-8") for path in installation.home.glob("logs/alerts/*.log"))


def test_receivers_that_are_away_are_told_once_although_everybody_dies(
    installation: Installation, hook: Hook, mails: MailSink
) -> None:
    run = installation.trigger("scores", conf={"score": 79, "fails": True})
    assert installation.wait_for_run("scores", run) == "failed"
    installation.until("three notices are stored", lambda: len(states(installation)) == 3)
    assert {state for *_, state in states(installation)} == {"waiting"}
    installation.until("tries have failed", lambda: "is tried again" in log_of(installation))
    for component in ("scheduler", "agent"):
        installation.signal(component)
        time.sleep(1)
    run = installation.trigger("scores", conf={"score": 80})
    assert installation.wait_for_run("scores", run) == "success"
    installation.until("the end of one is stored", lambda: len(states(installation)) == 5)
    assert hook.taken == []
    assert mails.mails == []

    hook.come_back()
    mails.refuses = ""
    installation.until(
        "everything is delivered", lambda: {state for *_, state in states(installation)} == {"delivered"}, 90
    )
    assert hook.told() == [("high_failure_rate", "firing"), ("quality", "firing"), ("quality", "recovered")]
    assert len({key for key, _ in hook.taken}) == 3
    assert [mail.subject.strip() for mail in mails.mails] == [
        "[ERROR] quality (dag_id=scores, subject=source=sea, task_id=check)",
        "[RECOVERED] quality (dag_id=scores, subject=source=sea, task_id=check)",
    ]
    log = log_of(installation)
    assert f"{hook.port}/hook" not in log, "the address is a secret of its channel"
