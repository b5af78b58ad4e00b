"""How far an incremental load got: a watermark that is stored with the data, so that it moves only with them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.data.problems import DataProblem

if TYPE_CHECKING:
    import pyarrow as pa

Value = int | float | str | date | datetime | Decimal


@dataclass
class Watermark:
    """The largest value of a column among the rows that passed, for the sink to store when these are loaded.

    `name` names the source at the sink: two sources that feed one table have a watermark each. `start` is where the
    last load ended; a load without rows leaves it there.
    """

    name: str
    column: str
    start: Value | None = None
    value: Value | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.value = self.start

    def see(self, batch: pa.RecordBatch) -> None:
        """Take notice of the rows of a batch."""
        import pyarrow.compute as pc

        if self.column not in batch.schema.names:
            raise DataProblem(f"The watermark {self.name!r} goes by {self.column!r}, which the rows do not have.")
        largest = pc.max(batch.column(self.column)).as_py()
        if largest is not None and (self.value is None or largest > self.value):
            self.value = largest


def encoded(value: Value) -> str:
    """The value as text that `decoded` gives back in its type."""
    match value:
        case bool():
            raise DataProblem("A watermark cannot be a boolean; choose a column that grows.")
        case datetime():
            return json.dumps({"datetime": value.isoformat()})
        case date():
            return json.dumps({"date": value.isoformat()})
        case Decimal():
            return json.dumps({"decimal": str(value)})
        case int() | float() | str():
            return json.dumps(value)
    raise DataProblem(f"A watermark is a number, a text or a time, not {type(value).__name__}.")


def decoded(text: str) -> Value:
    """The value of `encoded`."""
    match json.loads(text):
        case {"datetime": str(written)}:
            return datetime.fromisoformat(written)
        case {"date": str(written)}:
            return date.fromisoformat(written)
        case {"decimal": str(written)}:
            return Decimal(written)
        case int() | float() | str() as value:
            return value
    raise DataProblem(f"{text[:100]!r} is no watermark.")


def now_text(now: datetime | None = None) -> str:
    return (now or datetime.now(UTC)).isoformat(timespec="seconds")
