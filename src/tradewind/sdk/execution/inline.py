"""A task that waits, without an engine: its trigger is waited for in this process, and then it goes on.

For one task at a terminal. What is checked on the way to a triggerer is checked here too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from tradewind.sdk.exceptions import AirflowException, AirflowSkipException, TaskAwaitingInput, TaskDeferred
from tradewind.sdk.execution import xcom_codec
from tradewind.sdk.execution.asking import CannotAsk, default_event, question_of, waits_for_people
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
        except TaskAwaitingInput as waiting:
            event, offer = None, _waited_for_people(waiting, offer)
        except TaskDeferred as deferred:
            if (asks := waits_for_people(deferred)) is not None:
                event, offer = None, _waited_for_people(asks, offer)
            else:
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
        offer, resume_method=deferral.method, resume_kwargs=deferral.method_kwargs, event=said, resume_error=error,
        resume_question=False,
    )  # fmt: skip
    return event, resumed


def _waited_for_people(waiting: TaskAwaitingInput, offer: Offer) -> Offer:
    """The offer with which the engine would start the task again when nobody has answered: here nobody can."""
    question = question_of(waiting, offer.attempt)
    seconds, offered = question.timeout_seconds, ", ".join(map(repr, question.options))
    if seconds is None or question.defaults is None:
        raise CannotAsk(
            f"It asks {question.subject!r} ({offered}), and nobody can answer a task that is run alone; run its Dag "
            "(`tradewind run FILE`), where `tradewind hitl respond` answers, or give it defaults and response_timeout."
        )
    default = ", ".join(map(repr, question.defaults))
    log.info("It asks %r (%s); in %g s %s is taken.", question.subject, offered, seconds, default)
    time.sleep(seconds)
    return msgspec.structs.replace(
        offer, resume_method=question.method, resume_kwargs=question.method_kwargs, event=default_event(question),
        resume_error="", resume_question=True,
    )  # fmt: skip


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
