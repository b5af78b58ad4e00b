"""Why something waits, as one caller may know it: tasks of Dags that they may not see are counted, and not named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.models import Answer
from tradewind.core.access import Action, DagScope, Need, Resource
from tradewind.core.errors import TradewindError
from tradewind.core.reasons import received, seen_by, sent
from tradewind.store.reading.scope import ids_among

READ_TASK = Need(Action.READ, Resource.TASK)


class ReasonPart(Answer):
    """One sentence: its name in the engine's table, and the values that go into it."""

    says: str
    values: dict[str, Any]


class Reason(Answer):
    code: str
    sentence: str
    """In English."""
    parts: list[ReasonPart]
    """What the sentence says, for a reader of another language; empty where it is none of the engine's own."""


def asked_why(call: Call, dag_id: str, **of: Any) -> list[dict[str, Any]]:
    """What `explain` says of a Dag's run, or of a task in it. Raises what the scheduler refuses."""
    said = call.ask("explain", dag_id=dag_id, **of)
    scope = call.scope_of(READ_TASK)
    if scope.everything:
        return list(said)
    with call.reading() as connection:
        return as_seen(connection, scope, said)


def as_seen(connection: Connection, scope: DagScope, said: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reasons, or whatever has their `parts` and `sentence`, with nothing of Dags that are not in the scope."""
    found = [(each, received(each["parts"])) for each in said]
    named = {
        task["dag_id"]
        for _, parts in found
        for part in parts
        for value in part.values.values()
        if isinstance(value, dict) and "tasks" in value
        for task in value["tasks"]
    }
    visible = ids_among(connection, scope, named) if named else set()
    out = []
    for each, parts in found:
        seen = seen_by(parts, visible.__contains__)
        out.append({**each, "parts": sent(seen), "sentence": "".join(part.text for part in seen)})
    return out


def unknown_why(error: TradewindError) -> dict[str, Any]:
    """What is said where the scheduler does not say why."""
    return {"code": "unknown", "sentence": str(error), "parts": []}
