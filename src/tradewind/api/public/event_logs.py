"""The event log: every command that was applied, with who asked for it, and what the engine noted besides.

A command's line names its kind (`run.create`, `variable.set`) and holds what was asked without what may be secret.
Lines are never changed. Whoever may see some Dags alone sees the lines about these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query

from tradewind.api.display import names_of_dags
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.values import Id, When, Whole
from tradewind.core.access import Resource
from tradewind.store.reading.event_logs import EventLogFilter, event_log_numbered, event_logs_listed
from tradewind.store.times import to_us
from tradewind.wire.events import COMMAND

routes = Routes("Event Log", prefix=f"{API}/eventLogs")


class EventLogResponse(Answer):
    """A line. `owner` is who asked for a command, and null for what the engine noted. `extra` is JSON: what was asked
    for; or which state it was `before` and is `after`, and the `reason`. `task_display_name` is null: a line may be
    older than the name that its task has now."""

    event_log_id: int
    when: Moment
    dag_id: str | None
    task_id: str | None
    run_id: str | None
    map_index: int | None
    try_number: int | None
    event: str
    logical_date: Moment | None
    owner: str | None
    extra: str | None
    dag_display_name: str | None = None
    task_display_name: str | None = None


class EventLogCollectionResponse(Answer):
    event_logs: list[EventLogResponse]
    total_entries: int


@routes.get("", Resource.EVENT_LOG, response_model=EventLogCollectionResponse)
def get_event_logs(
    call: Asked,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
    dag_id: str | None = None,
    task_id: str | None = None,
    run_id: str | None = None,
    map_index: Whole = None,
    try_number: Whole = None,
    owner: str | None = None,
    event: str | None = None,
    excluded_events: Annotated[list[str] | None, Query()] = None,
    included_events: Annotated[list[str] | None, Query()] = None,
    before: When = None,
    after: When = None,
    dag_id_pattern: str | None = None,
    task_id_pattern: str | None = None,
    run_id_pattern: str | None = None,
    owner_pattern: str | None = None,
    event_pattern: str | None = None,
    dag_id_prefix_pattern: str | None = None,
    task_id_prefix_pattern: str | None = None,
    run_id_prefix_pattern: str | None = None,
    owner_prefix_pattern: str | None = None,
    event_prefix_pattern: str | None = None,
) -> dict[str, Any]:
    """Lines, oldest first."""
    wanted = EventLogFilter(
        exact={"dag_id": dag_id, "task_id": task_id, "run_id": run_id, "owner": owner, "event": event},
        patterns={
            "dag_id": dag_id_pattern, "task_id": task_id_pattern, "run_id": run_id_pattern, "owner": owner_pattern,
            "event": event_pattern,
        },
        prefixes={
            "dag_id": dag_id_prefix_pattern, "task_id": task_id_prefix_pattern, "run_id": run_id_prefix_pattern,
            "owner": owner_prefix_pattern, "event": event_prefix_pattern,
        },
        map_index=map_index,
        try_number=try_number,
        included=included_events,
        excluded=excluded_events,
        before=to_us(before),
        after=to_us(after),
    )  # fmt: skip
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        listed = event_logs_listed(connection, call.scope, wanted, page)
        names = names_of_dags(call, connection, (row["dag_id"] for row in listed.rows))
    return collection("event_logs", [_fields(row, names) for row in listed.rows], listed)


@routes.get("/{event_log_id}", Resource.EVENT_LOG, response_model=EventLogResponse)
def get_event_log(call: Asked, event_log_id: Id) -> dict[str, Any]:
    """One line."""
    with call.reading() as connection:
        row = event_log_numbered(connection, call.scope, event_log_id)
        if row is None:
            raise NotFound(f"There is no event log {event_log_id}.")
        return _fields(row, names_of_dags(call, connection, [row["dag_id"]]))


def _fields(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    body = json.loads(row["body"])
    if row["name"] != COMMAND:
        said = {name: row[name] for name in ("before", "after", "reason") if row[name]}
        body = {**said, **body}
    return {
        "event_log_id": row["seq"],
        "when": row["at"],
        "dag_id": row["dag_id"] or None,
        "task_id": row["task_id"] or None,
        "run_id": row["run_id"] or None,
        "map_index": row["map_index"] if row["task_id"] else None,
        "try_number": row["try_number"] or None,
        "event": row["event"],
        "logical_date": row["logical_date"],
        "owner": row["owner"] or None,
        "extra": json.dumps(body) if body else None,
        "dag_display_name": names[row["dag_id"]] or None,
    }
