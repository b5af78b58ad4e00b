"""SparkSqlHook: a query by the program spark-sql, with what it writes in the task's log."""

from __future__ import annotations

import os
import shlex
from functools import cached_property
from typing import Any

from tradewind.sdk.exceptions import AirflowException, AirflowNotFoundException
from tradewind.sdk.hooks.base import BaseHook
from tradewind.sdk.hooks.spark_programs import program, with_java
from tradewind.sdk.hooks.spark_watch import tell_tasks
from tradewind.sdk.hooks.spark_words import DriverLog, failure, shown
from tradewind.sdk.subprocess_hook import SubprocessHook


class SparkSqlHook(BaseHook):
    """Runs `sql`, a statement or the path of a .sql or .hql file, on `master`, else on that of the connection."""

    conn_name_attr = "conn_id"
    default_conn_name = "spark_sql_default"
    conn_type = "spark_sql"
    hook_name = "Spark SQL"

    def __init__(
        self,
        sql: str,
        conf: dict[str, Any] | str | None = None,
        conn_id: str = default_conn_name,
        total_executor_cores: int | None = None,
        executor_cores: int | None = None,
        executor_memory: str | None = None,
        keytab: str | None = None,
        principal: str | None = None,
        master: str | None = None,
        name: str = "default-name",
        num_executors: int | None = None,
        verbose: bool = True,
        yarn_queue: str | None = None,
    ) -> None:
        super().__init__()
        self._sql, self._conf, self._name, self._verbose = sql, conf, name, verbose
        self._conn_id, self._master, self._yarn_queue = conn_id, master, yarn_queue
        self._options = {
            "--total-executor-cores": total_executor_cores, "--executor-cores": executor_cores,
            "--executor-memory": executor_memory, "--keytab": keytab, "--principal": principal,
            "--num-executors": num_executors,
        }  # fmt: skip

    @cached_property
    def place(self) -> tuple[str, str]:
        """The master and the queue: as the caller says, else by the connection, else YARN's default."""
        try:
            connection = self.get_connection(self._conn_id)
        except AirflowNotFoundException:
            return self._master or "yarn", self._yarn_queue or "default"
        host = connection.host or ""
        master = self._master or (f"{host}:{connection.port}" if connection.port else host)
        return master, self._yarn_queue or connection.extra_dejson.get("queue", "default")

    def get_conn(self) -> Any:
        """There is no client; use `run_query`."""

    def command(self, more: str | list[str] = "") -> list[str]:
        """What is run."""
        words = ["spark-sql"]
        settings = self._conf or {}
        pairs = settings.split(",") if isinstance(settings, str) else [f"{k}={v}" for k, v in settings.items()]
        for pair in pairs:
            words += ["--conf", pair]
        for option, value in self._options.items():
            words += [option, str(value)] if value else []
        sql = self._sql.strip()
        if sql:
            words += ["-f" if sql.endswith((".sql", ".hql")) else "-e", sql]
        master, queue = self.place
        words += ["--master", master] if master else []
        words += ["--name", self._name] if self._name else []
        words += ["--verbose"] if self._verbose else []
        words += ["--queue", queue] if queue else []
        return [*words, *(shlex.split(more) if isinstance(more, str) else more)]

    @cached_property
    def _process(self) -> SubprocessHook:
        return SubprocessHook(self.log)

    def run_query(self, cmd: str | list[str] = "", **popen: Any) -> None:
        """Run it to its end; `cmd` is added to the command, and `cwd` and `env` are those of the program."""
        command, heard = self.command(cmd), DriverLog()
        environment = with_java({**os.environ, **(popen.pop("env", None) or {})})
        self.log.info("Running: %s", shown(command))
        lines = self._process.lines(
            [program(command[0], environment), *command[1:]], env=environment, cwd=popen.pop("cwd", None)
        )
        for line in lines:
            self.log.log(heard.read(line), "%s", line)
            tell_tasks(heard)
        if exit_code := self._process.exit_code:
            raise AirflowException(failure(self._name, exit_code, heard.problem))

    def kill(self) -> None:
        """End the query and everything that it started."""
        self._process.send_sigterm()
