from __future__ import annotations

import asyncio
import copy
import email.message
import logging
import threading
import urllib.error
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.data import CircuitOpen, DataProblem, RetryEvent, RetryHandler, RetryStrategy, retry, runtime
from tradewind.data.problems import BadSetting
from tradewind.data.retry_rules import http_status, is_retryable, pause_before, retry_after


class Flaky:
    """Fails with these errors, one a call, and then answers 42."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 42

    async def later(self) -> int:
        return self()


def http_error(status: int, **headers: str) -> urllib.error.HTTPError:
    message = email.message.Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return urllib.error.HTTPError("http://x/?key=hidden", status, "reason", message, None)


@pytest.fixture
def pauses() -> list[float]:
    return []


def handler(pauses: list[float], **options: Any) -> RetryHandler:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return RetryHandler(**{"sleep": pauses.append, "async_sleep": sleep, **options})


def test_five_exponential_retries_from_two_seconds_wait_2_4_8_16_32(pauses: list[float]) -> None:
    retry_handler = RetryHandler(max_retries=5, base_delay=2.0, strategy=RetryStrategy.EXPONENTIAL, sleep=pauses.append)
    flaky = Flaky(*(OSError(str(n)) for n in range(6)))
    with pytest.raises(OSError, match="5"):
        retry_handler.execute(flaky)
    assert pauses == [2, 4, 8, 16, 32]
    assert flaky.calls == 6


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (RetryStrategy.FIXED, [3, 3, 3, 3]),
        (RetryStrategy.LINEAR, [3, 6, 9, 12]),
        (RetryStrategy.EXPONENTIAL, [3, 6, 12, 20]),
        (RetryStrategy.JITTER, [2.25, 4.5, 9, 15]),
    ],
)
def test_each_strategy_has_its_own_pauses(strategy: RetryStrategy, expected: list[float], pauses: list[float]) -> None:
    tries = handler(pauses, max_retries=4, base_delay=3, max_delay=20, strategy=strategy, draw=lambda: 0.5)
    assert tries.execute(Flaky(*(OSError() for _ in range(4)))) == 42
    assert pauses == expected


def test_there_are_four_strategies() -> None:
    assert {member.name for member in RetryStrategy} == {"FIXED", "LINEAR", "EXPONENTIAL", "JITTER"}


@settings(deadline=None)
@given(st.integers(1, 5000), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1), st.sampled_from(RetryStrategy))
def test_no_pause_is_negative_or_longer_than_the_longest(
    number: int, base: float, longest: float, drawn: float, strategy: RetryStrategy
) -> None:
    pause = pause_before(number, strategy, base=base, longest=longest, draw=lambda: drawn)
    assert 0 <= pause <= longest


def test_the_decorator_retries_three_times_with_pauses_that_differ() -> None:
    pauses: list[float] = []
    calls = []

    @retry(max_retries=3, strategy=RetryStrategy.JITTER, sleep=pauses.append)
    def process_data(rows: int, *, fail: bool = True) -> int:
        """Doc."""
        calls.append(rows)
        if fail:
            raise ConnectionError
        return rows

    assert process_data(7, fail=False) == 7
    assert process_data.__doc__ == "Doc."
    with pytest.raises(ConnectionError):
        process_data(7)
    assert len(calls) == 1 + 4
    assert [0.5 <= pauses[0] <= 1, 1 <= pauses[1] <= 2, 2 <= pauses[2] <= 4] == [True] * 3
    with pytest.raises(ConnectionError):
        process_data(7)
    assert pauses[:3] != pauses[3:]


def test_the_decorator_works_without_arguments_and_on_methods() -> None:
    class Source:
        @retry
        def read(self) -> str:
            return "rows"

    assert Source().read() == "rows"


def test_coroutine_functions_are_awaited_between_tries(pauses: list[float]) -> None:
    flaky = Flaky(TimeoutError(), TimeoutError())
    events: list[RetryEvent] = []

    async def note(event: RetryEvent) -> None:
        events.append(event)

    tries = handler(pauses, max_retries=3, base_delay=1, on_retry=note)

    @tries
    async def fetch(word: str) -> str:
        return f"{word} {flaky()}"

    assert asyncio.run(fetch("got")) == "got 42"
    assert pauses == [1, 2]
    assert [event.attempt for event in events] == [1, 2]
    assert asyncio.run(tries.execute_async(flaky.later)) == 42


def test_a_cancelled_coroutine_is_not_tried_again(pauses: list[float]) -> None:
    calls = []

    async def hang() -> None:
        calls.append(1)
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(handler(pauses).execute_async(hang))
        while not calls:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (len(calls), pauses) == (1, [])


@pytest.mark.parametrize("error", [ValueError("no"), DataProblem("bad file"), KeyboardInterrupt()])
def test_what_cannot_be_better_next_time_fails_on_the_first_try(error: BaseException, pauses: list[float]) -> None:
    flaky = Flaky(error)
    never = (ValueError, DataProblem)
    with pytest.raises(type(error)):
        handler(pauses, non_retryable_exceptions=never).execute(flaky)
    assert (flaky.calls, pauses) == (1, [])


def test_data_problems_are_not_tried_again_unless_asked_for(pauses: list[float]) -> None:
    with pytest.raises(DataProblem):
        handler(pauses).execute(Flaky(DataProblem("x")))
    assert handler(pauses, retryable_exceptions=DataProblem).execute(Flaky(DataProblem("x"))) == 42


def test_the_class_nearer_to_the_error_decides() -> None:
    assert is_retryable(ConnectionError(), (ConnectionError,), (OSError,))
    assert not is_retryable(FileNotFoundError(), (ConnectionError,), (OSError,))
    assert not is_retryable(ValueError(), (Exception,), (ValueError,))
    assert not is_retryable(KeyError(), (OSError,), ())


def test_what_a_task_says_to_its_engine_passes_through() -> None:
    skip = type("AirflowSkipException", (Exception,), {"__module__": "airflow.exceptions"})
    mine = type("AirflowSkipException", (Exception,), {"__module__": "my.own"})
    assert not is_retryable(skip(), (Exception,), ())
    assert is_retryable(mine(), (Exception,), ())


@pytest.mark.parametrize(("status", "again"), [(400, False), (404, False), (429, True), (500, True), (503, True)])
def test_http_errors_are_tried_again_only_when_a_pause_may_help(status: int, again: bool) -> None:
    assert is_retryable(http_error(status), (Exception,), ()) is again


def test_statuses_of_other_clients_are_understood() -> None:
    class Response:
        status_code = 404
        headers = {"Retry-After": "7"}

    requests_like = Exception()
    requests_like.response = Response()  # type: ignore[attr-defined]
    aiohttp_like = Exception()
    aiohttp_like.status, aiohttp_like.headers = 503, {"retry-after": "9"}  # type: ignore[attr-defined]
    botocore_like = Exception()
    facts = {"HTTPStatusCode": 503, "HTTPHeaders": {"retry-after": "3"}}
    botocore_like.response = {"ResponseMetadata": facts}  # type: ignore[attr-defined]
    assert [http_status(error) for error in (requests_like, aiohttp_like, botocore_like)] == [404, 503, 503]
    assert [retry_after(error) for error in (requests_like, aiohttp_like, botocore_like)] == [7, 9, 3]
    assert http_status(ValueError()) is None


def test_retry_after_is_read_in_both_its_forms() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after(http_error(503, Retry_After="12"), now) == 12
    assert retry_after(http_error(503, Retry_After="Thu, 01 Jan 2026 00:01:30 GMT"), now) == 90
    assert retry_after(http_error(503, Retry_After="Wed, 31 Dec 2025 00:00:00 GMT"), now) == 0
    for nonsense in ("soon", "", "nan", "inf", "99:99"):
        assert retry_after(http_error(503, Retry_After=nonsense), now) is None
    assert retry_after(CircuitOpen("x", 4.5)) == 4.5


def test_a_server_that_names_a_pause_is_not_asked_earlier(pauses: list[float]) -> None:
    flaky = Flaky(http_error(429, Retry_After="17"), http_error(503))
    assert handler(pauses, base_delay=1, max_delay=10).execute(flaky) == 42
    assert pauses == [17, 2]


def test_a_server_that_asks_for_a_day_is_not_asked_again(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    flaky = Flaky(http_error(429, Retry_After="86400"))
    with pytest.raises(urllib.error.HTTPError):
        handler(pauses).execute(flaky)
    assert (flaky.calls, pauses) == (1, [])
    assert "asked to wait 86400 s" in caplog.text


def test_a_call_gives_up_before_a_pause_that_would_exceed_its_time(pauses: list[float]) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    tries = handler(
        pauses, max_attempts=100, base_delay=10, give_up_after=timedelta(seconds=75), clock=lambda: now[0], sleep=sleep
    )
    with pytest.raises(OSError):
        tries.execute(Flaky(*(OSError() for _ in range(100))))
    assert pauses == [10, 20, 40]


def test_statistics_count_tries_calls_and_pauses(pauses: list[float]) -> None:
    tries = handler(pauses, max_attempts=3, base_delay=1, strategy=RetryStrategy.FIXED)
    tries.execute(Flaky())
    tries.execute(Flaky(OSError(), TimeoutError()))
    with pytest.raises(OSError):
        tries.execute(Flaky(OSError(), OSError(), OSError()))
    assert tries.get_statistics() == {
        "calls": 3,
        "attempts": 7,
        "retries": 4,
        "successes": 2,
        "failures": 1,
        "total_delay_seconds": 4.0,
        "errors": {"OSError": 4, "TimeoutError": 1},
        "success_rate": 2 / 3,
    }
    tries.reset_statistics()
    assert tries.statistics.calls == 0
    assert tries.statistics.success_rate == 1.0


def test_statistics_of_many_threads_add_up() -> None:
    tries = RetryHandler(max_retries=1, sleep=lambda _: None)
    threads = [threading.Thread(target=lambda: [tries.execute(Flaky(OSError())) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tries.statistics.attempts, tries.statistics.successes) == (400, 200)


def test_callbacks_see_each_retry_and_the_end_and_may_fail(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[str, int, float]] = []

    def note(event: RetryEvent) -> None:
        seen.append((event.function, event.attempt, event.delay_seconds))
        raise RuntimeError("in the callback")

    tries = handler(pauses, max_retries=1, base_delay=5, on_retry=note, on_give_up=note)
    with pytest.raises(OSError) as caught:
        tries.execute(Flaky(OSError(), OSError()))
    assert seen == [("Flaky", 1, 5.0), ("Flaky", 2, 0.0)]
    assert caught.value.__notes__ == ["Flaky was tried 2 times."]
    assert "the retries go on" in caplog.text


def test_a_retry_is_logged_without_secrets_and_counted(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    error = OSError("GET https://me:pass@api.example.org/data?serviceKey=hidden failed, password=hunter2")
    handler(pauses).execute(Flaky(error))
    assert "https://***@api.example.org/data?***" in caplog.text
    assert not any(secret in caplog.text for secret in ("hidden", "pass@", "hunter2"))
    assert "metric retries_total=1" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"max_retries": -1},
        {"max_retries": True},
        {"max_attempts": 0},
        {"max_retries": 1, "max_attempts": 2},
        {"base_delay": -1},
        {"max_delay": float("nan")},
        {"multiplier": 0.5},
        {"retryable_exceptions": "OSError"},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        RetryHandler(**options)


@pytest.mark.parametrize("wrap", [RetryHandler().wrap, retry])
def test_generators_are_refused(wrap: Callable[[Any], Any]) -> None:
    def rows() -> Any:
        yield 1

    with pytest.raises(BadSetting, match="rows is a generator"):
        wrap(rows)


def test_a_coroutine_function_is_not_run_by_execute() -> None:
    with pytest.raises(BadSetting, match="execute_async"):
        RetryHandler().execute(Flaky().later)


def test_a_handler_is_copied_with_its_dag() -> None:
    tries = RetryHandler(max_retries=7, sleep=lambda _: None)
    tries.execute(Flaky(OSError()))
    twin = copy.deepcopy(tries)
    assert (twin.max_retries, twin.statistics.attempts) == (7, 0)
    assert twin.execute(Flaky(OSError())) == 42


def test_the_metrics_of_retries_reach_the_installed_runtime(pauses: list[float]) -> None:
    got: list[tuple[str, float, dict[str, str]]] = []

    class Recorder:
        def progress(self, *_: object) -> None: ...

        def metric(self, name: str, value: float, labels: Any) -> None:
            got.append((name, value, dict(labels)))

    with runtime.installed(Recorder()):
        handler(pauses).execute(Flaky(OSError()))
    assert got == [("retries_total", 1, {"function": "Flaky", "error": "OSError"})]
