"""Is there another try, and when? The delays are Airflow's to the second, jitter included."""

import math
from datetime import datetime, timedelta
from hashlib import sha1

from tradewind.core.dag import TaskSpec

LONGEST_DELAY_SECONDS = 100 * 365 * 86400.0
"""Adding a longer delay to a date would leave the calendar."""


def is_eligible(try_number: int, max_tries: int) -> bool:
    """Whether a task whose try `try_number` just failed may be tried again."""
    return max_tries != 0 and try_number <= max_tries


def retry_delay(
    spec: TaskSpec,
    dag_id: str,
    logical_date: datetime | None,
    try_number: int,
    max_retry_delay_seconds: float = 86400,
) -> timedelta:
    """How long to wait after try `try_number` failed.

    With a back-off the delay grows by its multiplier each try, and a jitter that is the same for the same task, run
    and try spreads tasks that failed together. `max_retry_delay_seconds` is the installation's cap; both caps apply
    to growing delays only, as in Airflow.
    """
    if spec.retry_backoff <= 0 or spec.retry_backoff == 1:
        return _duration(spec.retry_delay_seconds)
    shortest = _shortest(spec, try_number, max_retry_delay_seconds)
    seed = f"{spec.task_id}#{logical_date}#{try_number}"
    jitter = int(sha1(f"{dag_id}#{seed}".encode(), usedforsecurity=False).hexdigest(), 16) % shortest
    seconds = min(float(shortest + jitter), max_retry_delay_seconds)
    if spec.max_retry_delay_seconds:
        seconds = min(seconds, spec.max_retry_delay_seconds)
    return _duration(seconds)


def _shortest(spec: TaskSpec, try_number: int, cap_seconds: float) -> int:
    """The delay before jitter, at least a second. Past the cap its exact value no longer matters."""
    try:
        return max(1, math.ceil(spec.retry_delay_seconds * spec.retry_backoff ** (try_number - 1)))
    except OverflowError:
        return max(1, math.ceil(cap_seconds))


def _duration(seconds: float) -> timedelta:
    return timedelta(seconds=max(0.0, min(seconds, LONGEST_DELAY_SECONDS)))
