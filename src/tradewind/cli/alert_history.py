"""The event log as a history that alert rules can be tried on, with what the log itself does not say."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from tradewind.cli.reading import Reader, Row
from tradewind.core.alert_watches import DUE
from tradewind.core.alerts import DESCRIBED
from tradewind.core.decisions import Record
from tradewind.store.times import from_us, to_us

if TYPE_CHECKING:
    from tradewind.observability.alerts.history import Line


def history_of(reader: Reader, first: datetime, last: datetime, dag_id: str | None = None) -> "list[Line]":
    """Which tags Dags have, when each scheduled run was due, and every line of the log between the moments."""
    dags = [row for row in reader.dags() if dag_id in (None, row["dag_id"])]
    lines: list[Line] = [(first, Record(DESCRIBED, row["dag_id"], body={"tags": _tags(row)})) for row in dags]
    for row in reader.history(to_us(first), to_us(last), dag_id):
        lines += _lines(row, first)
    for row in dags:
        due = from_us(row["next_run_after"]) if not row["is_paused"] else None
        if due is not None and due < last:
            lines.append((max(due, first), _due(row["dag_id"], due)))
    return sorted(lines, key=lambda line: line[0])  # stable: what happened at one moment stays in its order


def _lines(row: Row, first: datetime) -> "Iterator[Line]":
    at = from_us(row["at"])
    assert at is not None
    if row["run_type"] == "scheduled" and (due := from_us(row["run_after"])) is not None:
        yield max(min(due, at), first), _due(row["dag_id"], due)
    facts = {
        key: row[key] for key in ("dag_id", "run_id", "task_id", "map_index", "try_number", "before", "after", "reason")
    }
    yield at, Record(row["name"], body=json.loads(row["body"] or "{}"), **facts)


def _due(dag_id: str, at: datetime) -> Record:
    return Record(DUE, dag_id, body={"run_after": at.isoformat()})


def _tags(row: Row) -> list[str]:
    tags = row["tags"]
    found = json.loads(tags) if isinstance(tags, str) else tags
    return [str(tag) for tag in found or ()]
