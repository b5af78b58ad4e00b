"""A temperature model from a year of collected weather, every night: deployed when it is better than what is there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.sdk import Param, dag
from airflow.sdk.exceptions import AirflowSkipException

from tradewind.data.operators import step
from tradewind.data.pipelines.weather import training
from tradewind.data.pipelines.weather.run import WeatherRun
from tradewind.data.pipelines.weather.training import TrainingOptions

DEFAULTS = TrainingOptions()


def run_of(
    dag_run: Any, data_interval_end: datetime | None, params: dict[str, Any] | None
) -> tuple[WeatherRun, TrainingOptions]:
    due = data_interval_end or dag_run.logical_date or dag_run.run_after
    return WeatherRun.of(due, {}), TrainingOptions.from_params(params or {})


@step
def check_data_readiness(dag_run: Any = None, data_interval_end: Any = None, params: Any = None) -> dict[str, Any]:
    return training.check_readiness(*run_of(dag_run, data_interval_end, params))


@step
def prepare_training_data(
    ready: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    return training.prepare(*run_of(dag_run, data_interval_end, params), ready)


@step
def train_model(
    prepared: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    return training.train(*run_of(dag_run, data_interval_end, params), prepared)


@step
def evaluate_model(
    trained: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    return training.evaluate(*run_of(dag_run, data_interval_end, params), trained)


@step
def deploy_model(
    evaluated: dict[str, Any], dag_run: Any = None, data_interval_end: Any = None, params: Any = None
) -> dict[str, Any]:
    deployed = training.deploy(*run_of(dag_run, data_interval_end, params), evaluated)
    if not deployed["deployed"]:
        raise AirflowSkipException(deployed["reason"])
    return deployed


@dag(
    dag_id="weather_model_training",
    description="A temperature model from a year of collected weather, deployed when it is better",
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2025, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "weather",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=30),
    },
    params={
        "train_hours": Param(
            DEFAULTS.train_hours, type="integer", minimum=240, maximum=87600, description="Hours that are looked at"
        ),
        "test_hours": Param(
            DEFAULTS.test_hours, type="integer", minimum=24, maximum=43800, description="The last of them, to judge by"
        ),
        "min_coverage": Param(DEFAULTS.min_coverage, type="number", minimum=0, maximum=100),
        "min_gain_percent": Param(
            DEFAULTS.min_gain_percent,
            type="number",
            minimum=0,
            maximum=100,
            description="Less error than in production",
        ),
    },
    tags=["weather", "training"],
    doc_md="""
### Weather model training

Learns to forecast the temperature 1, 3 and 6 hours ahead from the hours that `weather_data_collection` keeps. The last
30 days are held out. A model goes into production when on these it errs less than persistence ("it stays as it is")
**and** less than the model in production; otherwise `deploy_model` is skipped, and its log says why.

Needs `pip install 'tradewind[data,mlops]'`. A year of hours to begin with:
`python -m tradewind.data.pipelines.weather.history --hours 8760`.
To go back: `python -m tradewind.data.pipelines.weather.rollback`.

| setting | meaning |
|---|---|
| `WEATHER_STORE` | `s3://bucket/prefix` or a folder (default `weather` in the data folder) |
| `MLFLOW_TRACKING_URI` | MLflow, which mirrors the versions (default: a SQLite database in the data folder) |
""",
)
def weather_model_training() -> None:
    ready = check_data_readiness()
    prepared = prepare_training_data(ready)
    trained = train_model(prepared)
    evaluated = evaluate_model(trained)
    deploy_model(evaluated)


weather_model_training()
