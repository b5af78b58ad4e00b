"""Tags, counts of runs and warnings, over all Dags that the caller may see; and having a Dag file read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Path, Query

from tradewind.api.call import Call, NotPermitted
from tradewind.api.display import display_names
from tradewind.api.errors import NotFound
from tradewind.api.models import MOST_ROWS, Answer, Limit, Moment, Offset, OrderBy
from tradewind.api.public.dag_shapes import file_token
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Action, DagFacts, Need, Resource
from tradewind.core.errors import InvalidInput
from tradewind.core.states import RunState
from tradewind.store.reading.assets import dag_ids_in
from tradewind.store.reading.dag_facts import dags_with_dates, pools_known, run_counts, tags_used
from tradewind.store.reading.dags import dag_files, dags_of_file, token_key
from tradewind.store.reading.filters import like_matches, starts_matches

routes = Routes("DAG", prefix=API)
stats = Routes("DagStats", prefix=API)
warnings = Routes("DagWarning", prefix=API)
parsing = Routes("DAG Parsing", prefix=API)


class DAGTagCollectionResponse(Answer):
    tags: list[str]
    total_entries: int


@routes.get("/dagTags", Resource.DAG, response_model=DAGTagCollectionResponse)
def get_dag_tags(
    call: Asked,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
    tag_name_pattern: str | None = None,
    tag_name_prefix_pattern: str | None = None,
) -> dict[str, Any]:
    """Every tag that a Dag has."""
    with call.reading() as connection:
        tags = tags_used(connection, call.scope)
    pattern, prefix = tag_name_pattern or "", tag_name_prefix_pattern or ""
    found = sorted(tag for tag in tags if like_matches(pattern, tag) and starts_matches(prefix, tag))
    for name in reversed(order_by or ()):
        if name.removeprefix("-") != "name":
            raise InvalidInput(f"order_by {name[:60]!r} is unknown; choose name.")
        found.sort(reverse=name.startswith("-"))
    return {"tags": _page(call, found, limit, offset), "total_entries": len(found)}


class DagStatsStateResponse(Answer):
    state: RunState
    count: int


class DagStatsResponse(Answer):
    dag_id: str
    dag_display_name: str
    stats: list[DagStatsStateResponse]


class DagStatsCollectionResponse(Answer):
    dags: list[DagStatsResponse]
    total_entries: int


@stats.get("/dagStats", Resource.RUN, response_model=DagStatsCollectionResponse)
def get_dag_stats(
    call: Asked,
    dag_ids: Annotated[list[str], Query(max_length=1000)] = [],  # noqa: B006
) -> dict[str, Any]:
    """How many runs each Dag has in each state; of these Dags, or of all that some file defines."""
    with call.reading() as connection:
        counts = run_counts(connection, call.scope, dag_ids)
        names = display_names(call, connection, ((dag_id, version) for dag_id, version, _ in counts))
    found = [
        {
            "dag_id": dag_id,
            "dag_display_name": names[dag_id],
            "stats": [{"state": state, "count": by_state.get(state, 0)} for state in RunState],
        }
        for dag_id, _, by_state in counts
    ]
    return {"dags": found, "total_entries": len(found)}


class DagWarningType(StrEnum):
    ASSET_CONFLICT = "asset conflict"
    NON_EXISTENT_POOL = "non-existent pool"
    RUNTIME_VARYING_VALUE = "runtime varying value"


class DAGWarningResponse(Answer):
    """What an author should look at. Tradewind finds pools that there are not; the other kinds never occur."""

    dag_id: str
    warning_type: DagWarningType
    message: str
    timestamp: Moment
    dag_display_name: str


class DAGWarningCollectionResponse(Answer):
    dag_warnings: list[DAGWarningResponse]
    total_entries: int


_WARNING_ORDER: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    name: lambda warning, name=name: warning[name]  # type: ignore[misc]
    for name in ("dag_id", "warning_type", "message", "timestamp")
}


@warnings.get("/dagWarnings", Resource.DAG, response_model=DAGWarningCollectionResponse)
def list_dag_warnings(
    call: Asked,
    dag_id: str | None = None,
    warning_type: DagWarningType | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
) -> dict[str, Any]:
    """Pools that tasks name and that there are not, Dag by Dag; `timestamp` is when the Dag's file was last read."""
    with call.reading() as connection:
        dags = dags_with_dates(connection, call.scope, dag_id)
        traits = call.installation.traits.of(connection, {row["version"] for row in dags})
        known = pools_known(connection) | {"default_pool"}
    found = [
        {
            "dag_id": row["dag_id"],
            "warning_type": DagWarningType.NON_EXISTENT_POOL.value,
            "message": _warning(missing),
            "timestamp": row["at"],
            "dag_display_name": traits[row["version"]].display_name or row["dag_id"],
        }
        for row in dags
        if (missing := sorted(traits[row["version"]].pools - known))
    ]
    if warning_type is not None:
        found = [warning for warning in found if warning["warning_type"] == warning_type]
    for name in reversed(order_by or ()):
        bare = name.removeprefix("-")
        if bare not in _WARNING_ORDER:
            raise InvalidInput(f"order_by {bare[:60]!r} is unknown; choose {', '.join(sorted(_WARNING_ORDER))}.")
        found.sort(key=_WARNING_ORDER[bare], reverse=name.startswith("-"))
    return {"dag_warnings": _page(call, found, limit, offset), "total_entries": len(found)}


NO_FILE = "There is no Dag file of this token; take the file_token of a Dag."


@parsing.put("/parseDagFile/{file_token}", Resource.DAG, Action.EDIT, status_code=201)
def reparse_dag_file(call: Asked, file_token: Annotated[str, Path(max_length=200)]) -> None:
    """Have a Dag file read again; the token is that of a Dag in it."""
    file, dags = file_named(call, file_token)
    with call.reading() as connection:
        may = None if call.scope.everything else dag_ids_in(connection, call.scope)
    if may is not None and not may.issuperset(dags):
        raise NotPermitted(call.need)  # without a word about whose Dags the others are
    call.command("dag.reparse", file=file)


def file_named(call: Call, token: str) -> tuple[str, list[str]]:
    """The Dag file of a token, and the Dags in it, of which the caller sees one at least. Raises NotFound; a file
    without any Dag is for those who may see all that lies beside it."""
    scope = call.scope_of(Need(Action.READ, Resource.DAG))
    with call.reading() as connection:
        key = token_key(connection)
        file = next((file for file in dag_files(connection) if _token(key, file) == token), None)
        dags = dags_of_file(connection, file) if file is not None else []
        sees = None if scope.everything else dag_ids_in(connection, scope)
    if file is None or (dags and sees is not None and sees.isdisjoint(dags)):
        raise NotFound(NO_FILE)
    if not dags and not call.scope.holds(DagFacts("", file=file)):
        raise NotFound(NO_FILE)
    return file, dags


_token = file_token


def _warning(pools: list[str]) -> str:
    if len(pools) == 1:
        return f"Tasks use pool {pools[0]!r}, which does not exist; create it, or choose another."
    return f"Tasks use the pools {', '.join(map(repr, pools))}, which do not exist; create them, or choose others."


def _page(call: Call, found: list[Any], limit: int, offset: int) -> list[Any]:
    return found[offset : offset + min(limit, call.settings.api.maximum_page_limit, MOST_ROWS)]
