"""Monitoring: the machine, services and the large-data pipeline are measured, judged, reported, and people are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag

from tradewind.data.operators import step
from tradewind.data.pipelines import watch
from tradewind.data.pipelines.watch import Options, Watch

DEFAULTS = Options()


@step
def collect_system_metrics(run_id: str | None = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return watch.collect_system_metrics(Watch.of(str(run_id), params), datetime.now(UTC))


@step
def check_services(run_id: str | None = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return watch.check_services(Watch.of(str(run_id), params))


@step
def check_pipeline(ti: Any = None, run_id: str | None = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
    run = Watch.of(str(run_id), params)
    dag_id = run.options.watched_dag
    counts = {state: int(ti.get_dr_count(dag_id=dag_id, states=[state])) for state in ("success", "failed")}
    return watch.check_pipeline(run, counts, datetime.now(UTC))


@step
def check_data_quality(run_id: str | None = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return watch.check_data_quality(Watch.of(str(run_id), params))


@step
def evaluate_rules(
    system: dict[str, Any],
    services: dict[str, Any],
    pipeline: dict[str, Any],
    quality: dict[str, Any],
    run_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> dict[str, Any]:
    run = Watch.of(str(run_id), params)
    return watch.evaluate_rules(run, system, services, pipeline, quality, datetime.now(UTC))


@step
def write_report(
    evaluated: dict[str, Any], run_id: str | None = None, params: dict[str, Any] | None = None
) -> dict[str, Any]:
    return watch.write_report(Watch.of(str(run_id), params), evaluated, datetime.now(UTC))


@step
def send_alerts(
    evaluated: dict[str, Any], run_id: str | None = None, params: dict[str, Any] | None = None
) -> dict[str, Any]:
    return watch.send_alerts(Watch.of(str(run_id), params), evaluated)


@step
def clean_up(run_id: str | None = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return watch.clean_up(Watch.of(str(run_id), params))


@dag(
    dag_id="pipeline_monitoring_system",
    description="Machine, services and the large-data pipeline: measured, judged, reported, with alerts",
    schedule=timedelta(hours=1),
    start_date=datetime(2025, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data", "retries": 1, "retry_delay": timedelta(minutes=1)},
    params={
        "watched_dag": Param(DEFAULTS.watched_dag, type="string", description="Dag whose runs and results are watched"),
        "services": Param({}, type="object", description='Name and address: {"api": "http://…", "db": "host:port"}'),
        "max_failure_percent": Param(DEFAULTS.max_failure_percent, type="number", minimum=0, maximum=100),
        "max_minutes": Param(DEFAULTS.max_minutes, type="number", minimum=0, description="Longest usual run"),
        "min_quality": Param(DEFAULTS.min_quality, type="number", minimum=0, maximum=100),
        "max_memory_percent": Param(DEFAULTS.max_memory_percent, type="number", minimum=0, maximum=100),
        "max_disk_percent": Param(DEFAULTS.max_disk_percent, type="number", minimum=0, maximum=100),
        "max_data_age_hours": Param(DEFAULTS.max_data_age_hours, type="number", minimum=0),
        "keep_reports": Param(DEFAULTS.keep_reports, type="integer", minimum=0, description="0 keeps all"),
    },
    tags=["monitoring", "alerts", "quality"],
    doc_md="""
### Pipeline monitoring

Each run measures **CPU, memory and disk**, asks each **service** whether it answers, looks at how the runs of
`large_data_etl_pipeline` **end**, how long they take and how old their results are, and reads the last **data-quality**
score. Rules judge what was found; a page with charts is written to `processed/monitoring/reports`, and what begins to
fire, or is over, is told once over the channels that the environment names.

| setting | meaning |
|---|---|
| `TRADEWIND_DATA` | the data folder (default `./data`), which this Dag shares with the one that it watches |
| `MONITORED_SERVICES` | services to ask: `api=http://127.0.0.1:8080/health db=127.0.0.1:5432` |
| `ALERT_EMAIL_TO`, `SLACK_WEBHOOK_URL`, `ALERT_WEBHOOK_URL` | where alerts go besides the log |
""",
)
def pipeline_monitoring_system() -> None:
    system = collect_system_metrics()
    services = check_services()
    pipeline = check_pipeline()
    quality = check_data_quality()
    evaluated = evaluate_rules(system, services, pipeline, quality)
    [write_report(evaluated), send_alerts(evaluated)] >> clean_up()


pipeline_monitoring_system()
