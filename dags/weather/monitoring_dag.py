"""The weather pipelines, looked after every half hour: the machine, the data, the model; a report, and alerts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.sdk import Param, dag

from tradewind.data.operators import step
from tradewind.data.pipelines.weather import monitoring
from tradewind.data.pipelines.weather.monitoring import MonitoringOptions
from tradewind.data.pipelines.weather.run import WeatherRun

DEFAULTS = MonitoringOptions()


def run_of(
    dag_run: Any, data_interval_end: datetime | None, params: dict[str, Any] | None
) -> tuple[WeatherRun, MonitoringOptions]:
    due = data_interval_end or dag_run.logical_date or dag_run.run_after
    return WeatherRun.of(due, {}), MonitoringOptions.from_params(params or {})


@step
def system_health(dag_run: Any = None, data_interval_end: Any = None, params: Any = None) -> dict[str, Any]:
    return monitoring.system_health(*run_of(dag_run, data_interval_end, params))


@step
def data_quality(dag_run: Any = None, data_interval_end: Any = None, params: Any = None) -> dict[str, Any]:
    return monitoring.data_quality(*run_of(dag_run, data_interval_end, params))


@step
def model_performance(dag_run: Any = None, data_interval_end: Any = None, params: Any = None) -> dict[str, Any]:
    return monitoring.model_performance(*run_of(dag_run, data_interval_end, params))


@step
def generate_report(
    health: dict[str, Any],
    quality: dict[str, Any],
    performance: dict[str, Any],
    dag_run: Any = None,
    data_interval_end: Any = None,
    params: Any = None,
) -> dict[str, Any]:
    run, _ = run_of(dag_run, data_interval_end, params)
    return monitoring.generate_report(run, health, quality, performance)


@step
def send_alerts(
    reported: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    return monitoring.send_alerts(*run_of(dag_run, data_interval_end, params), reported)


@step
def cleanup(
    alerted: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    return monitoring.clean_up(*run_of(dag_run, data_interval_end, params))


def whole(value: int, most: int, description: str) -> Param:
    return Param(value, type="integer", minimum=1, maximum=most, description=description)


@dag(
    dag_id="weather_monitoring",
    description="The weather pipelines, looked after: data, model, machine",
    schedule="*/30 * * * *",
    start_date=pendulum.datetime(2025, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "weather",
        "retries": 1,
        "retry_delay": timedelta(minutes=2),
        "execution_timeout": timedelta(minutes=10),
    },
    params={
        "stale_after_hours": whole(DEFAULTS.stale_after_hours, 744, "Data older than this raise an alert"),
        "drift_days": whole(DEFAULTS.drift_days, 60, "The last days, which are compared with their season"),
        "season_days": whole(DEFAULTS.season_days, 90, "Days around the same date that are its season"),
        "error_growth": Param(DEFAULTS.error_growth, type="number", minimum=1, maximum=100),
        "keep_days": whole(DEFAULTS.keep_days, 3660, "Older reports are removed"),
    },
    tags=["weather", "monitoring"],
    doc_md="""
### Weather monitoring

Looks at the machine, at the hours of the last day and at the model in production, writes `reports/date=…/` in the store
and alerts once when something begins to be bad and once when it is over. What is found to be bad fails no run. Drift is
measured against the **same season** of the model's year, and by what that year itself showed.

Needs `pip install 'tradewind[data,mlops]'` for the model. Alerts go to the log and to what `ALERT_EMAIL_TO`,
`SLACK_WEBHOOK_URL`, `ALERT_WEBHOOK_URL` and `ALERT_APPRISE_URLS` name.
""",
)
def weather_monitoring() -> None:
    reported = generate_report(system_health(), data_quality(), model_performance())
    cleanup(send_alerts(reported))


weather_monitoring()
