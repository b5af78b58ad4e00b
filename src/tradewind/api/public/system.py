"""What the installation consists of: its processes, plugins, providers, and its version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import Any

from tradewind import __version__
from tradewind.api.call import Call
from tradewind.api.health import STALE_BEAT_SECONDS
from tradewind.api.link import Refusal, SchedulerAway
from tradewind.api.listing import part_of
from tradewind.api.models import Answer, Limit, Offset, OrderBy, collection, page_of
from tradewind.api.numbers import number_of
from tradewind.api.public.task_shapes import JobResponse
from tradewind.api.routing import API, OPEN, Asked, Routes
from tradewind.api.values import When, within
from tradewind.core.access import Resource
from tradewind.store.paging import Listed
from tradewind.store.reading.system import schedulers_and_workers
from tradewind.store.times import from_us, to_us

routes = Routes("Monitor", prefix=API)


class JobCollectionResponse(Answer):
    """Processes that work for the installation: its scheduler (`SchedulerJob`), and the agents that run tasks and
    triggers (`WorkerJob`). `state` is `running` while one answers, and null otherwise. What only that process knows
    (where it runs, for whom) is null."""

    jobs: list[JobResponse]
    total_entries: int


_SORTABLE = {
    name: (lambda job, name=name: job[name])
    for name in (
        "id", "dag_id", "state", "job_type", "start_date", "end_date", "latest_heartbeat", "executor_class",
        "hostname", "unixname",
    )
}  # fmt: skip


@routes.get("/jobs", Resource.SYSTEM, response_model=JobCollectionResponse)
def get_jobs(
    call: Asked,
    is_alive: bool | None = None,
    start_date_gte: When = None,
    start_date_gt: When = None,
    start_date_lte: When = None,
    start_date_lt: When = None,
    end_date_gte: When = None,
    end_date_gt: When = None,
    end_date_lte: When = None,
    end_date_lt: When = None,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
    job_state: str | None = None,
    job_type: str | None = None,
    hostname: str | None = None,
    executor_class: str | None = None,
) -> dict[str, Any]:
    """The scheduler and its workers."""
    started = within(gte=start_date_gte, gt=start_date_gt, lte=start_date_lte, lt=start_date_lt)
    ended = within(gte=end_date_gte, gt=end_date_gt, lte=end_date_lte, lt=end_date_lt)
    exact = {"state": job_state, "job_type": job_type, "hostname": hostname, "executor_class": executor_class}
    found = [
        job
        for job in _jobs(call)
        if all(value is None or job[name] == value for name, value in exact.items())
        and is_alive in (None, job["state"] == "running")
        and _lies_in(job["start_date"], started)
        and _lies_in(job["end_date"], ended)
    ]
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    return collection("jobs", part_of(found, page, _SORTABLE, "id"), Listed(total=len(found)))


def _jobs(call: Call) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    try:
        status = call.ask("status")
    except (SchedulerAway, Refusal):
        status = None
    with call.reading() as connection:
        scheduler, workers = schedulers_and_workers(connection)
    beats = {agent["name"]: agent for agent in status["agents"]} if status else {}
    jobs = [_worker(row, beats.get(row["name"]), now) for row in workers]
    if scheduler is not None:
        started = datetime.fromisoformat(status["scheduler"]["started_at"]) if status else None
        jobs.append(_job(scheduler, "SchedulerJob", to_us(started), to_us(now) if status else None))
    return jobs


def _worker(row: Mapping[str, Any], agent: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    at = now - timedelta(seconds=agent["beat_age_seconds"]) if agent else None
    beats = agent is not None and agent["connected"] and agent["beat_age_seconds"] < STALE_BEAT_SECONDS
    return {**_job(row["name"], "WorkerJob", row["joined_at"], to_us(at)), "state": "running" if beats else None}


def _job(name: str, job_type: str, started: int | None, beat: int | None) -> dict[str, Any]:
    unknown = dict.fromkeys(("dag_id", "end_date", "executor_class", "hostname", "unixname", "dag_display_name"))
    return {
        **unknown,
        "id": number_of(job_type, name),
        "state": "running" if beat is not None else None,
        "job_type": job_type,
        "start_date": from_us(started),
        "latest_heartbeat": from_us(beat),
    }


def _lies_in(at: datetime | None, between: tuple[int | None, int | None]) -> bool:
    first, last = between
    if first is None and last is None:
        return True
    us = to_us(at)
    return us is not None and (first is None or first <= us) and (last is None or us <= last)


# --- plugins -----------------------------------------------------------------------------------------------------


class FastAPIAppResponse(Answer):
    app: str
    url_prefix: str
    name: str


class FastAPIRootMiddlewareResponse(Answer):
    middleware: str
    name: str


class ExternalViewResponse(Answer):
    name: str
    icon: str | None = None
    icon_dark_mode: str | None = None
    url_route: str | None = None
    category: str | None = None
    nav_top_level: bool | None = False
    href: str
    destination: str | None = "nav"


class ReactAppResponse(Answer):
    name: str
    icon: str | None = None
    icon_dark_mode: str | None = None
    url_route: str | None = None
    category: str | None = None
    nav_top_level: bool | None = False
    bundle_url: str
    destination: str | None = "nav"


class AppBuilderViewResponse(Answer):
    name: str | None = None
    category: str | None = None
    view: str | None = None
    label: str | None = None


class AppBuilderMenuItemResponse(Answer):
    name: str
    href: str
    category: str | None = None


class PluginResponse(Answer):
    name: str
    macros: list[str]
    flask_blueprints: list[str]
    fastapi_apps: list[FastAPIAppResponse]
    fastapi_root_middlewares: list[FastAPIRootMiddlewareResponse]
    external_views: list[ExternalViewResponse]
    react_apps: list[ReactAppResponse]
    appbuilder_views: list[AppBuilderViewResponse]
    appbuilder_menu_items: list[AppBuilderMenuItemResponse]
    global_operator_extra_links: list[str]
    operator_extra_links: list[str]
    source: str
    listeners: list[str]
    timetables: list[str]


class PluginCollectionResponse(Answer):
    """Plugins that are loaded. There are none: no service runs code that it finds in a folder, and what Dags import
    from the plugins folder they import themselves."""

    plugins: list[PluginResponse]
    total_entries: int


class PluginImportErrorResponse(Answer):
    source: str
    error: str


class PluginImportErrorCollectionResponse(Answer):
    import_errors: list[PluginImportErrorResponse]
    total_entries: int


@routes.get("/plugins", Resource.SYSTEM, response_model=PluginCollectionResponse)
def get_plugins(call: Asked, limit: Limit = 50, offset: Offset = 0) -> dict[str, Any]:
    """None: no service loads plugins."""
    return {"plugins": [], "total_entries": 0}


@routes.get("/plugins/importErrors", Resource.SYSTEM, response_model=PluginImportErrorCollectionResponse)
def import_errors(call: Asked) -> dict[str, Any]:
    """None, since nothing is imported."""
    return {"import_errors": [], "total_entries": 0}


# --- providers ---------------------------------------------------------------------------------------------------

PROVIDER = "apache-airflow-providers-"


class ProviderResponse(Answer):
    package_name: str
    description: str
    version: str
    documentation_url: str | None


class ProviderCollectionResponse(Answer):
    providers: list[ProviderResponse]
    total_entries: int


@routes.get("/providers", Resource.SYSTEM, response_model=ProviderCollectionResponse)
def get_providers(call: Asked, limit: Limit = 50, offset: Offset = 0) -> dict[str, Any]:
    """Airflow's provider packages that are installed beside this server. None of them is imported for it."""
    found = {
        name: _provider(name, each.metadata)
        for each in metadata.distributions()
        if (name := (each.metadata["Name"] or "").lower().replace("_", "-")).startswith(PROVIDER)
    }
    page = page_of(call.settings.api.maximum_page_limit, limit, offset)
    rows = part_of(list(found.values()), page, {"package_name": lambda row: row["package_name"]}, "package_name")
    return collection("providers", rows, Listed(total=len(found)))


def _provider(name: str, about: Any) -> dict[str, Any]:
    urls = {label.strip().lower(): url.strip() for label, _, url in
            (line.partition(",") for line in about.get_all("Project-URL") or ())}  # fmt: skip
    return {
        "package_name": name,
        "description": about["Summary"] or "",
        "version": about["Version"],
        "documentation_url": urls.get("documentation"),
    }


# --- version -----------------------------------------------------------------------------------------------------


class VersionInfo(Answer):
    """The version of Tradewind. Which commit it was built from is not recorded."""

    version: str
    git_version: str | None


@routes.get("/version", OPEN, response_model=VersionInfo)
def get_version() -> dict[str, Any]:
    """Which version answers."""
    return {"version": __version__, "git_version": None}
