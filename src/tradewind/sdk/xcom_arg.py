"""References to what tasks will return: made while a Dag is defined, resolved when a task that needs them runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain as chained
from typing import TYPE_CHECKING, Any

from tradewind.core.dag import LengthSpec
from tradewind.sdk.exceptions import XComNotFound
from tradewind.sdk.node import DependencyMixin, Task, mapped_group_of
from tradewind.sdk.types import NOTSET

if TYPE_CHECKING:
    from tradewind.sdk.edges import EdgeModifier

XCOM_RETURN_KEY = "return_value"

AROUND = ""
"""In the place of a task id: an argument of the mapped group around the task that asks."""

Pull = Callable[[str, str, int | None], Any]
"""`pull(task_id, key, map_indexes)`: what a task of this run left. map_indexes is −1 for an ordinary task and None for
a mapped one, whose values come as a sequence ordered by map_index, or as the one value that stands beside the task that
asks where both are in one mapped group. NOTSET (or None) where nothing was left."""


class ResolveMixin:
    """A stand-in for a value that is known only when the task runs."""

    def iter_references(self) -> Iterator[tuple[Task, str]]:
        """(task, key) of every XCom that the value needs."""
        return iter(())

    def resolve(self, context: Any) -> Any:
        """The value."""
        raise NotImplementedError


class LiteralValue(ResolveMixin):
    """A value that is not rendered."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, context: Any) -> Any:
        return self.value

    def __repr__(self) -> str:
        return f"literal({self.value!r})"


def literal(value: Any) -> LiteralValue:
    """`value` as it is, even where it looks like a template or a template file."""
    return LiteralValue(value)


class XComArg(ResolveMixin, DependencyMixin):
    """A value that one or more tasks will leave. `XComArg(task)` is what `task` returns."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return super().__new__(PlainXComArg if cls is XComArg else cls)

    def iter_references(self) -> Iterator[tuple[Task, str]]:
        raise NotImplementedError

    @staticmethod
    def iter_xcom_references(arg: Any) -> Iterator[tuple[Task, str]]:
        return references(arg)

    @staticmethod
    def apply_upstream_relationship(task: DependencyMixin, arg: Any) -> None:
        """Make a task wait for everything that its argument refers to."""
        for upstream, _ in references(arg):
            task.set_upstream(upstream)

    def length_spec(self) -> LengthSpec:
        """How long it will be, for a task that expands over it."""
        raise NotImplementedError

    def resolve(self, pull: Pull | Mapping[str, Any]) -> Any:
        """The value, fetched by `pull`; a template context does as well."""
        raise NotImplementedError

    @property
    def roots(self) -> Sequence[Task]:
        return list(dict.fromkeys(task for task, _ in self.iter_references()))

    @property
    def leaves(self) -> Sequence[Task]:
        return self.roots

    def update_relative(
        self, other: DependencyMixin, upstream: bool = True, edge_modifier: EdgeModifier | None = None
    ) -> None:
        for task in self.roots:
            task.update_relative(other, upstream, edge_modifier)

    def map(self, f: Callable[[Any], Any]) -> MapXComArg:
        """Each element passed through `f`, in the process of the task that receives it."""
        return MapXComArg(self, [f])

    def zip(self, *others: XComArg, fillvalue: Any = NOTSET) -> ZipXComArg:
        """Tuples of elements side by side, as long as the shortest (or, with fillvalue, the longest)."""
        return ZipXComArg([self, *others], fillvalue=fillvalue)

    def concat(self, *others: XComArg) -> ConcatXComArg:
        """The elements of all, one after the other."""
        return ConcatXComArg([self, *others])

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            f"{type(self).__name__} object is not iterable while the Dag is defined; use .expand() or .map()."
        )

    def __enter__(self) -> XComArg:
        from tradewind.sdk.setup_teardown import SetupTeardownContext

        SetupTeardownContext.push(self)
        return self

    def __exit__(self, *_: object) -> None:
        from tradewind.sdk.setup_teardown import SetupTeardownContext

        SetupTeardownContext.pop()


class PlainXComArg(XComArg):
    """What one task leaves under one key. In an f-string it becomes the template that pulls it."""

    def __init__(self, operator: Task, key: str = XCOM_RETURN_KEY) -> None:
        self.operator, self.key = operator, key

    def __getitem__(self, item: str) -> PlainXComArg:
        if not isinstance(item, str):
            raise ValueError(f"XComArg only supports str lookup, received {type(item).__name__}")
        return PlainXComArg(operator=self.operator, key=item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlainXComArg) and self.operator is other.operator and self.key == other.key

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def __str__(self) -> str:
        arguments = f"task_ids='{self.operator.task_id}', dag_id='{self.operator.dag_id}', key='{self.key}'"
        return f"{{{{ task_instance.xcom_pull({arguments}) }}}}"

    def __repr__(self) -> str:
        suffix = "" if self.key == XCOM_RETURN_KEY else f"[{self.key!r}]"
        return f"XComArg({self.operator.task_id}){suffix}"

    def iter_references(self) -> Iterator[tuple[Task, str]]:
        yield self.operator, self.key

    def as_setup(self) -> PlainXComArg:
        self.operator.as_setup()
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None) -> PlainXComArg:
        self.operator.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    def map(self, f: Callable[[Any], Any]) -> MapXComArg:
        if self.key != XCOM_RETURN_KEY:
            raise ValueError(f"{self!r}: only what a task returns can be mapped, not a single key.")
        return super().map(f)

    def length_spec(self) -> LengthSpec:
        return LengthSpec(kind="xcom", task_id=self.operator.task_id, key=self.key)

    def resolve(self, pull: Pull | Mapping[str, Any]) -> Any:
        mapped = is_expanded(self.operator)
        value = puller(pull)(self.operator.task_id, self.key, None if mapped else -1)
        if value is not NOTSET:
            return value
        if self.key == XCOM_RETURN_KEY:
            return [] if mapped else None
        raise XComNotFound(self.operator.dag_id, self.operator.task_id, self.key)


class MapXComArg(XComArg):
    """Another reference with functions applied to each element."""

    def __init__(self, arg: XComArg, callables: Sequence[Callable[[Any], Any]]) -> None:
        for function in callables:
            if getattr(function, "is_task_decorator", False):
                raise ValueError("map() argument must be a plain function, not a @task operator")
        self.arg, self.callables = arg, list(callables)

    def __repr__(self) -> str:
        return f"{self.arg!r}" + "".join(f".map({function_name(f)})" for f in self.callables)

    def iter_references(self) -> Iterator[tuple[Task, str]]:
        return self.arg.iter_references()

    def map(self, f: Callable[[Any], Any]) -> MapXComArg:
        return MapXComArg(self.arg, [*self.callables, f])

    def length_spec(self) -> LengthSpec:
        return LengthSpec(kind="map", parts=(self.arg.length_spec(),))

    def resolve(self, pull: Pull | Mapping[str, Any]) -> Any:
        def element(value: Any) -> Any:
            for function in self.callables:
                value = function(value)
            return value

        values = _sequence(self.arg.resolve(pull), self)
        return Elements(len(values), lambda index: element(values[index]))


class ZipXComArg(XComArg):
    """Several references side by side."""

    def __init__(self, args: Sequence[XComArg], *, fillvalue: Any = NOTSET) -> None:
        if len(args) < 2:
            raise ValueError("zip() needs at least one other result to stand beside.")
        self.args, self.fillvalue = list(args), fillvalue

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.zip({', '.join(map(repr, self.args[1:]))})"

    def iter_references(self) -> Iterator[tuple[Task, str]]:
        return chained.from_iterable(arg.iter_references() for arg in self.args)

    def length_spec(self) -> LengthSpec:
        return LengthSpec(
            kind="zip", parts=tuple(arg.length_spec() for arg in self.args), fill=self.fillvalue is not NOTSET
        )

    def resolve(self, pull: Pull | Mapping[str, Any]) -> Any:
        parts = [_sequence(arg.resolve(pull), self) for arg in self.args]
        filled = self.fillvalue is not NOTSET
        length = (max if filled else min)(len(part) for part in parts)
        return Elements(
            length, lambda index: tuple(part[index] if index < len(part) else self.fillvalue for part in parts)
        )


class ConcatXComArg(XComArg):
    """Several references one after the other."""

    def __init__(self, args: Sequence[XComArg]) -> None:
        if len(args) < 2:
            raise ValueError("concat() needs at least one other result to follow.")
        self.args = list(args)

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.concat({', '.join(map(repr, self.args[1:]))})"

    def iter_references(self) -> Iterator[tuple[Task, str]]:
        return chained.from_iterable(arg.iter_references() for arg in self.args)

    def concat(self, *others: XComArg) -> ConcatXComArg:
        return ConcatXComArg([*self.args, *others])

    def length_spec(self) -> LengthSpec:
        return LengthSpec(kind="concat", parts=tuple(arg.length_spec() for arg in self.args))

    def resolve(self, pull: Pull | Mapping[str, Any]) -> Any:
        parts = [_sequence(arg.resolve(pull), self) for arg in self.args]

        def element(index: int) -> Any:
            for part in parts:
                if index < len(part):
                    return part[index]
                index -= len(part)
            raise IndexError(index)

        return Elements(sum(len(part) for part in parts), element)


class Elements(Sequence[Any]):
    """A sequence whose elements are computed when they are looked at."""

    def __init__(self, length: int, element: Callable[[int], Any]) -> None:
        self._length, self._element = length, element

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._element(i) for i in range(*index.indices(self._length))]
        index = index + self._length if index < 0 else index
        if not 0 <= index < self._length:
            raise IndexError(index)
        return self._element(index)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process gets the elements themselves.
        return list, (list(self),)

    def __repr__(self) -> str:
        return f"[{', '.join(map(repr, self))}]"


def references(value: Any, seen: set[int] | None = None) -> Iterator[tuple[Task, str]]:
    """(task, key) of every XCom that an argument refers to, however deep inside it."""
    if isinstance(value, ResolveMixin):
        yield from value.iter_references()
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from references(part, seen)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            yield from references(part, seen)
    elif not isinstance(value, type) and isinstance(getattr(value, "template_fields", None), (list, tuple, set)):
        seen = seen if seen is not None else set()
        if id(value) not in seen:
            seen.add(id(value))
            for name in value.template_fields:
                yield from references(getattr(value, name, None), seen)


def function_name(function: Any) -> str:
    """A name for a function that is the same in every process."""
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _sequence(value: Any, arg: XComArg) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        raise TypeError(f"{arg!r} needs a list or dict to go through and got {type(value).__name__}.")
    return value  # type: ignore[no-any-return]


def is_expanded(task: Any) -> bool:
    """Whether the task has several instances, by itself or with a group around it."""
    return getattr(task, "is_mapped", False) or mapped_group_of(task) is not None


def puller(pull: Pull | Mapping[str, Any]) -> Pull:
    """What fetches the values, from itself or from a template context."""
    if not isinstance(pull, Mapping):
        return pull
    instance = pull["ti"]

    def from_context(task_id: str, key: str, map_indexes: int | None) -> Any:
        if task_id == AROUND:
            return instance.pull(task_id, key, map_indexes)
        return instance.xcom_pull(task_ids=task_id, key=key, map_indexes=map_indexes, default=NOTSET)

    return from_context
