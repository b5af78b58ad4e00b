"""What a mapped task expands over: lists by argument (each with each), or a list of whole argument sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from tradewind.core.dag import LengthSpec, MapSpec
from tradewind.sdk.node import Task
from tradewind.sdk.xcom_arg import AROUND, Pull, ResolveMixin, XComArg, puller, references


def is_mappable(value: Any) -> bool:
    """Whether a task can be expanded over this."""
    return isinstance(value, (XComArg, Mapping, Sequence)) and not isinstance(value, (str, bytes, bytearray))


class DictOfLists:
    """`expand(x=…, y=…)`: every combination; the last argument varies fastest."""

    def __init__(self, value: Mapping[str, Any], where: str) -> None:
        if not value:
            raise TypeError(f"{where}: expand() needs at least one argument to expand over.")
        for name, items in value.items():
            if isinstance(items, MappedArgument):
                raise ValueError(
                    f"{where}: {name}= is one element of what the group around is expanded over, so its length is not "
                    "known before the run; expand over the whole, or go through the element inside the task."
                )
            if not is_mappable(items):
                raise ValueError(
                    f"{where}: expand() got an unexpected type {type(items).__name__!r} for keyword argument "
                    f"{name!r}; give a list, a dict or another task's result, and constants to partial()."
                )
        self.value = dict(value)

    @property
    def names(self) -> set[str]:
        return set(self.value)

    def references(self) -> Iterator[tuple[Task, str]]:
        return references(self.value)

    def map_spec(self) -> MapSpec:
        return MapSpec(mode="product", inputs=tuple((name, length_of(items)) for name, items in self.value.items()))

    def length(self, pull: Pull) -> int:
        """How many instances there are."""
        return prod(len(_resolved(items, pull)) for items in self.value.values())

    def kwargs_for(self, map_index: int, pull: Pull) -> dict[str, Any]:
        """The arguments of one instance."""
        chosen = {}
        for name, items in reversed(self.value.items()):
            values = _resolved(items, pull)
            map_index, index = divmod(map_index, len(values))
            chosen[name] = _element(values[index], pull)
        if map_index:
            raise IndexError("this map index is beyond the length of what it expands over")
        return {name: chosen[name] for name in self.value}


class ListOfDicts:
    """`expand_kwargs([...])`: one instance for each set of arguments."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, XComArg) and (
            isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence)
        ):
            raise TypeError(
                f"{where}: expand_kwargs() takes a list of dicts or another task's result, not {type(value).__name__}."
            )
        for item in value if not isinstance(value, XComArg) else ():
            if not isinstance(item, (XComArg, Mapping)):
                raise TypeError(f"{where}: expand_kwargs() takes dicts in its list, not {type(item).__name__}.")
        self.value = value

    names: set[str] = set()

    def references(self) -> Iterator[tuple[Task, str]]:
        return references(self.value)

    def map_spec(self) -> MapSpec:
        return MapSpec(mode="kwargs", inputs=(("kwargs", length_of(self.value)),))

    def length(self, pull: Pull) -> int:
        """How many instances there are."""
        return len(_resolved(self.value, pull))

    def kwargs_for(self, map_index: int, pull: Pull) -> dict[str, Any]:
        """The arguments of one instance."""
        chosen = _element(_resolved(self.value, pull)[map_index], pull)
        if not isinstance(chosen, Mapping):
            raise ValueError(f"expand_kwargs() expects dicts, and element {map_index} is {type(chosen).__name__}.")
        for name in chosen:
            if not isinstance(name, str):
                raise ValueError(f"expand_kwargs() expects str keys, and element {map_index} has {name!r}.")
        return {name: _element(value, pull) for name, value in chosen.items()}


ExpandInput = DictOfLists | ListOfDicts


class MappedArgument(ResolveMixin):
    """One argument of a mapped group's function: in each element another part of what the group expands over."""

    def __init__(self, input: ExpandInput, key: str) -> None:
        self.input, self.key = input, key

    def iter_references(self) -> Iterator[tuple[Task, str]]:
        return self.input.references()

    def resolve(self, pull: Pull | Mapping[str, Any]) -> Any:
        return puller(pull)(AROUND, self.key, None)

    def __repr__(self) -> str:
        return f"MappedArgument({self.key!r})"


def refuse_repeated(mapped: Mapping[str, Any], shared: Mapping[str, Any], where: str) -> None:
    """Raise for arguments that are given twice."""
    if twice := [name for name in mapped if name in shared]:
        raise TypeError(f"{where}: {', '.join(map(repr, twice))} is in partial() and in expand(); give it once.")


def length_of(items: Any) -> LengthSpec:
    """How long an expansion input will be."""
    if isinstance(items, XComArg):
        return items.length_spec()
    return LengthSpec(kind="literal", length=len(items))


def _resolved(items: Any, pull: Pull) -> Sequence[Any]:
    values = items.resolve(pull) if isinstance(items, XComArg) else items
    if isinstance(values, Mapping):
        return list(values.items())
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise TypeError(f"a mapped task expands over a list or dict, and {items!r} is {type(values).__name__}.")
    return values  # type: ignore[no-any-return]


def _element(value: Any, pull: Pull) -> Any:
    """One chosen element, with results of other tasks inside it filled in."""
    if isinstance(value, ResolveMixin):
        return value.resolve(pull)
    if type(value) in (list, tuple):
        return type(value)(_element(part, pull) for part in value)
    if type(value) is dict:
        return {key: _element(part, pull) for key, part in value.items()}
    return value
