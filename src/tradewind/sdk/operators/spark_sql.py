"""SparkSqlOperator: run a query by spark-sql."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

from tradewind.sdk.hooks.spark_sql import SparkSqlHook
from tradewind.sdk.operator import BaseOperator


class SparkSqlOperator(BaseOperator):
    """Runs `sql` on `master`, else on that of the connection. Its output is the task's log."""

    template_fields: Collection[str] = ("sql",)
    template_ext: Sequence[str] = (".sql", ".hql")
    template_fields_renderers = {"sql": "sql"}
    ui_color = "#ffe0b8"

    def __init__(
        self,
        *,
        sql: str,
        conf: dict[str, Any] | str | None = None,
        conn_id: str = "spark_sql_default",
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self._given: dict[str, Any] = {
            "conf": conf, "conn_id": conn_id, "total_executor_cores": total_executor_cores,
            "executor_cores": executor_cores, "executor_memory": executor_memory, "keytab": keytab,
            "principal": principal, "master": master, "name": name, "num_executors": num_executors,
            "verbose": verbose, "yarn_queue": yarn_queue,
        }  # fmt: skip

    @cached_property
    def hook(self) -> SparkSqlHook:
        """What runs and ends the query; made when it is asked for, with the rendered statement."""
        return SparkSqlHook(sql=self.sql, **self._given)

    def execute(self, context: Any) -> None:
        self.hook.run_query()

    def on_kill(self) -> None:
        self.hook.kill()
