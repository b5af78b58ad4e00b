"""Versions of Dags, and the source that each was read from."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Path, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from tradewind.api.call import Call, NotPermitted
from tradewind.api.display import display_names
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Limit, Offset, OrderBy, page_of
from tradewind.api.public.versions import BUNDLE, DagVersionResponse, version_fields
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Resource
from tradewind.core.errors import DagNotFound
from tradewind.store.paging import Row
from tradewind.store.reading.dags import dag_named, dags_of_file
from tradewind.store.reading.scope import ids_among
from tradewind.store.reading.versions import source_text, version_named, versions_listed

routes = Routes("DagVersion", prefix=API)

Number = Annotated[int, Path(ge=0, le=2**31 - 1)]
NumberAsked = Annotated[int | None, Query(ge=0, le=2**31 - 1)]


class DAGVersionCollectionResponse(Answer):
    dag_versions: list[DagVersionResponse]
    total_entries: int


NOT_ALL_OF_IT = "This file defines other Dags as well, and its code is for those who may read that of all of them."
"""It does not say which these are."""


class DAGSourceResponse(Answer):
    content: str | None
    dag_id: str
    version_number: int | None
    dag_display_name: str


@routes.get("/dags/{dag_id}/dagVersions", Resource.DAG, response_model=DAGVersionCollectionResponse)
def get_dag_versions(
    call: Asked,
    dag_id: str,
    limit: Limit = 50,
    offset: Offset = 0,
    version_number: NumberAsked = None,
    bundle_name: Annotated[str | None, Query(description="There is one bundle, dags-folder.")] = None,
    bundle_version: Annotated[str | None, Query(description="Nothing here has one.")] = None,
    order_by: OrderBy = None,
) -> dict[str, Any]:
    """The versions of a Dag, or with `~` those of all Dags that the caller may see; `id` is in order of time."""
    one = None if dag_id == "~" else dag_id
    by_time = [{"id": "created_at", "-id": "-created_at"}.get(name, name) for name in order_by or ()]
    with call.reading() as connection:
        if one is not None and dag_named(connection, one) is None:
            raise DagNotFound(one)
        listed = versions_listed(
            connection, call.scope, page_of(call.settings.api.maximum_page_limit, limit, offset, by_time),
            dag_id=one, number=version_number,
            nothing=bundle_name not in (None, BUNDLE) or bundle_version is not None,
        )  # fmt: skip
        names = display_names(call, connection, ((row["dag_id"], row["dag_version_now"]) for row in listed.rows))
        rows = [version_fields(row, names[row["dag_id"]]) for row in listed.rows]
    return {"dag_versions": rows, "total_entries": listed.total}


@routes.get("/dags/{dag_id}/dagVersions/{version_number}", Resource.DAG, response_model=DagVersionResponse)
def get_dag_version(call: Asked, dag_id: str, version_number: Number) -> dict[str, Any]:
    """One version."""
    row, shown = _version(call, dag_id, version_number)
    return version_fields(row, shown)


@routes.get(
    "/dagSources/{dag_id}",
    Resource.CODE,
    response_model=DAGSourceResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 406: {}},
)
def get_dag_source(
    call: Asked, dag_id: str, version_number: NumberAsked = None, accept: Annotated[str, Header()] = "*/*"
) -> Response:
    """The Dag file that a version was read from, as text or in JSON; the newest version unless one is named. It is for
    those who may read the code of every Dag that the file defines."""
    wanted = _wanted(accept)
    if wanted is None:
        return JSONResponse({"detail": "A source is sent as application/json or text/plain; accept one of these."}, 406)
    row, shown = _version(call, dag_id, version_number)
    permit_all_of_file(call, dag_id)
    with call.reading() as connection:
        text = source_text(connection, row["source"])
    if text is None:
        raise NotFound(f"The source of version {row['number']} of Dag {dag_id!r} is not kept.")
    if wanted == "text/plain":
        return PlainTextResponse(text)
    body = {"content": text, "dag_id": dag_id, "version_number": row["number"], "dag_display_name": shown}
    return JSONResponse(body)


def permit_all_of_file(call: Call, dag_id: str) -> None:
    """Raises NotPermitted where the file of a Dag defines one, or did, that the caller may not do this to."""
    if call.scope.everything:
        return
    with call.reading() as connection:
        dag = dag_named(connection, dag_id)
        beside = dags_of_file(connection, dag["file"]) if dag is not None else []
        if len(ids_among(connection, call.scope, beside)) < len(beside):
            raise NotPermitted(call.need, NOT_ALL_OF_IT)


def _version(call: Call, dag_id: str, number: int | None) -> tuple[Row, str]:
    with call.reading() as connection:
        dag, row = dag_named(connection, dag_id), version_named(connection, dag_id, number)
        if dag is None:
            raise DagNotFound(dag_id)
        if row is None:
            raise NotFound(f"Dag {dag_id!r} has no version {number}; GET its dagVersions for those that there are.")
        return row, display_names(call, connection, [(dag_id, dag["version"])])[dag_id]


def _wanted(accept: str) -> str | None:
    """What of an Accept header can be sent; JSON where that is as welcome as text."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (text.strip().lower() for text in part.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        weights[kind] = float(weight) if weight.replace(".", "", 1).isdecimal() and weight.isascii() else 0.0

    def of(kind: str) -> float:
        return next((weights[name] for name in (kind, f"{kind.partition('/')[0]}/*", "*/*") if name in weights), 0.0)

    best = max(("application/json", "text/plain"), key=of)
    return best if of(best) > 0 else None
