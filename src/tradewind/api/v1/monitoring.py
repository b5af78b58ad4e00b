"""How the installation is, in Airflow 2's words: its health, version, settings, event log, import errors, packages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool

from tradewind.api.call import Installation
from tradewind.api.health import health_of, scheduler_status
from tradewind.api.models import Answer, Moment
from tradewind.api.public import config as settings
from tradewind.api.public import event_logs, import_errors, system
from tradewind.api.public.config import RESPONSES, Accept, Config
from tradewind.api.routing import OPEN, Asked, Routes
from tradewind.api.v1.models import Limit, Offset, Order, order_of, renamed
from tradewind.api.values import Id, When, Whole
from tradewind.core.access import Resource

of_config = Routes("Config", prefix="/config")
of_events = Routes("EventLog", prefix="/eventLogs")
of_errors = Routes("ImportError", prefix="/importErrors")
monitoring = Routes("Monitoring")
of_packages = Routes("Provider")
of_plugins = Routes("Plugin")
families = (of_config, of_events, of_errors, monitoring, of_packages, of_plugins)

Status = Literal["healthy", "unhealthy"]


# --- health and version ----------------------------------------------------------------------------------------------


class MetadatabaseStatus(Answer):
    status: Status | None


class SchedulerStatus(MetadatabaseStatus):
    latest_scheduler_heartbeat: str | None


class TriggererStatus(MetadatabaseStatus):
    latest_triggerer_heartbeat: str | None


class DagProcessorStatus(MetadatabaseStatus):
    latest_dag_processor_heartbeat: str | None


class HealthInfo(Answer):
    metadatabase: MetadatabaseStatus
    scheduler: SchedulerStatus
    triggerer: TriggererStatus
    dag_processor: DagProcessorStatus


@monitoring.get("/health", OPEN, response_model=HealthInfo)
async def get_health(request: Request) -> dict[str, Any]:
    """Component by component, as their beats say."""
    installation: Installation = request.app.state.installation
    status = await scheduler_status(installation.link)
    return await run_in_threadpool(health_of, installation.engine, status)


@monitoring.get("/version", OPEN, response_model=system.VersionInfo)
def get_version() -> dict[str, Any]:
    """Which version of Tradewind answers."""
    return system.get_version()


# --- settings --------------------------------------------------------------------------------------------------------


@of_config.get("", Resource.CONFIG, response_model=Config, responses=RESPONSES)
def get_config(call: Asked, section: str | None = None, accept: Accept = "*/*") -> Any:
    """Every setting, or those of a section."""
    return settings.get_config(call, section, accept)


@of_config.get("/section/{section}/option/{option}", Resource.CONFIG, response_model=Config, responses=RESPONSES)
def get_value(call: Asked, section: str, option: str, accept: Accept = "*/*") -> Any:
    """One setting."""
    return settings.get_config_value(call, section, option, accept)


# --- the event log ---------------------------------------------------------------------------------------------------


class EventLog(Answer):
    event_log_id: int
    when: Moment
    dag_id: str | None
    task_id: str | None
    run_id: str | None
    map_index: int | None
    try_number: int | None
    event: str
    execution_date: Moment | None
    owner: str | None
    extra: str | None


class EventLogCollection(Answer):
    event_logs: list[EventLog]
    total_entries: int


Listed = Annotated[str | None, Query(description="Events with `,` between them.")]


def _several(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text else None


@of_events.get("", Resource.EVENT_LOG, response_model=EventLogCollection)
def get_event_logs(
    call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None, dag_id: str | None = None,
    task_id: str | None = None, run_id: str | None = None, map_index: Whole = None, try_number: Whole = None,
    event: str | None = None, owner: str | None = None, before: When = None, after: When = None,
    included_events: Listed = None, excluded_events: Listed = None,
) -> dict[str, Any]:  # fmt: skip
    """Lines, oldest first."""
    found = event_logs.get_event_logs(
        call, limit, offset, order_of(order_by, {"execution_date": "logical_date"}), dag_id=dag_id, task_id=task_id,
        run_id=run_id, map_index=map_index, try_number=try_number, event=event, owner=owner, before=before, after=after,
        included_events=_several(included_events), excluded_events=_several(excluded_events),
    )  # fmt: skip
    rows = [renamed(row, execution_date="logical_date") for row in found["event_logs"]]
    return {"event_logs": rows, "total_entries": found["total_entries"]}


@of_events.get("/{event_log_id}", Resource.EVENT_LOG, response_model=EventLog)
def get_event_log(call: Asked, event_log_id: Id) -> dict[str, Any]:
    """One line."""
    return renamed(event_logs.get_event_log(call, event_log_id), execution_date="logical_date")


# --- import errors ---------------------------------------------------------------------------------------------------


class ImportError(Answer):
    import_error_id: int
    timestamp: Moment
    filename: str
    stack_trace: str


class ImportErrorCollection(Answer):
    import_errors: list[ImportError]
    total_entries: int


@of_errors.get("", Resource.IMPORT_ERROR, response_model=ImportErrorCollection)
def get_import_errors(call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None) -> dict[str, Any]:
    """Problems of Dag files."""
    order = order_of(order_by, {"import_error_id": "id"})
    return import_errors.get_import_errors(call, limit, offset, order)


@of_errors.get("/{import_error_id}", Resource.IMPORT_ERROR, response_model=ImportError)
def get_import_error(call: Asked, import_error_id: Id) -> dict[str, Any]:
    """One problem."""
    return import_errors.get_import_error(call, import_error_id)


# --- packages and plugins --------------------------------------------------------------------------------------------


class Provider(Answer):
    package_name: str
    description: str
    version: str


class ProviderCollection(Answer):
    providers: list[Provider]
    total_entries: int


@of_packages.get("/providers", Resource.SYSTEM, response_model=ProviderCollection)
def get_providers(call: Asked) -> dict[str, Any]:
    """Airflow's provider packages that are installed beside this server."""
    return system.get_providers(call, 500, 0)


class PluginCollection(Answer):
    plugins: list[dict[str, Any]]
    total_entries: int


@of_plugins.get("/plugins", Resource.SYSTEM, response_model=PluginCollection)
def get_plugins(call: Asked, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """None: no service loads plugins."""
    return system.get_plugins(call, limit, offset)
