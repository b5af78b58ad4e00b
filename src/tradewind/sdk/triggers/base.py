"""BaseTrigger: what a deferred task waits for; and the events by which a trigger says that it has come."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from tradewind.sdk.compat_helpers import LoggingMixin
from tradewind.sdk.execution.templating import Templater
from tradewind.sdk.types import TaskInstanceState


@dataclass
class StartTriggerArgs:
    """What an operator with `start_from_trigger` defers with instead of executing first."""

    trigger_cls: str
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: timedelta | None = None


class BaseTrigger(ABC, Templater, LoggingMixin):
    """Subclasses implement `serialize` and `run`. The engine makes the object again from what `serialize` says, in the
    triggerer, where `run` must never block: what it waits for is awaited."""

    supports_triggerer_queue: ClassVar[bool] = True

    def __init__(self, **kwargs: Any) -> None:
        LoggingMixin.__init__(self)
        self.trigger_id: Any = None
        self.task_instance: Any = None

    @property
    def task(self) -> Any:
        """The operator that waits, where it is known."""
        return getattr(self.task_instance, "task", None)

    @property
    def fires_at(self) -> datetime | None:
        """The moment for which it waits, if it waits for nothing else: the engine's own timers can do that."""
        return None

    @abstractmethod
    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The dotted path of the class and the arguments that make this object again."""

    @abstractmethod
    def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield a TriggerEvent when it has come. The first one counts."""

    async def cleanup(self) -> None:
        """Called when it is over, however it ended."""

    async def on_kill(self) -> None:
        """Called before `cleanup` when somebody stopped the task: end what was started for it elsewhere."""

    @staticmethod
    def repr(classpath: str, kwargs: Mapping[str, Any]) -> str:
        """How a trigger of this class with these arguments is written in logs."""
        return f"<{classpath} {', '.join(f'{name}={value}' for name, value in kwargs.items())}>"

    def __repr__(self) -> str:
        return self.repr(*self.serialize())


class BaseEventTrigger(BaseTrigger):
    """A trigger that may be watched for asset events: it goes on after its first event."""

    supports_triggerer_queue: ClassVar[bool] = False
    asset_state_store: Any = None
    """Of the assets that it watches; None for the trigger of a deferred task."""

    @staticmethod
    def hash(classpath: str, kwargs: Mapping[str, Any]) -> int:
        """The same number for the same trigger, in every process."""
        text = json.dumps([classpath, dict(kwargs)], sort_keys=True, default=repr)
        return int.from_bytes(hashlib.sha1(text.encode(), usedforsecurity=False).digest()[:8], "big", signed=True)

    def shared_stream_key(self) -> Hashable | None:
        """What several triggers could look at together; None: nothing."""
        return None


# --- events ------------------------------------------------------------------------------------------------------


class TriggerEvent:
    """What a trigger says: `payload` becomes the argument `event` of the method that goes on."""

    def __init__(self, payload: Any = None, **kwargs: Any) -> None:
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TriggerEvent) and type(other) is type(self) and other.payload == self.payload

    __hash__ = None  # type: ignore[assignment]  # a payload may be anything

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.payload!r}>"


class BaseTaskEndEvent(TriggerEvent):
    """The task ends with this event: no method of it goes on."""

    task_instance_state: ClassVar[TaskInstanceState]

    def __init__(self, *, xcoms: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if "payload" in kwargs:
            raise ValueError(f"{type(self).__name__} ends the task and takes no payload; leave values by xcoms=.")
        super().__init__(payload=str(self.task_instance_state))
        self.xcoms = xcoms


class TaskSuccessEvent(BaseTaskEndEvent):
    """The task has succeeded."""

    task_instance_state = TaskInstanceState.SUCCESS


class TaskFailedEvent(BaseTaskEndEvent):
    """The task has failed."""

    task_instance_state = TaskInstanceState.FAILED


class TaskSkippedEvent(BaseTaskEndEvent):
    """The task is skipped."""

    task_instance_state = TaskInstanceState.SKIPPED
