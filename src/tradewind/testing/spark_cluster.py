"""A standalone Spark cluster on this machine: a master and a worker on loopback, for tests and for trying out.

python -m tradewind.testing.spark_cluster
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.spark_programs import program, with_java
from tradewind.testing.servers import free_port

HOST = "127.0.0.1"
_PATIENCE_SECONDS = 180.0
_PAUSE_SECONDS = 0.2
_DAEMON_MEMORY = "384m"


class NoCluster(TradewindError):
    """The cluster did not start; the text says why."""


@dataclass
class SparkCluster:
    """A context manager: inside the block the cluster takes jobs, after it nothing of it is left. Port 0 is any free
    one."""

    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    """Where spark-class and Java are found, and what the jobs on the cluster inherit."""
    cores: int = 2
    memory: str = "2g"
    port: int = 0
    web_port: int = 0
    worker_web_port: int = 0
    rest_port: int = 0

    def __post_init__(self) -> None:
        for name in ("port", "web_port", "worker_web_port", "rest_port"):
            setattr(self, name, getattr(self, name) or free_port())
        self._processes: list[subprocess.Popen[bytes]] = []
        self.folder = Path()

    @property
    def url(self) -> str:
        return f"spark://{HOST}:{self.port}"

    @property
    def web_url(self) -> str:
        return f"http://{HOST}:{self.web_port}"

    def connection(self, deploy_mode: str = "client") -> str:
        """The connection to it, as the JSON that AIRFLOW_CONN_… takes."""
        extra = {"deploy-mode": deploy_mode, "rest-port": self.rest_port, "web-port": self.web_port}
        fields = {"conn_type": "spark", "host": f"spark://{HOST}", "port": self.port, "extra": extra}
        return json.dumps(fields)

    def __enter__(self) -> SparkCluster:
        self.folder = Path(tempfile.mkdtemp(prefix="tw-spark-"))
        try:
            rest = {"enabled": "true", "host": HOST, "port": self.rest_port}
            self._start(
                "master", "--host", HOST, "--port", str(self.port), "--webui-port", str(self.web_port),
                SPARK_MASTER_OPTS=" ".join(f"-Dspark.master.rest.{name}={value}" for name, value in rest.items()),
            )  # fmt: skip
            self._wait_for("the master", lambda state: state.get("status") == "ALIVE")
            self._start(
                "worker", "--cores", str(self.cores), "--memory", self.memory, "--host", HOST,
                "--webui-port", str(self.worker_web_port), "--work-dir", str(self.folder / "work"), self.url,
            )  # fmt: skip
            self._wait_for("the worker", lambda state: bool(state.get("aliveworkers")))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def state(self) -> dict[str, Any]:
        """What the master's page knows; empty while nobody answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.web_url}/json/", timeout=10) as answer:
                found = json.loads(answer.read())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def wait(self) -> None:
        """Return when one of its processes has ended."""
        while all(process.poll() is None for process in self._processes):
            time.sleep(_PAUSE_SECONDS)

    def stop(self) -> None:
        """End all of it: executors and drivers are in the worker's process group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self._processes):
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    continue
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    continue
        shutil.rmtree(self.folder, ignore_errors=True)

    def last_words(self) -> str:
        """The end of what its processes wrote."""
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(self.folder.glob("*.log")))

    def _start(self, role: str, *arguments: str, **environ: str) -> None:
        given = with_java({
            **self.environ, **environ, "SPARK_LOCAL_IP": HOST, "SPARK_DAEMON_MEMORY": _DAEMON_MEMORY,
            "SPARK_NO_DAEMONIZE": "1",
        })  # fmt: skip
        name = f"org.apache.spark.deploy.{role}.{role.title()}"
        with open(self.folder / f"{role}.log", "wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [program("spark-class", given), name, *arguments], env=given, cwd=self.folder, stdout=log,
                    stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                )
            )  # fmt: skip

    def _wait_for(self, what: str, there: Callable[[dict[str, Any]], bool]) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not there(self.state()):
            if any(process.poll() is not None for process in self._processes) or time.monotonic() > end:
                raise NoCluster(f"Spark did not start {what}; it wrote:\n{self.last_words()}")
            time.sleep(_PAUSE_SECONDS)


def _free(port: int) -> int:
    """This port, or the next that nobody listens on."""
    for candidate in range(port, port + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return candidate
    return 0


def main() -> int:
    """Run a cluster until Ctrl-C, and say how a connection to it is written."""
    parser = argparse.ArgumentParser(prog="python -m tradewind.testing.spark_cluster", description="A Spark cluster.")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 2, help="cores that jobs may use")
    parser.add_argument("--memory", default="2g", help="memory that jobs may use")
    parser.add_argument("--port", type=int, default=7077, help="the master's; the next free one where it is taken")
    parser.add_argument("--web-port", type=int, default=8083, help="the master's page")
    parser.add_argument("--worker-web-port", type=int, default=8084, help="the worker's page")
    parser.add_argument("--rest-port", type=int, default=6066, help="the master's submission server")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = ("port", "web_port", "worker_web_port", "rest_port")
    ports = {name: _free(getattr(options, name)) for name in names}
    try:
        with SparkCluster(dict(os.environ), options.cores, options.memory, **ports) as cluster:
            print(f"master  {cluster.url}   {cluster.web_url}")
            print(f"worker  http://{HOST}:{cluster.worker_web_port}   {cluster.cores} cores, {cluster.memory}")
            print("\nTell Tradewind or Airflow of it, in the terminal that starts its worker:\n")
            print(f"export SPARK_LOCAL_IP={HOST}")
            print(f"export AIRFLOW_CONN_SPARK_DEFAULT='{cluster.connection()}'")
            print("\nCtrl-C stops it.", flush=True)
            cluster.wait()
            print(cluster.last_words(), file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        return 0
    except (AirflowException, NoCluster) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
