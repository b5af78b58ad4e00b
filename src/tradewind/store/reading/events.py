"""The event log as it grows: what came after an event, for those who are told of it."""

from __future__ import annotations

import json

from sqlalchemy import Connection, func, select

from tradewind.store import tables as t
from tradewind.wire.messages import Event


def newest_event(connection: Connection) -> int:
    """The number of the last event; 0 when there is none."""
    return int(connection.execute(select(func.max(t.event.c.seq))).scalar() or 0)


def events_after(connection: Connection, seq: int, most: int) -> list[Event]:
    """Events in their order, as the scheduler tells them."""
    query = select(t.event).where(t.event.c.seq > seq).order_by(t.event.c.seq).limit(most)
    return [
        Event(
            seq=row.seq, at_us=row.at, name=row.name, dag_id=row.dag_id, run_id=row.run_id, task_id=row.task_id,
            map_index=row.map_index, try_number=row.try_number, before=row.before, after=row.after, reason=row.reason,
            body=json.loads(row.body),
        )
        for row in connection.execute(query)
    ]  # fmt: skip
