"""Retry policies: decide by the exception whether, and when, a failed task is tried again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any


class RetryAction(Enum):
    """What becomes of a failed try: tried again, failed for good, or whatever the task's `retries` say."""

    RETRY = "retry"
    FAIL = "fail"
    DEFAULT = "default"


@dataclass
class RetryDecision:
    """The outcome of a policy."""

    action: RetryAction = RetryAction.DEFAULT
    retry_delay: timedelta | None = None
    reason: str | None = None

    @classmethod
    def fail(cls, reason: str | None = None) -> RetryDecision:
        return cls(RetryAction.FAIL, reason=reason)

    @classmethod
    def retry(cls, delay: timedelta | None = None, reason: str | None = None) -> RetryDecision:
        return cls(RetryAction.RETRY, retry_delay=delay, reason=reason)

    @classmethod
    def default(cls) -> RetryDecision:
        return cls()


class RetryPolicy(ABC):
    """Base of policies."""

    @abstractmethod
    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """What becomes of a try that ended with this exception. Tries that are used up stay so: RETRY then fails."""

    def serialize(self) -> dict[str, Any]:
        """Nothing by default: a policy is asked in the process that has it, and never sent."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryPolicy:
        return cls(**data)


ExceptionSpec = type[BaseException] | str


@dataclass
class RetryRule:
    """What to do about some exceptions, given as classes or as `package.module.Class`."""

    exception: ExceptionSpec | list[ExceptionSpec]
    action: RetryAction = RetryAction.RETRY
    retry_delay: timedelta | None = None
    reason: str | None = None
    match_subclasses: bool = True
    _names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        specs = self.exception if isinstance(self.exception, list) else [self.exception]
        self._names = frozenset(_path(spec) for spec in specs)

    @property
    def exception_path(self) -> list[str]:
        """The names of the exceptions."""
        return sorted(self._names)

    def serialize(self) -> dict[str, Any]:
        """Plain values from which `deserialize` makes an equal rule."""
        return {
            "exception": self.exception_path,
            "action": self.action.value,
            "retry_delay": None if self.retry_delay is None else self.retry_delay.total_seconds(),
            "reason": self.reason,
            "match_subclasses": self.match_subclasses,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryRule:
        delay = data.get("retry_delay")
        return cls(
            exception=list(data["exception"]),
            action=RetryAction(data.get("action", "retry")),
            retry_delay=None if delay is None else timedelta(seconds=delay),
            reason=data.get("reason"),
            match_subclasses=data.get("match_subclasses", True),
        )

    def matches(self, exc: BaseException) -> bool:
        """Whether the rule is about this exception."""
        kinds: Sequence[type] = type(exc).__mro__ if self.match_subclasses else [type(exc)]
        return any(_path(kind) in self._names or kind.__name__ in self._names for kind in kinds)


class ExceptionRetryPolicy(RetryPolicy):
    """The first rule that matches decides; without one, `default`."""

    def __init__(self, rules: list[RetryRule], default: RetryAction = RetryAction.DEFAULT) -> None:
        self.rules, self.default = list(rules), default

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        for rule in self.rules:
            if rule.matches(exception):
                return RetryDecision(rule.action, rule.retry_delay, rule.reason)
        return RetryDecision(self.default)

    def serialize(self) -> dict[str, Any]:
        """Plain values from which `deserialize` makes a policy that decides alike."""
        return {"rules": [rule.serialize() for rule in self.rules], "default": self.default.value}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ExceptionRetryPolicy:
        rules = [RetryRule.deserialize(rule) for rule in data["rules"]]
        return cls(rules, RetryAction(data.get("default", "default")))


class ChainRetryPolicy(RetryPolicy):
    """The first policy that has an opinion decides."""

    def __init__(self, *policies: RetryPolicy) -> None:
        self.policies = policies

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        for policy in self.policies:
            decision = policy.evaluate(exception, try_number, max_tries, context)
            if decision.action is not RetryAction.DEFAULT:
                return decision
        return RetryDecision.default()


def _path(spec: ExceptionSpec) -> str:
    if isinstance(spec, str):
        return spec.removeprefix("builtins.")
    return spec.__qualname__ if spec.__module__ == "builtins" else f"{spec.__module__}.{spec.__qualname__}"
