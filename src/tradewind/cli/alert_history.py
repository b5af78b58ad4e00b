"""The event log as a history that alert rules can be tried on, with what the log itself does not say."""

import json
from datetime import datetime

from tradewind.cli.reading import Reader, Row
from tradewind.core.alert_history import Line, completed, tagged
from tradewind.core.decisions import Record
from tradewind.store.times import from_us, to_us


def history_of(reader: Reader, first: datetime, last: datetime, dag_id: str | None = None) -> list[Line]:
    """Which tags Dags have, when they were due, and every line of the log between the moments."""
    dags = [row for row in reader.dags() if dag_id in (None, row["dag_id"])]
    upcoming = {row["dag_id"]: from_us(row["next_run_after"]) for row in dags if not row["is_paused"]}
    rows = reader.history(to_us(first), to_us(last), dag_id)
    described = [(first, tagged(row["dag_id"], _tags(row))) for row in dags]
    return described + list(completed((_line(row) for row in rows), first, upcoming))


def _line(row: Row) -> tuple[datetime, Record, datetime | None]:
    at = from_us(row["at"])
    assert at is not None
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number", "before", "after", "reason")
    event = Record(row["name"], body=json.loads(row["body"] or "{}"), **{name: row[name] for name in names})
    return at, event, from_us(row["run_after"]) if row["run_type"] == "scheduled" else None


def _tags(row: Row) -> list[str]:
    tags = row["tags"]
    found = json.loads(tags) if isinstance(tags, str) else tags
    return [str(tag) for tag in found or ()]
