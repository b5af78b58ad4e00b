"""Large-data ETL: a messy CSV, a database and an HTTP API become a checked warehouse, a mart and a report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag

from tradewind.data.operators import step
from tradewind.data.pipelines import large_etl
from tradewind.data.pipelines.run import Options, Run

DEFAULTS = Options()


@step
def extract_files(run_id: str | None = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return large_etl.extract_files(Run.of(str(run_id), params))


@step
def extract_database(run_id: str | None = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return large_etl.extract_database(Run.of(str(run_id), params))


@step
def extract_api(run_id: str | None = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return large_etl.extract_api(Run.of(str(run_id), params))


@step
def transform(
    files: dict[str, Any],
    database: dict[str, Any],
    api: dict[str, Any],
    run_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return large_etl.transform(Run.of(str(run_id), params), files, database, api)


@step
def check_quality(
    files: dict[str, Any],
    database: dict[str, Any],
    transformed: dict[str, Any],
    run_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return large_etl.check_quality(Run.of(str(run_id), params), files, database, transformed)


@step
def load(
    transformed: dict[str, Any],
    checked: dict[str, Any],
    run_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return large_etl.load(Run.of(str(run_id), params), transformed, checked)


@step
def report(
    files: dict[str, Any],
    database: dict[str, Any],
    api: dict[str, Any],
    transformed: dict[str, Any],
    checked: dict[str, Any],
    loaded: dict[str, Any],
    run_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return large_etl.report(Run.of(str(run_id), params), files, database, api, transformed, checked, loaded)


@dag(
    dag_id="large_data_etl_pipeline",
    description="Files, database and API to a checked warehouse, with a report per run",
    schedule=timedelta(hours=1),
    start_date=datetime(2025, 1, 1),
    catchup=False,
    max_active_tasks=10,
    max_active_runs=2,
    default_args={
        "owner": "data",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
    },
    params={
        "lineitem_csv": Param(DEFAULTS.lineitem_csv, type="string", description="CSV to load; relative to data/raw"),
        "database": Param(DEFAULTS.database, type="string", description="SQLite database; relative to data/raw"),
        "api_url": Param(DEFAULTS.api_url, type="string", description="Weather API; empty starts the demo's own"),
        "min_quality": Param(DEFAULTS.min_quality, type="number", minimum=0, maximum=100),
        "max_rejected_percent": Param(DEFAULTS.max_rejected_percent, type="number", minimum=0, maximum=100),
        "keep_runs": Param(DEFAULTS.keep_runs, type="integer", minimum=0, description="Loaded runs to keep; 0 for all"),
    },
    tags=["etl", "large-data", "quality"],
    doc_md="""
### Large-data ETL

Three sources are extracted side by side: a messy **lineitem CSV** (checked, not copied), the **flights database** and
the **weather API**. The transform streams the CSV to Parquet within `MEMORY_LIMIT_GB`, counting why rows are turned
away, and joins each flight to its hour's weather. Only data that pass the **quality gate** are loaded into the
warehouse folder and the DuckDB mart. Every run leaves a validation file, an HTML report and a log entry.

| setting | meaning |
|---|---|
| `TRADEWIND_DATA` | the data folder with `raw/`, `processed/` and `logs/` (default `./data`) |
| `CHUNK_SIZE`, `MAX_WORKERS`, `MEMORY_LIMIT_GB` | how much one task takes at a time |

Running it again for the same run replaces that run's data and doubles nothing. Make the input with
`python -m tradewind.data.demo.inputs --sf 1 --data ./data`.
""",
)
def large_data_etl_pipeline() -> None:
    files = extract_files()
    database = extract_database()
    api = extract_api()
    transformed = transform(files, database, api)
    checked = check_quality(files, database, transformed)
    loaded = load(transformed, checked)
    report(files, database, api, transformed, checked, loaded)


large_data_etl_pipeline()
