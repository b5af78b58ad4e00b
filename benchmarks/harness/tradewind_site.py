"""Tradewind as an installation of the benchmark: `tradewind standalone` in a temporary home."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.installation import Installation, Runs, TaskTimes
from harness.ports import ask, free_port
from tradewind.cli.client import Client
from tradewind.config import load_settings

USER = "bench:bench"


class Tradewind(Installation):
    """`url` empty means SQLite in the home folder."""

    engine = "tradewind"

    def __init__(
        self, scratch: Path, url: str = "", files: Mapping[str, str] = {}, environment: Mapping[str, str] = {}
    ) -> None:
        super().__init__(scratch, url, files, environment)
        self.port = free_port()
        self._is_given_database = bool(url)
        if not url:
            self.url = f"sqlite:///{self.home}/tradewind.db"
        self._client: Client | None = None

    def command(self, *words: str) -> list[str]:
        script = Path(sys.executable).parent / "tradewind"
        return [str(script), *words] if script.exists() else [sys.executable, "-m", "tradewind.cli.main", *words]

    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TRADEWIND", "AIRFLOW"))}
        ours |= {
            "TRADEWIND_HOME": str(self.home),
            "TRADEWIND__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "TRADEWIND__API__PORT": str(self.port),
            "_AIRFLOW_WWW_USER_USERNAME": "bench",
            "_AIRFLOW_WWW_USER_PASSWORD": "bench",
            "BENCHMARK_OUT": str(self.out),
        }
        if self._is_given_database:
            ours["TRADEWIND__DATABASE__SQL_ALCHEMY_CONN"] = self.url
        return ours | self.given

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(load_settings(self.home, self.environment()))
        return self._client

    def forget_connections(self) -> None:
        super().forget_connections()
        if self._client is not None:
            self._client.close()
            self._client = None

    def is_healthy(self) -> bool:
        status, health = ask(self.port, "/health")
        if status != 200:
            return False
        # A component that does not exist in this version says null.
        if any(part["status"] not in ("healthy", None) for part in health.values()):
            return False
        return ask(self.port, "/api/v2/dags", user=USER)[0] == 200

    def listed_dags(self) -> set[str]:
        status, answer = ask(self.port, "/api/v2/dags?limit=500", user=USER)
        return {dag["dag_id"] for dag in answer["dags"]} if status == 200 else set()

    def trigger(self, dag_id: str) -> str:
        return str(self.client.command("run.create", dag_id=dag_id)["run_id"])

    def status(self) -> dict[str, Any]:
        """The scheduler's own counters."""
        answer: dict[str, Any] = self.client.request("status")
        return answer

    def known_dags(self) -> set[str]:
        return {row[0] for row in self.rows("SELECT dag_id FROM dag")}

    def open_runs(self) -> Runs:
        return set(self.rows("SELECT dag_id, run_id FROM run WHERE state IN ('queued','running')"))

    def tasks(self, dag_id: str, run_id: str) -> list[TaskTimes]:
        found = self.rows(
            "SELECT t.task_id, t.state, t.queued_at, t.start_date, t.end_date FROM task_instance t "
            "JOIN run r ON r.number = t.run WHERE r.dag_id = ? AND r.run_id = ?",
            dag_id,
            run_id,
        )
        return [TaskTimes(*row) for row in found]

    def run_times(self, dag_id: str, run_id: str) -> tuple[str, int, int]:
        sql = "SELECT state, start_date, end_date FROM run WHERE dag_id = ? AND run_id = ?"
        return self.rows(sql, dag_id, run_id)[0]
