"""Bounds of values, as conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers between which a value lies; None where there is no bound."""

    gte: int | None = None
    gt: int | None = None
    lte: int | None = None
    lt: int | None = None

    def of(self, column: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """The conditions on a column. A row without a value lies between no bounds."""
        found = []
        if self.gte is not None:
            found.append(column >= self.gte)
        if self.gt is not None:
            found.append(column > self.gt)
        if self.lte is not None:
            found.append(column <= self.lte)
        if self.lt is not None:
            found.append(column < self.lt)
        return found


UNBOUNDED = Bounds()
