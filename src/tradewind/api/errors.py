"""What goes wrong, as the answer that a client gets: a status and Airflow's shapes, never a trace."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, DBAPIError
from starlette.exceptions import HTTPException

from tradewind.api.call import Forbidden, FromElsewhere, NotAuthenticated, NotPermitted, TooManyTries, TooMuch
from tradewind.api.link import Refusal, SchedulerAway
from tradewind.core.errors import AlreadyExists, NotFound, TradewindError
from tradewind.observability.logs import logger
from tradewind.security.passwords import TooBusy
from tradewind.store.engine import READ_SECONDS, took_too_long

log = logger("api")

__all__ = ["AlreadyExists", "NotFound", "answer_errors", "headers_of", "said_of_fault", "status_of"]

NOT_FOUND = frozenset({"DagNotFound", "RunNotFound", "TaskNotFound", "BackfillNotFound", "NotFound"})
CONFLICTS = frozenset(
    {"RunAlreadyExists", "AlreadyExists", "NotCurrent", "NotOver", "TaskIsRunning", "Conflict", "BackfillConflict"}
)


class Conflict(TradewindError):
    """What is asked for does not go with how things are."""


def status_of(error: TradewindError) -> int:
    """The HTTP status of a refusal. What a person gave and what cannot be used is a 400."""
    kind = error.kind if isinstance(error, Refusal) else type(error).__name__
    match error:
        case NotAuthenticated():
            return 401
        case NotPermitted() | Forbidden() | FromElsewhere():
            return 403
        case TooManyTries() | TooMuch() | TooBusy():
            return 429
        case SchedulerAway():
            return 503
    if kind in NOT_FOUND:
        return 404
    if kind == "TooManyRuns":
        return 429
    return 409 if kind in CONFLICTS else 400


def headers_of(status: int, request: Request, error: TradewindError) -> dict[str, str]:
    """What a client needs beside the status to go on."""
    match status:
        case 401:
            # A page asks for the password itself; told of Basic, the browser would do it in a window of its own.
            from_page = "sec-fetch-site" in request.headers and request.headers.get("sec-fetch-mode") != "navigate"
            return {"WWW-Authenticate": "Bearer" if from_page else 'Basic realm="Tradewind", Bearer'}
        case 429:
            return {"Retry-After": str(getattr(error, "retry_after_seconds", 1))}
        case 503:
            return {"Retry-After": "2"}
        case _:
            return {}


def answer_errors(app: FastAPI) -> None:
    """Give every error of this application Airflow 3's shape: `{"detail": …}`."""

    @app.exception_handler(TradewindError)
    async def refused(request: Request, error: TradewindError) -> JSONResponse:
        status = status_of(error)
        body: dict[str, Any] = {"detail": str(error)}
        if isinstance(error, SchedulerAway) and error.command:
            body["command"] = error.command
        return JSONResponse(body, status, headers_of(status, request, error))

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": [_problem(each) for each in error.errors()]}, 422)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)

    @app.exception_handler(DataError)
    async def unheard_of(request: Request, error: DataError) -> JSONResponse:
        # PostgreSQL says so of text with a null character, which SQLite takes.
        return JSONResponse(
            {"detail": "The request holds a value that the database cannot compare with; check it."}, 400
        )

    @app.exception_handler(DBAPIError)
    async def unread(request: Request, error: DBAPIError) -> JSONResponse:
        if took_too_long(error):
            return JSONResponse({"detail": _too_slow(request)}, 504)
        if _is_from_before(error):
            sentence = (
                "The metadata database has no tables of this version yet; a scheduler makes them when it starts, or "
                "`tradewind db migrate`."
            )
            return JSONResponse({"detail": sentence}, 503, {"Retry-After": "1"})
        if error.connection_invalidated or _is_away(error):
            sentence = "The metadata database cannot be read at present; try again in a moment."
            return JSONResponse({"detail": sentence}, 503, {"Retry-After": "2"})
        return JSONResponse({"detail": said_of_fault(request, error)}, 500)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": said_of_fault(request, error)}, 500)


def _too_slow(request: Request) -> str:
    """What to narrow, as far as the request shows it."""
    query = request.query_params
    hints = ["name one Dag instead of ~"] if "/~/" in request.url.path else []
    hints += [f"leave out {name}" for name in query if "pattern" in name or name in ("search", "q")][:2]
    hints += ["a smaller limit"] if query.get("limit", "").isdigit() and int(query["limit"]) > 20 else []
    hints += [] if any(name.endswith(("_gte", "_gt", "_lte", "_lt")) for name in query) else ["bounds of time (…_gte)"]
    return f"Reading this took longer than {READ_SECONDS:g} s and was stopped; ask for less: {', '.join(hints)}."


def _is_from_before(error: DBAPIError) -> bool:
    """Whether the database has not been brought to this version: it lacks a table or a column."""
    said = str(error.orig)
    return (
        getattr(error.orig, "sqlstate", None) in ("42P01", "42703")
        or "no such table" in said
        or "no such column" in said
    )


def _is_away(error: DBAPIError) -> bool:
    """Whether there is no database, or none that answers, rather than a query that cannot be."""
    cause = error.orig
    return (type(cause).__module__.startswith("psycopg") and getattr(cause, "sqlstate", None) is None) or getattr(
        cause, "sqlite_errorname", ""
    ) in ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_IOERR")


def said_of_fault(request: Request, error: Exception) -> str:
    """What a client is told of a fault of ours: a number that the log has beside the whole story."""
    number = uuid4().hex[:12]
    log.error("a request could not be answered", error_id=number, path=request.url.path, exc_info=error)
    return f"This is a fault of the server; its log has more under {number}."


def _problem(error: dict[str, Any]) -> dict[str, Any]:
    """Without what was sent where it may be long or secret, and without objects that JSON does not have."""
    return {"loc": list(error["loc"]), "msg": error["msg"], "type": error["type"]}
