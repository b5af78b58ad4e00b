"""BaseHook: the base of everything that talks to another system, and how a connection finds its hook."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from tradewind.sdk.compat_helpers import LoggingMixin
from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowException


class BaseHook(LoggingMixin):
    """Base of hooks. A hook gets its connection by `get_connection` and gives a client by `get_conn`."""

    conn_name_attr = "conn_id"
    default_conn_name = "default_conn_id"
    conn_type = ""
    hook_name = ""

    def __init__(self, logger_name: str | None = None, **_: Any) -> None:
        super().__init__()
        if logger_name:
            self._logger_name = logger_name

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The connection of this name; AirflowNotFoundException when there is none."""
        return Connection.get(conn_id)

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        return await Connection.async_get(conn_id)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """A hook for the connection of this name, of the class that its type asks for."""
        return cls.get_connection(conn_id).get_hook(hook_params=hook_params)

    @classmethod
    async def aget_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        return (await cls.aget_connection(conn_id)).get_hook(hook_params=hook_params)

    def get_conn(self) -> Any:
        """A client of the other system."""
        raise NotImplementedError(f"{type(self).__name__} has no get_conn(); use its other methods.")

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        return {}


OUR_HOOKS = {
    "fs": "tradewind.sdk.hooks.filesystem.FSHook",
    "http": "tradewind.sdk.hooks.http.HttpHook",
    "smtp": "tradewind.sdk.hooks.smtp.SmtpHook",
    "postgres": "tradewind.sdk.hooks.postgres.PostgresHook",
    "spark": "tradewind.sdk.hooks.spark_submit.SparkSubmitHook",
    "spark_sql": "tradewind.sdk.hooks.spark_sql.SparkSqlHook",
    "sqlite": "tradewind.sdk.hooks.sqlite.SqliteHook",
}
"""Type of connection -> the hook that stands in where no installed provider has one."""


def hook_for(connection: Connection, params: dict[str, Any]) -> Any:
    """The hook that the installed providers have for this connection's type, else ours; made with its conn_id."""
    kind = connection.conn_type or ""
    path = _hook_classes().get(kind) or OUR_HOOKS.get(kind)
    if path is None:
        raise AirflowException(
            f"Connection {connection.conn_id!r} has the type {connection.conn_type!r}, for which no hook is installed; "
            "install the provider that brings it."
        )
    module, _, name = path.rpartition(".")
    hook_class = getattr(import_module(module), name)
    return hook_class(**{getattr(hook_class, "conn_name_attr", "conn_id"): connection.conn_id}, **params)


@cache
def _hook_classes() -> dict[str, str]:
    """Class path of the hook by connection type, as the installed provider distributions say."""
    found: dict[str, str] = {}
    for point in entry_points(group="apache_airflow_provider"):
        try:
            info = point.load()()
        except Exception:  # a broken provider takes only its own hooks away
            continue
        for entry in info.get("connection-types", ()):
            if "connection-type" in entry and "hook-class-name" in entry:
                found.setdefault(entry["connection-type"], entry["hook-class-name"])
    return found
