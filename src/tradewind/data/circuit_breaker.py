"""`CircuitBreaker`: stop calling a service that is down, for all workers at once, until one probe finds it back.

breaker = CircuitBreaker("weather-api", failure_threshold=5, recovery_timeout=60)
rows = breaker.call(fetch, url)          # or @breaker, `with breaker:`, and the same with async
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from tradewind.data import circuit
from tradewind.data.arguments import Classes, Duration, error_classes, seconds, whole
from tradewind.data.circuit import CircuitRecord, CircuitRules, CircuitState, Outcome, Permit, Refusal
from tradewind.data.decorating import decorated
from tradewind.data.problems import BadSetting, DataError, DataProblem
from tradewind.data.runtime import metric
from tradewind.data.shared_state import Fallback, Record, SharedState, default_state

log = logging.getLogger(__name__)

Call = ParamSpec("Call")
Result = TypeVar("Result")

LEVELS = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}
"""The values of the metric `circuit_state`."""


class CircuitOpen(DataError):
    """A call was refused, because the service failed too often. A `RetryHandler` waits for `retry_after` seconds."""

    def __init__(self, name: str, retry_after: float | None = None) -> None:
        when = "once a probe has succeeded" if retry_after is None else f"in {math.ceil(retry_after)} s"
        super().__init__(f"The circuit {name!r} is open after repeated failures; calls are let through again {when}.")
        self.name = name
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return (CircuitOpen, (self.name, self.retry_after))


class CircuitBreaker:
    """Lets calls through until `failure_threshold` of them failed in a row, then refuses for `recovery_timeout`.

    After that, `half_open_max_calls` probes are let through, one by default, whichever worker asks first: when all come
    back well the circuit closes, when one fails it opens again. A probe that is silent for `probe_timeout` (at least as
    long as a call may take) is taken for dead, and another may go. Errors of `ignored_exceptions` (by default: data
    problems, which say nothing about the service) and of other classes than `expected_exceptions` are no failures.

    All breakers of one name on one storage are one circuit. Where the storage fails, calls go on and each process
    counts for itself.
    """

    def __init__(
        self,
        name: str,
        failure_threshold: int = 5,
        recovery_timeout: Duration = 60.0,
        half_open_max_calls: int = 1,
        storage: SharedState | None = None,
        *,
        probe_timeout: Duration | None = None,
        expected_exceptions: Classes = (Exception,),
        ignored_exceptions: Classes = (DataProblem,),
        on_change: Callable[[str, CircuitState, CircuitState], object] | None = None,
    ) -> None:
        recovery = seconds("recovery_timeout", recovery_timeout, zero=False)
        lease = max(recovery, 60.0) if probe_timeout is None else seconds("probe_timeout", probe_timeout, zero=False)
        self.name = name
        self.rules = CircuitRules(
            whole("failure_threshold", failure_threshold, least=1),
            recovery,
            whole("half_open_max_calls", half_open_max_calls, least=1),
            lease,
        )
        self.on_change = on_change
        self._storage = None if storage is None else Fallback(storage, f"Circuit {name!r}")
        self._expected = error_classes("expected_exceptions", expected_exceptions)
        self._ignored = error_classes("ignored_exceptions", ignored_exceptions)

    @property
    def storage(self) -> SharedState:
        """Where the circuit's state lives; by default what `default_state()` says when it is first needed."""
        if self._storage is None:
            self._storage = Fallback(default_state(), f"Circuit {self.name!r}")
        return self._storage

    @property
    def state(self) -> CircuitState:
        """The state now; HALF_OPEN as soon as an open circuit would let a probe through."""
        record, now = self._read()
        if record.state is CircuitState.OPEN and circuit.seconds_left(record, self.rules, now) == 0:
            return CircuitState.HALF_OPEN
        return record.state

    @property
    def failure_count(self) -> int:
        """Failures in a row so far."""
        return self._read()[0].failures

    def reset(self) -> None:
        """Close the circuit, whatever happened."""
        self._apply(lambda record, now: (circuit.forced(record, CircuitState.CLOSED, now), None))

    def force_open(self) -> None:
        """Open the circuit for one `recovery_timeout`, as for a service that goes into maintenance."""
        self._apply(lambda record, now: (circuit.forced(record, CircuitState.OPEN, now), None))

    def call(self, function: Callable[Call, Result], *args: Call.args, **kwargs: Call.kwargs) -> Result:
        """The function's result. Raises CircuitOpen instead of calling it while the circuit refuses."""
        if inspect.iscoroutinefunction(function):
            raise BadSetting(f"{function!r} is a coroutine function; use `await breaker.call_async(...)`.")
        with self:
            return function(*args, **kwargs)

    async def call_async(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The same for coroutine functions; the storage is waited for outside the event loop."""
        async with self:
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

    def __call__(self, function: Callable[Call, Result]) -> Callable[Call, Result]:
        """The breaker as a decorator, of functions and of coroutine functions."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise BadSetting(f"{function!r} is a generator; use `with breaker:` inside it.")
        wrapped: Any = decorated(function, self.call, self.call_async)
        wrapped.circuit_breaker = self
        return cast("Callable[Call, Result]", wrapped)

    def __enter__(self) -> CircuitBreaker:
        _push(self._permit())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._report(_pop(), self._outcome(error))

    async def __aenter__(self) -> CircuitBreaker:
        _push(await self._aside(self._permit))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        permit = _pop()
        await self._aside(lambda: self._report(permit, self._outcome(error)))

    def _permit(self) -> Permit:
        call_id = uuid.uuid4().hex
        answer = self._apply(lambda record, now: circuit.ask(record, self.rules, now, call_id))
        if isinstance(answer, Refusal):
            raise CircuitOpen(self.name, answer.retry_in_seconds)
        return answer

    def _report(self, permit: Permit, outcome: Outcome) -> None:
        self._apply(lambda record, now: (circuit.report(record, self.rules, now, permit, outcome), None))

    def _outcome(self, error: BaseException | None) -> Outcome:
        if error is None:
            return "success"
        if isinstance(error, self._expected) and not isinstance(error, self._ignored):
            return "failure"
        return "unknown"

    async def _aside(self, work: Callable[[], Result]) -> Result:
        return await asyncio.to_thread(work) if self.storage.blocks else work()

    @property
    def _key(self) -> str:
        return f"circuit:{self.name}"

    def _read(self) -> tuple[CircuitRecord, float]:
        stored, now = self.storage.read(self._key)
        return CircuitRecord.read(stored), now

    def _apply(self, decide: Callable[[CircuitRecord, float], tuple[CircuitRecord, Result]]) -> Result:
        """Decide on the record as read; only a decision that changes it is made again inside a transaction."""
        record, now = self._read()
        after, answer = decide(record, now)
        if after == record:
            return answer

        def change(stored: Record | None, now: float) -> tuple[Record, tuple[CircuitRecord, CircuitRecord, Result]]:
            before = CircuitRecord.read(stored)
            after, answer = decide(before, now)
            return after.stored(), (before, after, answer)

        before, after, answer = self.storage.update(self._key, change)
        if after.state is not before.state:
            self._changed(before.state, after.state)
        return answer

    def _changed(self, before: CircuitState, after: CircuitState) -> None:
        level = logging.WARNING if after is CircuitState.OPEN else logging.INFO
        log.log(level, "Circuit %r: %s -> %s.", self.name, before.value, after.value)
        metric("circuit_state", LEVELS[after], {"circuit": self.name})
        if self.on_change is None:
            return
        try:
            self.on_change(self.name, before, after)
        except Exception:
            log.exception("The on_change callback of the circuit %r failed.", self.name)


_permits: ContextVar[tuple[Permit, ...]] = ContextVar("tradewind_circuit_permits", default=())
"""Permits of the blocks this thread or coroutine is in, innermost last."""


def _push(permit: Permit) -> None:
    _permits.set((*_permits.get(), permit))


def _pop() -> Permit:
    *outer, permit = _permits.get()
    _permits.set(tuple(outer))
    return permit
