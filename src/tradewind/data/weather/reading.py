"""What a service's answer was read as: the good rows as a frame, and the others with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.data.weather.fields import Field, schema_of

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]


@dataclass(frozen=True)
class Rejected:
    """A row that was not used."""

    where: str
    reason: str
    text: str


@dataclass(frozen=True)
class Reading:
    """The rows of an answer, one for each station and hour, and what was left out of it."""

    source: str
    frame: pl.DataFrame
    rejected: tuple[Rejected, ...]
    raw: bytes
    """What was received, for keeping; `read_again` of the source's module makes the same reading of it."""


@dataclass(frozen=True)
class Found:
    """A row with its place in the answer."""

    where: str
    text: str
    row: Row


def reading(
    source: str,
    raw: bytes,
    fields: tuple[Field, ...],
    found: Iterable[Found],
    rejected: Iterable[Rejected],
    is_wanted: Callable[[datetime], bool] = lambda moment: True,
) -> Reading:
    """Rows as a frame, without hours that nobody asked for; of rows for one station and hour the last holds."""
    import polars as pl

    left_out = list(rejected)
    kept: dict[tuple[datetime, int], Found] = {}
    for one in found:
        key = (one.row["observed_at"], one.row["station"])
        if not is_wanted(key[0]):
            left_out.append(
                Rejected(one.where, f"is for {key[0]:%Y-%m-%d %H:%M} UTC, which was not asked for", one.text)
            )
            continue
        if key in kept:
            other = kept[key]
            same = "the same" if other.row == one.row else "another"
            left_out.append(
                Rejected(other.where, f"a later row has {same} reading of this station and hour", other.text)
            )
        kept[key] = one
    rows = [one.row for _, one in sorted(kept.items())]
    return Reading(source, pl.DataFrame(rows, schema=schema_of(fields)), tuple(left_out), raw)
