"""The ASGI application: `/health`, `/metrics`, `GET /api/v2/dags`. The rest of the API is not there yet."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Query, Response
from sqlalchemy import Engine, text

from tradewind import __version__
from tradewind.api.metrics import exposition
from tradewind.api.scheduler_link import SchedulerAway, ask
from tradewind.config import Settings
from tradewind.store import queries
from tradewind.store.times import from_us

STALE_BEAT_SECONDS = 10.0


def make_app(settings: Settings, engine: Engine) -> FastAPI:
    """The application of one installation. `engine` is read-only."""
    app = FastAPI(title="Tradewind", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    @app.get("/api/v2/monitor/health")
    async def health() -> dict[str, Any]:
        """Component by component, as their beats say."""
        status = await _scheduler_status(settings)
        return {"metadatabase": {"status": _database(engine)}, **_components(status)}

    @app.get("/metrics")
    async def metrics() -> Response:
        status = await _scheduler_status(settings)
        body = exposition(engine, status)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/api/v2/dags")
    def dags(
        limit: Annotated[int, Query(ge=1, le=500)] = 50, offset: Annotated[int, Query(ge=0)] = 0
    ) -> dict[str, Any]:
        with engine.connect() as connection:
            rows, total = queries.dags_listed(connection, limit=limit, offset=offset)
        return {"dags": [_dag(row, settings) for row in rows], "total_entries": total}

    return app


async def _scheduler_status(settings: Settings) -> dict[str, Any] | None:
    try:
        status: dict[str, Any] = await ask(settings.scheduler_socket, "status")
    except SchedulerAway:
        return None
    return status


def _database(engine: Engine) -> str:
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT version_num FROM alembic_version"))
    except Exception:  # whatever it is, it is not healthy
        return "unhealthy"
    return "healthy"


def _components(status: dict[str, Any] | None) -> dict[str, Any]:
    """Airflow's shape: a status and the latest beat; `triggerer` is null while there is none."""
    now = datetime.now(UTC).isoformat()
    if status is None:
        away = {"status": "unhealthy", "latest_scheduler_heartbeat": None}
        return {
            "scheduler": away,
            "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
            "dag_processor": {"status": "unhealthy", "latest_dag_processor_heartbeat": None},
            "workers": {"status": "unhealthy", "connected": 0},
        }
    agents = [a for a in status["agents"] if a["connected"] and a["beat_age_seconds"] < STALE_BEAT_SECONDS]
    scheduler_ok = not status["scheduler"]["database_away"]
    return {
        "scheduler": {
            "status": "healthy" if scheduler_ok else "unhealthy",
            "latest_scheduler_heartbeat": now,
        },
        "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
        "dag_processor": {
            "status": "healthy" if status["dag_processor"]["first_scan_done"] else "unhealthy",
            "latest_dag_processor_heartbeat": now,
        },
        "workers": {"status": "healthy" if agents else "unhealthy", "connected": len(agents)},
    }


def _dag(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    return {
        "dag_id": row["dag_id"],
        "dag_display_name": row["dag_id"],
        "is_paused": bool(row["is_paused"]),
        "is_stale": bool(row["is_stale"]),
        "description": row["description"],
        "fileloc": str(settings.core.dags_folder / row["file"]),
        "relative_fileloc": row["file"],
        "bundle_name": "dags-folder",
        "bundle_version": None,
        "timetable_summary": row["timetable_summary"],
        "tags": [{"name": tag} for tag in json.loads(row["tags"])],
        "owners": [owner for owner in row["owners"].split(", ") if owner],
        "max_active_tasks": row["max_active_tasks"],
        "max_active_runs": row["max_active_runs"],
        "next_dagrun_logical_date": _moment(row["next_logical_date"]),
        "next_dagrun_data_interval_start": _moment(row["next_interval_start"]),
        "next_dagrun_data_interval_end": _moment(row["next_interval_end"]),
        "next_dagrun_run_after": _moment(row["next_run_after"]),
    }


def _moment(us: int | None) -> str | None:
    at = from_us(us)
    return at.isoformat().replace("+00:00", "Z") if at else None
