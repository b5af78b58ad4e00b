"""What comes of a trigger: it fires, fails or ends without a word; and that it blocks the loop."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.execution import xcom_codec
from tradewind.sdk.triggers.base import BaseTaskEndEvent, TriggerEvent

log = logging.getLogger("tradewind.trigger")


@dataclass(frozen=True, slots=True)
class Fired:
    """The trigger said something. `event` is JSON. `ends` is the state in which the task ends with it (`success`,
    `failed`, `skipped`), leaving `xcoms` (key, JSON); empty: its method goes on with the event."""

    id: str
    event: bytes
    ends: str = ""
    xcoms: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The trigger could not be made, or raised."""

    id: str
    error: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The trigger came to its end: without saying anything, or, of one that was to go on, after it had said some."""

    id: str
    said: bool = False


Outcome = Fired | Failed | Exhausted


@dataclass(frozen=True, slots=True)
class Blocked:
    """A trigger keeps the loop from turning, so that no other goes on. `id` is empty when it is not known which."""

    id: str
    classpath: str
    seconds: float
    stack: str
    over: bool


class UnusableEvent(TradewindError):
    """A trigger said something that is no event, or that cannot be sent."""


def fired_by(event: Any, id: str, classpath: str) -> Fired:
    """What a trigger's event comes to. Raises UnusableEvent for what is none, XComEncodeError for what is no JSON."""
    if not isinstance(event, TriggerEvent):
        raise UnusableEvent(f"{classpath} yielded {type(event).__name__}; it has to yield a TriggerEvent.")
    ends = ""
    left: dict[str, Any] = {}
    if isinstance(event, BaseTaskEndEvent):
        ends, left = str(event.task_instance_state), event.xcoms or {}
    log.info("The trigger fires: %s", type(event).__name__)
    xcoms = tuple((key, xcom_codec.encode(value)) for key, value in left.items())
    return Fired(id, xcom_codec.encode(event.payload), ends, xcoms)
