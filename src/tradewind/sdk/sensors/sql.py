"""SqlSensor: wait until a query's first value is true."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.base import BaseHook
from tradewind.sdk.operator import describe
from tradewind.sdk.sensors.base import BaseSensorOperator


class SqlSensor(BaseSensorOperator):
    """Runs `sql` on the connection's database. What `selector` takes of the first row (its first value) goes to
    `failure`, which fails the task when it is true, then to `success`, or has to be true itself. No row is "not yet",
    with `fail_on_empty` a failure."""

    template_fields: Collection[str] = ("sql", "hook_params", "parameters", "conn_id")
    template_ext: Sequence[str] = (".hql", ".sql")
    template_fields_renderers = {"sql": "sql", "hook_params": "json", "parameters": "json"}
    ui_color = "#7c7287"

    def __init__(
        self,
        *,
        conn_id: str,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        success: Callable[[Any], bool] | None = None,
        failure: Callable[[Any], bool] | None = None,
        selector: Callable[[Any], Any] = itemgetter(0),
        fail_on_empty: bool = False,
        hook_params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id, self.sql, self.parameters, self.hook_params = conn_id, sql, parameters, hook_params
        self.success, self.failure, self.selector, self.fail_on_empty = success, failure, selector, fail_on_empty

    def poke(self, context: Any) -> bool:
        rows = self._hook().get_records(self.sql, self.parameters)
        where = describe(self.task_id, self._dag)
        if not rows:
            if self.fail_on_empty:
                raise AirflowException(f"{where}: the query gave no rows, and fail_on_empty is set.")
            return False
        for name, function in (("selector", self.selector), ("success", self.success), ("failure", self.failure)):
            if function is not None and not callable(function):
                raise AirflowException(f"{where}: {name} is {function!r}, which cannot be called; give a function.")
        value = self.selector(rows[0])
        if self.failure is not None and self.failure(value):
            raise AirflowException(f"{where}: the failure criterion is met by the value {value!r}.")
        return bool(self.success(value)) if self.success is not None else bool(value)

    def _hook(self) -> Any:
        hook = BaseHook.get_hook(self.conn_id, hook_params=dict(self.hook_params or {}))
        if not hasattr(hook, "get_records"):
            raise AirflowException(
                f"{describe(self.task_id, self._dag)}: connection {self.conn_id!r} is no database: "
                f"{type(hook).__name__} has no get_records()."
            )
        return hook
