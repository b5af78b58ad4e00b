"""Deferring and going on: a TaskDeferred as data for the report, and the method that goes on with the event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tradewind.sdk.exceptions import TaskDeferred
from tradewind.sdk.execution import xcom_codec
from tradewind.sdk.execution.asking import event_of
from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.trigger_paths import CannotDefer, class_of, encoded, made_from, path_and_kwargs
from tradewind.sdk.types import TRIGGER_FAIL_REPR, TriggerFailureReason
from tradewind.wire.messages import Deferral, Offer


def deferral_of(deferred: TaskDeferred) -> Deferral:
    """What the engine must know while the task waits. Raises CannotDefer."""
    classpath, kwargs = path_and_kwargs(deferred.trigger)
    if not deferred.method_name:
        raise CannotDefer("It named no method that goes on; defer with method_name=.")
    timeout = deferred.timeout
    made = Deferral(
        classpath=classpath,
        kwargs=kwargs,
        method=deferred.method_name,
        method_kwargs=encoded(deferred.kwargs, deferred.method_name),
        timeout_seconds=None if timeout is None else timeout.total_seconds(),
    )
    if (at := getattr(deferred.trigger, "fires_at", None)) is not None:
        made.at_us, made.at_event = microseconds(at), xcom_codec.encode(at)
        made.at_ends = "success" if getattr(deferred.trigger, "end_from_trigger", False) else ""
    return made


def begins_deferred(task: Any, context: Any) -> TaskDeferred | None:
    """The deferral that an operator with `start_from_trigger` begins with, instead of executing."""
    arguments = getattr(task, "start_trigger_args", None)
    if not getattr(task, "start_from_trigger", False) or arguments is None:
        return None
    kwargs = task.render_template(dict(arguments.trigger_kwargs or {}), context)
    trigger = made_from(class_of(arguments.trigger_cls), arguments.trigger_cls, encoded(kwargs, arguments.trigger_cls))
    return TaskDeferred(
        trigger=trigger, method_name=arguments.next_method, kwargs=arguments.next_kwargs, timeout=arguments.timeout
    )


def is_resumed(offer: Offer) -> bool:
    """Whether this start goes on where an earlier one deferred."""
    return bool(offer.resume_method or offer.resume_error)


def first_step(task: Any, offer: Offer, context: Any) -> Any:
    """What this start of the task does: go on after a deferral, begin with one, or execute."""
    if is_resumed(offer):
        return go_on(task, offer, context)
    if (deferred := begins_deferred(task, context)) is not None:
        raise deferred
    return task.execute(context)


def go_on(task: Any, offer: Offer, context: Any) -> Any:
    """The result of the method that goes on. Without an event `resume_execution` raises TaskDeferralTimeout or
    TaskDeferralError, or what the operator makes of them."""
    kwargs = xcom_codec.decode(offer.resume_kwargs) if offer.resume_kwargs else {}
    if offer.resume_question:
        return task.resume_execution(offer.resume_method, {**kwargs, "event": event_of(offer)}, context)
    match offer.resume_error:
        case "":
            if offer.event:
                kwargs["event"] = xcom_codec.decode(offer.event)
            return task.resume_execution(offer.resume_method, kwargs, context)
        case "timeout":
            kwargs["error"] = TriggerFailureReason.TRIGGER_TIMEOUT.value
        case _:
            kwargs["error"] = TriggerFailureReason.TRIGGER_FAILURE.value
            if offer.event:
                kwargs["traceback"] = xcom_codec.decode(offer.event)
    return task.resume_execution(TRIGGER_FAIL_REPR, kwargs, context)


def time_left(limit: timedelta | None, offer: Offer, now_us: int) -> timedelta | None:
    """What is left of an execution_timeout: it counts from the first start of the try, and a trigger's time is part
    of it. The time of people is not: how long they may take is for the question to say."""
    if limit is None or offer.first_start_us is None or not is_resumed(offer) or offer.resume_question:
        return limit
    return limit - timedelta(microseconds=max(0, now_us - offer.first_start_us))
