"""What every kind of command shares: what it may look at, how it is registered, and how it reads people's words."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine

from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import Input
from tradewind.core.soundness import LONGEST_ID
from tradewind.core.world import World
from tradewind.scheduler.owner import Rows
from tradewind.store.times import is_kept


@dataclass(slots=True)
class Context:
    """What a command may look at."""

    world: Callable[[], World]
    engine: Engine
    encrypt: Callable[[str], str]
    decrypt: Callable[[str], str]
    now: Callable[[], datetime]
    reparse: Callable[[str | None], int]
    alert_rules_file: Path | None = None


Body = Mapping[str, Any]
Wish = Input | Rows
Handler = Callable[[Context, Body, str], Wish]
HANDLERS: dict[str, Handler] = {}


def handles(kind: str) -> Callable[[Handler], Handler]:
    def register(function: Handler) -> Handler:
        HANDLERS[kind] = function
        return function

    return register


def moment(text: str | None, field: str) -> datetime | None:
    """An aware UTC datetime from ISO 8601; a time without zone is UTC."""
    if text is None or text == "":
        return None
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidInput(f"{field} {text!r} is not a date; write it like 2024-01-31T06:00:00+00:00.") from None
    try:
        at = (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
        kept = is_kept(at)
    except OverflowError:
        kept = False
    if not kept:
        raise InvalidInput(f"{field} {text!r} is not between the years 2 and 9800; choose another date.")
    return at


TEXTS = frozenset(
    {
        "dag_id", "run_id", "task_id", "task_regex", "run_type", "note", "state", "name", "uri", "key", "conn_id",
        "conn_type", "description", "host", "schema", "login", "password", "file", "start", "end", "from_date",
        "to_date", "logical_date", "run_after", "triggered_by", "reprocess_behavior", "username", "email",
        "first_name", "last_name", "external", "role", "address",
    }
)  # fmt: skip
"""Fields of commands that are text, wherever they occur."""

DEEPEST = 100
"""How deep the lists and objects of a command may be nested."""
NAMES = ("dag_id", "run_id", "task_id", "conn_id")


def check_body(kind: str, body: Body) -> None:
    """Raise InvalidInput, which names the field, unless everything in a command is of a kind that can be stored."""
    for name, value in body.items():
        if value is not None and name in TEXTS and not isinstance(value, str):
            raise InvalidInput(f"Command {kind}: {name} must be text, not {type(value).__name__}.")
        if name in NAMES and isinstance(value, str) and len(value) > LONGEST_ID:
            raise InvalidInput(f"Command {kind}: {name} has {len(value)} characters; {LONGEST_ID} is the most.")
        if fault := _unstorable(value):
            raise InvalidInput(f"Command {kind}: {name} {fault}.")


def _unstorable(value: Any) -> str:
    layer, levels = [value], 0
    while layer:
        for one in layer:
            match one:
                case str():
                    if not one.isascii() and _has_surrogates(one):
                        return "holds text that is no valid Unicode"
                    if "\0" in one:
                        return "holds text with a null character"
                case float() if not math.isfinite(one):
                    return f"holds {one}, which JSON does not have; write null or text"
                case bool() | int() | float() | None | dict() | list() | tuple():
                    pass
                case _:
                    return f"holds a value of type {type(one).__name__}, which JSON does not have"
        if levels == DEEPEST:
            return f"is nested deeper than {DEEPEST} levels"
        layer = [part for one in layer for part in _parts(one)]
        levels += 1
    return ""


def _parts(value: Any) -> list[Any]:
    match value:
        case dict():
            return [*value.keys(), *value.values()]
        case list() | tuple():
            return list(value)
        case _:
            return []


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


Choice = TypeVar("Choice", bound=StrEnum)


def one_of(kind: type[Choice], value: Any, field: str) -> Choice:
    """The member of an enumeration that a person names."""
    try:
        return kind(value)
    except ValueError:
        raise InvalidInput(f"{field} {value!r} is unknown; choose {', '.join(kind)}.") from None
