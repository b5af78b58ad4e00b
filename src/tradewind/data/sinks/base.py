"""What a load promises, whatever it loads into."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tradewind.data.cursors import Value, Watermark
from tradewind.data.problems import BadSetting, DataProblem

if TYPE_CHECKING:
    import pyarrow as pa

Mode = Literal["append", "replace", "merge"]


@dataclass(frozen=True)
class Loaded:
    """What a load did."""

    sink: str
    load_id: str
    rows: int
    repeated: bool = False
    """This load had been done before: nothing was written. `rows` is what it wrote then, where the sink knows that."""
    watermark: Value | None = None


class Sink(Protocol):
    """Takes streams. A load that ends in an error has changed nothing that readers can see."""

    def load(self, stream: pa.RecordBatchReader, *, load_id: str, watermark: Watermark | None = None) -> Loaded:
        """Load the rows under this name. The same name again loads nothing twice."""

    def watermark(self, name: str) -> Value | None:
        """Where the last load of this source ended, or None before the first."""


def require_load_id(load_id: str) -> str:
    """A load's name: what stays the same when the same work is tried again, such as a run's id."""
    if not load_id or len(load_id) > 400 or not load_id.isprintable():
        raise BadSetting(f"A load id is a printable text of at most 400 characters, not {load_id[:50]!r}.")
    return load_id


def require_mode(mode: str, key: Sequence[str]) -> None:
    """Raise `BadSetting` for an unknown mode, or a key that is missing or not used."""
    if mode not in ("append", "replace", "merge"):
        raise BadSetting(f"mode must be 'append', 'replace' or 'merge', not {mode!r}.")
    if bool(key) != (mode == "merge"):
        raise BadSetting("mode='merge' needs a key, and the other modes take none.")


def require_key(key: Sequence[str], columns: Sequence[str], sink: object) -> None:
    """Raise `DataProblem` unless the rows have the columns of the key."""
    missing = [name for name in key if name not in columns]
    if missing:
        raise DataProblem(f"The key column {missing[0]!r} of {sink} is not among the rows to load.")


def require_usable_key(key: Sequence[str], wrong: Sequence[object] | None, sink: object) -> None:
    """Raise `DataProblem` for a key that several of the rows to merge have, or that is not there as a whole."""
    if wrong is None:
        return
    shown = ", ".join(f"{name}={value}" for name, value in zip(key, wrong, strict=True))
    if None in wrong:
        raise DataProblem(
            f"The rows to merge into {sink} have {shown}: without a whole key, a repeat would double them."
        )
    raise DataProblem(f"The rows to merge into {sink} have {shown} twice; make the key unique first.")


def unusable_key(key: Sequence[str], table: str, quote: Callable[[str], str]) -> str:
    """SQL for one such key among the rows of a table, if there is any."""
    names = ", ".join(quote(name) for name in key)
    empty = " OR ".join(f"{quote(name)} IS NULL" for name in key)
    return f"SELECT {names} FROM {table} GROUP BY {names} HAVING count(*) > 1 OR {empty} LIMIT 1"


def file_safe(load_id: str) -> str:
    """The load id as a file's name; two ids never have the same one."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", load_id)[:60].strip("-")
    return f"{readable}-{hashlib.sha256(load_id.encode()).hexdigest()[:16]}"


def load(
    stream: Any, sink: Sink, *, load_id: str, watermark: Watermark | None = None, chunk_size: int = 10_000
) -> Loaded:
    """Any table or stream into a sink; see `Sink.load`."""
    from tradewind.data.streams import stream_of

    return sink.load(stream_of(stream, chunk_size=chunk_size), load_id=load_id, watermark=watermark)
