"""The template context: everything that a task may ask about its run, by the names of both Airflow generations.

A Context is a dict whose values are computed when they are first looked at. Iterating over it, or passing it as
`**context`, computes what is still missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tradewind.sdk.exceptions import AirflowException, AirflowNotFoundException
from tradewind.sdk.types import NOTSET

Builder = Callable[[Any], Any]
"""Makes one value of a context from the attempt that it is about."""

_GONE = object()


class Context(dict[str, Any]):
    """The context of one attempt. `builders` says how to make what nobody has looked at yet."""

    __slots__ = ("_attempt", "_builders")

    def __init__(
        self, values: Mapping[str, Any] = {}, builders: Mapping[str, Builder] = {}, attempt: Any = None
    ) -> None:
        super().__init__(values)
        self._builders, self._attempt = builders, attempt

    def __missing__(self, key: str) -> Any:
        value = self[key] = self._builders[key](self._attempt)
        return value

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self._builders

    def __iter__(self) -> Iterator[str]:
        yield from list(super().__iter__())
        yield from [key for key in self._builders if not super(Context, self).__contains__(key)]

    def __len__(self) -> int:
        return len(self._builders.keys() | set(super().__iter__()))

    def __bool__(self) -> bool:
        return len(self) > 0

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def __repr__(self) -> str:
        return f"<Context: {', '.join(sorted(self))}>"

    def __or__(self, other: Any) -> Any:
        return self.copy() | dict(other) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return dict(other) | self.copy() if isinstance(other, Mapping) else NotImplemented

    def get(self, key: str, default: Any = None) -> Any:
        if key not in self:
            return default
        return self[key]

    def keys(self) -> Any:
        return list(self)

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]

    def copy(self) -> dict[str, Any]:
        """A plain dict with every value computed."""
        return {key: self[key] for key in self}

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        super().pop(key, None)
        if key in self._builders:
            self._builders = {name: builder for name, builder in self._builders.items() if name != key}

    def pop(self, key: str, default: Any = _GONE) -> Any:
        if key not in self:
            if default is _GONE:
                raise KeyError(key)
            return default
        value = self[key]
        del self[key]
        return value


_stack: list[Mapping[str, Any]] = []


def get_current_context() -> Any:
    """The context of the task that this process is running; AirflowException outside of one."""
    if not _stack:
        raise AirflowException(
            "Current context was requested but no context was found; call get_current_context() only inside a task."
        )
    return _stack[-1]


class current_context:
    """`with current_context(context):` makes it what `get_current_context` gives."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context

    def __enter__(self) -> Mapping[str, Any]:
        _stack.append(self._context)
        return self._context

    def __exit__(self, *_: object) -> None:
        _stack.remove(self._context)


set_current_context = current_context


def context_merge(context: dict[str, Any], *more: Any, **kwargs: Any) -> None:
    """Put further values into a context."""
    for values in more:
        context.update(values)
    context.update(kwargs)


class VariableAccessor:
    """`var.value.name` and `var.json.name` in templates; `get` takes a default."""

    def __init__(self, deserialize_json: bool) -> None:
        self._json = deserialize_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return self.get(key)

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def get(self, key: str, default: Any = NOTSET, default_var: Any = NOTSET) -> Any:
        from tradewind.sdk.variable import Variable

        return Variable.get(key, default if default is not NOTSET else default_var, deserialize_json=self._json)


class Variables:
    """`var` in templates."""

    def __init__(self) -> None:
        self.value, self.json = VariableAccessor(False), VariableAccessor(True)


class ConnectionAccessor:
    """`conn.name` in templates; `get` takes a default."""

    def __getattr__(self, conn_id: str) -> Any:
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return self._connection(conn_id)

    def __getitem__(self, conn_id: str) -> Any:
        return self._connection(conn_id)

    def get(self, conn_id: str, default_conn: Any = None) -> Any:
        try:
            return self._connection(conn_id)
        except AirflowNotFoundException:
            return default_conn

    def _connection(self, conn_id: str) -> Any:
        from tradewind.sdk.connection import Connection

        return Connection.get(conn_id)
