"""Assets: what Dags update and wait for, what was said of it, and what waits for a run.

Whoever may see some Dags alone sees the assets that these name, in the words of these, and of an event no more than
that it happened where its source is a Dag that they may not see.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field, JsonValue
from sqlalchemy import Connection

from tradewind.api.asset_catalogue import (
    Catalogue,
    alias_number,
    asset_number,
    assets_of_the_ledger,
)
from tradewind.api.call import Call
from tradewind.api.display import names_of_dags
from tradewind.api.errors import NotFound
from tradewind.api.listing import like, part_of
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.numbers import number_of, numbered
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.values import Id, When, Whole, within
from tradewind.core.access import Action, Need, Resource
from tradewind.core.asset_catalogue import Known
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound
from tradewind.store import queries
from tradewind.store.paging import Listed
from tradewind.store.reading import assets as reading
from tradewind.store.reading.dags import dag_facts

routes = Routes("Asset", prefix=API)

READ_DAG = Need(Action.READ, Resource.DAG)
EDIT_DAG = Need(Action.EDIT, Resource.DAG)
READ_RUN = Need(Action.READ, Resource.RUN)


class AssetAliasResponse(Answer):
    id: int
    name: str
    group: str


class AssetAliasCollectionResponse(Answer):
    asset_aliases: list[AssetAliasResponse]
    total_entries: int


class DagScheduleAssetReference(Answer):
    """A Dag that waits for an asset. Both moments are when the Dag was first as it is now."""

    dag_id: str
    created_at: Moment
    updated_at: Moment


class TaskOutletAssetReference(Answer):
    """A task that updates an asset; its moments are those of its Dag's version, as above."""

    dag_id: str
    task_id: str
    created_at: Moment
    updated_at: Moment


class TaskInletAssetReference(TaskOutletAssetReference):
    """A task that reads an asset."""


class AssetWatcherResponse(Answer):
    """A trigger that watches an asset from outside. `created_date` is when its Dag was first as it is now."""

    name: str
    trigger_id: int
    created_date: Moment


class LastAssetEventResponse(Answer):
    id: int | None = None
    timestamp: Moment | None = None


class AssetResponse(Answer):
    """An asset. `created_at` and `updated_at` are when the oldest and the newest of the versions of Dags that name it
    now were first there; where no Dag does, when it was updated first and last. `aliases` are those through which it
    was updated."""

    id: int
    name: str
    uri: str
    group: str
    extra: dict[str, JsonValue] | None = None
    created_at: Moment
    updated_at: Moment
    scheduled_dags: list[DagScheduleAssetReference]
    producing_tasks: list[TaskOutletAssetReference]
    consuming_tasks: list[TaskInletAssetReference]
    aliases: list[AssetAliasResponse]
    watchers: list[AssetWatcherResponse]
    last_asset_event: LastAssetEventResponse | None = None


class AssetCollectionResponse(Answer):
    assets: list[AssetResponse]
    total_entries: int


class DagRunAssetReference(Answer):
    """A run that an event was for. One that has not started yet is not among them: it has no `start_date`."""

    run_id: str
    dag_id: str
    logical_date: Moment | None
    start_date: Moment
    end_date: Moment | None
    state: str
    data_interval_start: Moment | None
    data_interval_end: Moment | None
    partition_key: str | None
    triggering: bool


class AssetEventResponse(Answer):
    """An asset was updated. Its source and `extra` are empty where it is a Dag that the caller may not see."""

    id: int
    asset_id: int
    uri: str | None = None
    name: str | None = None
    group: str | None = None
    extra: dict[str, JsonValue] | None = None
    source_task_id: str | None = None
    source_dag_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int
    created_dagruns: list[DagRunAssetReference]
    timestamp: Moment
    partition_key: str | None = None


class AssetEventCollectionResponse(Answer):
    asset_events: list[AssetEventResponse]
    total_entries: int


class AssetEventAccessControl(Body):
    """Teams, which there are none of here: an event is for every Dag that waits for its asset."""

    consumer_teams: list[str] | None = None
    allow_global: bool = True


class CreateAssetEventsBody(Body):
    asset_id: int
    partition_key: Annotated[str, Field(max_length=250, pattern=r"\S")] | None = None
    extra: dict[str, JsonValue] = {}
    access_control: AssetEventAccessControl | None = None


class QueuedEventResponse(Answer):
    """A Dag has not had a run yet for what was said of an asset; `created_at` is when the first of it was said."""

    dag_id: str
    asset_id: int
    created_at: Moment
    dag_display_name: str


class QueuedEventCollectionResponse(Answer):
    queued_events: list[QueuedEventResponse]
    total_entries: int


# --- assets ------------------------------------------------------------------------------------------------------

_SORTABLE = {
    "id": lambda found: found.number,
    "name": lambda found: found.known.name,
    "uri": lambda found: found.known.uri,
    "created_at": lambda found: found.created_at,
    "updated_at": lambda found: found.updated_at,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """An asset as a caller may see it."""

    known: Known
    number: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class View:
    """The assets that a caller may see."""

    found: Catalogue
    dags: set[str] | None
    """The Dags that they may see; None: all of them."""

    def sees(self, dag_id: str) -> bool:
        return self.dags is None or dag_id in self.dags

    def active(self) -> list[Seen]:
        """Those that some Dag names which the caller may see."""
        return [self._seen(known) for known in self.found.assets if any(map(self.sees, known.dags))]

    def aliases(self) -> list[Known]:
        return [self._told(known) for known in self.found.aliases if any(map(self.sees, known.dags))]

    def groups(self) -> dict[tuple[str, str], str]:
        """By name and uri."""
        return {(seen.known.name, seen.known.uri): seen.known.group for seen in self.active()}

    def all(self, connection: Connection) -> list[Seen]:
        """Those, and what was updated once and is named by no Dag; that is for callers who may see every Dag."""
        if self.dags is not None:
            return self.active()
        forgotten = assets_of_the_ledger(connection, self.found)
        return self.active() + [
            Seen(each.known, asset_number(each.known), each.first_at, each.last_at) for each in forgotten
        ]

    def numbered(self, connection: Connection, number: int) -> Seen:
        """Raises NotFound."""
        active = [seen for seen in self.active() if seen.number == number]
        return numbered(active or self.all(connection), number, lambda seen: seen.number, "asset")

    def _seen(self, known: Known) -> Seen:
        since = [self.found.since[dag_id] for dag_id in known.dags if self.sees(dag_id)]
        return Seen(self._told(known), asset_number(known), min(since), max(since))

    def _told(self, known: Known) -> Known:
        return known if self.dags is None else known.as_described_by(self.dags)


def view(call: Call, connection: Connection) -> View:
    """What the caller may see."""
    scope = call.scope_of(READ_DAG)
    dags = None if scope.everything else reading.dag_ids_in(connection, scope)
    return View(call.installation.mentions.catalogue(connection), dags)


def asset_named(call: Call, connection: Connection, number: int) -> tuple[str, str]:
    """Name and uri of the asset of this id, which the caller may see. Raises NotFound."""
    known = view(call, connection).numbered(connection, number).known
    return known.name, known.uri


@routes.get("/assets", Resource.ASSET, response_model=AssetCollectionResponse)
def get_assets(
    call: Asked,
    limit: Limit = 50,
    offset: Offset = 0,
    name_pattern: str | None = None,
    name_prefix_pattern: str | None = None,
    uri_pattern: str | None = None,
    uri_prefix_pattern: str | None = None,
    dag_ids: Annotated[list[str], Query()] = [],  # noqa: B006
    only_active: bool = True,
    order_by: OrderBy = None,
) -> dict[str, Any]:
    """Assets that Dags name; with `only_active=false` also those that were updated and that no Dag names now."""
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        seen = view(call, connection)
        found = [
            each
            for each in (seen.active() if only_active else seen.all(connection))
            if _fits(each.known.name, name_pattern, name_prefix_pattern)
            and _fits(each.known.uri, uri_pattern, uri_prefix_pattern)
            and (not dag_ids or not each.known.dags.keys().isdisjoint(set(filter(seen.sees, dag_ids))))
        ]
        rows = _asset_fields(connection, seen, part_of(found, page, _SORTABLE, "id"))
    return collection("assets", rows, Listed(total=len(found)))


def _fits(text: str, pattern: str | None, prefix: str | None) -> bool:
    return (not pattern or like(text, pattern)) and (not prefix or text.startswith(prefix))


def _asset_fields(connection: Connection, seen: View, assets: list[Seen]) -> list[dict[str, Any]]:
    named = [(each.known.name, each.known.uri) for each in assets]
    newest, through = reading.newest_events(connection, named), reading.aliases_of(connection, named)
    aliases = {known.name: known for known in seen.aliases()}
    return [
        {
            **_fields_of_one(seen, each),
            "aliases": [_alias_fields(aliases[name]) for name in through.get(place, ()) if name in aliases],
            "last_asset_event": {"id": newest[place][0], "timestamp": newest[place][1]} if place in newest else None,
        }
        for each, place in zip(assets, named, strict=True)
    ]


def _fields_of_one(seen: View, asset: Seen) -> dict[str, Any]:
    known, since = asset.known, seen.found.since

    def moments(dag_id: str) -> dict[str, Any]:
        return {"created_at": since[dag_id], "updated_at": since[dag_id]}

    def tasks(places: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        return [{"dag_id": dag, "task_id": task, **moments(dag)} for dag, task in places if seen.sees(dag)]

    return {
        "id": asset.number,
        "name": known.name,
        "uri": known.uri,
        "group": known.group,
        "extra": dict(known.extra),
        "created_at": asset.created_at,
        "updated_at": asset.updated_at,
        "scheduled_dags": [{"dag_id": dag, **moments(dag)} for dag in known.consumers if seen.sees(dag)],
        "producing_tasks": tasks(known.producers),
        "consuming_tasks": tasks(known.readers),
        "watchers": [
            {"name": each.name, "trigger_id": each.number, "created_date": since[each.dag_id]}
            for each in seen.found.watchers.get((known.name, known.uri), ())
            if seen.sees(each.dag_id)
        ],
    }


# --- aliases, before what an id may be ---------------------------------------------------------------------------

_SORTABLE_ALIASES = {"id": alias_number, "name": lambda known: known.name}


@routes.get("/assets/aliases", Resource.ASSET, response_model=AssetAliasCollectionResponse)
def get_asset_aliases(
    call: Asked, limit: Limit = 50, offset: Offset = 0, name_pattern: str | None = None,
    name_prefix_pattern: str | None = None, order_by: OrderBy = None,
) -> dict[str, Any]:  # fmt: skip
    """Aliases that Dags name."""
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        aliases = view(call, connection).aliases()
    found = [known for known in aliases if _fits(known.name, name_pattern, name_prefix_pattern)]
    rows = [_alias_fields(known) for known in part_of(found, page, _SORTABLE_ALIASES, "id")]
    return collection("asset_aliases", rows, Listed(total=len(found)))


@routes.get("/assets/aliases/{asset_alias_id}", Resource.ASSET, response_model=AssetAliasResponse)
def get_asset_alias(call: Asked, asset_alias_id: Id) -> dict[str, Any]:
    """One alias."""
    with call.reading() as connection:
        aliases = view(call, connection).aliases()
    return _alias_fields(numbered(aliases, asset_alias_id, alias_number, "asset alias"))


def _alias_fields(known: Known) -> dict[str, Any]:
    return {"id": alias_number(known), "name": known.name, "group": known.group}


# --- events ------------------------------------------------------------------------------------------------------


@routes.get("/assets/events", Resource.ASSET, response_model=AssetEventCollectionResponse)
def get_asset_events(
    call: Asked,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
    asset_id: Whole = None,
    source_dag_id: str | None = None,
    source_task_id: str | None = None,
    source_run_id: str | None = None,
    source_map_index: Whole = None,
    name_pattern: str | None = None,
    name_prefix_pattern: str | None = None,
    timestamp_gte: When = None,
    timestamp_gt: When = None,
    timestamp_lte: When = None,
    timestamp_lt: When = None,
) -> dict[str, Any]:
    """What was said of assets, oldest first."""
    first, last = within(gte=timestamp_gte, gt=timestamp_gt, lte=timestamp_lte, lt=timestamp_lt)
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        seen = view(call, connection)
        about_source = (source_dag_id, source_task_id, source_run_id, source_map_index) != (None,) * 4
        if about_source and seen.dags is not None and source_dag_id not in seen.dags:
            return collection("asset_events", [], Listed(total=0))  # filters must not tell what answers do not
        wanted = reading.EventFilter(
            assets=_assets_meant(connection, seen, asset_id),
            dag_id=source_dag_id,
            task_id=source_task_id,
            run_id=source_run_id,
            map_index=source_map_index,
            name_pattern=name_pattern,
            name_prefix=name_prefix_pattern,
            first=first,
            last=last,
        )
        listed = reading.events_listed(connection, wanted, page)
        rows = _event_fields(call, connection, seen, listed.rows)
    return collection("asset_events", rows, listed)


def _assets_meant(connection: Connection, seen: View, number: int | None) -> list[tuple[str, str]] | None:
    """Of which assets events are shown; None: of all."""
    if number is None and seen.dags is None:
        return None
    assets = seen.active() if seen.dags is not None else seen.all(connection)
    return [(each.known.name, each.known.uri) for each in assets if number in (None, each.number)]


@routes.get(
    "/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents", Resource.RUN,
    response_model=AssetEventCollectionResponse,
)  # fmt: skip
def get_upstream_asset_events(call: Asked, dag_id: str, dag_run_id: str) -> dict[str, Any]:
    """What a run was made for, oldest first."""
    page = page_of(MOST_UPSTREAM, MOST_UPSTREAM)
    with call.reading() as connection:
        if queries.number_of_run(connection, dag_id, dag_run_id) is None:
            raise RunNotFound(dag_id, dag_run_id)
        listed = reading.events_listed(connection, reading.EventFilter(of_run=(dag_id, dag_run_id)), page)
        rows = _event_fields(call, connection, view(call, connection), listed.rows)
    return collection("asset_events", rows, listed)


MOST_UPSTREAM = 500
"""Events of one run that are shown, as this list has no pages; `total_entries` says how many there are."""


def _event_fields(call: Call, connection: Connection, seen: View, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    runs = reading.runs_of_events(connection, [row["number"] for row in rows], call.scope_of(READ_RUN))
    groups = seen.groups() if seen.dags is not None else {}
    return [_one_event(seen, row, runs.get(row["number"], []), groups) for row in rows]


def _one_event(
    seen: View, row: Mapping[str, Any], runs: list[dict[str, Any]], groups: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    shown = not row["dag_id"] or seen.sees(row["dag_id"])
    has_source = shown and row["dag_id"]
    return {
        "id": row["number"],
        "asset_id": number_of("asset", row["name"], row["uri"]),
        "uri": row["uri"],
        "name": row["name"],
        "group": row["asset_group"] if shown else groups.get((row["name"], row["uri"])),
        "extra": json.loads(row["extra"]) if shown else {},
        "source_task_id": row["task_id"] if has_source else None,
        "source_dag_id": row["dag_id"] if has_source else None,
        "source_run_id": row["run_id"] if has_source else None,
        "source_map_index": row["map_index"] if has_source else -1,
        "created_dagruns": [_run_reference(run) for run in runs],
        "timestamp": row["at"],
        "partition_key": row["partition_key"],
    }


def _run_reference(run: Mapping[str, Any]) -> dict[str, Any]:
    same = (
        "run_id", "dag_id", "logical_date", "start_date", "end_date", "state", "data_interval_start",
        "data_interval_end", "partition_key",
    )  # fmt: skip
    return {**{name: run[name] for name in same}, "triggering": True}


@routes.post("/assets/events", Resource.ASSET, response_model=AssetEventResponse)
def create_asset_event(call: Asked, body: CreateAssetEventsBody) -> dict[str, Any]:
    """Say that an asset was updated; Dags that wait for it get their runs."""
    access = body.access_control
    if access is not None and (access.consumer_teams or not access.allow_global):
        raise InvalidInput("access_control cannot limit an event: there are no teams here; leave it out.")
    with call.reading() as connection:
        known = view(call, connection).numbered(connection, body.asset_id).known
    told = call.command(
        "asset.event", name=known.name, uri=known.uri, group=known.group,
        extra={**body.extra, "from_rest_api": True}, partition_key=body.partition_key,
    )  # fmt: skip
    with call.reading() as connection:
        row = reading.event_numbered(connection, told["events"][0]["number"])
        return _event_fields(call, connection, view(call, connection), [row])[0]


# --- what waits for a run ----------------------------------------------------------------------------------------


@routes.get("/assets/{asset_id}/queuedEvents", Resource.ASSET, response_model=QueuedEventCollectionResponse)
def get_asset_queued_events(call: Asked, asset_id: Id, before: When = None) -> dict[str, Any]:
    """Dags that have not had a run yet for what was said of this asset."""
    with call.reading() as connection:
        asset = asset_named(call, connection, asset_id)
        rows = reading.waiting(connection, call.scope_of(READ_DAG), asset=asset, before=_us(before))
        return _queued(call, connection, rows)


@routes.delete("/assets/{asset_id}/queuedEvents", Resource.ASSET, status_code=204)
def delete_asset_queued_events(call: Asked, asset_id: Id, before: When = None) -> Response:
    """Let no run be made for it any more, by any Dag that the caller may change."""
    with call.reading() as connection:
        asset = asset_named(call, connection, asset_id)
        rows = reading.waiting(connection, call.scope_of(EDIT_DAG), asset=asset, before=_us(before))
    return _forget(call, rows, before, f"asset {asset[0]!r}")


@routes.get("/dags/{dag_id}/assets/queuedEvents", Resource.ASSET, response_model=QueuedEventCollectionResponse)
def get_dag_asset_queued_events(call: Asked, dag_id: str, before: When = None) -> dict[str, Any]:
    """Assets of which something was said that this Dag has not had a run for yet."""
    rows, _ = _waiting_for(call, READ_DAG, dag_id, None, before)
    with call.reading() as connection:
        return _queued(call, connection, rows)


@routes.delete("/dags/{dag_id}/assets/queuedEvents", Resource.ASSET, status_code=204)
def delete_dag_asset_queued_events(call: Asked, dag_id: str, before: When = None) -> Response:
    """Let this Dag have no run for any of it."""
    rows, _ = _waiting_for(call, EDIT_DAG, dag_id, None, before)
    return _forget(call, rows, before, f"Dag {dag_id!r}")


@routes.get("/dags/{dag_id}/assets/{asset_id}/queuedEvents", Resource.ASSET, response_model=QueuedEventResponse)
def get_dag_asset_queued_event(call: Asked, dag_id: str, asset_id: Id, before: When = None) -> dict[str, Any]:
    """What was said of this asset that this Dag has not had a run for yet."""
    rows, name = _waiting_for(call, READ_DAG, dag_id, asset_id, before)
    if not rows:
        raise NotFound(f"Nothing that was said of asset {name!r} waits for a run of Dag {dag_id!r}.")
    with call.reading() as connection:
        answer: dict[str, Any] = _queued(call, connection, rows)["queued_events"][0]
    return answer


@routes.delete("/dags/{dag_id}/assets/{asset_id}/queuedEvents", Resource.ASSET, status_code=204)
def delete_dag_asset_queued_event(call: Asked, dag_id: str, asset_id: Id, before: When = None) -> Response:
    """Let this Dag have no run for what was said of this asset."""
    rows, name = _waiting_for(call, EDIT_DAG, dag_id, asset_id, before)
    return _forget(call, rows, before, f"asset {name!r} and Dag {dag_id!r}")


def _waiting_for(
    call: Call, need: Need, dag_id: str, asset_id: int | None, before: Any
) -> tuple[list[dict[str, Any]], str]:
    every = dag_id == "~"
    if not every:
        call.permit(dag_id, need)
    with call.reading() as connection:
        if not every and dag_facts(connection, dag_id) is None:
            raise DagNotFound(dag_id)
        asset = asset_named(call, connection, asset_id) if asset_id is not None else None
        rows = reading.waiting(
            connection, call.scope_of(need), dag_id=None if every else dag_id, asset=asset, before=_us(before)
        )
    return rows, asset[0] if asset else ""


def _forget(call: Call, rows: list[dict[str, Any]], before: Any, whose: str) -> Response:
    if not rows:
        raise NotFound(f"Nothing waits for a run because of {whose}.")
    until = before.isoformat() if before else None
    for row in rows:
        call.command("asset.forget", dag_id=row["dag_id"], name=row["name"], uri=row["uri"], before=until)
    return Response(status_code=204)


def _queued(call: Call, connection: Connection, rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = names_of_dags(call, connection, (row["dag_id"] for row in rows))
    shown = [
        {
            "dag_id": row["dag_id"],
            "asset_id": number_of("asset", row["name"], row["uri"]),
            "created_at": row["since"],
            "dag_display_name": names[row["dag_id"]],
        }
        for row in rows
    ]
    return {"queued_events": shown, "total_entries": len(shown)}


def _us(before: Any) -> int | None:
    return within(lt=before)[1] + 1 if before else None  # type: ignore[operator]


# --- one asset ---------------------------------------------------------------------------------------------------


@routes.get("/assets/{asset_id}", Resource.ASSET, response_model=AssetResponse)
def get_asset(call: Asked, asset_id: Id) -> dict[str, Any]:
    """One asset."""
    with call.reading() as connection:
        seen = view(call, connection)
        return _asset_fields(connection, seen, [seen.numbered(connection, asset_id)])[0]
