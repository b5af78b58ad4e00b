"""Who makes a request: by token, password or cookie, or nobody in particular."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

from tradewind.api.call import FromElsewhere, NotAuthenticated
from tradewind.api.login.cookies import COOKIE, MARK_HEADER, READING, comes_from_elsewhere, is_json
from tradewind.api.login.logins import Logins
from tradewind.core.access import BUILT_IN, Caller


class OpenGate:
    """Everybody who can connect may do everything: for an address that nobody else reaches.

    A page of another site reaches it too, through the browser of somebody who does. So changes that such a page asks
    for are refused, and, unless the server is meant for a network, hosts with another name than this machine's: such a
    name may lead here only in order to make that page one of ours.
    """

    def __init__(self, *, for_network: bool = False) -> None:
        self._for_network = for_network

    def caller(self, request: Request) -> Caller:
        if not self._for_network and not is_loopback(_host(request)):
            raise FromElsewhere
        if request.method not in READING and comes_from_elsewhere(request):
            raise FromElsewhere
        return Caller("admin", (BUILT_IN["Admin"],))


class LoginGate:
    """Those who have shown who they are; all others may do what everybody may.

    What is shown and does not hold is refused, whatever everybody may do; but a cookie that is over is as good as none.
    """

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    def caller(self, request: Request) -> Caller:
        shown = request.headers.get("authorization")
        if shown is not None:
            return self._by_header(request, shown)
        if token := request.cookies.get(COOKIE):
            try:
                return self._by_cookie(request, token)
            except NotAuthenticated:
                pass
        return self._public(request)

    def _by_header(self, request: Request, shown: str) -> Caller:
        scheme, _, value = shown.strip().partition(" ")
        match scheme.lower():
            case "bearer":
                account, claims = self._logins.by_token(value.strip())
                return self._logins.caller(account, claims.session)
            case "basic":
                username, password = _basic(value.strip())
                return self._logins.caller(self._logins.by_basic(username, password, address_of(request)))
            case _:
                raise NotAuthenticated

    def _by_cookie(self, request: Request, token: str) -> Caller:
        account, claims = self._logins.by_token(token)
        if request.method not in READING:
            elsewhere = comes_from_elsewhere(request)
            mark = request.headers.get(MARK_HEADER, "")
            if elsewhere or not is_json(request):
                raise FromElsewhere
            if elsewhere is None and not self._logins.tokens.is_mark_of(claims.session, mark):
                raise FromElsewhere
        return self._logins.caller(account, claims.session)

    def _public(self, request: Request) -> Caller:
        public = self._logins.public()
        need = getattr(request.scope["route"].endpoint, "need", None)
        if need is None or not public.may(need):
            raise NotAuthenticated  # rather than 403: who they are may change it
        return public


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def shows_who(request: Request) -> bool:
    """Whether somebody says who they are: what they may do is then theirs, wherever they are."""
    return "authorization" in request.headers or COOKIE in request.cookies


def is_local(request: Request) -> bool:
    """Whether it comes from this machine, and not from elsewhere through a proxy on it."""
    return is_loopback(address_of(request)) and not {"x-forwarded-for", "forwarded"} & set(request.headers)


def is_loopback(host: str) -> bool:
    """Whether this is a name or an address of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _basic(value: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise NotAuthenticated from None
    username, colon, password = text.partition(":")
    if not colon:
        raise NotAuthenticated
    return username, password
