"""Dags: listing, looking, pausing, deleting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import Query
from sqlalchemy import Connection

from tradewind.api.bounds import moments
from tradewind.api.call import Call
from tradewind.api.errors import Conflict
from tradewind.api.models import Body, Limit, Offset, OrderBy, collection, page_of
from tradewind.api.public.dag_shapes import (
    DAGCollectionResponse,
    DAGDetailsResponse,
    DAGResponse,
    dags_as_answers,
    params_shown,
)
from tradewind.api.public.versions import BUNDLE, version_fields
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Action, Need, Resource
from tradewind.core.errors import DagNotFound, InvalidInput
from tradewind.core.states import RunState
from tradewind.store.paging import Page
from tradewind.store.reading.dags import DagFilter, dag_named, dag_versions_matching, dags_listed, is_favorite
from tradewind.store.reading.filters import like_matches, starts_matches
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.runs import open_runs
from tradewind.store.reading.traits import Traits
from tradewind.store.reading.versions import versions_by_id

routes = Routes("DAG", prefix=f"{API}/dags")

Texts = Annotated[list[str], Query(max_length=100)]
StateAsked = Literal["queued", "running", "success", "failed"]


class DAGPatchBody(Body):
    is_paused: bool


@routes.get("", Resource.DAG, response_model=DAGCollectionResponse, packed=True)
def get_dags(
    call: Asked,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
    tags: Texts = [],  # noqa: B006
    tags_match_mode: Literal["any", "all"] | None = None,
    owners: Texts = [],  # noqa: B006
    dag_id_pattern: str | None = None,
    dag_id_prefix_pattern: str | None = None,
    dag_display_name_pattern: str | None = None,
    dag_display_name_prefix_pattern: str | None = None,
    exclude_stale: bool = True,
    paused: bool | None = None,
    has_import_errors: bool | None = None,
    last_dag_run_state: RunState | None = None,
    bundle_name: Annotated[str | None, Query(description="There is one bundle, dags-folder.")] = None,
    bundle_version: Annotated[str | None, Query(description="Nothing here has one.")] = None,
    has_asset_schedule: bool | None = None,
    asset_dependency: str | None = None,
    dag_run_start_date: Bounds = moments("dag_run_start_date"),
    dag_run_end_date: Bounds = moments("dag_run_end_date"),
    dag_run_state: Annotated[list[StateAsked], Query()] = [],  # noqa: B006
    is_favorite: bool | None = None,
    timetable_type: Texts = [],  # noqa: B006
) -> dict[str, Any]:
    """The Dags that the caller may see. What is asked of runs is asked of the one that each Dag had made last."""
    states: set[str] = set(dag_run_state)
    if last_dag_run_state is not None:
        states = states & {last_dag_run_state} if states else {last_dag_run_state}
    wanted = DagFilter(
        dag_id_pattern=dag_id_pattern,
        dag_id_prefix=dag_id_prefix_pattern,
        tags=tags,
        every_tag=tags_match_mode == "all",
        owners=owners,
        paused=paused,
        stale=False if exclude_stale else None,
        has_import_errors=has_import_errors,
        last_states=sorted(states),
        last_start=dag_run_start_date,
        last_end=dag_run_end_date,
        favorite=is_favorite,
        whose=call.caller.name,
        nothing=bundle_name not in (None, BUNDLE)
        or bundle_version is not None
        or (bool(dag_run_state) and last_dag_run_state is not None and not states),
    )
    sought = _sought(
        dag_display_name_pattern, dag_display_name_prefix_pattern, has_asset_schedule, asset_dependency, timetable_type
    )
    return _listed(call, wanted, page_of(call.settings.api.maximum_page_limit, limit, offset, order_by), sought)


@routes.patch("", Resource.DAG, response_model=DAGCollectionResponse)
def patch_dags(
    call: Asked,
    body: DAGPatchBody,
    update_mask: Annotated[list[str] | None, Query()] = None,
    limit: Limit = 50,
    offset: Offset = 0,
    tags: Texts = [],  # noqa: B006
    tags_match_mode: Literal["any", "all"] | None = None,
    owners: Texts = [],  # noqa: B006
    dag_id_pattern: str | None = None,
    dag_id_prefix_pattern: str | None = None,
    exclude_stale: bool = True,
    paused: bool | None = None,
) -> dict[str, Any]:
    """Pause the Dags that are asked for, or let them go on; those of one page, as GET lists them."""
    _check_mask(update_mask)
    wanted = DagFilter(
        dag_id_pattern=dag_id_pattern,
        dag_id_prefix=dag_id_prefix_pattern,
        tags=tags,
        every_tag=tags_match_mode == "all",
        owners=owners,
        paused=paused,
        stale=False if exclude_stale else None,
    )
    page = page_of(call.settings.api.maximum_page_limit, limit, offset)
    with call.reading() as connection:
        found = dags_listed(connection, call.scope, wanted, page)
    ids = [row["dag_id"] for row in found.rows]
    for dag_id in ids:
        _set_paused(call, dag_id, paused=body.is_paused)
    with call.reading() as connection:
        rows = dags_listed(connection, call.scope, DagFilter(ids=ids, stale=None), Page(limit=len(ids))).rows
        return {"dags": dags_as_answers(call, connection, rows), "total_entries": found.total}


@routes.get("/{dag_id}", Resource.DAG, response_model=DAGResponse)
def get_dag(call: Asked, dag_id: str) -> dict[str, Any]:
    """One Dag."""
    with call.reading() as connection:
        row = dag_named(connection, dag_id)
        if row is None:
            raise DagNotFound(dag_id)
        return dags_as_answers(call, connection, [row])[0]


@routes.get("/{dag_id}/details", Resource.DAG, response_model=DAGDetailsResponse)
def get_dag_details(call: Asked, dag_id: str) -> dict[str, Any]:
    """One Dag, with what its newest version says."""
    with call.reading() as connection:
        row = dag_named(connection, dag_id)
        if row is None:
            raise DagNotFound(dag_id)
        spec = call.spec(connection, row["version"])
        version = versions_by_id(connection, [row["version"]]).get(row["version"])
        shown = spec.display_name or dag_id
        timeout = spec.dagrun_timeout_seconds
        return {
            **dags_as_answers(call, connection, [row])[0],
            "catchup": spec.catchup,
            "dag_run_timeout": None if timeout is None else timedelta(seconds=timeout),
            "asset_expression": dict(spec.assets) or None,
            "doc_md": spec.doc_md,
            "start_date": spec.start_date,
            "end_date": spec.end_date,
            "is_paused_upon_creation": spec.is_paused_upon_creation,
            "params": params_shown(spec.params) or None,
            "render_template_as_native_obj": spec.render_template_as_native_obj,
            "timezone": spec.timetable.timezone,
            "last_parsed": row["parsed_at"],
            "owner_links": dict(spec.owner_links) or None,
            "is_favorite": is_favorite(connection, call.caller.name, dag_id),
            "active_runs_count": open_runs(connection, dag_id),
            "concurrency": row["max_active_tasks"],
            "latest_dag_version": version_fields(version, shown) if version else None,
        }


@routes.patch("/{dag_id}", Resource.DAG, response_model=DAGResponse)
def patch_dag(
    call: Asked, dag_id: str, body: DAGPatchBody, update_mask: Annotated[list[str] | None, Query()] = None
) -> dict[str, Any]:
    """Pause it, or let it go on."""
    _check_mask(update_mask)
    _set_paused(call, dag_id, paused=body.is_paused)
    return get_dag(call, dag_id)


@routes.delete("/{dag_id}", Resource.DAG)
def delete_dag(call: Asked, dag_id: str) -> dict[str, Any]:
    """Delete a Dag with all its runs. It comes back, without them, while its file still defines it."""
    call.command("dag.delete", dag_id=dag_id)
    return {}


@routes.post("/{dag_id}/favorite", Resource.OWN, status_code=204)
def favorite_dag(call: Asked, dag_id: str) -> None:
    """Put a Dag among one's favourites; one that is there stays there."""
    _check_visible(call, dag_id)
    call.command("favorite.set", dag_id=dag_id)


@routes.post("/{dag_id}/unfavorite", Resource.OWN, status_code=204)
def unfavorite_dag(call: Asked, dag_id: str) -> None:
    """Take a Dag from one's favourites."""
    _check_visible(call, dag_id)
    with call.reading() as connection:
        if not is_favorite(connection, call.caller.name, dag_id):
            raise Conflict(f"Dag {dag_id!r} is not among your favourites.")
    call.command("favorite.delete", dag_id=dag_id)


# --- what is shared ---


Sought = Callable[[str, Traits], bool]
"""Whether a Dag of this id, with these traits, is looked for."""


def _listed(call: Call, wanted: DagFilter, page: Page, sought: Sequence[Sought]) -> dict[str, Any]:
    with call.reading() as connection:
        if sought:
            wanted = replace(wanted, ids=_found(call, connection, wanted, sought))
        listed = dags_listed(connection, call.scope, wanted, page)
        return collection("dags", dags_as_answers(call, connection, listed.rows), listed)


def _found(call: Call, connection: Connection, wanted: DagFilter, sought: Sequence[Sought]) -> list[str]:
    """The ids of the Dags that have what only their versions know of."""
    versions = dag_versions_matching(connection, call.scope, wanted)
    traits = call.installation.traits.of(connection, {version for _, version in versions})
    return [
        dag_id for dag_id, version in versions if all(is_sought(dag_id, traits[version]) for is_sought in sought)
    ]  # fmt: skip


def _sought(
    names: str | None, name_prefix: str | None, has_assets: bool | None, asset: str | None, timetables: Iterable[str]
) -> list[Sought]:
    """What is looked for beyond what the Dags' rows say."""
    found: list[Sought] = []
    if names:
        found.append(lambda dag_id, traits: like_matches(names, traits.display_name or dag_id))
    if name_prefix:
        found.append(lambda dag_id, traits: starts_matches(name_prefix, traits.display_name or dag_id))
    if has_assets is not None:
        found.append(lambda _, traits: bool(traits.waits_for) is has_assets)
    if asset:
        found.append(lambda _, traits: any(like_matches(asset, text) for pair in traits.waits_for for text in pair))
    if wanted := {name.rpartition(".")[2] for name in timetables}:
        found.append(lambda _, traits: traits.timetable.rpartition(".")[2] in wanted)
    return found


def _set_paused(call: Call, dag_id: str, *, paused: bool) -> None:
    call.command("dag.pause" if paused else "dag.unpause", dag_id=dag_id)


def _check_mask(update_mask: list[str] | None) -> None:
    if update_mask is not None and update_mask != ["is_paused"]:
        raise InvalidInput(f"update_mask {', '.join(update_mask)[:60]!r}: of a Dag only is_paused can be changed.")


def _check_visible(call: Call, dag_id: str) -> None:
    call.permit(dag_id, Need(Action.READ, Resource.DAG))
    with call.reading() as connection:
        if dag_named(connection, dag_id) is None:
            raise DagNotFound(dag_id)
