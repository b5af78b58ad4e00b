"""DataProcessor: read, transform and move large data within a promised amount of memory."""

from __future__ import annotations

import logging
import warnings
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tradewind.data.csv_check import has_blank_lines
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

    from tradewind.data.column_transform import ColumnTransform
    from tradewind.data.cursors import Watermark
    from tradewind.data.flow import Flow
    from tradewind.data.memory import MemoryReport
    from tradewind.data.sinks.base import Loaded, Sink

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class DataProcessor:
    """Small frames from CSV files, columns transformed in parallel, and data of any size streamed from source to sink.

    `chunk_size` is in rows, `max_workers` is how many threads, processes or coroutines work at once, and
    `memory_limit_gb` is what this process may hold: a frame or stream that would take more raises `MemoryLimitReached`.
    """

    def __init__(self, chunk_size: int = 10000, max_workers: int = 4, memory_limit_gb: float = 4) -> None:
        require_whole("chunk_size", chunk_size)
        require_whole("max_workers", max_workers)
        require_positive("memory_limit_gb", memory_limit_gb)
        self.chunk_size = chunk_size
        self.max_workers = max_workers
        self.memory_limit_gb = memory_limit_gb
        self.last_transform: ColumnTransform | None = None
        """How the last `parallel_transform` ran: by expression, NumPy, processes, or one value after the other."""

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
            if has_blank_lines(source):
                # pandas skips them; Polars would make rows of them.
                lazy = lazy.filter(~pl.all_horizontal(pl.all().is_null()))
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

    def parallel_transform(
        self, df: Any, transform_func: Callable[[Any], Any] | pl.Expr, column_name: str
    ) -> pd.DataFrame | pl.DataFrame:
        """The pandas or Polars frame with one column put through a function; equal to calling it value by value.

        Plain arithmetic and Polars expressions run on the whole column, NumPy's ufuncs on an array, and anything else
        in `max_workers` processes. Which of them it was, and why, is logged and in `last_transform`. The function is
        expected to depend on its value alone.
        """
        from tradewind.data.column_transform import transform_column

        frame, self.last_transform = transform_column(df, transform_func, column_name, max_workers=self.max_workers)
        return frame

    def run_async(
        self,
        source: Iterable[Item] | AsyncIterable[Item],
        work: Callable[[list[Item]], Awaitable[Result]],
        *,
        batch_size: int | None = None,
        at_once: int | None = None,
        queue_size: int | None = None,
    ) -> Flow[Result]:
        """Batches of the source through a coroutine function, on uvloop where it is installed.

        A batch has `chunk_size` items, `max_workers` of them are worked on at a time, and a bounded queue holds the
        source back when they are slower than it is; the result says for how long. Within a running loop, await
        `tradewind.data.flow.flow` instead.
        """
        from tradewind.data import flow

        return flow.run(
            flow.flow(
                source,
                work,
                batch_size=batch_size if batch_size is not None else self.chunk_size,
                at_once=at_once if at_once is not None else self.max_workers,
                queue_size=queue_size,
            )
        )

    def load(
        self, source: Any, sink: Sink, *, load_id: str, watermark: Watermark | None = None
    ) -> tuple[Loaded, MemoryReport]:
        """Stream a table or a stream into a sink, in batches that fit into `memory_limit_gb`; and how close it came.

        A batch has at most `chunk_size` rows. When memory grows tight they are halved, and when there is none left the
        stream waits, before `MemoryLimitReached` ends the load; a sink undoes a load that did not end.
        """
        from tradewind.data.memory import MemoryMonitor
        from tradewind.data.streams import rechunked, stream_of

        monitor = MemoryMonitor(self.memory_limit_gb, self.chunk_size)
        stream = rechunked(stream_of(source, chunk_size=self.chunk_size), monitor)
        return sink.load(stream, load_id=load_id, watermark=watermark), monitor.report

    def read_files(
        self, paths: Iterable[str | Path], read: Callable[[Path], Result], *, at_once: int | None = None
    ) -> list[Result]:
        """What `read` gives for each file, in the order of the paths; `max_workers` are read at a time, in threads."""
        from tradewind.data import flow

        calls = [partial(read, Path(path)) for path in paths]
        return flow.run(flow.in_threads(calls, at_once=at_once if at_once is not None else self.max_workers))

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
