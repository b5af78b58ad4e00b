"""Stored values as they should be: what memory is built from is looked at, column by column, before it is believed.

A database says less about its values than one hopes: SQLite keeps text in a column of numbers, and any of them holds
text that is no JSON, a state that nobody knows, a date outside the calendar. A row with such a value raises Unreadable,
which names the row, the column and what would be right; whoever reads decides what stands still because of it.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    select,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from tradewind.core.backfill_plan import Action, Reprocess
from tradewind.core.errors import Unreadable
from tradewind.core.soundness import MOST
from tradewind.core.states import AttemptState, RunState, RunType, TaskState
from tradewind.store.times import FIRST_US, LAST_US

MOST_NUMBER = 2**53
"""Numbers of runs and events are far below this for as long as there are databases."""
LONGEST_SHOWN = 60

Rule = Callable[[Any], str]
"""What is wrong with a value that is of its column's type; empty when nothing is."""


def _one_of(kind: type[StrEnum]) -> Rule:
    known = frozenset(member.value for member in kind)
    return lambda value: "" if value in known else f"is none of {', '.join(kind)}"


def _between(least: int, most: int) -> Rule:
    return lambda value: "" if least <= value <= most else f"is not between {least} and {most}"


def _moment(value: int) -> str:
    return "" if FIRST_US <= value <= LAST_US else "is no moment between the years 2 and 9800"


def _json(kind: type, named: str, *, may_be_empty: bool = False) -> Rule:
    def rule(value: str | bytes) -> str:
        if may_be_empty and not value:
            return ""
        try:
            found = json.loads(value)
        except RecursionError:
            return "is JSON that is nested too deep"
        except ValueError as error:
            return f"is no JSON ({error})"
        return "" if isinstance(found, kind) else f"is JSON of {type(found).__name__}, not of {named}"

    return rule


_count, _key = _between(0, MOST), _between(0, MOST_NUMBER)
_object, _texts = _json(dict, "an object"), _json(list, "a list")


def _person(value: str) -> str:
    """Id and name."""
    if fault := _texts(value):
        return fault
    found = json.loads(value)
    return "" if len(found) == 2 and all(isinstance(part, str) for part in found) else "is not an id and a name"


def _numbers(value: str) -> str:
    if fault := _texts(value):
        return fault
    return "" if all(type(part) in (int, float) and part >= 0 for part in json.loads(value)) else "is not of numbers"


_map_index = _between(-1, MOST)

RULES: Mapping[str, Mapping[str, Rule]] = {
    "dag": {"failures_in_a_row": _count},
    "dag_version": {"number": _count},
    "run": {
        "number": _key, "run_type": _one_of(RunType), "state": _one_of(RunState), "conf": _object,
        "clear_number": _count, "max_active": _count, "backfill": _key,
    },
    "task_instance": {
        "run": _key, "map_index": _map_index, "state": _one_of(TaskState), "try_number": _count, "max_tries": _count,
        "leg": _count, "losses": _count,
    },
    "attempt": {
        "run": _key, "map_index": _map_index, "state": _one_of(AttemptState), "try_number": _count, "leg": _count,
        "pool_slots": _count,
    },
    "deferral": {
        "run": _key, "map_index": _map_index, "pool_slots": _count, "kwargs": _object, "method_kwargs": _object,
        "at_event": _json(object, "anything", may_be_empty=True), "event": _json(object, "anything", may_be_empty=True),
    },
    "xcom": {"run": _key, "map_index": _map_index, "length": _count},
    "asset_event": {"number": _key, "aliases": _texts, "extra": _object, "map_index": _map_index},
    "asset_queue": {"event": _key},
    "backfill": {
        "id": _key, "conf": _object, "reprocess": _one_of(Reprocess), "max_active": _between(1, MOST),
    },
    "backfill_run": {"backfill": _key, "position": _count, "action": _one_of(Action), "run": _key},
    "pool": {"slots": _between(-1, MOST)},
    "callback": {"run": _key, "map_index": _map_index, "try_number": _count},
    "deadline": {"run": _key},
    "runtime": {"seconds": _numbers},
    "question": {
        "run": _key, "map_index": _map_index, "try_number": _count, "options": _texts, "defaults": _texts,
        "answered_by": _person, "assigned": _texts, "chosen": _texts, "params": _object,
        "params_input": _json(dict, "an object", may_be_empty=True),
    },
    "partition_queue": {"event": _key},
    "alert_rule": {"since": _moment},
    "watcher": {"kwargs": _object, "assets": _texts, "failures": _count},
}  # fmt: skip
"""What the type of a column does not say."""

MOMENTS = frozenset(
    {
        "run_after", "logical_date", "data_interval_start", "data_interval_end", "queued_at", "start_date", "end_date",
        "not_before", "scheduled_at", "assigned_at", "started_at", "ended_at", "created_at", "updated_at",
        "completed_at", "timeout_at", "at", "from_date", "to_date", "last_logical_date", "last_interval_start",
        "last_interval_end", "last_run_after", "next_logical_date", "next_interval_start", "next_interval_end",
        "next_run_after", "asked_at", "answered_at", "retry_at", "partition_date",
    }
)  # fmt: skip
"""Columns that hold microseconds since 1970."""


def is_moment(value: Any) -> bool:
    """Whether these can be microseconds since 1970."""
    return type(value) is int and not _moment(value)


@cache
def raw(*columns: Column[Any] | Table) -> tuple[ColumnElement[Any], ...]:
    """These columns as the driver gives them: what is of the wrong type is to be looked at, not converted."""
    found: list[ColumnElement[Any]] = []
    for one in columns:
        for column in one.columns if isinstance(one, Table) else (one,):
            found.append(type_coerce(column, NullType()).label(column.name))
    return tuple(found)


def read(connection: Connection, query: Select[Any]) -> list[Mapping[Any, Any]]:
    """All rows of a query over `raw` columns. Text that is no valid Unicode comes with surrogates, for `sound`."""
    try:
        return list(connection.execute(query).mappings())
    except DBAPIError as error:
        if not is_about_text(error):
            raise
    with any_text(connection):
        return list(connection.execute(query).mappings())


def is_about_text(error: Exception) -> bool:
    """Whether the driver could not decode a text that is stored."""
    return "Could not decode to UTF-8" in str(error)


@contextmanager
def any_text(connection: Connection) -> Iterator[None]:
    """SQLite gives every text, valid or not. Slow, so only for a database in which there is some that is not."""
    driver: Any = connection.connection.driver_connection
    before = driver.text_factory
    driver.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = before


def first(connection: Connection, table: Table, *condition: ColumnElement[bool]) -> dict[str, Any] | None:
    """The first row that meets the condition. Raises Unreadable when it is not what it should be."""
    found = read(connection, select(*raw(table)).where(*condition).limit(1))
    return sound(table, found[0]) if found else None


_ABSENT = object()


def sound(table: Table, row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with values of its columns' types. Raises Unreadable with the first value that cannot be right."""
    row, out = dict(row), dict[str, Any]()
    for name, is_nullable, check in _checks(table):
        value = row.get(name, _ABSENT)
        if value is _ABSENT:
            continue
        if value is None:
            if not is_nullable:
                raise Unreadable(f"{name_of(table, row)} has no {name}; mend the row or delete it.")
            out[name] = None
            continue
        value, wrong = check(value)
        if wrong:
            raise Unreadable(f"{name_of(table, row)}: {name} {_shown(value)} {wrong}; mend the row or delete it.")
        out[name] = value
    return out


def name_of(table: Table, row: Mapping[Any, Any]) -> str:
    """Which row of which table, for people."""
    keys = (f"{c.name} {_shown(row[c.name])}" for c in table.primary_key.columns if c.name in row)
    return f"Table {table.name}, row with {', '.join(keys)}"


def _shown(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        value = value[: LONGEST_SHOWN + 1]
    text = repr(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


Check = Callable[[Any], tuple[Any, str]]


@cache
def _checks(table: Table) -> tuple[tuple[str, bool, Check], ...]:
    rules = RULES.get(table.name, {})
    return tuple(
        (column.name, bool(column.nullable), _check(column, rules.get(column.name) or _rule_of(column)))
        for column in table.columns
    )


def _rule_of(column: Column[Any]) -> Rule | None:
    if column.name in MOMENTS and isinstance(column.type, BigInteger):
        return _moment
    return None


def _check(column: Column[Any], rule: Rule | None) -> Check:
    match column.type:
        case Boolean():
            return _boolean
        case Integer():
            return lambda value: _typed(value, int, "is no whole number", rule)
        case Float():
            return _number
        case Text():
            return lambda value: _text(value, rule)
        case LargeBinary():
            return lambda value: _bytes(value, rule)
        case _:
            return lambda value: (value, "")


def _typed(value: Any, kind: type, wrong: str, rule: Rule | None) -> tuple[Any, str]:
    if type(value) is not kind:
        return value, wrong
    return value, rule(value) if rule else ""


def _boolean(value: Any) -> tuple[Any, str]:
    return (bool(value), "") if value in (0, 1) and not isinstance(value, float) else (value, "is neither 0 nor 1")


def _number(value: Any) -> tuple[Any, str]:
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value, ""
    return value, "is no finite number"


def _text(value: Any, rule: Rule | None) -> tuple[Any, str]:
    if type(value) is not str:
        return value, "is no text"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value, "is no valid Unicode"
    return value, rule(value) if rule else ""


def _bytes(value: Any, rule: Rule | None) -> tuple[Any, str]:
    if not isinstance(value, (bytes, memoryview)):
        return value, "is no bytes"
    value = bytes(value)
    return value, rule(value) if rule else ""
