"""DataProcessor: read and transform large files within a promised amount of memory."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.data.files import human
from tradewind.data.frames import NULL_TEXTS, is_text, join_pandas, polars_types, shrink_pandas
from tradewind.data.jobs import CsvJob
from tradewind.data.problems import BadInput, MemoryLimitReached
from tradewind.data.runtime import metric, progress
from tradewind.data.settings import DataSettings, require_positive, require_whole
from tradewind.data.transform import TransformResult, csv_to_parquet

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

log = logging.getLogger(__name__)


class DataProcessor:
    """Reads CSV files into small frames, and streams files of any size to Parquet.

    `chunk_size` rows are read at a time into pandas, `max_workers` threads stream at most (never more than there are
    processors), and a frame or stream that would take more than `memory_limit_gb` raises `MemoryLimitReached`.
    """

    def __init__(self, chunk_size: int = 10000, max_workers: int = 4, memory_limit_gb: float = 4) -> None:
        require_whole("chunk_size", chunk_size)
        require_whole("max_workers", max_workers)
        require_positive("memory_limit_gb", memory_limit_gb)
        self.chunk_size = chunk_size
        self.max_workers = max_workers
        self.memory_limit_gb = memory_limit_gb

    @classmethod
    def from_settings(cls, settings: DataSettings) -> DataProcessor:
        """A processor with the limits of the environment."""
        return cls(settings.chunk_size, settings.max_workers, settings.memory_limit_gb)

    def pandas_optimized_read_csv(self, path: str | Path, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The CSV as a pandas frame, read in chunks, in the smallest types that hold equal values.

        `frame.attrs["memory"]` holds the bytes before and after. A file that does not fit into the memory limit raises
        `MemoryLimitReached` instead of taking the machine down.
        """
        import pandas as pd

        source = _readable(path)
        parts: dict[str, list[pd.Series[Any]]] = {}
        before = after = rows = 0
        size = source.stat().st_size
        wanted = list(columns) if columns is not None else None
        try:
            with source.open("rb") as file, warnings.catch_warnings():
                # Lines with more fields than the header would otherwise lose their last ones with a mere warning.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                for chunk in pd.read_csv(file, chunksize=self.chunk_size, usecols=wanted, index_col=False):
                    before += int(chunk.memory_usage(deep=True).sum())
                    rows += len(chunk)
                    for name in chunk.columns:
                        small = shrink_pandas(chunk[name])
                        parts.setdefault(name, []).append(small)
                        after += int(small.memory_usage(index=False, deep=True))
                    if after > self._limit:
                        raise MemoryLimitReached(self._too_large(source, after, rows))
                    progress(min(file.tell(), size), size, "bytes")
        except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
            raise BadInput(source, " ".join(str(error).split())) from error
        joined = {}
        for name in list(parts):
            column = join_pandas(parts.pop(name))
            if column is None:
                column = pd.read_csv(source, usecols=[name], index_col=False, low_memory=False)[name]
            joined[name] = _final(column)
        frame = pd.DataFrame(joined, columns=wanted)
        after = int(frame.memory_usage(deep=True).sum())
        _report(source, before, after)
        frame.attrs["memory"] = {"before": before, "after": after}
        return frame

    def polars_optimized_read_csv(
        self, path: str | Path, *, columns: Sequence[str] | None = None, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """The CSV as a Polars frame in the smallest types that hold equal values.

        A lazy scan does the work: only `columns` are kept and only rows that `where` accepts are ever in memory.
        """
        import polars as pl

        source = _readable(path)
        try:
            # Types are inferred from the whole file, once: a plan that infers would do so again each time it runs.
            schema = pl.scan_csv(source, null_values=NULL_TEXTS, infer_schema_length=None).collect_schema()
            lazy = pl.scan_csv(source, null_values=NULL_TEXTS, schema=schema, low_memory=True)
            if where is not None:
                lazy = lazy.filter(where)
            if columns is not None:
                lazy = lazy.select(columns)
            casts = [pl.col(name).cast(dtype) for name, dtype in polars_types(lazy).items()]
            frame = lazy.with_columns(casts).collect(engine="streaming")
        except pl.exceptions.PolarsError as error:
            raise BadInput(source, str(error).strip().split("\n")[0]) from error
        after = int(frame.estimated_size())
        if after > self._limit:
            raise MemoryLimitReached(self._too_large(source, after, frame.height))
        _report(source, source.stat().st_size, after)
        progress(frame.height, frame.height, "rows")
        return frame

    def stream_csv_to_parquet(self, source: str | Path, destination: str | Path, job: CsvJob) -> TransformResult:
        """Run a declared job over a CSV of any size; see `tradewind.data.jobs`."""
        return csv_to_parquet(
            Path(source),
            Path(destination),
            job,
            memory_limit_gb=self.memory_limit_gb,
            max_workers=self.max_workers,
        )

    @property
    def _limit(self) -> float:
        return self.memory_limit_gb * 1e9

    def _too_large(self, source: Path, used: float, rows: int) -> str:
        return (
            f"{source} takes {human(used)} after {rows} rows, more than memory_limit_gb={self.memory_limit_gb:g}; "
            "raise MEMORY_LIMIT_GB, read fewer columns, or use stream_csv_to_parquet."
        )


def _readable(path: str | Path) -> Path:
    source = Path(path)
    if not source.is_file():
        raise BadInput(source, "does not exist")
    if not source.stat().st_size:
        raise BadInput(source, "is empty")
    return source


def _final(column: pd.Series[Any]) -> pd.Series[Any]:
    """Decide again with the whole column in sight: chunks may have been narrower, or more repetitive, than it is."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column if len(column.cat.categories) < 0.5 * len(column) else column.astype("str")
    return shrink_pandas(column) if not is_text(column) or len(column) else column


def _report(source: Path, before: int, after: int) -> None:
    log.info("%s: %s in memory instead of %s", source.name, human(after), human(before))
    metric("frame_bytes_before", before, {"source": source.name})
    metric("frame_bytes_after", after, {"source": source.name})
