"""The data toolkit beside the same jobs written bare, in one session: streaming, loads into PostgreSQL, columns.

    python benchmarks/data.py --sf 5 --repeat 3 --json data.json
    python benchmarks/data.py --rows columns,load --peers /path/to/venv/bin/python

`stream` is the reference job of `benchmarks/etl.py` under MEMORY_LIMIT_GB=1; `load` takes a CSV into a new table;
`columns` puts a column through a function. Jobs take turns, each in a process of its own; reported are medians and
ratios. `--peers` names the Python of an environment that has dlt and sling; what it lacks is said, and not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import etl

COLUMN_ROWS = 3_000_000


# --- a CSV into PostgreSQL -----------------------------------------------------------------------------------------


def bare_adbc(source: Path, address: str) -> int:
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow.csv as csv

    with adbc.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare")
        cursor.adbc_ingest("bare", csv.open_csv(source), mode="create")
        connection.commit()
        cursor.execute("SELECT count(*) FROM bare")
        return int(cursor.fetchone()[0])


def tradewind_load(source: Path, address: str) -> int:
    from tradewind.data import DataProcessor
    from tradewind.data.sinks.table import TableSink
    from tradewind.data.sources.files import open_csv

    processor = DataProcessor(memory_limit_gb=1)
    loaded, _ = processor.load(open_csv(source), TableSink(address, "ours", mode="replace"), load_id="benchmark")
    return loaded.rows


DLT = """
import sys, dlt, pyarrow.csv as csv
@dlt.resource(name="dlt_rows", write_disposition="replace")
def rows():
    for batch in csv.open_csv(sys.argv[1]):
        yield batch
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(sys.argv[2]), dataset_name="dlt_bench",
    pipelines_dir=sys.argv[3])
pipeline.run(rows(), loader_file_format="csv")
"""
SLING = """
import sys
from sling import Sling, Mode
Sling(src_stream="file://" + sys.argv[1], tgt_conn=sys.argv[2] + "?sslmode=disable", tgt_object="public.sling_rows",
    mode=Mode.FULL_REFRESH).run()
"""


def peer(python: str, script: str, source: Path, address: str, folder: str) -> float:
    """Seconds that a peer takes in an environment of its own, its imports included as ours are."""
    started = time.perf_counter()
    command = [python, "-c", script, str(source), address, folder]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "SLING_DISABLE_TELEMETRY": "TRUE", "HOME": folder}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1800)
    if done.returncode:
        raise RuntimeError(((done.stderr or done.stdout).strip().splitlines() or ["no message"])[-1][:300])
    return time.perf_counter() - started


# --- a column through a function -----------------------------------------------------------------------------------


def double(value: float) -> float:
    return value * 1.1 + 3


def _frame() -> Any:
    import numpy as np
    import pandas as pd

    return pd.DataFrame({"x": np.random.default_rng(1).random(COLUMN_ROWS) * 1000})


def pandas_apply() -> tuple[float, float]:
    frame = _frame()
    started = time.perf_counter()
    result = frame["x"].apply(double)
    return time.perf_counter() - started, float(result.sum())


def tradewind_column() -> tuple[float, float]:
    from tradewind.data import DataProcessor

    processor, frame = DataProcessor(), _frame()
    processor.parallel_transform(frame.head(10), double, "x")  # imports Polars, as the frame's making imported pandas
    started = time.perf_counter()
    result = processor.parallel_transform(frame, double, "x")
    seconds = time.perf_counter() - started
    assert processor.last_transform is not None
    if processor.last_transform.way != "expression":
        raise SystemExit(f"The column was transformed by {processor.last_transform.way}.")
    return seconds, float(result["x"].sum())


# --- in turns ------------------------------------------------------------------------------------------------------


CHILDREN: dict[str, Callable[..., Any]] = {
    "bare_adbc": bare_adbc,
    "tradewind_load": tradewind_load,
    "pandas_apply": pandas_apply,
    "tradewind_column": tradewind_column,
}


def in_process(name: str, *arguments: str) -> dict[str, Any]:
    """One job in a fresh interpreter: its seconds without the interpreter's start, and what it gave."""
    command = [sys.executable, __file__, "--child", name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout.strip():
        raise SystemExit(f"The job {name!r} failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(name: str, *arguments: str) -> None:
    import resource

    given = [Path(text) if number == 0 else text for number, text in enumerate(arguments)]
    started = time.perf_counter()
    result = CHILDREN[name](*given)
    seconds = time.perf_counter() - started
    if isinstance(result, tuple):
        seconds, result = result
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "result": result, "peak_mb": peak}), flush=True)
    # DuckDB complains about what it leaks when an interpreter ends in the ordinary way.
    os._exit(0)


@contextmanager
def postgresql() -> Iterator[str]:
    from tradewind.testing.servers import PostgresServer, Unavailable

    try:
        server = PostgresServer.start()
    except Unavailable as reason:
        raise SystemExit(f"The row 'load' needs PostgreSQL: {reason}") from reason
    try:
        yield server.new_database().replace("+psycopg", "")
    finally:
        server.stop()


def stream_row(source: Path, repeat: int, folder: Path) -> dict[str, list[float]]:
    os.environ["MEMORY_LIMIT_GB"] = "1"
    runs: dict[str, list[float]] = {}
    rows = set()
    for _ in range(repeat):
        for name in ("duckdb", "polars", "tradewind"):
            found = etl.measure(name, source, folder)
            rows.add(found["rows"])
            runs.setdefault(name, []).append(found["seconds"])
            runs.setdefault(f"{name} MB", []).append(found["peak_mb"])
    if len(rows) != 1:
        raise SystemExit(f"The jobs disagree on the rows to keep: {sorted(rows)}.")
    return runs


def load_row(source: Path, repeat: int, python: str | None) -> tuple[dict[str, list[float]], dict[str, str]]:
    runs: dict[str, list[float]] = {}
    missing: dict[str, str] = {} if python else dict.fromkeys(("dlt", "sling"), "no --peers given")
    counts = set()
    with postgresql() as address, tempfile.TemporaryDirectory() as folder:
        for _ in range(repeat):
            for name in ("bare_adbc", "tradewind_load"):
                found = in_process(name, str(source), address)
                counts.add(found["result"])
                runs.setdefault(name, []).append(found["seconds"])
                runs.setdefault(f"{name} MB", []).append(found["peak_mb"])
            for name, script in (("dlt", DLT), ("sling", SLING)):
                if name in missing or python is None:
                    continue
                try:
                    # The server trusts anybody, but dlt insists on a password.
                    login = address.replace("tradewind@", "tradewind:any@")
                    runs.setdefault(name, []).append(peer(python, script, source, login, folder))
                except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                    missing[name] = str(error)
                    runs.pop(name, None)
    if len(counts) != 1:
        raise SystemExit(f"The jobs disagree on the rows loaded: {sorted(counts)}.")
    return runs, missing


def column_row(repeat: int) -> dict[str, list[float]]:
    runs: dict[str, list[float]] = {}
    sums = set()
    for _ in range(repeat):
        for name in ("pandas_apply", "tradewind_column"):
            found = in_process(name)
            sums.add(found["result"])
            runs.setdefault(name, []).append(found["seconds"])
    if len(sums) != 1:
        raise SystemExit(f"The jobs disagree on the values: {sorted(sums)}.")
    return runs


def clean_csv(folder: Path, sf: float) -> Path:
    """The generator's lineitem, whose every value is what its column holds."""
    from tradewind.data.demo import inputs

    path = folder / f"clean-{sf:g}.csv"
    if not path.exists():
        with path.open("wb") as file:
            command = [inputs.generator(), "csv", "-s", f"{sf:g}", "-T", "lineitem", "--stdout", "--quiet"]
            subprocess.run(command, stdout=file, check=True)
    return path


def figures(session: dict[str, Any]) -> list[str]:
    """The ratios that matter, one a line."""

    def middle(row: str, name: str) -> float:
        return statistics.median(session["rows"][row][name])

    lines = []
    if "stream" in session["rows"]:
        best = min(middle("stream", "duckdb"), middle("stream", "polars"))
        ours, peak = middle("stream", "tradewind"), max(session["rows"]["stream"]["tradewind MB"])
        lines.append(
            f"stream: {ours:.2f} s, {ours / best:.2f} x the better bare job ({best:.2f} s), at most {peak:.0f} MB"
        )
    if "load" in session["rows"]:
        bare, ours = middle("load", "bare_adbc"), middle("load", "tradewind_load")
        peak = max(session["rows"]["load"]["tradewind_load MB"])
        lines.append(
            f"load: {ours:.2f} s, {bare / ours:.2f} x the speed of bare ADBC ({bare:.2f} s), at most {peak:.0f} MB"
        )
        for name in ("dlt", "sling"):
            if name in session["rows"]["load"]:
                theirs = middle("load", name)
                lines.append(f"load: {theirs / ours:.1f} x the speed of {name} ({theirs:.2f} s)")
            else:
                lines.append(f"load: {name} was not measured: {session['missing'].get(name, 'it failed')}")
    if "columns" in session["rows"]:
        apply, ours = middle("columns", "pandas_apply"), middle("columns", "tradewind_column")
        lines.append(f"columns: {ours:.3f} s, {apply / ours:.1f} x the speed of pandas apply ({apply:.2f} s)")
    return lines


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sf", type=float, default=0.1, help="scale of `stream`; 5 is 30 M rows and 3.9 GB")
    parser.add_argument("--load-sf", type=float, default=0.1, help="scale of `load`; 1 is 6 M rows")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rows", default="stream,load,columns")
    parser.add_argument("--data", type=Path, default=Path("data"), help="data folder; inputs are made if missing")
    parser.add_argument("--peers", help="the Python of an environment with dlt and sling")
    parser.add_argument("--json", type=Path, help="write every value here")
    options = parser.parse_args()
    from tradewind.data.demo.inputs import make_lineitem

    # An interrupt ends the servers that were started, through the context managers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    raw = options.data.absolute() / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    session: dict[str, Any] = {
        "sf": options.sf,
        "load_sf": options.load_sf,
        "cpus": os.cpu_count(),
        "rows": {},
        "missing": {},
    }
    wanted = options.rows.split(",")
    if "stream" in wanted:
        source = make_lineitem(raw, options.sf)
        with tempfile.TemporaryDirectory(dir=options.data) as folder:
            session["rows"]["stream"] = stream_row(source, options.repeat, Path(folder))
    if "load" in wanted:
        source = clean_csv(raw, options.load_sf)
        session["rows"]["load"], session["missing"] = load_row(source, options.repeat, options.peers)
    if "columns" in wanted:
        session["rows"]["columns"] = column_row(options.repeat)
    for line in figures(session):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(session, indent=2) + "\n")


if __name__ == "__main__":
    main()
