"""The steps of `large_data_etl_pipeline`: extract three sources, transform, check, load, report.

Each step is a plain function of a `Run` and of what the steps before it returned; it returns a small dict. A step that
is run again replaces what it made before.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tradewind.data import quality
from tradewind.data.csv_check import check_csv
from tradewind.data.demo import api_server
from tradewind.data.duck import Session, parquet
from tradewind.data.files import replacing, write_json
from tradewind.data.pipelines.lineitem import COLUMNS, LINEITEM
from tradewind.data.pipelines.mart import load_mart, prune
from tradewind.data.pipelines.report import render
from tradewind.data.pipelines.run import Run
from tradewind.data.problems import BadInput, DataProblem
from tradewind.data.processor import DataProcessor
from tradewind.data.quality import CheckResult, QualityResult, in_range, not_null, one_of
from tradewind.data.runtime import metric
from tradewind.data.sources.database import sqlite_table_to_parquet
from tradewind.data.sources.http import pages_to_parquet

Facts = dict[str, Any]

HOW_TO_MAKE_INPUT = "make the demo's input with `python -m tradewind.data.demo.inputs --sf 0.1 --data {root}`"


def extract_files(run: Run) -> Facts:
    """Check the lineitem CSV from end to end. It is not copied: the transform reads it where it is."""
    path = run.raw(run.options.lineitem_csv)
    if not path.exists():
        hint = HOW_TO_MAKE_INPUT.format(root=run.settings.root)
        raise BadInput(path, f"does not exist; {hint}, or set the parameter lineitem_csv")
    facts = check_csv(path, list(COLUMNS))
    metric("rows_extracted", facts.rows, {"source": "files", "table": "lineitem"})
    return {"path": str(path), "rows": facts.rows, "bytes": facts.size, "extracted_at": _now().isoformat()}


def extract_database(run: Run) -> Facts:
    """Copy the tables flights and planes of the SQLite database to Parquet."""
    database = run.raw(run.options.database)
    if not database.exists():
        hint = HOW_TO_MAKE_INPUT.format(root=run.settings.root)
        raise BadInput(database, f"does not exist; {hint}, or set the parameter database")
    tables = {}
    for table in ("flights", "planes"):
        path = run.extract(f"{table}.parquet")
        rows = sqlite_table_to_parquet(database, table, path, chunk_size=run.settings.chunk_size)
        tables[table] = {"path": str(path), "rows": rows}
    return {"tables": tables, "extracted_at": _now().isoformat()}


def extract_api(run: Run) -> Facts:
    """Fetch weather, airlines and airports page by page to Parquet, asking again when the server is busy."""
    if run.options.api_url:
        return _fetch_all(run, run.options.api_url.rstrip("/"))
    with api_server.running() as server:
        return _fetch_all(run, server.url)


def _fetch_all(run: Run, url: str) -> Facts:
    tables = {}
    page_size = min(run.settings.chunk_size, api_server.LARGEST_PAGE)
    for name in api_server.RESOURCES:
        path = run.extract(f"{name}.parquet")
        rows = pages_to_parquet(f"{url}/v1/{name}", path, page_size=page_size)
        if not rows:
            raise DataProblem(f"{url}/v1/{name} has no rows.")
        tables[name] = {"path": str(path), "rows": rows}
    return {"tables": tables, "extracted_at": _now().isoformat()}


def transform(run: Run, files: Facts, database: Facts, api: Facts) -> Facts:
    """Clean lineitem in one streaming pass, and join each flight to the weather of its hour."""
    with run.duck() as duck:
        flights = _join_flights(run, duck, {**database["tables"], **api["tables"]})
    processor = DataProcessor.from_settings(run.settings)
    result = processor.stream_csv_to_parquet(files["path"], run.staging("lineitem.parquet"), LINEITEM)
    details = run.staging("transform.json")
    write_json(details, {"summary": result.summary, "rejected": result.rejected, "samples": result.samples})
    return {
        "lineitem": str(result.path),
        "rows_in": result.rows_in,
        "rows_kept": result.rows_kept,
        "rows_rejected": result.rows_in - result.rows_kept,
        "seconds": round(result.seconds, 3),
        "details": str(details),
        **flights,
    }


def _join_flights(run: Run, duck: Session, tables: dict[str, Facts]) -> Facts:
    source = {name: parquet(Path(facts["path"])) for name, facts in tables.items()}
    joined = f"""
        SELECT f.*, l.name AS carrier_name, a.name AS dest_name, p.manufacturer, w.temp, w.dewp, w.humid, w.wind_dir,
            w.wind_speed, w.wind_gust, w.precip, w.pressure, w.visib, w.time_hour IS NOT NULL AS has_weather
        FROM {source["flights"]} f
        LEFT JOIN {source["weather"]} w ON w.origin = f.origin AND w.time_hour = f.time_hour
        LEFT JOIN {source["airlines"]} l ON l.carrier = f.carrier
        LEFT JOIN {source["airports"]} a ON a.faa = f.dest
        LEFT JOIN {source["planes"]} p ON p.tailnum = f.tailnum"""
    flights = run.staging("flights_weather.parquet")
    rows = _copy(duck, joined, flights)
    daily = f"""
        SELECT make_date(year, month, day) AS date, origin, count(*) AS flights,
            count(*) FILTER (WHERE dep_time IS NULL) AS cancelled, avg(dep_delay) AS mean_delay,
            avg(wind_speed) AS wind, sum(precip) / count(precip) * 24 AS rain
        FROM {parquet(flights)} GROUP BY ALL ORDER BY ALL"""
    days = run.staging("flights_daily.parquet")
    day_rows = _copy(duck, daily, days)
    return {"flights": str(flights), "flights_rows": rows, "flights_daily": str(days), "flights_days": day_rows}


def _copy(duck: Session, query: str, destination: Path) -> int:
    with replacing(destination) as temporary:
        target = str(temporary).replace("'", "''")
        return int(duck.run(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")[0][0])


def check_quality(run: Run, files: Facts, database: Facts, transformed: Facts) -> Facts:
    """Measure the transformed data, write the validation report, and let only good data pass."""
    lineitem = Path(transformed["lineitem"])
    flights = Path(transformed["flights"])
    with run.duck() as duck:
        checks = [
            quality.at_least_one_row("lineitem", transformed["rows_kept"]),
            quality.row_count("every source line became a row", transformed["rows_in"], files["rows"]),
            quality.rejection_rate(
                transformed["rows_in"], transformed["rows_rejected"], run.options.max_rejected_percent / 100
            ),
            quality.fresh("lineitem", datetime.fromisoformat(files["extracted_at"]), _now(), timedelta(hours=24)),
            quality.schema(duck, lineitem, _lineitem_schema()),
            *quality.measure(duck, lineitem, LINEITEM_CHECKS),
            quality.unique(duck, lineitem, LINEITEM.key),
            quality.row_count(
                "every flight is there once", transformed["flights_rows"], database["tables"]["flights"]["rows"]
            ),
            *quality.measure(duck, flights, FLIGHT_CHECKS),
        ]
    return _verdict(run, checks)


def _verdict(run: Run, checks: list[CheckResult]) -> Facts:
    result = QualityResult(tuple(checks))
    report = run.report("validation.json")
    write_json(report, {"run_id": run.run_id, "minimum": run.options.min_quality, **result.as_dict()})
    metric("quality_score", result.score, {"pipeline": "large_data_etl_pipeline"})
    result.gate(run.options.min_quality)
    return {"score": result.score, "failed": [check.name for check in result.failed], "report": str(report)}


def _lineitem_schema() -> dict[str, str]:
    return {**{name: str(kind) for name, kind in COLUMNS.items()}, "net": "DOUBLE", "delay": "BIGINT"}


LINEITEM_CHECKS = (
    not_null("l_orderkey", required=True),
    not_null("l_linenumber", required=True),
    not_null("l_partkey"),
    not_null("l_suppkey"),
    not_null("l_tax", allowed=0.01),
    not_null("l_shipdate", required=True),
    not_null("net", required=True),
    in_range("l_quantity", 1, 50),
    in_range("l_discount", 0, 0.1),
    in_range("l_tax", 0, 0.08),
    in_range("net", 0, 1e6),
    in_range("delay", 0, 60),
    one_of("l_returnflag", ("A", "N", "R")),
    one_of("l_linestatus", ("F", "O")),
)

FLIGHT_CHECKS = (
    not_null("origin", required=True),
    not_null("time_hour", required=True),
    not_null("dep_time", allowed=0.05),
    not_null("arr_delay", allowed=0.05),
    not_null("tailnum", allowed=0.02),
    not_null("temp", allowed=0.02),
    in_range("dep_delay", -60, 1440),
    in_range("month", 1, 12),
)


def load(run: Run, transformed: Facts, checked: Facts) -> Facts:
    """Give the checked data their place in the warehouse, and replace this run's rows in the mart."""
    loaded = load_mart(run, transformed, score=checked["score"], now=_now())
    removed = prune(run)
    metric("rows_loaded", loaded["lineitem_rows"], {"table": "lineitem"})
    return {**loaded, "removed_runs": removed}


def report(
    run: Run, files: Facts, database: Facts, api: Facts, transformed: Facts, checked: Facts, loaded: Facts
) -> Facts:
    """Write the run's HTML report and its log entry."""
    steps = {
        "files": files,
        "database": database,
        "api": api,
        "transform": transformed,
        "quality": checked,
        "load": loaded,
    }
    details = json.loads(Path(transformed["details"]).read_text())
    checks = json.loads(Path(checked["report"]).read_text())
    with run.duck() as duck:
        days = duck.run(
            "SELECT date::VARCHAR, sum(mean_delay * (flights - cancelled)) / sum(flights - cancelled), avg(rain), "
            f"sum(cancelled) FROM {parquet(Path(transformed['flights_daily']))} GROUP BY date ORDER BY date"
        )
    page = run.report("report.html")
    render(page, run, steps, details, checks, days)
    write_json(run.log, {"run_id": run.run_id, "finished_at": _now().isoformat(), **steps})
    return {
        "report": str(page),
        "log": str(run.log),
        "rows_in": transformed["rows_in"],
        "rows_loaded": loaded["lineitem_rows"],
        "score": checked["score"],
    }


def _now() -> datetime:
    return datetime.now(UTC)
