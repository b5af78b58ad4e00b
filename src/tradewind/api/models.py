"""Shapes that all parts of the API share. Names and fields are those of Airflow 3.3's OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict

from tradewind.store.paging import Listed, Page
from tradewind.store.times import from_us

MOST_ROWS = 500


class Answer(BaseModel):
    """Something that the API says."""

    model_config = ConfigDict(defer_build=True)


class Body(BaseModel):
    """Something that a client sends. A field that there is not is an error, so that no typo goes unnoticed."""

    model_config = ConfigDict(extra="forbid")


def _moment(value: Any) -> Any:
    return from_us(value) if isinstance(value, int) and not isinstance(value, bool) else value


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A point in time; microseconds since 1970, as the database has them, or a datetime."""

Limit = Annotated[int, Query(ge=0, description="How many rows at most; 100 unless the server says otherwise.")]
Offset = Annotated[int, Query(ge=0, le=2**53, description="How many rows to leave out first.")]
OrderBy = Annotated[list[str] | None, Query(description="What to sort by; `-` in front turns it round.")]
Cursor = Annotated[str | None, Query(description="Where to go on, as an answer said; empty for the first page.")]


def page_of(
    most: int, limit: int, offset: int = 0, order_by: list[str] | None = None, cursor: str | None = None
) -> Page:
    """The part of a list that a caller asks for; `most` is the server's own limit."""
    return Page(
        limit=min(limit, most, MOST_ROWS), offset=offset, cursor=cursor, order_by=tuple(order_by or ()),
        counted=cursor is None,
    )  # fmt: skip


def collection(name: str, rows: list[Any], listed: Listed) -> dict[str, Any]:
    """A list's answer: rows under their name, and how many there are or how to go on."""
    body: dict[str, Any] = {name: rows, "total_entries": listed.total if listed.total is not None else len(rows)}
    if listed.next_cursor or listed.previous_cursor or listed.total is None:
        body |= {"next_cursor": listed.next_cursor, "previous_cursor": listed.previous_cursor}
    return body
