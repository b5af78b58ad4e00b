"""What stays of a command that was applied: its row, which answers a repeat, and its line in the event log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tradewind.core.decisions import PutRow, Record
from tradewind.core.soundness import LONGEST_ID
from tradewind.wire.events import COMMAND

SECRET = frozenset({"password", "password_hash", "extra", "value", "conf", "params_input", "host", "login", "schema"})
"""Fields of commands whose values may be secrets, or hold some: they are left out."""

PREVIEWED = frozenset({"run.clear", "task.clear", "task.mark", "run.drop_partitions", "backfill.create"})
"""Commands that with `dry_run` only say what they would do."""


def rows_of_command(
    key: str, kind: str, body: Mapping[str, Any], actor: str, now: datetime, value: Any
) -> tuple[PutRow] | tuple[PutRow, Record]:
    """What is stored beside a command's effect, in the same commit. `value` is its answer, as plain values.

    A preview changes nothing, and has no line in the log of what people changed.
    """
    shown = {name: given for name, given in body.items() if name not in SECRET}
    row = {
        "key": key, "at": now, "actor": actor, "kind": kind, "body": shown, "state": "applied", "value": value or {},
        "error": "",
    }  # fmt: skip
    if kind in PREVIEWED and body.get("dry_run"):
        return (PutRow("command", row),)
    named = {**body, **value} if isinstance(value, Mapping) else body  # a run is named when it is made
    line = Record(
        COMMAND, _name(named, "dag_id"), _name(named, "run_id"), _name(named, "task_id"), _index(body), after=kind,
        reason=actor, body=shown,
    )  # fmt: skip
    return PutRow("command", row), line


def _name(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    return value if isinstance(value, str) and len(value) <= LONGEST_ID else ""


def _index(body: Mapping[str, Any]) -> int:
    value = body.get("map_index")
    return value if type(value) is int and -1 <= value < 2**31 else -1
