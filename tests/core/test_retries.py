"""Another try, and when."""

import math
from datetime import UTC, datetime, timedelta
from hashlib import sha1

import pytest

from tradewind.core.dag import TaskSpec
from tradewind.core.retries import is_eligible, retry_delay

DAY = datetime(2024, 1, 1, tzinfo=UTC)


def task(**fields: object) -> TaskSpec:
    return TaskSpec(task_id="load", operator="BashOperator", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("try_number", "max_tries", "again"),
    [(1, 0, False), (1, 1, True), (2, 1, False), (3, 3, True), (4, 3, False), (0, 0, False)],
)
def test_a_task_is_tried_again_while_its_try_is_within_max_tries(try_number: int, max_tries: int, again: bool) -> None:
    assert is_eligible(try_number, max_tries) is again


@pytest.mark.parametrize("backoff", [0.0, 1.0])
def test_without_backoff_the_delay_is_constant_and_uncapped(backoff: float) -> None:
    spec = task(retry_delay_seconds=100_000.5, retry_backoff=backoff, max_retry_delay_seconds=60.0)
    assert {retry_delay(spec, "d", DAY, n) for n in (1, 2, 9)} == {timedelta(seconds=100_000.5)}


@pytest.mark.parametrize(
    ("logical_date", "text"), [(DAY, "2024-01-01 00:00:00+00:00"), (None, "None")], ids=["dated", "undated"]
)
@pytest.mark.parametrize("try_number", [1, 2, 5])
def test_backoff_doubles_and_adds_the_jitter_of_task_run_and_try(
    logical_date: datetime | None, text: str, try_number: int
) -> None:
    shortest = 30 * 2 ** (try_number - 1)
    jitter = int(sha1(f"d#load#{text}#{try_number}".encode()).hexdigest(), 16) % shortest
    delay = retry_delay(task(retry_delay_seconds=30.0, retry_backoff=2.0), "d", logical_date, try_number)
    assert delay == timedelta(seconds=shortest + jitter)


def test_another_dag_task_or_run_fails_at_the_same_time_and_returns_at_another() -> None:
    spec = task(retry_delay_seconds=300.0, retry_backoff=2.0)
    delays = {retry_delay(spec, dag_id, DAY + timedelta(days=n), 1) for dag_id in "abc" for n in range(3)}
    assert len(delays) > 5
    assert all(timedelta(minutes=5) <= delay < timedelta(minutes=10) for delay in delays)


def test_a_fractional_delay_is_rounded_up_before_jitter() -> None:
    spec = task(retry_delay_seconds=0.2, retry_backoff=2.0)
    assert retry_delay(spec, "d", DAY, 1) == timedelta(seconds=1)
    shortest = math.ceil(0.2 * 2**4)
    assert shortest <= retry_delay(spec, "d", DAY, 5).total_seconds() < 2 * shortest


def test_growing_delays_stop_at_both_caps() -> None:
    spec = task(retry_delay_seconds=300.0, retry_backoff=10.0)
    assert retry_delay(spec, "d", DAY, 8) == timedelta(days=1)
    assert retry_delay(spec, "d", DAY, 8, max_retry_delay_seconds=7200) == timedelta(hours=2)
    own = task(retry_delay_seconds=300.0, retry_backoff=10.0, max_retry_delay_seconds=900.0)
    assert retry_delay(own, "d", DAY, 8) == timedelta(minutes=15)


def test_a_delay_beyond_every_number_is_still_a_delay() -> None:
    spec = task(retry_delay_seconds=300.0, retry_backoff=10.0)
    assert retry_delay(spec, "d", DAY, 100_000) == timedelta(days=1)
    eternal = task(retry_delay_seconds=1e300)
    assert DAY + retry_delay(eternal, "d", DAY, 1) > datetime(2100, 1, 1, tzinfo=UTC)
