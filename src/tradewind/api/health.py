"""Whether each component is well, as their beats say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from tradewind.api.link import Link, Refusal, SchedulerAway
from tradewind.api.models import Answer
from tradewind.wire.messages import SILENT_SECONDS

STALE_BEAT_SECONDS = SILENT_SECONDS


class BaseInfoResponse(Answer):
    status: str | None


class SchedulerInfoResponse(BaseInfoResponse):
    latest_scheduler_heartbeat: str | None


class TriggererInfoResponse(BaseInfoResponse):
    latest_triggerer_heartbeat: str | None


class DagProcessorInfoResponse(BaseInfoResponse):
    latest_dag_processor_heartbeat: str | None


class WorkersInfoResponse(BaseInfoResponse):
    """Of Tradewind alone."""

    connected: int


class HealthInfoResponse(Answer):
    metadatabase: BaseInfoResponse
    scheduler: SchedulerInfoResponse
    triggerer: TriggererInfoResponse
    dag_processor: DagProcessorInfoResponse | None = None
    workers: WorkersInfoResponse


async def scheduler_status(link: Link) -> dict[str, Any] | None:
    """What the scheduler says of itself and its agents; None when it does not answer."""
    try:
        status: dict[str, Any] = await link.request("status", within_seconds=1.0)
    except (SchedulerAway, Refusal):
        return None
    return status


def health_of(engine: Engine, status: dict[str, Any] | None) -> dict[str, Any]:
    """Airflow's shape: a status and the latest beat of each component."""
    return {"metadatabase": {"status": _database(engine)}, **_components(status)}


def _database(engine: Engine) -> str:
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT version_num FROM alembic_version"))
    except Exception:  # whatever it is, it is not healthy
        return "unhealthy"
    return "healthy"


def _components(status: dict[str, Any] | None) -> dict[str, Any]:
    """Agents run triggers, so they are the triggerer; its status is null while there are none. The scheduler itself
    decides what is parsed."""
    now = datetime.now(UTC)
    if status is None:
        away = {"status": "unhealthy", "latest_scheduler_heartbeat": None}
        return {
            "scheduler": away,
            "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
            "dag_processor": {"status": "unhealthy", "latest_dag_processor_heartbeat": None},
            "workers": {"status": "unhealthy", "connected": 0},
        }
    agents = [a for a in status["agents"] if a["connected"] and a["beat_age_seconds"] < STALE_BEAT_SECONDS]
    youngest = min((a["beat_age_seconds"] for a in status["agents"]), default=None)
    beat = (now - timedelta(seconds=youngest)).isoformat() if youngest is not None else None
    triggers = ("healthy" if agents else "unhealthy") if status["agents"] else None
    scheduler_ok = not status["scheduler"]["database_away"]
    return {
        "scheduler": {
            "status": "healthy" if scheduler_ok else "unhealthy",
            "latest_scheduler_heartbeat": now.isoformat(),
        },
        "triggerer": {"status": triggers, "latest_triggerer_heartbeat": beat},
        "dag_processor": {
            "status": "healthy" if status["dag_processor"]["first_scan_done"] else "unhealthy",
            "latest_dag_processor_heartbeat": now.isoformat(),
        },
        "workers": {"status": "healthy" if agents else "unhealthy", "connected": len(agents)},
    }
