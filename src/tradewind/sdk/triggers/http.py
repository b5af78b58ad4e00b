"""Triggers that wait for a web server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.http import HttpHook
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent

LONGEST_SECONDS = 60.0
"""How long a request may take that does not say: its thread is needed by others."""


class HttpTrigger(BaseTrigger):
    """Sends one request, and fires with {"status": "success", "response": …}, or "error" and its message."""

    def __init__(
        self,
        http_conn_id: str = "http_default",
        auth_type: Any = None,
        method: str = "POST",
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        extra_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.http_conn_id, self.auth_type, self.method, self.endpoint = http_conn_id, auth_type, method, endpoint
        self.headers, self.data, self.extra_options = headers, data, extra_options

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("http_conn_id", "auth_type", "method", "endpoint", "headers", "data", "extra_options")
        return f"{__name__}.HttpTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        hook = HttpHook(method=self.method, http_conn_id=self.http_conn_id, auth_type=self.auth_type)
        hook.timeout_seconds = LONGEST_SECONDS
        try:
            response = await asyncio.to_thread(hook.run, self.endpoint, self.data, self.headers, self.extra_options)
        except AirflowException as error:
            yield TriggerEvent({"status": "error", "message": str(error)})
        else:
            yield TriggerEvent({"status": "success", "response": response.as_dict()})


class HttpSensorTrigger(BaseTrigger):
    """Asks every `poke_interval` seconds, and fires with True when the answer is no error; 404 means "not yet"."""

    def __init__(
        self,
        endpoint: str | None = None,
        http_conn_id: str = "http_default",
        method: str = "GET",
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        extra_options: Mapping[str, Any] | None = None,
        poke_interval: float = 5.0,
    ) -> None:
        super().__init__()
        self.endpoint, self.http_conn_id, self.method, self.data = endpoint, http_conn_id, method, data
        self.headers, self.extra_options, self.poke_interval = headers, extra_options, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("endpoint", "http_conn_id", "method", "data", "headers", "extra_options", "poke_interval")
        return f"{__name__}.HttpSensorTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        hook = HttpHook(method=self.method, http_conn_id=self.http_conn_id)
        hook.timeout_seconds = LONGEST_SECONDS
        while True:
            try:
                await asyncio.to_thread(hook.run, self.endpoint, self.data, self.headers, self.extra_options)
            except AirflowException as error:
                if not str(error).startswith("404"):
                    raise
                await asyncio.sleep(self.poke_interval)
            else:
                yield TriggerEvent(True)
                return
