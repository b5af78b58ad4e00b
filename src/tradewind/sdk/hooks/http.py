"""HttpHook: requests to the server of a connection, through the standard library."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.base import BaseHook

OPTIONS = ("timeout", "verify", "cert", "allow_redirects", "proxies", "check_response")
"""Names that are options of a request, in a connection's extra or as `extra_options`; all else there is headers."""
_IGNORED = ("stream", "max_redirects", "trust_env")
_IN_QUERY = ("GET", "HEAD", "DELETE", "OPTIONS")


class HttpResponse:
    """What a server answered, with the attributes that one knows of the `requests` library."""

    def __init__(self, status_code: int, reason: str, url: str, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code, self.reason, self.url, self.content = status_code, reason, url, content
        self.headers = _Headers(headers)

    @property
    def ok(self) -> bool:
        return self.status_code < 400

    @property
    def encoding(self) -> str:
        """The character set that the server names, else UTF-8."""
        _, _, charset = self.headers.get("content-type", "").lower().partition("charset=")
        return charset.split(";")[0].strip(' "') or "utf-8"

    @cached_property
    def text(self) -> str:
        return self.content.decode(self.encoding, errors="replace")

    def json(self, **options: Any) -> Any:
        return json.loads(self.content, **options)

    def raise_for_status(self) -> None:
        if not self.ok:
            raise AirflowException(f"{self.status_code}:{self.reason}")

    def as_dict(self) -> dict[str, Any]:
        """All of it as values that can be sent; `HttpResponse(**values)` is the same again."""
        names = ("status_code", "reason", "url", "content")
        return {**{name: getattr(self, name) for name in names}, "headers": dict(self.headers)}

    def __repr__(self) -> str:
        return f"<HttpResponse [{self.status_code}]>"


class HttpHook(BaseHook):
    """Requests below the connection's host. Its login and password are sent as Basic authentication, its extra as
    headers."""

    conn_name_attr = "http_conn_id"
    default_conn_name = "http_default"
    conn_type = "http"
    hook_name = "HTTP"
    timeout_seconds: float | None = None
    """How long a request may take, where neither its options nor the connection's extra say."""

    def __init__(
        self, method: str = "POST", http_conn_id: str = default_conn_name, auth_type: Any = None, **_: Any
    ) -> None:
        super().__init__()
        if auth_type is not None:
            raise AirflowException(
                f"auth_type={auth_type!r} needs apache-airflow-providers-http; leave it out for Basic authentication."
            )
        self.method, self.http_conn_id = method.upper(), http_conn_id

    def run(
        self,
        endpoint: str | None = None,
        data: Mapping[str, Any] | str | bytes | None = None,
        headers: Mapping[str, Any] | None = None,
        extra_options: Mapping[str, Any] | None = None,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> HttpResponse:
        """The server's answer. Raises AirflowException ("404:Not Found") from status 400 on, unless `check_response` is
        False among the options. For GET `data` is the query, else the body: a dict is sent as a form."""
        if unknown:
            raise TypeError(f"HttpHook.run() does not know {', '.join(sorted(unknown))}; it takes json= and params=.")
        connection_headers, options = self._from_extra()
        options |= extra_options or {}
        sent = {**connection_headers, **(headers or {})}
        url, body = self._target(endpoint, data, json, params, sent)
        if wrong := sorted(set(options) - {*OPTIONS, *_IGNORED}):
            raise TypeError(f"extra_options does not know {', '.join(wrong)}; it knows {', '.join(OPTIONS)}.")
        request = urllib.request.Request(
            url, data=body, headers={name: str(value) for name, value in sent.items()}, method=self.method
        )
        self.log.debug("Sending %s to %s", self.method, url)
        response = self._send(request, options)
        if options.get("check_response", True):
            self.check_response(response)
        return response

    def run_with_advanced_retry(self, _retry_args: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        """As `run`, tried again as tenacity's arguments say."""
        import tenacity

        response: HttpResponse = tenacity.Retrying(**_retry_args)(self.run, *args, **kwargs)
        return response

    def check_response(self, response: HttpResponse) -> None:
        """Raise AirflowException for an answer that is an error."""
        if not response.ok:
            self.log.error("HTTP error %s: %s", response.status_code, response.text[:1000])
        response.raise_for_status()

    @cached_property
    def base_url(self) -> str:
        """Scheme, host and port of the connection."""
        connection = self.get_connection(self.http_conn_id)
        host = connection.host or ""
        if "://" not in host:
            host = f"{connection.schema or 'http'}://{host}"
        return f"{host}:{connection.port}" if connection.port else host

    def url_from_endpoint(self, endpoint: str | None) -> str:
        """The whole address of an endpoint."""
        if not endpoint:
            return self.base_url
        if "://" in endpoint:
            return endpoint
        return f"{self.base_url.rstrip('/')}/{endpoint.lstrip('/')}"

    def test_connection(self) -> tuple[bool, str]:
        """Whether the server answers."""
        try:
            self.run()
        except Exception as error:
            return False, str(error)
        return True, "The server answers."

    def _from_extra(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The connection's headers and options."""
        connection = self.get_connection(self.http_conn_id)
        extra = connection.extra_dejson
        options = {name: extra[name] for name in OPTIONS if name in extra}
        headers = {name: value for name, value in extra.items() if name not in {*OPTIONS, *_IGNORED}}
        if connection.login or connection.password:
            token = base64.b64encode(f"{connection.login or ''}:{connection.password or ''}".encode()).decode()
            headers.setdefault("Authorization", f"Basic {token}")
        return headers, options

    def _target(
        self, endpoint: str | None, data: Any, json_value: Any, params: Any, headers: dict[str, Any]
    ) -> tuple[str, bytes | None]:
        """The address with its query, and the body."""
        url, body = self.url_from_endpoint(endpoint), None
        if not url.lower().startswith(("http://", "https://")):
            raise AirflowException(f"{url!r} is no address of the web; it has to begin with http:// or https://.")
        known = {name.lower() for name in headers}
        queries = [params]
        if json_value is not None:
            body = json.dumps(json_value).encode()
            if "content-type" not in known:
                headers["Content-Type"] = "application/json"
        elif self.method in _IN_QUERY:
            queries.append(data)
        elif isinstance(data, Mapping):
            body = urlencode(data, doseq=True).encode()
        elif data is not None:
            body = data if isinstance(data, bytes) else str(data).encode()
        for query in queries:
            if query:
                text = query if isinstance(query, str) else urlencode(query, doseq=True)
                url += ("&" if "?" in url else "?") + text
        return url, body

    def _send(self, request: urllib.request.Request, options: Mapping[str, Any]) -> HttpResponse:
        opener = urllib.request.build_opener(*_handlers(options))
        try:
            try:
                with opener.open(request, timeout=options.get("timeout", self.timeout_seconds)) as answer:
                    return _response(answer)
            except urllib.error.HTTPError as answer:
                with answer:
                    return _response(answer)
        except urllib.error.URLError as error:
            raise AirflowException(f"{request.full_url} cannot be reached: {error.reason}") from error


class _Headers(dict[str, str]):
    """Headers by name, in any case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(headers.items())
        self._by_lower = {name.lower(): value for name, value in headers.items()}

    def __getitem__(self, name: str) -> str:
        return self._by_lower[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_lower

    def get(self, name: str, default: Any = None) -> Any:
        return self._by_lower.get(name.lower(), default)


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follows, but takes no password along to another server."""

    def redirect_request(self, req: urllib.request.Request, *answer: Any) -> urllib.request.Request | None:
        following = super().redirect_request(req, *answer)
        if following is not None and following.host != req.host:
            following.remove_header("Authorization")
        return following


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _handlers(options: Mapping[str, Any]) -> list[urllib.request.BaseHandler]:
    handlers: list[urllib.request.BaseHandler] = []
    handlers.append(_Redirect() if options.get("allow_redirects", True) else _NoRedirect())
    if "proxies" in options:
        handlers.append(urllib.request.ProxyHandler(options["proxies"]))
    verify, cert = options.get("verify", True), options.get("cert")
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    handlers.append(urllib.request.HTTPSHandler(context=context))
    return handlers


def _response(answer: Any) -> HttpResponse:
    return HttpResponse(answer.status, answer.reason, answer.url, dict(answer.headers.items()), answer.read())
