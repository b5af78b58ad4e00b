"""Logging in at an identity provider (OpenID Connect), for browsers: there, back, and what the login page shows of it.

Whatever goes wrong, the browser ends on the login page with one word of it; the log has the whole story.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from tradewind.api.call import Installation, NotAuthenticated
from tradewind.api.errors import NotFound
from tradewind.api.gates import address_of
from tradewind.api.link import Refusal, SchedulerAway
from tradewind.api.login.cookies import base_of, clear_cookie, comes_from_elsewhere, set_cookie
from tradewind.api.login.next_page import safe_next
from tradewind.api.login.single import Came, NotBegun, SingleSignOn
from tradewind.api.models import Answer
from tradewind.api.routing import OPEN, Routes
from tradewind.core.errors import TradewindError
from tradewind.observability.logs import logger
from tradewind.security.privacy import is_open

log = logger("api")
routes = Routes("Login")

COOKIE = "_oidc"
LASTS_SECONDS = 600
Problem = Literal["provider", "refused", "expired", "no_role", "taken", "away"]
"""`provider`: it cannot be reached, or is set up otherwise than we. `refused`: its answer does not hold, or the account
is disabled. `expired`: begun in another browser, too long ago, or come back twice. `no_role`: none of our roles is
theirs. `taken`: their name is somebody else's here. `away`: there is no scheduler."""


class LoginProvider(Answer):
    """`login` and `logout` are pages to go to, below the server's base path; `login` takes `next`."""

    name: str
    login: str
    logout: str


class LoginProviders(Answer):
    """`password`: whether a name and a password open a session too."""

    providers: list[LoginProvider]
    password: bool


NO_PROVIDER: dict[int | str, dict[str, Any]] = {404: {"description": "There is no identity provider here."}}


@routes.get("/auth/providers", OPEN, response_model=LoginProviders)
def list_providers(request: Request) -> dict[str, Any]:
    """Where one can log in, for a login page."""
    installation = _installation(request)
    settings, base = installation.settings, base_of(request)
    found = {"name": settings.oidc.name, "login": f"{base}/auth/oidc/login", "logout": f"{base}/auth/oidc/logout"}
    has_provider = bool(settings.oidc.issuer) and not is_open(settings)
    return {"providers": [found] if has_provider else [], "password": not is_open(settings)}


@routes.get("/auth/oidc/login", OPEN, status_code=303, responses=NO_PROVIDER)
def oidc_login(request: Request, next: str | None = None) -> Response:
    """To the identity provider; the browser keeps, sealed, what has to come back."""
    single = _single(request)
    after = safe_next(next, base_of(request), request.headers.get("host", ""))
    redirect_uri = f"{_outside(request)}/auth/oidc/callback"
    try:
        url, begun = single.provider.begin(redirect_uri)
    except TradewindError as error:
        return _failed(request, "provider", error, after)
    response = RedirectResponse(url, 303)
    _keep(request, response, single.seal(begun, after, redirect_uri), LASTS_SECONDS)
    return response


@routes.get("/auth/oidc/callback", OPEN, status_code=303, responses=NO_PROVIDER)
def oidc_callback(request: Request) -> Response:
    """Back from there: a session for whom the provider vouches, and on to where they were."""
    single = _single(request)
    try:
        came = single.unseal(request.cookies.get(COOKIE))
    except NotBegun as error:
        return _failed(request, "expired", error)
    response = _admitted(request, single, came)
    _keep(request, response, "", 0)
    return response


@routes.get("/auth/oidc/logout", OPEN, status_code=303, responses=NO_PROVIDER)
def oidc_logout(request: Request) -> Response:
    """Also out of the provider: the browser forgets its cookie and goes to the provider's page for that, if it has one.
    `POST /auth/logout` comes first, and ends the session here."""
    single = _single(request)
    login = f"{base_of(request)}/login"
    try:
        url = single.provider.end_url(f"{_outside(request)}/login")
    except TradewindError as error:
        log.warning("the identity provider could not be asked", problem=str(error))
        url = None
    response = RedirectResponse(url or login, 303)
    if not comes_from_elsewhere(request):
        clear_cookie(request, response)
    return response


def _admitted(request: Request, single: SingleSignOn, came: Came) -> Response:
    from tradewind.security.oidc import NotVouchedFor, Unreachable

    logins, address = _installation(request).logins, address_of(request)
    try:
        identity = single.provider.finish(came.begun, _once(request), came.redirect_uri)
        roles = single.roles_of(identity.values)
        if not roles:
            problem = NotVouchedFor(f"{identity.username!r:.80} has none of the values of [oidc] roles_mapping.")
            return _failed(request, "no_role", problem, came.next)
        opened = logins.open(logins.by_provider(identity, roles), "ui", address)
    except Unreachable as error:
        return _failed(request, "provider", error, came.next)
    except SchedulerAway as error:
        return _failed(request, "away", error, came.next)
    except Refusal as error:
        return _failed(request, "taken" if error.kind == "AlreadyExists" else "refused", error, came.next)
    except (NotVouchedFor, NotAuthenticated, TradewindError) as error:
        return _failed(request, "refused", error, came.next)
    response = RedirectResponse(came.next, 303)
    set_cookie(request, response, opened.token, opened.seconds)
    return response


def _once(request: Request) -> dict[str, str]:
    """What the provider has sent along; of what is there twice, nothing."""
    names = [name for name, _ in request.query_params.multi_items()]
    return {name: value for name, value in request.query_params.items() if names.count(name) == 1}


def _failed(request: Request, problem: Problem, error: TradewindError, after: str | None = None) -> Response:
    log.warning(
        "a login at the identity provider failed", what=problem, problem=str(error), address=address_of(request)
    )
    base = base_of(request)
    query = {"problem": problem} | ({"next": after} if after and after != f"{base}/" else {})
    response = RedirectResponse(f"{base}/login?{urlencode(query)}", 303)
    _keep(request, response, "", 0)
    return response


def _keep(request: Request, response: Response, sealed: str, seconds: int) -> None:
    response.set_cookie(
        COOKIE, sealed, max_age=seconds, path=f"{base_of(request)}/auth/oidc", secure=request.url.scheme == "https",
        httponly=True, samesite="lax",
    )  # fmt: skip


def _outside(request: Request) -> str:
    """The address that people use, up to the server's base path."""
    base_url = _installation(request).settings.api.base_url
    if base_url and urlsplit(base_url).scheme in ("http", "https"):
        parts = urlsplit(base_url)
        return f"{parts.scheme}://{parts.netloc}{base_of(request)}"
    return f"{request.url.scheme}://{request.headers.get('host', '')}{base_of(request)}"


def _single(request: Request) -> SingleSignOn:
    installation = _installation(request)
    single = None if is_open(installation.settings) else installation.logins.single
    if single is None:
        raise NotFound("There is no identity provider here; [oidc] issuer names one.")
    return single


def _installation(request: Request) -> Installation:
    installation: Installation = request.app.state.installation
    return installation
