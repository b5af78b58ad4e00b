"""Apache Airflow as a peer: `airflow standalone` with LocalExecutor, from an environment of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.installation import GaveUp, Installation, Runs, TaskTimes
from harness.ports import ask, free_port

VERSION = "3.3.2"
REQUIREMENTS = (
    f"apache-airflow=={VERSION}", "apache-airflow-providers-standard", "psycopg2-binary", "asyncpg",
)  # fmt: skip


def default_venv() -> Path:
    """Where the peer's environment is kept between sessions."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tradewind-benchmarks" / f"airflow-{VERSION}"


def ensure_venv(venv: Path) -> Path:
    """The environment, installed if it is not there yet."""
    if not (venv / "bin" / "airflow").exists():
        venv.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(venv / "bin" / "pip"), "install", "-q", *REQUIREMENTS], check=True, timeout=1800)
    return venv


class Airflow(Installation):
    """`url` is `postgresql://…`; LocalExecutor on SQLite is not what its users run."""

    engine = "airflow"

    def __init__(
        self,
        scratch: Path,
        url: str,
        files: Mapping[str, str] = {},
        environment: Mapping[str, str] = {},
        *,
        venv: Path,
    ) -> None:
        super().__init__(scratch, url, files, environment)
        self.port = free_port()
        self._venv = venv
        self._token = ""
        self._jwt_secret = secrets.token_urlsafe(48)

    def command(self, *words: str) -> list[str]:
        return [str(self._venv / "bin" / "airflow"), *words]

    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TRADEWIND", "AIRFLOW"))}
        return ours | {
            "PATH": f"{self._venv / 'bin'}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{self.port}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.url.replace("postgresql://", "postgresql+psycopg2://"),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": f"http://localhost:{self.port}",
            "AIRFLOW__API_AUTH__JWT_SECRET": self._jwt_secret,
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "BENCHMARK_OUT": str(self.out),
            **self.given,
        }

    def is_healthy(self) -> bool:
        status, health = ask(self.port, "/api/v2/monitor/health")
        if status != 200 or any(part["status"] not in ("healthy", None) for part in health.values()):
            return False
        return self._ask("/api/v2/dags")[0] == 200

    def listed_dags(self) -> set[str]:
        status, answer = self._ask("/api/v2/dags?limit=100")
        return {dag["dag_id"] for dag in answer["dags"]} if status == 200 else set()

    def trigger(self, dag_id: str) -> str:
        status, answer = self._ask(f"/api/v2/dags/{dag_id}/dagRuns", body={"logical_date": None})
        if status not in (200, 201):
            raise GaveUp(f"Airflow did not create a run of {dag_id}: {status} {answer}")
        return str(answer["dag_run_id"])

    def known_dags(self) -> set[str]:
        # A Dag can be triggered once its serialized form is stored.
        return {row[0] for row in self.rows("SELECT dag_id FROM serialized_dag")}

    def open_runs(self) -> Runs:
        return set(self.rows("SELECT dag_id, run_id FROM dag_run WHERE state IN ('queued','running')"))

    def tasks(self, dag_id: str, run_id: str) -> list[TaskTimes]:
        found = self.rows(
            "SELECT task_id, state, queued_dttm, start_date, end_date FROM task_instance "
            "WHERE dag_id = ? AND run_id = ?",
            dag_id,
            run_id,
        )
        return [TaskTimes(row[0], row[1], *map(_microseconds, row[2:])) for row in found]

    def run_times(self, dag_id: str, run_id: str) -> tuple[str, int, int]:
        sql = "SELECT state, start_date, end_date FROM dag_run WHERE dag_id = ? AND run_id = ?"
        state, start, end = self.rows(sql, dag_id, run_id)[0]
        return state, _microseconds(start), _microseconds(end)

    def _ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        for _ in range(2):
            if not self._token:
                status, answer = ask(self.port, "/auth/token", method="GET")
                if status in (200, 201) and isinstance(answer, dict):
                    self._token = str(answer["access_token"])
            status, answer = ask(self.port, path, body=body, token=self._token, timeout=60.0)
            if status != 401:
                break
            self._token = ""
        return status, answer


def _microseconds(moment: datetime | None) -> int:
    return round(moment.timestamp() * 1e6) if moment is not None else 0
