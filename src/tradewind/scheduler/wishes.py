"""What every kind of command shares: what it may look at, how it is registered, and how it reads people's words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Engine

from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import Input
from tradewind.core.world import World
from tradewind.scheduler.owner import Rows


@dataclass(slots=True)
class Context:
    """What a command may look at."""

    world: Callable[[], World]
    engine: Engine
    encrypt: Callable[[str], str]
    now: Callable[[], datetime]
    reparse: Callable[[str | None], int]


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
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)


Choice = TypeVar("Choice", bound=StrEnum)


def one_of(kind: type[Choice], value: Any, field: str) -> Choice:
    """The member of an enumeration that a person names."""
    try:
        return kind(value)
    except ValueError:
        raise InvalidInput(f"{field} {value!r} is unknown; choose {', '.join(kind)}.") from None
