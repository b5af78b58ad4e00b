"""A value that is asked of the engine only when somebody looks at it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

_UNKNOWN = object()


class Later:
    """Behaves as the value that `make` gives, which is called at the first use. `None` behind it is false and equal to
    None, but not identical to it."""

    __slots__ = ("_make", "_value")

    def __init__(self, make: Callable[[], Any]) -> None:
        object.__setattr__(self, "_make", make)
        object.__setattr__(self, "_value", _UNKNOWN)

    @property
    def __wrapped__(self) -> Any:
        if self._value is _UNKNOWN:
            object.__setattr__(self, "_value", self._make())
        return self._value

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance() asks this
        return type(self.__wrapped__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __str__(self) -> str:
        return str(self.__wrapped__)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __format__(self, spec: str) -> str:
        return format(self.__wrapped__, spec)

    def __bool__(self) -> bool:
        return bool(self.__wrapped__)

    def __hash__(self) -> int:
        return hash(self.__wrapped__)


def _delegate(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def method(self: Later, other: Any) -> Any:
        return function(self.__wrapped__, plain(other))

    return method


for _name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__add__", "__sub__"):
    setattr(Later, _name, _delegate(_name))
Later.__radd__ = lambda self, other: other + self.__wrapped__  # type: ignore[attr-defined]
Later.__rsub__ = lambda self, other: other - self.__wrapped__  # type: ignore[attr-defined]


def plain(value: Any) -> Any:
    """The value itself, whether or not it was put off."""
    return value.__wrapped__ if type(value) is Later else value
