"""Making an asset anew: a run of the one Dag that updates it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from tradewind.api.errors import NotFound
from tradewind.api.models import Body
from tradewind.api.public.assets import view
from tradewind.api.public.runs import DAGRunResponse, get_dag_run
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.values import Id, Instant
from tradewind.core.access import Action, Need, Resource
from tradewind.core.errors import InvalidInput
from tradewind.core.states import RunType

routes = Routes("Asset", prefix=f"{API}/assets/{{asset_id}}/materialize")


class MaterializeAssetBody(Body):
    dag_run_id: str | None = None
    data_interval_start: Instant | None = None
    data_interval_end: Instant | None = None
    logical_date: Instant | None = None
    run_after: Instant | None = None
    conf: dict[str, Any] | None = None
    note: Annotated[str, Field(max_length=1000)] | None = None
    partition_key: str | None = None


@routes.post("", Resource.ASSET, response_model=DAGRunResponse)
def materialize_asset(call: Asked, asset_id: Id, body: MaterializeAssetBody | None = None) -> dict[str, Any]:
    """Make a run of the Dag that has this asset among its outlets."""
    wish = body or MaterializeAssetBody()
    with call.reading() as connection:
        seen = view(call, connection)
        known = seen.numbered(connection, asset_id).known
    dags = list(filter(seen.sees, known.producing_dags))
    if not dags:
        raise NotFound(f"No task has the asset {known.name!r} among its outlets.")
    if len(dags) > 1:
        raise InvalidInput(f"Several Dags update the asset {known.name!r}: {', '.join(dags)}; make a run of one.")
    call.permit(dags[0], Need(Action.CREATE, Resource.RUN))
    moments = ("logical_date", "data_interval_start", "data_interval_end", "run_after")
    made = call.command(
        "run.create",
        dag_id=dags[0],
        run_type=RunType.ASSET_MATERIALIZATION.value,
        run_id=wish.dag_run_id,
        **{name: at.isoformat() if (at := getattr(wish, name)) else None for name in moments},
        conf=wish.conf,
        note=wish.note or None,
        partition_key=wish.partition_key,
        triggered_by="rest_api",
    )
    return get_dag_run(call, dags[0], made["run_id"])
