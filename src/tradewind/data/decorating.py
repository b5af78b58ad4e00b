"""Decorators that serve functions and coroutine functions alike."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any


def decorated(
    function: Callable[..., Any], run: Callable[..., Any], run_async: Callable[..., Awaitable[Any]]
) -> Callable[..., Any]:
    """The function run by `run(function, …)`, a coroutine function by `run_async` and then one itself."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            return await run_async(function, *args, **kwargs)

        return call_async

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return run(function, *args, **kwargs)

    return call
