"""The cookie of a browser's session, and whether what a browser sends with it is asked for by one of our pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, Response

COOKIE = "_token"
MARK_HEADER = "x-csrf-token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def set_cookie(request: Request, response: Response, token: str, seconds: int) -> None:
    """Let the browser keep a token: for this path, out of reach of scripts, over TLS where there is any."""
    response.set_cookie(
        COOKIE, token, max_age=seconds, path=base_of(request) or "/", secure=request.url.scheme == "https",
        httponly=True, samesite="lax",
    )  # fmt: skip


def clear_cookie(request: Request, response: Response) -> None:
    """Let the browser forget it."""
    response.delete_cookie(
        COOKIE, path=base_of(request) or "/", secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )


def base_of(request: Request) -> str:
    """Where the application stands below its host; empty at the top."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def comes_from_elsewhere(request: Request) -> bool | None:
    """Whether a browser says that another site's page asked for this; None where nothing is said about it."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    return None


def is_json(request: Request) -> bool:
    """Whether the body is JSON, or there is none: no form of any page can send that."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("", "application/json") or kind.endswith("+json")
