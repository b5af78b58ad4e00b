"""An API that is really served, for clients that are really Airflow's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from login_stage import make_stage, migrated, token_of
from play import offers

from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.wire.messages import Finished, Started

USER = "airflow"


@dataclass(frozen=True, slots=True)
class Served:
    """An installation with a login, on a port of its own: `airflow` may do everything, `kim` may look. What its tasks
    come to is what a test says."""

    stage: ApiStage
    url: str

    def token(self, username: str = USER) -> str:
        return token_of(self.stage, username)

    def play_through(self) -> None:
        """Every task that can run succeeds, until there is none; each leaves a list of two."""
        stage = self.stage
        while waiting := offers(stage):
            for offer in waiting:
                now = to_us(stage.now())
                stage.agent.answered.add(offer.attempt)
                stage.say(Started(attempt=offer.attempt, start_us=now))
                stage.say(Finished(attempt=offer.attempt, outcome="success", end_us=now, value=b"[1, 2]", length=2))
            stage.play()


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """One in this folder, for as long as it is needed."""
    people = ((USER, "Admin"), ("kim", "Viewer"))
    stage = make_stage(folder / "home", migrated(folder), *people, AIRFLOW__API__EXPOSE_CONFIG="True")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(stage.app, lifespan="off", log_level="warning", proxy_headers=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Served(stage, f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        stage.close()
        assert not thread.is_alive()
