"""A YAML file as mappings that know on which line each of their fields is, so that a fault can be shown."""

from collections.abc import Callable, Iterator
from pathlib import Path
from reprlib import Repr
from typing import Any, TypeVar

import yaml

from tradewind.core.errors import TradewindError
from tradewind.observability.alerts.amounts import is_kept

T = TypeVar("T")
MOST_BYTES = 1_000_000
MOST_VALUES = 100_000
"""A few lines of aliases can stand for more values than any memory holds."""
_MISSING: Any = object()
_short = Repr()
_short.maxlevel, _short.maxstring, _short.maxother, _short.maxlong = 3, 200, 200, 200


class BadRules(TradewindError):
    """Something in a rules file cannot be used; says where it is and what to do."""

    def __init__(self, path: Path, line: int, where: str, fault: str) -> None:
        place = f"{path}, line {line}" if line else f"{path}"
        self.line = line
        self.said = f"{f'{where}: ' if where else ''}{fault}."
        """The sentence without the place."""
        super().__init__(f"{place}: {self.said}")


class Fields:
    """One mapping of the file."""

    def __init__(self, path: Path, node: Any, where: str, made: Any) -> None:
        self.path = path
        self.line = node.start_mark.line + 1
        self.where = where
        self.made = made
        self._nodes: dict[str, Any] = {}
        if not isinstance(node, yaml.MappingNode):
            raise self.fault("is no mapping; write `name: value` lines below it")
        for key, value in node.value:
            name = str(key.value)
            if name in self._nodes:
                raise BadRules(path, key.start_mark.line + 1, self._name_of(name), "is there twice; leave one out")
            if not is_kept(name):
                raise BadRules(path, key.start_mark.line + 1, self._name_of(name), "is no name; use plain letters")
            self._nodes[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def take(self, name: str, convert: Callable[[Any], T], default: T = _MISSING) -> T:
        """A field as `convert` makes it; without a default it must be there."""
        node = self._nodes.get(name)
        if node is None:
            if default is _MISSING:
                raise self.fault(f"has no {name!r}; add it")
            return default
        try:
            value = self.made.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, RecursionError, TypeError):
            raise self.fault(
                "cannot be read as what it is; write a plain text, number, list or mapping", name
            ) from None
        try:
            return convert(value)
        except ValueError as fault:
            raise self.fault(f"{_shown(value)} {fault}", name) from None

    def mapping(self, name: str) -> "Fields | None":
        """A field that is a mapping itself."""
        node = self._nodes.get(name)
        return None if node is None else Fields(self.path, node, self._name_of(name), self.made)

    def items(self, name: str) -> "list[Any]":
        """The nodes of a field that is a list; none where it is not there."""
        node = self._nodes.get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.fault("is no list; begin each of its entries with `- `", name)
        return list(node.value)

    def is_mapping(self, name: str) -> bool:
        return isinstance(self._nodes.get(name), yaml.MappingNode)

    def fault(self, fault: str, name: str = "") -> BadRules:
        """What is wrong with a field, or with the whole."""
        line = self._nodes[name].start_mark.line + 1 if name in self._nodes else self.line
        return BadRules(self.path, line, self._name_of(name) if name else self.where, fault)

    def knows(self, *names: str) -> "Fields":
        """Itself, if it has no other fields than these. Raises BadRules."""
        for name in self._nodes:
            if name not in names:
                raise self.fault(f"means nothing here; there are {', '.join(names)}", name)
        return self

    def _name_of(self, name: str) -> str:
        return f"{self.where}, {name!r}" if self.where else repr(name)


def read_yaml(path: Path, data: bytes | None = None) -> Fields | None:
    """The file's outermost mapping; None for an empty file. With `data`, that is what the file would hold. Raises
    BadRules."""
    try:
        data = path.read_bytes() if data is None else data
    except OSError as error:
        raise BadRules(path, 0, "", f"cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise BadRules(path, 0, "", f"has {len(data)} bytes, and the most are {MOST_BYTES}")
    try:
        loader = yaml.SafeLoader(data)
        node = loader.get_single_node()
        count = 0 if node is None else _values_in(node, {})
    except yaml.YAMLError as error:
        mark, what = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        raise BadRules(path, mark.line + 1 if mark else 0, "", f"this is no YAML: {' '.join(what.split())}") from None
    except (RecursionError, UnicodeError, ValueError) as error:
        raise BadRules(path, 0, "", f"this is no YAML: {type(error).__name__}") from None
    if count > MOST_VALUES:
        raise BadRules(path, 0, "", f"holds more than {MOST_VALUES} values; write less, and use fewer aliases")
    return None if node is None else Fields(path, node, "", loader)


def _values_in(node: Any, known: dict[int, int]) -> int:
    """How many values a node stands for when its aliases are written out; too many for one that holds itself."""
    if (count := known.get(id(node))) is not None:
        return count
    known[id(node)] = MOST_VALUES + 1  # seen again before it is counted: it is inside itself
    inner: list[Any] = []
    if isinstance(node, yaml.MappingNode):
        inner = [one for pair in node.value for one in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    known[id(node)] = count = 1 + sum(_values_in(one, known) for one in inner)
    return count


def _shown(value: Any) -> str:
    text = _short.repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
