"""How the server is seen from outside: below which path, and, behind a proxy, by whom, how and under what name.

A proxy is believed only where [api] enable_proxy_fix says that there is one, and only from an address of
[api] trusted_proxies: anybody can write the headers that it writes.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from tradewind.config import Settings
from tradewind.core.errors import InvalidInput

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which peers are proxies, and how many of them each header has passed."""

    networks: tuple[Any, ...]
    steps: dict[str, int]

    def trusts(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.networks)

    def said(self, headers: dict[bytes, bytes], name: str) -> str:
        """What the outermost of our proxies has written; empty where it has written nothing."""
        steps = self.steps[name]
        found = [part.strip() for part in headers.get(f"x-forwarded-{name}".encode(), b"").decode("latin-1").split(",")]
        return found[-steps] if 0 < steps <= len(found) else ""


def proxies_of(settings: Settings) -> Proxies | None:
    """The proxies that are believed; None where there are none. Raises InvalidInput for what is no address."""
    if not settings.api.enable_proxy_fix:
        return None
    networks = []
    for part in settings.api.trusted_proxies.split(","):
        try:
            networks += [ipaddress.ip_network(part.strip(), strict=False)] if part.strip() else []
        except ValueError:
            raise InvalidInput(
                f"[api] trusted_proxies: {part.strip()!r} is no address or network; write it as 10.0.0.0/8."
            ) from None
    steps = {
        "for": settings.api.proxy_fix_x_for, "proto": settings.api.proxy_fix_x_proto,
        "host": settings.api.proxy_fix_x_host, "port": settings.api.proxy_fix_x_port,
        "prefix": settings.api.proxy_fix_x_prefix,
    }  # fmt: skip
    return Proxies(tuple(networks), steps)


class Outside:
    """Puts right what the application is told of where it stands and who asks."""

    def __init__(self, app: ASGIApp, base_path: str, proxies: Proxies | None) -> None:
        self._app, self._base_path, self._proxies = app, base_path, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, "root_path": self._base_path}
            peer = scope["client"][0] if scope.get("client") else ""
            if self._proxies is not None and self._proxies.trusts(peer):
                self._believe(self._proxies, scope)
        await self._app(scope, receive, send)

    def _believe(self, proxies: Proxies, scope: Scope) -> None:
        headers = dict(scope["headers"])
        if (client := _address(proxies.said(headers, "for"))) is not None:
            scope["client"] = (client, 0)
        if (scheme := proxies.said(headers, "proto").lower()) in ("http", "https"):
            scope["scheme"] = scheme
        host = proxies.said(headers, "host") or headers.get(b"host", b"").decode("latin-1")
        port = proxies.said(headers, "port")
        if port.isdecimal() and ":" not in host.rpartition("]")[2] and port != _USUAL.get(scope["scheme"]):
            host = f"{host}:{port}"
        if _HOST.fullmatch(host):
            scope["headers"] = [(k, v) for k, v in scope["headers"] if k != b"host"] + [(b"host", host.encode())]
        prefix = proxies.said(headers, "prefix")
        if prefix and _PREFIX.fullmatch(prefix):
            scope["root_path"] = prefix.rstrip("/")
        gone = {f"x-forwarded-{name}".encode() for name in proxies.steps}
        scope["headers"] = [(k, v) for k, v in scope["headers"] if k not in gone]


_USUAL = {"http": "80", "https": "443"}


def _address(text: str) -> str | None:
    """The address in an element of X-Forwarded-For, which may have a port."""
    bare = text.strip('"').removeprefix("[").partition("]")[0] if "[" in text else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None
