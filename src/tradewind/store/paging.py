"""One page of a list: in a given order, by its place or after the last row of the page before.

Rows are told apart by the list's own key, so that an order by anything else stays total. A cursor names the last row by
its values; what comes after it is found by comparing, so that a page deep in a long list costs what the first one does.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, true

from tradewind.core.errors import InvalidInput

Row = dict[str, Any]
Sortable = Mapping[str, ColumnElement[Any]]
"""What a list can be ordered by, by the name that a caller says."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list. With a `cursor`, `offset` plays no part."""

    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    """As an answer gave it; empty for the first page of a walk with cursors."""
    order_by: tuple[str, ...] = ()
    """Names of `Sortable`, with `-` in front for descending."""
    counted: bool = True
    """Whether the caller wants to know how many there are in all. With a cursor it is never counted."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page's rows. `total` is None where it was not counted; cursors are None where nothing is on that side."""

    rows: list[Row] = field(default_factory=list)
    total: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    """One column of the order."""

    column: ColumnElement[Any]
    descending: bool

    def takes(self, value: Any) -> bool:
        """Whether the column can have this value: databases refuse to compare what is of another kind."""
        kind = _python_type(self.column)
        match value:
            case str():
                return kind in (None, str) and _can_be_sent(value)
            case bool():
                return kind in (None, bool)
            case int():
                return kind in (None, int, float) and abs(value) < 2**63
            case float():
                return kind in (None, float)
            case _:
                return False

    def sorted_by(self, backwards: bool) -> list[ColumnElement[Any]]:
        # Where rows without a value come differs between databases; here they come last, also descending.
        falls = self.descending is not backwards
        empty = self.column.is_(None)
        return [empty.desc() if backwards else empty.asc(), self.column.desc() if falls else self.column.asc()]

    def is_same(self, value: Any) -> ColumnElement[bool]:
        return self.column.is_(None) if value is None else self.column == literal(value)

    def is_after(self, value: Any, backwards: bool) -> ColumnElement[bool] | None:
        """Rows that come after those with this value; None where there can be none."""
        if value is None:
            return self.column.is_not(None) if backwards else None
        falls = self.descending is not backwards
        beyond = self.column < literal(value) if falls else self.column > literal(value)
        return beyond if backwards else or_(beyond, self.column.is_(None))


def _python_type(column: ColumnElement[Any]) -> type | None:
    """Of a column's values, where that is known."""
    try:
        return column.type.python_type
    except NotImplementedError:
        return None


def _can_be_sent(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def paged(
    connection: Connection, query: Select[Any], page: Page, sortable: Sortable, *, key: Sequence[ColumnElement[Any]],
    default: Sequence[str], counting: Select[Any] | None = None,
) -> Listed:  # fmt: skip
    """The rows of one page of `query`, which has no order of its own.

    `key` tells rows apart; `default` is the order where the caller asks for none; `counting` says how many rows there
    are in all, where that costs less than to count those of `query`. Raises InvalidInput, which names the order or the
    cursor that cannot be.
    """
    keys = _keys(page.order_by or tuple(default), sortable, key)
    named = [one.column.label(f"_k{n}") for n, one in enumerate(keys)]
    query = query.add_columns(*named)
    if page.cursor is not None:
        return _walked(connection, query, page, keys)
    total = None
    if page.counted:
        if counting is None:
            counting = select(func.count()).select_from(query.order_by(None).subquery())
        total = connection.execute(counting).scalar()
    rows = _rows(connection, query.order_by(*_order(keys)).limit(page.limit).offset(page.offset))
    return Listed([_shown(row) for row in rows], total)


def _walked(connection: Connection, query: Select[Any], page: Page, keys: Sequence[_Key]) -> Listed:
    backwards, values = _decoded(page.cursor or "", keys)
    if values is not None:
        query = query.where(_beyond(keys, values, backwards))
    rows = _rows(connection, query.order_by(*_order(keys, backwards)).limit(page.limit + 1))
    more, rows = len(rows) > page.limit, rows[: page.limit]
    if backwards:
        rows.reverse()
    has_next = bool(rows) and (more if not backwards else True)
    has_previous = bool(rows) and (more if backwards else values is not None)
    return Listed(
        [_shown(row) for row in rows],
        None,
        _encoded(rows[-1], len(keys), backwards=False) if has_next else None,
        _encoded(rows[0], len(keys), backwards=True) if has_previous else None,
    )


def _keys(order_by: Sequence[str], sortable: Sortable, key: Sequence[ColumnElement[Any]]) -> list[_Key]:
    keys: list[_Key] = []
    for name in order_by:
        bare = name.removeprefix("-")
        column = sortable.get(bare)
        if column is None:
            raise InvalidInput(f"order_by {bare[:60]!r} is unknown; choose {', '.join(sorted(sortable))}.")
        keys.append(_Key(column, name.startswith("-")))
    falls = bool(keys) and keys[0].descending
    return keys + [_Key(column, falls) for column in key]


def _order(keys: Sequence[_Key], backwards: bool = False) -> list[ColumnElement[Any]]:
    return [part for key in keys for part in key.sorted_by(backwards)]


def _beyond(keys: Sequence[_Key], values: Sequence[Any], backwards: bool) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = []
    before: list[ColumnElement[bool]] = []
    for key, value in zip(keys, values, strict=True):
        after = key.is_after(value, backwards)
        if after is not None:
            found.append(and_(true(), *before, after))
        before.append(key.is_same(value))
    return or_(*found)


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_k")}


def _encoded(row: Row, keys: int, *, backwards: bool) -> str:
    text = json.dumps([backwards, *(row[f"_k{n}"] for n in range(keys))], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def _decoded(cursor: str, keys: Sequence[_Key]) -> tuple[bool, list[Any] | None]:
    """Which way it goes, and the values of the row that it stands at; None at the beginning of the list."""
    if not cursor:
        return False, None
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) != len(keys) + 1
        or not isinstance(found[0], bool)
        or not all(value is None or key.takes(value) for key, value in zip(keys, found[1:], strict=True))
    ):
        raise InvalidInput("The cursor is none of this list's; ask for its first page, and take the cursor from there.")
    return found[0], found[1:]
