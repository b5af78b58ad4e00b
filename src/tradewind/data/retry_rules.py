"""Whether an error is worth another try, how long its sender asks to wait, and how long a strategy waits."""

from __future__ import annotations

import math
import urllib.error
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

AGAIN_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP answers that may be different after a pause; every other answer of 400 and above is final."""

CONTROL_FLOW = frozenset(
    {
        "AirflowFailException",
        "AirflowRescheduleException",
        "AirflowSensorTimeout",
        "AirflowSkipException",
        "AirflowTaskTerminated",
        "AirflowTaskTimeout",
        "DagRunTriggerException",
        "DownstreamTasksSkipped",
        "TaskDeferred",
    }
)
"""Exceptions by which a task tells its engine something; known by name, so that no engine need be imported."""

ErrorClasses = tuple[type[BaseException], ...]


class RetryStrategy(Enum):
    """How the pause grows from one retry to the next. JITTER is EXPONENTIAL, of which a random part is waited."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    JITTER = "jitter"


def pause_before(
    retry: int,
    strategy: RetryStrategy,
    *,
    base: float,
    longest: float,
    multiplier: float = 2.0,
    draw: Callable[[], float] = lambda: 1.0,
) -> float:
    """Seconds to wait before the `retry`-th retry (1 is the first), at most `longest`.

    `draw` gives a number from 0 to 1: with JITTER the pause lies between half and all of the exponential one, so that
    callers that failed together do not come back together, and none comes back at once.
    """
    if strategy is RetryStrategy.FIXED:
        pause = base
    elif strategy is RetryStrategy.LINEAR:
        pause = base * retry
    else:
        pause = _power(base, multiplier, retry - 1)
    pause = min(pause, longest)
    return pause * (0.5 + 0.5 * draw()) if strategy is RetryStrategy.JITTER else pause


def is_retryable(
    error: BaseException, retryable: ErrorClasses, non_retryable: ErrorClasses, statuses: frozenset[int] = AGAIN_LATER
) -> bool:
    """Whether another try may help. Of two classes that both match, the one nearer to the error's own decides."""
    if not isinstance(error, Exception) or _is_control_flow(error):
        return False
    for kind in type(error).__mro__:
        if kind in non_retryable:
            return False
        if kind in retryable:
            status = http_status(error)
            return status is None or status in statuses
    return False


def http_status(error: BaseException) -> int | None:
    """The status, of 400 and above, that an error of urllib, requests, httpx, aiohttp or botocore carries."""
    response = getattr(error, "response", None)
    status: Any = None
    if isinstance(error, urllib.error.HTTPError):
        status = error.code
    elif isinstance(response, Mapping):
        status = _aws(response).get("HTTPStatusCode")
    elif response is not None:
        status = getattr(response, "status_code", None)
    elif hasattr(error, "headers"):
        status = getattr(error, "status", None)
    return status if isinstance(status, int) and 400 <= status < 600 else None


def retry_after(error: BaseException, now: datetime | None = None) -> float | None:
    """Seconds the other side asks to wait: the error's own `retry_after`, or its Retry-After header in either form."""
    own = getattr(error, "retry_after", None)
    if isinstance(own, int | float) and not isinstance(own, bool):
        return _sane(float(own))
    text = _header(error, "retry-after")
    if text is None:
        return None
    try:
        return _sane(float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _sane((moment - (now or datetime.now(UTC))).total_seconds())


def _power(base: float, multiplier: float, exponent: int) -> float:
    try:
        return base * multiplier**exponent
    except OverflowError:
        return math.inf if base else 0.0


def _is_control_flow(error: BaseException) -> bool:
    return any(
        kind.__name__ in CONTROL_FLOW and kind.__module__.startswith(("airflow", "tradewind"))
        for kind in type(error).__mro__
    )


def _header(error: BaseException, name: str) -> str | None:
    response = getattr(error, "response", None)
    headers = getattr(error, "headers", None)
    if isinstance(response, Mapping):
        headers = _aws(response).get("HTTPHeaders")
    elif response is not None:
        headers = getattr(response, "headers", headers)
    items = getattr(headers, "items", None)
    if items is None:
        return None
    return next((str(value).strip() for key, value in items() if str(key).lower() == name), None)


def _aws(response: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = response.get("ResponseMetadata")
    return facts if isinstance(facts, Mapping) else {}


def _sane(seconds: float) -> float | None:
    return max(seconds, 0.0) if math.isfinite(seconds) else None
