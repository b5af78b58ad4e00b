"""How each part of an installation fares, in facts that a page can put into words."""

from __future__ import annotations

from typing import Any

from tradewind.api.call import Call
from tradewind.api.health import STALE_BEAT_SECONDS
from tradewind.api.link import Refusal, SchedulerAway


def asked(call: Call, method: str, **args: Any) -> Any:
    """What the scheduler answers; None while none does."""
    try:
        return call.ask(method, **args)
    except (SchedulerAway, Refusal):
        return None


def is_beating(agent: dict[str, Any]) -> bool:
    return bool(agent["connected"]) and agent["beat_age_seconds"] < STALE_BEAT_SECONDS


def components(status: dict[str, Any] | None, broken_files: int, deferred: int) -> list[dict[str, Any]]:
    """`name`, `state` (healthy, degraded, away) and `facts` of scheduler, workers, triggerer, Dag processor, database
    and API. Agents run triggers, so they are the triggerer."""
    if status is None:
        away = ("scheduler", "workers", "triggerer", "dag_processor")
        return [*(_part(name, "away") for name in away), _part("database", "healthy"), _part("api", "healthy")]
    scheduler, agents, files = status["scheduler"], status["agents"], status["dag_processor"]
    well = [agent for agent in agents if is_beating(agent)]
    held = sum(len(agent["held_back"]) for agent in agents)
    workers = "away" if not well else "degraded" if len(well) < len(agents) or held else "healthy"
    busy = scheduler["busy_us"] / max(scheduler["turns"], 1)
    return [
        _part(
            "scheduler",
            "degraded" if scheduler["set_aside"] else "healthy",
            turn_us=round(busy), backlog=scheduler["backlog"], set_aside=len(scheduler["set_aside"]),
        ),
        _part(
            "workers", workers, well=len(well), all=len(agents), used=sum(agent["used"] for agent in agents),
            capacity=sum(agent["capacity"] for agent in agents), held_back=held,
        ),
        _part("triggerer", "healthy" if well else "away", deferred=deferred),
        _part(
            "dag_processor",
            "degraded" if broken_files or not files["first_scan_done"] else "healthy",
            files=files["files"], parsing=files["parsing"], broken=broken_files,
        ),
        _part("database", "away" if scheduler["database_away"] else "healthy", statements=scheduler["statements"]),
        _part("api", "healthy"),
    ]  # fmt: skip


def _part(name: str, state: str, **facts: int) -> dict[str, Any]:
    return {"name": name, "state": state, "facts": facts}
