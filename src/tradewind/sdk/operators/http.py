"""HttpOperator: send a request; the answer's text is the result."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tradewind.sdk.callables import determine_kwargs
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.http import HttpHook, HttpResponse
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.sensors.base import defers


class HttpOperator(BaseOperator):
    """Calls `endpoint`. `response_check` decides whether the answer is good, `response_filter` makes the result of it;
    `pagination_function` gives the arguments of the next request, until it gives nothing: the result is a list then."""

    template_fields: Collection[str] = ("endpoint", "data", "headers", "http_conn_id")
    template_fields_renderers = {"headers": "json", "data": "py"}
    ui_color = "#f4a460"

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        method: str = "POST",
        data: dict[str, Any] | str | None = None,
        headers: dict[str, str] | None = None,
        pagination_function: Callable[..., Any] | None = None,
        response_check: Callable[..., bool] | None = None,
        response_filter: Callable[..., Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        request_kwargs: dict[str, Any] | None = None,
        http_conn_id: str = "http_default",
        log_response: bool = False,
        auth_type: Any = None,
        tcp_keep_alive: bool = True,
        tcp_keep_alive_idle: int = 120,
        tcp_keep_alive_count: int = 20,
        tcp_keep_alive_interval: int = 30,
        deferrable: bool | None = None,
        retry_args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint, self.method, self.data, self.http_conn_id = endpoint, method, data or {}, http_conn_id
        self.headers, self.extra_options = headers or {}, extra_options or {}
        self.request_kwargs, self.retry_args = request_kwargs or {}, retry_args
        self.pagination_function, self.response_check = pagination_function, response_check
        self.response_filter, self.log_response, self.auth_type = response_filter, log_response, auth_type
        self.deferrable = defers(deferrable, triggers="http")

    @property
    def hook(self) -> HttpHook:
        return HttpHook(self.method, http_conn_id=self.http_conn_id, auth_type=self.auth_type)

    def execute(self, context: Any) -> Any:
        if self.deferrable:
            from tradewind.sdk.triggers.http import HttpTrigger

            trigger = HttpTrigger(
                http_conn_id=self.http_conn_id,
                method=self.method,
                endpoint=self.endpoint,
                headers=self.headers,
                data=self.data,
                extra_options=self.extra_options,
            )
            self.defer(trigger=trigger, method_name="execute_complete")
        return self._result(self._request(), context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Goes on with the answer that the trigger got."""
        if event["status"] != "success":
            raise AirflowException(event["message"])
        return self._result(HttpResponse(**event["response"]), context)

    def _request(self, **changed: Any) -> HttpResponse:
        arguments = {
            "endpoint": self.endpoint, "data": self.data, "headers": self.headers, "extra_options": self.extra_options,
            **self.request_kwargs, **changed,
        }  # fmt: skip
        if self.retry_args is None:
            return self.hook.run(**arguments)
        return self.hook.run_with_advanced_retry(self.retry_args, **arguments)

    def _result(self, response: HttpResponse, context: Any) -> Any:
        answer: Any = response if self.pagination_function is None else self._pages(response)
        pages = answer if isinstance(answer, list) else [answer]
        if self.log_response:
            for page in pages:
                self.log.info("%s", page.text)
        if self.response_check is not None:
            for page in pages:
                if not self.response_check(page, **determine_kwargs(self.response_check, [page], context)):
                    raise AirflowException(f"response_check is false for the answer of {page.url}.")
        if self.response_filter is not None:
            return self.response_filter(answer, **determine_kwargs(self.response_filter, [answer], context))
        return [page.text for page in pages] if isinstance(answer, list) else answer.text

    def _pages(self, response: HttpResponse) -> list[HttpResponse]:
        assert self.pagination_function is not None
        pages = [response]
        while following := self.pagination_function(pages[-1]):
            pages.append(self._request(**following))
        return pages
