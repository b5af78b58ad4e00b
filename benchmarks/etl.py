"""The ETL transform beside the same job written straight in DuckDB and in Polars.

    python benchmarks/etl.py --sf 1 --repeat 3 --json etl.json

Each measurement is a process of its own; the jobs take turns, so that a slow minute of the machine meets them all.
Reported are the median wall time, the peak resident size and the ratio to DuckDB. With `--pipeline` the whole pipeline
is measured too, each step in its own process as the engine runs it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

INTEGERS = ("orderkey", "partkey", "suppkey", "linenumber")
DOUBLES = ("quantity", "extendedprice", "discount", "tax")
DATES = ("shipdate", "commitdate", "receiptdate")
TEXTS = ("shipinstruct", "shipmode", "comment")
NAMES = (*INTEGERS, *DOUBLES, "returnflag", "linestatus", *DATES, *TEXTS)


def bare_duckdb(source: Path, folder: Path) -> dict[str, Any]:
    import duckdb

    types = {**dict.fromkeys(INTEGERS, "BIGINT"), **dict.fromkeys(DOUBLES, "DOUBLE"), **dict.fromkeys(DATES, "DATE")}
    casts = ", ".join(f"try_cast(l_{n} AS {types[n]}) AS l_{n}" if n in types else f"l_{n}" for n in NAMES)
    columns = ", ".join(f"'l_{name}': 'VARCHAR'" for name in NAMES)
    out = folder / "duckdb.parquet"
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order=false; SET disabled_optimizers='type_pushdown'")
    rows = connection.execute(
        f"""COPY (SELECT *, l_extendedprice * (1 - l_discount) AS net,
                date_diff('day', l_shipdate, l_receiptdate) AS delay
            FROM (SELECT {casts} FROM read_csv('{source}', header=true, auto_detect=false, columns={{{columns}}}))
            WHERE l_quantity > 0 AND l_extendedprice >= 0 AND l_discount IS NOT NULL AND l_shipdate IS NOT NULL
                AND l_receiptdate >= l_shipdate)
        TO '{out}' (FORMAT parquet, COMPRESSION zstd)"""
    ).fetchall()[0][0]
    groups = connection.execute(
        f"""SELECT l_returnflag, l_linestatus, year(l_shipdate), count(*), sum(l_quantity), sum(l_extendedprice),
                sum(net), avg(delay) FROM '{out}' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
    ).fetchall()
    return {"rows": rows, "groups": len(groups)}


def bare_polars(source: Path, folder: Path) -> dict[str, Any]:
    import polars as pl

    out = folder / "polars.parquet"
    col = pl.col
    (
        pl.scan_csv(source, schema={f"l_{name}": pl.String for name in NAMES})
        .with_columns(
            *(col(f"l_{name}").cast(pl.Int64, strict=False) for name in INTEGERS),
            *(col(f"l_{name}").cast(pl.Float64, strict=False) for name in DOUBLES),
            *(col(f"l_{name}").str.to_date("%Y-%m-%d", strict=False) for name in DATES),
        )
        .filter(
            col("l_quantity") > 0,
            col("l_extendedprice") >= 0,
            col("l_discount").is_not_null(),
            col("l_shipdate").is_not_null(),
            col("l_receiptdate") >= col("l_shipdate"),
        )
        .with_columns(
            net=col("l_extendedprice") * (1 - col("l_discount")),
            delay=(col("l_receiptdate") - col("l_shipdate")).dt.total_days(),
        )
        .sink_parquet(out, compression="zstd")
    )
    groups = (
        pl.scan_parquet(out)
        .group_by("l_returnflag", "l_linestatus", col("l_shipdate").dt.year().alias("year"))
        .agg(pl.len(), col("l_quantity", "l_extendedprice", "net").sum(), col("delay").mean())
        .collect(engine="streaming")
    )
    return {"rows": int(groups["len"].sum()), "groups": groups.height}


def tradewind(source: Path, folder: Path) -> dict[str, Any]:
    from tradewind.data import DataProcessor
    from tradewind.data.pipelines.lineitem import LINEITEM

    result = DataProcessor().stream_csv_to_parquet(source, folder / "tradewind.parquet", LINEITEM)
    return {"rows": result.rows_kept, "groups": len(result.summary)}


def pipeline(source: Path, folder: Path) -> dict[str, Any]:
    from tradewind.data.pipelines import large_etl
    from tradewind.data.pipelines.run import Options, Run
    from tradewind.data.settings import DataSettings

    run = Run("benchmark", DataSettings(source.parent.parent), Options(lineitem_csv=str(source)))
    files, database, api = steps(
        *[(step, (run,)) for step in (large_etl.extract_files, large_etl.extract_database, large_etl.extract_api)]
    )
    (done,) = steps((large_etl.transform, (run, files, database, api)))
    (checked,) = steps((large_etl.check_quality, (run, files, database, done)))
    (loaded,) = steps((large_etl.load, (run, done, checked)))
    steps((large_etl.report, (run, files, database, api, done, checked, loaded)))
    return {"rows": loaded["lineitem_rows"], "score": checked["score"], "transform_seconds": done["seconds"]}


def steps(*calls: tuple[Callable[..., Any], tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Run the calls side by side, each in a process of its own."""
    context = multiprocessing.get_context("fork")
    started = []
    for function, arguments in calls:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=in_child, args=(sender, function, arguments))
        process.start()
        # The parent's copy must go, or a child that dies would never be noticed.
        sender.close()
        started.append((receiver, process))
    results = [receiver.recv() for receiver, _ in started]
    for _, process in started:
        process.join()
    return results


def in_child(sender: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    sender.send(function(*arguments))
    sender.close()
    # DuckDB complains about what it leaks when an interpreter ends in the ordinary way.
    os._exit(0)


JOBS = {"duckdb": bare_duckdb, "polars": bare_polars, "tradewind": tradewind, "pipeline": pipeline}


def measure(name: str, source: Path, folder: Path) -> dict[str, Any]:
    """Run one job in a fresh interpreter."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    arguments = [sys.executable, __file__, "--child", name, str(source), str(folder), str(writer)]
    child = os.posix_spawn(sys.executable, arguments, os.environ)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _, status, usage = os.wait4(child, 0)
    if status or not text:
        raise SystemExit(f"The job {name!r} failed.")
    found: dict[str, Any] = json.loads(text)
    own = usage.ru_maxrss
    return {**found, "peak_mb": max(own, found.pop("children_kb")) * 1024 / 1e6}


def child(name: str, source: str, folder: str, writer: str) -> None:
    started = time.perf_counter()
    result = JOBS[name](Path(source), Path(folder))
    seconds = time.perf_counter() - started
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with os.fdopen(int(writer), "w") as answer:
        json.dump({**result, "seconds": seconds, "children_kb": children}, answer)
    sys.stdout.flush()
    os._exit(0)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sf", type=float, default=0.1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="data folder; the input is made if it is missing"
    )
    parser.add_argument("--pipeline", action="store_true", help="measure the whole pipeline too")
    parser.add_argument("--json", type=Path, help="write the measurements here")
    options = parser.parse_args()
    from tradewind.data.demo.inputs import make_database, make_lineitem

    make_database(options.data / "raw")
    source = make_lineitem(options.data / "raw", options.sf).absolute()
    names = [name for name in JOBS if name != "pipeline" or options.pipeline]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(dir=options.data) as folder:
        for _ in range(options.repeat):
            for name in names:
                runs[name].append(measure(name, source, Path(folder)))
    show(options.sf, source, runs, options.json)


def show(sf: float, source: Path, runs: dict[str, list[dict[str, Any]]], path: Path | None) -> None:
    base = statistics.median(run["seconds"] for run in runs["duckdb"])
    rows = {run["rows"] for found in runs.values() for run in found}
    if len(rows) != 1:
        raise SystemExit(f"The jobs disagree on the rows to keep: {sorted(rows)}.")
    print(f"scale factor {sf:g}, {source.stat().st_size / 1e6:.0f} MB, {rows.pop():,} rows kept, {os.cpu_count()} CPUs")
    table = {}
    for name, found in runs.items():
        seconds = statistics.median(run["seconds"] for run in found)
        peak = max(run["peak_mb"] for run in found)
        table[name] = {"seconds": round(seconds, 3), "peak_mb": round(peak), "ratio": round(seconds / base, 3)}
        print(f"{name:10} {seconds:8.2f} s  {seconds / base:5.2f} x  {peak:6.0f} MB")
    if path is not None:
        path.write_text(json.dumps({"sf": sf, "cpus": os.cpu_count(), "median": table, "runs": runs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
