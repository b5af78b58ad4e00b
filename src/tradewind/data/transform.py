"""Run a CsvJob: one streaming pass from a CSV to Parquet, then its summary."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradewind.data.csv_check import check_header
from tradewind.data.duck import csv_as_text, parquet, session
from tradewind.data.files import human, replacing, require_space
from tradewind.data.jobs import CsvJob
from tradewind.data.runtime import metric, progress

PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
"""Level 1, as pyarrow's default is: half of the job is writing, and level 3 takes 8 % more time for a file that is an
eighth smaller (lineitem of SF1: 4.6 s and 192 MB, 4.3 s and 220 MB)."""
SAMPLES = 20
"""Rejected rows whose key is kept, per rule."""


@dataclass(frozen=True)
class TransformResult:
    """What a job did."""

    path: Path
    rows_in: int
    rows_kept: int
    rejected: dict[str, int]
    """Rows lost to each rule; a row counts for the first rule that it breaks."""
    samples: dict[str, list[str]]
    summary: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def csv_to_parquet(
    source: Path, destination: Path, job: CsvJob, *, memory_limit_gb: float, max_workers: int
) -> TransformResult:
    """Write the rows of `source` that `job` keeps to `destination` as zstd Parquet, and summarise them.

    Memory stays within `memory_limit_gb` whatever the size of the file; the destination is replaced as a whole.
    """
    # Columns are taken by their places: two that changed theirs would be taken for each other.
    check_header(source, list(job.columns))
    size = source.stat().st_size
    started = time.monotonic()
    lost = Rejections(job)
    spill = destination.parent / f".spill-{uuid.uuid4().hex[:12]}"
    # Text shrinks to about a quarter as zstd Parquet; half leaves room for data that do not.
    require_space(destination.parent, size // 2, f"Parquet of {source.name} ({human(size)})")
    with session(memory_limit_gb=memory_limit_gb, max_workers=max_workers, spill=spill) as duck:
        if job.keep:
            lost.register(duck.connection)
        relation = csv_as_text(source, list(job.columns))
        with replacing(destination) as temporary:
            target = str(temporary).replace("'", "''")
            copy = f"COPY ({job.select(relation)}) TO '{target}' ({PARQUET})"
            kept = int(duck.run(copy, source=source, total=size, unit="bytes")[0][0])
            summary = []
            if job.summary is not None:
                names = [item.name for item in (*job.summary.groups, *job.summary.measures)]
                rows = duck.run(job.summarise(parquet(temporary)))
                summary = [dict(zip(names, row, strict=True)) for row in rows]
    progress(size, size, "bytes")
    seconds = time.monotonic() - started
    metric("rows_kept", kept, {"source": source.name})
    metric("rows_rejected", lost.total, {"source": source.name})
    metric("rows_per_second", (kept + lost.total) / max(seconds, 1e-9), {"source": source.name})
    return TransformResult(destination, kept + lost.total, kept, lost.counts(), lost.samples(), summary, seconds)


class Rejections:
    """Counts the rows that a job's rules turn away, while DuckDB streams them past."""

    def __init__(self, job: CsvJob) -> None:
        self._names = [rule.name for rule in job.keep]
        self._counts: Counter[int] = Counter()
        self._samples: dict[int, list[str]] = {}

    def register(self, connection: Any) -> None:
        # Without side_effects DuckDB could call it once for equal rows, or not at all.
        connection.create_function(
            "rejected", self._note, ["INTEGER", "VARCHAR"], "BOOLEAN", side_effects=True, null_handling="special"
        )

    def _note(self, rule: int, key: str) -> bool:
        self._counts[rule] += 1
        samples = self._samples.setdefault(rule, [])
        if len(samples) < SAMPLES:
            samples.append(key.strip())
        return False

    @property
    def total(self) -> int:
        return self._counts.total()

    def counts(self) -> dict[str, int]:
        return {name: self._counts[n] for n, name in enumerate(self._names)}

    def samples(self) -> dict[str, list[str]]:
        return {name: self._samples.get(n, []) for n, name in enumerate(self._names)}
