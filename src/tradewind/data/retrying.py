"""Trying again: `RetryHandler` and its decorator `@retry`, for functions and coroutine functions.

handler = RetryHandler(max_retries=5, base_delay=2.0, strategy=RetryStrategy.EXPONENTIAL)
rows = handler.execute(fetch, url)

@retry(max_retries=3, strategy=RetryStrategy.JITTER)
def process_data(): ...
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar, Unpack, cast, overload

from tradewind.data.arguments import Classes, Duration, error_classes, seconds, whole
from tradewind.data.decorating import decorated
from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting, DataProblem
from tradewind.data.retry_rules import (
    AGAIN_LATER,
    RetryStrategy,
    is_retryable,
    pause_before,
    retry_after,
)
from tradewind.data.retry_statistics import RetryCounts, RetryEvent, RetryStatistics
from tradewind.data.runtime import metric

if TYPE_CHECKING:
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

Call = ParamSpec("Call")
Result = TypeVar("Result")


class RetryOptions(TypedDict, total=False):
    """Everything a `RetryHandler` can be told besides the number of retries."""

    base_delay: Duration
    max_delay: Duration
    strategy: RetryStrategy
    retryable_exceptions: Classes
    non_retryable_exceptions: Classes
    retryable_statuses: Iterable[int]
    multiplier: float
    max_retry_after: Duration
    give_up_after: Duration | None
    on_retry: Callable[[RetryEvent], object] | None
    on_give_up: Callable[[RetryEvent], object] | None
    sleep: Callable[[float], None]
    async_sleep: Callable[[float], Awaitable[None]]
    draw: Callable[[], float]
    clock: Callable[[], float]
    max_attempts: int | None


class RetryHandler:
    """Calls functions until they succeed or trying again is pointless; then raises the error of the last try.

    `max_retries` counts the tries after the first (`max_attempts` counts all; give one of them). Errors of
    `retryable_exceptions` are tried again, those of `non_retryable_exceptions` never; the class nearer to the error's
    own decides. HTTP errors are tried again for `retryable_statuses` only, and not before their Retry-After; one longer
    than `max_retry_after` ends the call at once. `give_up_after` bounds a whole call, pauses included.
    A handler may be shared by threads; its statistics add up.
    """

    def __init__(
        self,
        max_retries: int | None = None,
        base_delay: Duration = 1.0,
        max_delay: Duration = 60.0,
        strategy: RetryStrategy = RetryStrategy.EXPONENTIAL,
        retryable_exceptions: Classes = (Exception,),
        non_retryable_exceptions: Classes = (DataProblem,),
        *,
        max_attempts: int | None = None,
        retryable_statuses: Iterable[int] = AGAIN_LATER,
        multiplier: float = 2.0,
        max_retry_after: Duration = 300.0,
        give_up_after: Duration | None = None,
        on_retry: Callable[[RetryEvent], object] | None = None,
        on_give_up: Callable[[RetryEvent], object] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        async_sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_attempts = _attempts(max_retries, max_attempts)
        self.base_delay = seconds("base_delay", base_delay)
        self.max_delay = seconds("max_delay", max_delay)
        self.strategy = RetryStrategy(strategy)
        self.retryable_exceptions = error_classes("retryable_exceptions", retryable_exceptions)
        never = error_classes("non_retryable_exceptions", non_retryable_exceptions)
        self.non_retryable_exceptions = tuple(kind for kind in never if kind not in self.retryable_exceptions)
        self.retryable_statuses = frozenset(retryable_statuses)
        if not multiplier >= 1:
            raise BadSetting(f"multiplier must be a number of at least 1, not {multiplier!r}.")
        self.multiplier = float(multiplier)
        self.max_retry_after = seconds("max_retry_after", max_retry_after)
        self.give_up_after = None if give_up_after is None else seconds("give_up_after", give_up_after)
        self.on_retry = on_retry
        self.on_give_up = on_give_up
        self._sleep = sleep
        self._async_sleep = async_sleep
        self._draw = draw
        self._clock = clock
        self._counts = RetryCounts()

    @property
    def max_retries(self) -> int:
        return self.max_attempts - 1

    @property
    def statistics(self) -> RetryStatistics:
        """The counts so far."""
        return self._counts.so_far()

    def get_statistics(self) -> dict[str, Any]:
        """The counts so far as a dict, ready for XCom or a report."""
        return self.statistics.as_dict()

    def reset_statistics(self) -> None:
        self._counts = RetryCounts()

    def execute(self, function: Callable[Call, Result], *args: Call.args, **kwargs: Call.kwargs) -> Result:
        """The function's result, from the first try that succeeds."""
        from tenacity import Retrying

        if inspect.iscoroutinefunction(function):
            raise BadSetting(f"{_name(function)} is a coroutine function; use `await handler.execute_async(...)`.")
        one = _OneCall(self, function)
        retrying = Retrying(sleep=self._sleep, before_sleep=one.pausing, **one.hooks())
        try:
            result: Result = retrying(function, *args, **kwargs)
        except BaseException as error:
            one.failed(error)
            raise
        self._counts.add("successes")
        return result

    async def execute_async(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The same for coroutine functions, and for functions that return an awaitable; pauses block nobody."""
        from tenacity import AsyncRetrying

        async def call() -> Any:
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        one = _OneCall(self, function)
        retrying = AsyncRetrying(sleep=self._async_sleep, before_sleep=one.pausing_async, **one.hooks())
        try:
            result: Any = await retrying(call)
        except BaseException as error:
            await _settle(one.failed(error))
            raise
        self._counts.add("successes")
        return result

    def wrap(self, function: Callable[Call, Result]) -> Callable[Call, Result]:
        """The function with retries built in; the result's `retry_handler` is this handler."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise BadSetting(f"{_name(function)} is a generator, which cannot be tried again once it has given values.")
        wrapped: Any = decorated(function, self.execute, self.execute_async)
        wrapped.retry_handler = self
        return cast("Callable[Call, Result]", wrapped)

    __call__ = wrap


class _OneCall:
    """One call of one function: what tenacity asks, and what is told to others."""

    def __init__(self, handler: RetryHandler, function: Callable[..., Any]) -> None:
        self._handler = handler
        self._name = _name(function)
        self._start = handler._clock()
        self._attempt = 0
        handler._counts.add("calls")

    def hooks(self) -> dict[str, Any]:
        return {
            "before": self._trying,
            "retry": self._is_retryable,
            "wait": self._pause,
            "stop": self._is_over,
            "reraise": True,
        }

    def pausing(self, state: RetryCallState) -> None:
        _tell(self._handler.on_retry, self._note_pause(state))

    async def pausing_async(self, state: RetryCallState) -> None:
        await _settle(_tell(self._handler.on_retry, self._note_pause(state)))

    def failed(self, error: BaseException) -> object:
        """Count the end of the call, and tell `on_give_up` when it was an ordinary error."""
        handler = self._handler
        handler._counts.add("failures", error=error)
        if not isinstance(error, Exception):
            return None
        if self._attempt > 1:
            error.add_note(f"{self._name} was tried {self._attempt} times.")
        return _tell(handler.on_give_up, RetryEvent(self._name, self._attempt, error, 0.0))

    def _trying(self, state: RetryCallState) -> None:
        self._attempt = state.attempt_number
        self._handler._counts.add("attempts")

    def _is_retryable(self, state: RetryCallState) -> bool:
        error = _error(state)
        handler = self._handler
        return error is not None and is_retryable(
            error, handler.retryable_exceptions, handler.non_retryable_exceptions, handler.retryable_statuses
        )

    def _pause(self, state: RetryCallState) -> float:
        handler = self._handler
        pause = pause_before(
            state.attempt_number,
            handler.strategy,
            base=handler.base_delay,
            longest=handler.max_delay,
            multiplier=handler.multiplier,
            draw=handler._draw,
        )
        error = _error(state)
        return max(pause, (retry_after(error) if error is not None else None) or 0.0)

    def _is_over(self, state: RetryCallState) -> bool:
        handler = self._handler
        pause = state.upcoming_sleep
        if state.attempt_number >= handler.max_attempts:
            return True
        if pause > max(handler.max_retry_after, handler.max_delay):
            log.warning("%s is not tried again: it was asked to wait %.0f s.", self._name, pause)
            return True
        return handler.give_up_after is not None and handler._clock() - self._start + pause > handler.give_up_after

    def _note_pause(self, state: RetryCallState) -> RetryEvent:
        error = _error(state)
        assert error is not None
        event = RetryEvent(self._name, state.attempt_number, error, state.upcoming_sleep)
        self._handler._counts.add("retries", delay_seconds=event.delay_seconds, error=error)
        kind = type(error).__name__
        log.warning(
            "%s failed on try %d of %d (%s: %s); trying again in %.1f s.",
            self._name,
            event.attempt,
            self._handler.max_attempts,
            kind,
            masked(error),
            event.delay_seconds,
        )
        metric("retries_total", 1, {"function": self._name, "error": kind})
        return event


@overload
def retry(function: Callable[Call, Result], /) -> Callable[Call, Result]: ...


@overload
def retry(
    max_retries: int | None = None, **options: Unpack[RetryOptions]
) -> Callable[[Callable[Call, Result]], Callable[Call, Result]]: ...


def retry(max_retries: Any = None, **options: Any) -> Any:
    """Build retries into a function: `@retry`, or `@retry(max_retries=3, …)` with what `RetryHandler` takes."""
    if callable(max_retries):
        return RetryHandler().wrap(max_retries)
    return RetryHandler(max_retries, **options)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _tell(callback: Callable[[RetryEvent], object] | None, event: RetryEvent) -> object:
    if callback is None:
        return None
    try:
        return callback(event)
    except Exception:
        log.exception("A retry callback of %s failed; the retries go on.", event.function)
        return None


async def _settle(answer: object) -> None:
    """Await what a callback returned, if it can be awaited."""
    if inspect.isawaitable(answer):
        try:
            await answer
        except Exception:
            log.exception("A retry callback failed; the retries go on.")


def _name(function: Callable[..., Any]) -> str:
    inner: Any = function.func if isinstance(function, functools.partial) else function
    return getattr(inner, "__qualname__", None) or type(inner).__name__


def _attempts(max_retries: int | None, max_attempts: int | None) -> int:
    if max_retries is not None and max_attempts is not None:
        raise BadSetting("Give either max_retries, which counts the tries after the first, or max_attempts; not both.")
    if max_attempts is not None:
        return whole("max_attempts", max_attempts, least=1)
    return 1 + whole("max_retries", 3 if max_retries is None else max_retries, least=0)
