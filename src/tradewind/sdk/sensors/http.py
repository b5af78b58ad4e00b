"""HttpSensor: wait until a web server gives the wished answer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tradewind.sdk.callables import determine_kwargs
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.http import HttpHook
from tradewind.sdk.sensors.base import BaseSensorOperator, PokeReturnValue, defers


class HttpSensor(BaseSensorOperator):
    """Waits until `endpoint` answers without an error, and `response_check(response, …)` is true if given. A status of
    `response_error_codes_allowlist` (404) is "not yet", any other error fails the task."""

    template_fields: Collection[str] = ("endpoint", "request_params", "headers", "http_conn_id")

    def __init__(
        self,
        *,
        endpoint: str,
        http_conn_id: str = "http_default",
        method: str = "GET",
        request_params: dict[str, Any] | None = None,
        request_kwargs: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        response_error_codes_allowlist: list[str] | None = None,
        response_check: Callable[..., Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        tcp_keep_alive: bool = True,
        tcp_keep_alive_idle: int = 120,
        tcp_keep_alive_count: int = 20,
        tcp_keep_alive_interval: int = 30,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint, self.http_conn_id, self.method = endpoint, http_conn_id, method
        self.request_params, self.request_kwargs = request_params or {}, request_kwargs or {}
        self.headers, self.extra_options = headers or {}, extra_options or {}
        codes = ["404"] if response_error_codes_allowlist is None else response_error_codes_allowlist
        self.response_error_codes_allowlist = [str(code) for code in codes]
        self.response_check, self.deferrable = response_check, defers(deferrable, triggers="http")

    @property
    def hook(self) -> HttpHook:
        return HttpHook(method=self.method, http_conn_id=self.http_conn_id)

    def poke(self, context: Any) -> bool | PokeReturnValue:
        self.log.info("Asking %s", self.endpoint)
        try:
            response = self.hook.run(
                self.endpoint, self.request_params, self.headers, self.extra_options, **self.request_kwargs
            )
        except AirflowException as error:
            if str(error)[:3] in self.response_error_codes_allowlist:
                return False
            raise
        if self.response_check is None:
            return True
        found = self.response_check(response, **determine_kwargs(self.response_check, [response], context))
        return found if isinstance(found, PokeReturnValue) else bool(found)

    def execute(self, context: Any) -> Any:
        # Only a task may run the author's check, so with one it does not defer.
        if not self.deferrable or self.response_check is not None:
            return super().execute(context)
        if not self.poke(context):
            from tradewind.sdk.triggers.http import HttpSensorTrigger

            trigger = HttpSensorTrigger(
                endpoint=self.endpoint,
                http_conn_id=self.http_conn_id,
                method=self.method,
                data=self.request_params,
                headers=self.headers,
                extra_options=self.extra_options,
                poke_interval=self.poke_interval,
            )
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.deferral_timeout)
        return None

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """Goes on when the trigger has fired."""
        self.log.info("%s has answered.", self.endpoint)
