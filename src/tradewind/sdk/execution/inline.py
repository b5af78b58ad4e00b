"""A deferred task without a triggerer: its trigger is waited for in this process, and then it goes on.

For one task at a terminal. What is checked on the way to a triggerer is checked here too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from tradewind.sdk.exceptions import AirflowException, AirflowSkipException, TaskDeferred
from tradewind.sdk.execution import xcom_codec
from tradewind.sdk.execution.deferral import deferral_of, first_step, go_on
from tradewind.sdk.execution.tracebacks import author_traceback
from tradewind.sdk.triggers.base import BaseTaskEndEvent, TaskFailedEvent, TaskSkippedEvent, TriggerEvent
from tradewind.wire.messages import Offer

log = logging.getLogger("tradewind.task")


def result_with_triggers(task: Any, offer: Offer, context: Any) -> Any:
    """The task's result, however often it defers."""
    step: Callable[[], Any] = partial(first_step, task, offer, context)
    while True:
        try:
            return step()
        except TaskDeferred as deferred:
            event, offer = _waited_for(deferred, offer)
        if isinstance(event, BaseTaskEndEvent):
            return _ended_by(event, context)
        step = partial(go_on, task, offer, context)


def _waited_for(deferred: TaskDeferred, offer: Offer) -> tuple[TriggerEvent | None, Offer]:
    """The trigger's event, and the offer with which the engine would start the task again."""
    deferral = deferral_of(deferred)
    log.info("Waiting in this process until %s fires.", deferral.classpath)
    event, error, said = None, "", b""
    try:
        event = asyncio.run(_first_event(deferred.trigger, deferral.timeout_seconds))
    except _TookTooLong:
        error = "timeout"
    except Exception as problem:  # a trigger is author code
        error, said = "failure", xcom_codec.encode(author_traceback(problem))
    else:
        said = xcom_codec.encode(event.payload)
    resumed = msgspec.structs.replace(
        offer, resume_method=deferral.method, resume_kwargs=deferral.method_kwargs, event=said, resume_error=error
    )
    return event, resumed


async def _first_event(trigger: Any, timeout_seconds: float | None) -> Any:
    try:
        async with asyncio.timeout(timeout_seconds) as limit, aclosing(trigger.run()) as events:
            async for event in events:
                return event
        raise AirflowException(f"{type(trigger).__name__} ended without an event.")
    except TimeoutError:
        if limit.expired():
            raise _TookTooLong from None
        raise
    finally:
        await trigger.cleanup()


def _ended_by(event: BaseTaskEndEvent, context: Any) -> None:
    for key, value in (event.xcoms or {}).items():
        context["ti"].xcom_push(key=key, value=value)
    match event:
        case TaskFailedEvent():
            raise AirflowException("The trigger ended the task as failed.")
        case TaskSkippedEvent():
            raise AirflowSkipException("The trigger ended the task as skipped.")


class _TookTooLong(Exception):
    """The deferral's own timeout is over."""
