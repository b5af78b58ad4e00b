"""Asking an identity provider over HTTP: briefly, without following it elsewhere, and not more than fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import BoundedSemaphore
from urllib.parse import urlencode, urlsplit

from tradewind.core.errors import TradewindError

Fetch = Callable[[str, Mapping[str, str] | None, Mapping[str, str]], bytes]
TIMEOUT_SECONDS = 5.0
MOST_BYTES = 1 << 20
AT_ONCE = 4
"""However many people log in, most threads of the server stay free for others."""

_places = BoundedSemaphore(AT_ONCE)


class Unreachable(TradewindError):
    """The identity provider does not answer, or with an error. The text is for the server's log."""


def fetch(url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> bytes:
    """What the provider answers; a form is posted. Raises Unreachable."""
    import http.client
    import urllib.error
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: object, **more: object) -> None:
            return None

    where = f"{urlsplit(url).hostname}{urlsplit(url).path}"
    body = urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(url, body, {"Accept": "application/json", **headers})
    if not _places.acquire(timeout=TIMEOUT_SECONDS):
        raise Unreachable(f"Too many ask {where} at this moment.")
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=TIMEOUT_SECONDS) as answer:
            found: bytes = answer.read(MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(300).decode("utf-8", "replace")
        raise Unreachable(f"{where} answers {error.code}: {said}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(f"{where} cannot be reached: {error}") from None
    finally:
        _places.release()
    if len(found) > MOST_BYTES:
        raise Unreachable(f"{where} answers with more than {MOST_BYTES} bytes.")
    return found
