"""One HTTP question and whatever comes back, without the key in any message."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import IO

from tradewind.data.masking import masked
from tradewind.data.retry_rules import retry_after
from tradewind.data.sources.http import opener_for
from tradewind.data.weather.envelopes import Answer
from tradewind.data.weather.errors import KmaBusy, KmaGarbled

LARGEST_BODY = 64 << 20


def ask(
    service: str, url: str, parameters: Mapping[str, str], *, timeout_seconds: float, secrets: Iterable[str]
) -> Answer:
    """The answer, whatever its status; no answer is `KmaBusy` and half an answer `KmaGarbled`.

    The whole answer has to come within three times `timeout_seconds`, which bounds each silence.
    """
    secrets = tuple(secrets)
    address = f"{url}?{urllib.parse.urlencode(parameters)}"
    over = time.monotonic() + 3 * timeout_seconds
    try:
        try:
            with opener_for(url).open(address, timeout=timeout_seconds) as response:
                return Answer(response.status, _body(service, response, over))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _body(service, error, over), retry_after(error))
    except http.client.IncompleteRead as error:
        got = len(error.partial)
        raise KmaGarbled(f"{service} sent an answer that is cut off after {got} bytes.") from None
    except (OSError, http.client.HTTPException) as error:
        reason = masked(getattr(error, "reason", error) or type(error).__name__, secrets)
        # The original would show the address, and so the key, in a traceback.
        raise KmaBusy(f"{service} did not answer ({reason}).") from None


def _body(service: str, response: IO[bytes], over: float) -> bytes:
    read = getattr(response, "read1", response.read)
    parts: list[bytes] = []
    size = 0
    while part := read(65536):
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            raise KmaGarbled(f"{service} sent more than {LARGEST_BODY >> 20} MB.")
        if time.monotonic() > over:
            raise KmaBusy(f"{service} answers too slowly: {size} bytes came in time.")
    expected = getattr(response, "headers", {}).get("Content-Length")
    if expected is not None and expected.isdigit() and size < int(expected):
        raise KmaGarbled(f"{service} sent an answer that is cut off after {size} of {expected} bytes.")
    return b"".join(parts)
