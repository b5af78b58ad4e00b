"""Which functions of one value may be given a whole column instead, with the same results.

A function is only let through when its bytecode is one expression of the value, constants, the arithmetic that all
sides define alike, and NumPy ufuncs: no branch, no look at a type, no container, no other call. What is not known to
be safe is not: the caller then runs the function value by value.
"""

from __future__ import annotations

import dis
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

LARGEST_EXACT = 2**53
"""Whole numbers up to here are the same in Python, NumPy and Polars, as integers and as floats."""

NOT_SIMPLE = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)

_PLAIN = frozenset(
    {"RESUME", "CACHE", "NOP", "PUSH_NULL", "PRECALL", "RETURN_VALUE", "COPY_FREE_VARS", "UNARY_NEGATIVE"}
)
_CONSTANTS = frozenset({"LOAD_CONST", "LOAD_SMALL_INT", "RETURN_CONST"})
_VALUES = frozenset(
    {"LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "LOAD_FAST_CHECK"}
)
_NAMES = frozenset({"LOAD_GLOBAL", "LOAD_DEREF"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_CALLS = frozenset({"CALL"})
_ARITHMETIC = frozenset({"+", "-", "*", "/"})


@dataclass(frozen=True)
class ClosedForm:
    """What is known of a function that may be given a whole column."""

    ufuncs: int = 0
    """How often it calls NumPy; with any, it takes an array."""
    arithmetic: int = 0
    compares: int = 0
    divides: int = 0


def closed_form(function: Callable[..., Any]) -> ClosedForm | None:
    """What the function is made of, or None when it has to be called value by value."""
    import numpy as np

    if isinstance(function, np.ufunc):
        return ClosedForm(ufuncs=1) if _is_unary(function) else None
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or code.co_argcount != 1 or code.co_kwonlyargcount or code.co_flags & NOT_SIMPLE:
        return None
    known = _names(function)
    seen = Counter(kind for step in dis.get_instructions(code) for kind in _kinds(step, known))
    # Each attribute must be NumPy's own, each call that of a ufunc, and the value must be in it at all.
    is_whole = seen["attribute"] == seen["module"] and seen["call"] == seen["ufunc"]
    if seen["unknown"] or not seen["value"] or not is_whole:
        return None
    return ClosedForm(seen["ufunc"], seen["arithmetic"], seen["compare"], seen["divide"])


def _kinds(step: dis.Instruction, known: Mapping[str, Any]) -> Iterator[str]:
    """What an instruction adds to the form of a function."""
    import numpy as np

    name, value = step.opname, step.argval
    if name in _CONSTANTS:
        yield "constant" if _is_number(value) else "unknown"
    elif name in _VALUES:
        yield "value"
    elif name == "BINARY_OP":
        yield "arithmetic" if step.argrepr in _ARITHMETIC else "unknown"
        if step.argrepr == "/":
            yield "divide"
    elif name == "COMPARE_OP":
        yield "compare"
    elif name in _NAMES:
        yield "module" if known.get(value) is np else _of_value(known.get(value))
    elif name in _ATTRIBUTES:
        yield "attribute"
        yield _of_value(getattr(np, value, None))
    elif name in _CALLS:
        yield "call"
    elif name not in _PLAIN:
        yield "unknown"


def _of_value(value: Any) -> str:
    import numpy as np

    if isinstance(value, np.ufunc) and _is_unary(value):
        return "ufunc"
    return "constant" if _is_number(value) else "unknown"


def _is_unary(function: Any) -> bool:
    return bool(function.nin == function.nout == 1)


def largest_step(function: Callable[[Any], Any], low: float, high: float) -> float | None:
    """No value on the way to a result is larger than this, for values from `low` to `high`; None when unknown."""
    bound = _Bound(max(abs(low), abs(high)))
    try:
        result = function(bound)
    except (TypeError, ZeroDivisionError, OverflowError):
        return None
    return bound.largest[0] if isinstance(result, _Bound) else None


class _Bound:
    """Stands for any number of at most this size, and remembers the largest that came of it."""

    def __init__(self, size: float, largest: list[float] | None = None) -> None:
        self.size = size
        self.largest = largest if largest is not None else [size]
        self.largest[0] = max(self.largest[0], size)

    def _with(self, size: float) -> _Bound:
        return _Bound(size, self.largest)

    def __add__(self, other: Any) -> _Bound:
        return self._with(self.size + _size(other))

    def __mul__(self, other: Any) -> _Bound:
        return self._with(self.size * _size(other))

    def __truediv__(self, other: Any) -> _Bound:
        # Only by a constant: another divisor may be zero, which Python refuses and the others do not.
        if isinstance(other, _Bound):
            raise TypeError
        return self._with(self.size / _size(other))

    def __rtruediv__(self, other: Any) -> _Bound:
        raise TypeError

    def __neg__(self) -> _Bound:
        return self._with(self.size)

    def _compared(self, other: Any) -> _Bound:
        self.largest[0] = max(self.largest[0], _size(other))
        return self._with(1)

    __radd__ = __sub__ = __rsub__ = __add__
    __rmul__ = __mul__
    __lt__ = __le__ = __gt__ = __ge__ = _compared
    __eq__ = __ne__ = _compared  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


def _size(value: Any) -> float:
    return value.size if isinstance(value, _Bound) else abs(value)


def _names(function: Callable[..., Any]) -> dict[str, Any]:
    found = inspect.getclosurevars(function)
    return {**found.globals, **found.nonlocals}


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) <= LARGEST_EXACT


def uses(function: Callable[..., Any], packages: frozenset[str]) -> bool:
    """Whether the function's own text reaches for one of these packages."""
    try:
        found = inspect.getclosurevars(inspect.unwrap(function))
    except TypeError:
        return False
    values = (*found.globals.values(), *found.nonlocals.values())
    named = {(v.__name__ if isinstance(v, ModuleType) else getattr(v, "__module__", None) or "") for v in values}
    named |= set(found.unbound)
    return any(name.split(".")[0] in packages for name in named)
