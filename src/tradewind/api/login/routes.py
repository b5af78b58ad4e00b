"""Logging in and out: tokens for programs, a cookie for the web UI, and what somebody has open."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import Field, SecretStr, ValidationError

from tradewind.api.call import Installation, NotAuthenticated, NotPermitted
from tradewind.api.gates import address_of
from tradewind.api.link import Refusal
from tradewind.api.login.cookies import base_of, clear_cookie, comes_from_elsewhere, set_cookie
from tradewind.api.login.next_page import safe_next
from tradewind.api.models import Answer, Body, Moment
from tradewind.api.routing import OPEN, Asked, Routes
from tradewind.core.access import OF_DAGS, Action, Caller, Need, Resource
from tradewind.core.errors import InvalidInput, NotFound
from tradewind.core.grants import SCOPES
from tradewind.security.passwords import hash_password
from tradewind.security.privacy import is_open
from tradewind.security.tokens import Claims
from tradewind.store.accounts import sessions_open
from tradewind.store.times import to_us

routes = Routes("Login")


class LoginBody(Body):
    username: str = Field(min_length=1, max_length=250)
    password: SecretStr = Field(min_length=1, max_length=1024)


class LoginResponse(Answer):
    access_token: str


class Right(Answer):
    """Something that somebody may do. `dags` says for which Dags, where it is not for all of them."""

    action: Action
    resource: Resource
    dags: dict[str, list[str]] | None


class MeResponse(Answer):
    """Whoever is logged in. `csrf_token` goes with each change, as `X-CSRF-Token`, where the cookie says who it is."""

    name: str
    roles: list[str]
    rights: list[Right]
    csrf_token: str | None


class SessionResponse(Answer):
    """`use`: `ui`, `api` or `cli`."""

    id: str
    use: str
    created_at: Moment
    expires_at: Moment
    address: str
    is_this: bool


class SessionCollectionResponse(Answer):
    sessions: list[SessionResponse]
    total_entries: int


class PasswordBody(Body):
    old: SecretStr = Field(max_length=1024)
    new: SecretStr = Field(min_length=1, max_length=1024)


# --- for programs --------------------------------------------------------------------------------------------------


async def credentials(request: Request) -> LoginBody:
    """Name and password from a body that is JSON, or the form that programs send."""
    body = await request.body()
    try:
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
            return LoginBody.model_validate({name: form[name][0] for name in ("username", "password") if name in form})
        return LoginBody.model_validate(json.loads(body or b"null"))
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None
    except (ValueError, RecursionError):
        raise InvalidInput("The body must be JSON with username and password, or a form with these.") from None


Credentials = Annotated[LoginBody, Depends(credentials)]


def _body() -> dict[str, Any]:
    schema = LoginBody.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@routes.post("/auth/token", OPEN, status_code=201, response_model=LoginResponse, openapi_extra=_body)
def create_token(request: Request, body: Credentials) -> dict[str, Any]:
    """A token for programs, to be sent as `Authorization: Bearer …`."""
    return {"access_token": _opened(request, body, "api")[0]}


@routes.post("/auth/token/cli", OPEN, status_code=201, response_model=LoginResponse, openapi_extra=_body)
def create_token_cli(request: Request, body: Credentials) -> dict[str, Any]:
    """The same for a command line: it lasts as long as [api_auth] jwt_cli_expiration_time says."""
    return {"access_token": _opened(request, body, "cli")[0]}


@routes.get("/auth/token", OPEN, status_code=201, response_model=LoginResponse)
def create_token_all_admins(request: Request) -> dict[str, Any]:
    """A token without a login, where [core] simple_auth_manager_all_admins says that everybody is an admin."""
    installation = _installation(request)
    if not is_open(installation.settings):
        raise NotPermitted(Need(Action.CREATE, Resource.OWN))
    caller = installation.gate.caller(request)
    now = installation.logins.clock()
    seconds = max(1, installation.settings.api_auth.jwt_expiration_time)
    claims = Claims(caller.name, "", 0, now + timedelta(seconds=seconds))
    return {"access_token": installation.logins.tokens.give(claims, now)}


def _opened(request: Request, body: LoginBody, use: str) -> tuple[str, int]:
    """The token of a new session, and how many seconds it lasts."""
    logins, address = _installation(request).logins, address_of(request)
    account = logins.by_password(body.username, body.password.get_secret_value(), address)
    try:
        opened = logins.open(account, use, address)
    except Refusal:
        raise NotAuthenticated from None  # changed or disabled since it was looked at
    return opened.token, opened.seconds


def _installation(request: Request) -> Installation:
    installation: Installation = request.app.state.installation
    return installation


# --- for browsers --------------------------------------------------------------------------------------------------


@routes.post("/auth/login", OPEN, response_model=MeResponse)
def log_in(request: Request, response: Response, body: LoginBody) -> dict[str, Any]:
    """Log in: the answer sets the cookie that later requests come with."""
    installation = _installation(request)
    token, seconds = _opened(request, body, "ui")
    set_cookie(request, response, token, seconds)
    account, claims = installation.logins.by_token(token)
    return _me(installation, installation.logins.caller(account, claims.session))


@routes.post("/auth/logout", OPEN, status_code=204)
def log_out(request: Request) -> Response:
    """End the session that the request comes with, whatever there is of it."""
    installation = _installation(request)
    response = Response(status_code=204)
    clear_cookie(request, response)
    try:
        caller = installation.gate.caller(request)
        if caller.session:
            installation.logins.end(caller.name, caller.session)
    except (NotAuthenticated, Refusal):
        pass  # it is over
    return response


@routes.get("/auth/me", OPEN, response_model=MeResponse)
def me(request: Request) -> dict[str, Any]:
    """Whoever asks, and what they may do."""
    installation = _installation(request)
    return _me(installation, installation.gate.caller(request))


def _me(installation: Installation, caller: Caller) -> dict[str, Any]:
    needs = [Need(action, resource) for resource in Resource for action in Action]
    return {
        "name": caller.name,
        "roles": [role.name for role in caller.roles],
        "rights": [_right(caller, need) for need in needs if caller.may(need)],
        "csrf_token": installation.logins.tokens.mark_of(caller.session) if caller.session else None,
    }


def _right(caller: Caller, need: Need) -> dict[str, Any]:
    scope = caller.scope(need)
    some = need.resource in OF_DAGS and not scope.everything
    dags = {part: sorted(getattr(scope, part)) for part in SCOPES} if some else None
    return {"action": need.action, "resource": need.resource, "dags": dags}


@routes.get("/api/v2/auth/login", OPEN, status_code=307)
def login(request: Request, next: str | None = None) -> RedirectResponse:
    """To the page on which one logs in."""
    base = base_of(request)
    after = safe_next(next, base, request.headers.get("host", ""))
    query = "" if after == f"{base}/" else f"?{urlencode({'next': after})}"
    return RedirectResponse(f"{base}/login{query}", 307)


@routes.get("/api/v2/auth/logout", OPEN, status_code=307)
def logout(request: Request) -> RedirectResponse:
    """The same, and the browser forgets its cookie. `POST /auth/logout` ends the session too: nothing that is stored
    changes behind a GET."""
    response = RedirectResponse(f"{base_of(request)}/login", 307)
    if not comes_from_elsewhere(request):
        clear_cookie(request, response)
    return response


# --- what somebody has open ----------------------------------------------------------------------------------------


@routes.get("/auth/sessions", Resource.OWN, response_model=SessionCollectionResponse)
def list_sessions(call: Asked) -> dict[str, Any]:
    """One's own sessions that still count, newest first."""
    with call.reading() as connection:
        rows = sessions_open(connection, call.caller.name, to_us(call.installation.logins.clock()))
    shown = [
        {**row, "use": row["kind"], "is_this": row["id"] == call.caller.session}
        for row in rows[:500]
    ]  # fmt: skip
    return {"sessions": shown, "total_entries": len(rows)}


@routes.delete("/auth/sessions/{session_id}", Resource.OWN, status_code=204)
def end_session(call: Asked, session_id: str) -> Response:
    """End one of them."""
    try:
        call.command("session.end", username=call.caller.name, id=session_id)
    except Refusal as refusal:
        raise NotFound("There is no such session.") from refusal
    return Response(status_code=204)


@routes.delete("/auth/sessions", Resource.OWN, status_code=204)
def end_every_session(call: Asked) -> Response:
    """End all of them, with the one that asks, and forget the passwords that Basic has shown."""
    call.command("session.end_all", username=call.caller.name)
    response = Response(status_code=204)
    clear_cookie(call.request, response)
    return response


@routes.post("/auth/password", Resource.OWN, Action.EDIT, status_code=204)
def change_password(call: Asked, body: PasswordBody) -> Response:
    """Another password of one's own. Every session ends, with the one that asks."""
    logins, address = call.installation.logins, address_of(call.request)
    try:
        logins.by_password(call.caller.name, body.old.get_secret_value(), address)
    except NotAuthenticated:
        raise InvalidInput("old is not the password of this account.") from None
    call.command(
        "account.password", username=call.caller.name, password_hash=hash_password(body.new.get_secret_value())
    )
    response = Response(status_code=204)
    clear_cookie(call.request, response)
    return response
