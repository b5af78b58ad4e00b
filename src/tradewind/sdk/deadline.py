"""Deadlines of a Dag's runs, as authors declare them: from when one counts, how long it lasts, and who is told then."""

from __future__ import annotations

import inspect
from collections.abc import Callable as Function
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from tradewind.core.dag import DeadlineSpec
from tradewind.sdk.timezone import aware

REFERENCE_TYPE_FIELD = "reference_type"


class Callback:
    """What is called when a deadline is missed: a function or notifier class, or the dotted path of one, and the
    arguments that it gets beside `context`."""

    def __init__(self, callback_callable: Function[..., Any] | str, kwargs: dict[str, Any] | None = None) -> None:
        if not callable(callback_callable) and not isinstance(callback_callable, str):
            raise TypeError(
                f"A deadline's callback is {callback_callable!r}; give a function, a notifier class or a dotted path."
            )
        if kwargs and "context" in kwargs:
            raise ValueError("A deadline's callback gets 'context' from the engine; give the argument another name.")
        self.callback_callable, self.kwargs = callback_callable, dict(kwargs or {})
        if callable(callback_callable):
            self.verify_callable(callback_callable)

    @classmethod
    def verify_callable(cls, callback: Function[..., Any]) -> None:
        """Raise for a function of the wrong kind."""

    @property
    def path(self) -> str:
        """Its dotted path."""
        called = self.callback_callable
        if isinstance(called, str):
            return called
        return f"{called.__module__}.{getattr(called, '__qualname__', type(called).__qualname__)}"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.path, self.kwargs) == (other.path, other.kwargs)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.path, tuple(sorted(self.kwargs))))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path}, {self.kwargs})"


class SyncCallback(Callback):
    """A plain function, or a notifier."""

    def __init__(
        self,
        callback_callable: Function[..., Any] | str,
        kwargs: dict[str, Any] | None = None,
        executor: str | None = None,
    ) -> None:
        super().__init__(callback_callable, kwargs)
        self.executor = executor


class AsyncCallback(Callback):
    """A coroutine function, or a notifier."""

    @classmethod
    def verify_callable(cls, callback: Function[..., Any]) -> None:
        if not inspect.iscoroutinefunction(callback) and not hasattr(callback, "__await__"):
            name = getattr(callback, "__qualname__", callback)
            raise AttributeError(f"The callback {name} is not awaitable; write `async def`, or use SyncCallback.")


class BaseDeadlineReference:
    """The moment that a deadline counts from. A class of the author's own says it by `_evaluate_with`, which gets of
    the run what `required_kwargs` names; it is called in a process of its own, once for each run."""

    required_kwargs: ClassVar[set[str]] = set()

    @property
    def reference_name(self) -> str:
        return type(self).__name__

    def serialize_reference(self) -> dict[str, Any]:
        return {REFERENCE_TYPE_FIELD: self.reference_name}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> BaseDeadlineReference:
        return cls()

    def evaluate_with(self, *, session: Any, interval: timedelta, **kwargs: Any) -> datetime | None:
        """By when the run is to be over, or None: it has no such deadline. `session` is of no use here."""
        if missing := sorted(self.required_kwargs - kwargs.keys()):
            known = ", ".join(sorted(kwargs))
            raise ValueError(f"{self.reference_name} asks for {', '.join(missing)}; what there is of a run is {known}.")
        wanted = {name: kwargs[name] for name in sorted(self.required_kwargs)}
        moment = self._evaluate_with(session=session, **wanted)
        return None if moment is None else moment + interval

    def _evaluate_with(self, *, session: Any, **kwargs: Any) -> datetime | None:
        raise NotImplementedError(f"{self.reference_name} has no _evaluate_with to work its moment out.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BaseDeadlineReference) and self.serialize_reference() == other.serialize_reference()

    def __hash__(self) -> int:
        return hash(tuple(sorted(map(str, self.serialize_reference().items()))))


class DagRunLogicalDateDeadline(BaseDeadlineReference):
    """The run's logical date; a run without one has no such deadline."""


class DagRunQueuedAtDeadline(BaseDeadlineReference):
    """When the run was made, or made to run again."""


@dataclass(eq=False)
class FixedDatetimeDeadline(BaseDeadlineReference):
    """A moment that is the same for every run."""

    _datetime: datetime

    def serialize_reference(self) -> dict[str, Any]:
        return {REFERENCE_TYPE_FIELD: self.reference_name, "datetime": self._datetime.timestamp()}


@dataclass(eq=False)
class AverageRuntimeDeadline(BaseDeadlineReference):
    """When the run would end if it took as long as the last `max_runs` runs did; none while there are fewer than
    `min_runs`."""

    DEFAULT_LIMIT: ClassVar[int] = 10
    max_runs: int = DEFAULT_LIMIT
    min_runs: int | None = None

    def __post_init__(self) -> None:
        self.min_runs = self.max_runs if self.min_runs is None else self.min_runs
        if self.min_runs < 1:
            raise ValueError(f"AVERAGE_RUNTIME: min_runs is {self.min_runs} and must be at least 1.")

    def serialize_reference(self) -> dict[str, Any]:
        return {REFERENCE_TYPE_FIELD: self.reference_name, "max_runs": self.max_runs, "min_runs": self.min_runs}


class ReferenceModels:
    """The classes of references, as `airflow.models.deadline` has them."""

    REFERENCE_TYPE_FIELD = REFERENCE_TYPE_FIELD
    BaseDeadlineReference = BaseDeadlineReference
    DagRunLogicalDateDeadline = DagRunLogicalDateDeadline
    DagRunQueuedAtDeadline = DagRunQueuedAtDeadline
    FixedDatetimeDeadline = FixedDatetimeDeadline
    AverageRuntimeDeadline = AverageRuntimeDeadline

    @classmethod
    def get_reference_class(cls, reference_name: str) -> Any:
        """The class of that name."""
        return getattr(cls, reference_name)


class DeadlineReference:
    """The moments to count from."""

    class TYPES:
        """When a reference is looked at: as the run is made, or as it is queued."""

        DAGRUN_CREATED: tuple[type[BaseDeadlineReference], ...] = (
            DagRunLogicalDateDeadline, FixedDatetimeDeadline, AverageRuntimeDeadline,
        )  # fmt: skip
        DAGRUN_QUEUED: tuple[type[BaseDeadlineReference], ...] = (DagRunQueuedAtDeadline,)
        DAGRUN = DAGRUN_CREATED + DAGRUN_QUEUED

    DAGRUN_LOGICAL_DATE: ClassVar[BaseDeadlineReference] = DagRunLogicalDateDeadline()
    DAGRUN_QUEUED_AT: ClassVar[BaseDeadlineReference] = DagRunQueuedAtDeadline()

    @classmethod
    def FIXED_DATETIME(cls, dt: datetime) -> BaseDeadlineReference:
        return FixedDatetimeDeadline(dt)

    @classmethod
    def AVERAGE_RUNTIME(cls, max_runs: int = 0, min_runs: int | None = None) -> BaseDeadlineReference:
        return AverageRuntimeDeadline(max_runs or AverageRuntimeDeadline.DEFAULT_LIMIT, min_runs)

    @classmethod
    def register_custom_reference(
        cls, reference_class: type[BaseDeadlineReference], deadline_reference_type: Any = None
    ) -> type[BaseDeadlineReference]:
        """Make a class of the author's own known under its name."""
        setattr(cls, reference_class.__name__, reference_class())
        return reference_class


def deadline_reference(deadline_reference_type: Any = None) -> Any:
    """Decorates a reference class of the author's own, with or without parentheses."""
    if isinstance(deadline_reference_type, type):
        return DeadlineReference.register_custom_reference(deadline_reference_type)
    return DeadlineReference.register_custom_reference


@dataclass(frozen=True)
class VariableInterval:
    """An interval whose seconds are the value of a Variable, as it is when the Dag file is read."""

    key: str

    def resolve(self) -> timedelta:
        from tradewind.sdk.variable import Variable

        value = Variable.get(self.key)
        try:
            return timedelta(seconds=int(value))
        except (TypeError, ValueError):
            raise ValueError(f"Variable {self.key!r} is {value!r}; a deadline needs whole seconds.") from None


class DeadlineAlert:
    """A run is late when it has not ended `interval` after `reference`; then `callback` is called, once."""

    def __init__(
        self, reference: Any, interval: timedelta | VariableInterval, callback: Any, name: str | None = None
    ) -> None:
        if not isinstance(callback, Callback):
            raise ValueError(
                f"Callbacks of type {type(callback).__name__} are not currently supported; give a SyncCallback or an "
                "AsyncCallback."
            )
        if not isinstance(interval, (timedelta, VariableInterval)):
            raise TypeError(f"A deadline's interval is {interval!r}; give a timedelta.")
        self.reference, self.interval, self.callback, self.name = reference, interval, callback, name

    @property
    def duration(self) -> timedelta:
        """The interval, as it is now where a Variable has it."""
        return self.interval.resolve() if isinstance(self.interval, VariableInterval) else self.interval

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeadlineAlert) and (
            (type(self.reference), self.interval, self.callback)
            == (type(other.reference), other.interval, other.callback)
        )

    def __hash__(self) -> int:
        return hash((type(self.reference).__name__, self.interval, self.callback))


_KNOWN = {DagRunLogicalDateDeadline: "logical_date", DagRunQueuedAtDeadline: "queued_at"}


def deadline_spec(alert: DeadlineAlert, zone: Any) -> tuple[DeadlineSpec, str]:
    """A deadline as the scheduler sees it, and what keeps it from having an effect (empty: nothing)."""
    reference, problem = alert.reference, ""
    try:
        interval = alert.duration
    except Exception as error:  # the Variable is not there, or is no number
        return DeadlineSpec(reference="none", interval_seconds=0.0, name=alert.name or ""), str(error)
    facts: dict[str, Any] = {"reference": _KNOWN.get(type(reference), "none")}
    if _is_custom(reference):
        facts = {"reference": "custom"}
    elif isinstance(reference, FixedDatetimeDeadline):
        facts = {"reference": "fixed", "at": aware(reference._datetime, zone)}
    elif isinstance(reference, AverageRuntimeDeadline):
        facts = {"reference": "average_runtime", "max_runs": reference.max_runs, "min_runs": reference.min_runs}
    elif facts["reference"] == "none":
        name = getattr(reference, "reference_name", type(reference).__name__)
        problem = f"its reference {name} says by no _evaluate_with from when it counts"
    return DeadlineSpec(interval_seconds=interval.total_seconds(), name=alert.name or "", **facts), problem


def _is_custom(reference: Any) -> bool:
    """Whether code of the author's own works out when it counts from."""
    return any(
        getattr(type(reference), name, None) not in (None, getattr(BaseDeadlineReference, name))
        for name in ("evaluate_with", "_evaluate_with")
    )
