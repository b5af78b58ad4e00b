"""Hourly weather of the Korea Meteorological Administration: collected once, checked, catalogued, looked after."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pendulum
from airflow.sdk import Param, dag

from tradewind.data import operators
from tradewind.data.pipelines.weather import collection
from tradewind.data.pipelines.weather.run import Options, WeatherRun
from tradewind.data.problems import DataProblem
from tradewind.data.weather.errors import KmaQuotaSpent

DEFAULTS = Options()

step = partial(operators.step, hopeless=(DataProblem, KmaQuotaSpent))
"""A spent quota is there again at midnight in Korea, and not before."""


def run_of(dag_run: Any, data_interval_end: datetime | None, params: dict[str, Any] | None) -> WeatherRun:
    return WeatherRun.of(data_interval_end or dag_run.logical_date or dag_run.run_after, params)


@step
def collect_weather_data(dag_run: Any = None, data_interval_end: Any = None, params: Any = None) -> dict[str, Any]:
    return collection.collect(run_of(dag_run, data_interval_end, params))


@step
def validate_data_quality(
    collected: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    return collection.validate(run_of(dag_run, data_interval_end, params), collected)


@step
def update_data_catalog(
    checked: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    return collection.update_catalogue(run_of(dag_run, data_interval_end, params), checked)


@step
def health_check(
    catalogued: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    return collection.look_after(run_of(dag_run, data_interval_end, params), catalogued)


@dag(
    dag_id="weather_data_collection",
    description="KMA's hourly weather to dated objects in S3 or a folder",
    schedule="0 * * * *",
    start_date=pendulum.datetime(2025, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "weather",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "execution_timeout": timedelta(minutes=30),
    },
    params={
        "repair_hours": Param(
            DEFAULTS.repair_hours, type="integer", minimum=0, maximum=744, description="Earlier hours to fill in"
        ),
        "min_quality": Param(DEFAULTS.min_quality, type="number", minimum=0, maximum=100),
        "stale_after_hours": Param(DEFAULTS.stale_after_hours, type="integer", minimum=0, maximum=744),
    },
    tags=["weather", "collection"],
    doc_md="""
### Weather data collection

Each run keeps the newest hour that KMA can have, and the hours of the last day that are missing: what an outage left
out is filled in by the first run after it. Hours are objects under dated keys, **written once**; a run that is repeated
asks nobody and doubles nothing. An hour that fails its checks goes to `quarantine/`, and the run fails.

| setting | meaning |
|---|---|
| `KMA_HUB_KEY`, `KMA_SERVICE_KEY` | keys of apihub.kma.go.kr and data.go.kr; without either, weather is replayed |
| `WEATHER_STORE` | `s3://bucket/prefix` or a folder (default `weather` in the data folder) |
| `WEATHER_STATIONS` | station numbers with commas (default `108,112,119`) |
""",
)
def weather_data_collection() -> None:
    collected = collect_weather_data()
    checked = validate_data_quality(collected)
    catalogued = update_data_catalog(checked)
    health_check(catalogued)


weather_data_collection()
