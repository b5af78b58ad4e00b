"""Histories: lines of the event log as a file of JSON lines, and the notices that rules would have given over them.

A line is an object with `at` (ISO, with its offset) and `name`; `dag_id`, `run_id`, `task_id`, `map_index`,
`try_number`, `before`, `after`, `reason` and `body` are there where they say something.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

from tradewind.core.alert_watches import moment
from tradewind.core.alerts import AlertState, Notice, Rule, advance
from tradewind.core.decisions import Record
from tradewind.core.errors import TradewindError

Line = tuple[datetime, Record]
_DEFAULTS: dict[str, Any] = {item.name: item.default for item in fields(Record) if item.name not in ("name", "body")}


class BadHistory(TradewindError):
    """A line of a history cannot be used."""

    def __init__(self, source: str, line: int, fault: str) -> None:
        super().__init__(f"{source}, line {line}: {fault}.")


def replay(rules: Iterable[Rule], history: Iterable[Line], until: datetime | None = None) -> Iterator[Notice]:
    """What people would have been told, and when. Time goes from the first line to the last, or on to `until`."""
    state: AlertState | None = None
    now = until
    for at, event in history:
        if state is None:
            state, now = AlertState(tuple(rules), at), at
        assert now is not None
        if until is not None and at > until:
            break
        now = max(now, at)  # a clock may have been set back: then it stood still
        yield from advance(state, event, now)
    if state is not None and until is not None:
        yield from advance(state, None, until)


def read_history(lines: Iterable[str], source: str) -> Iterator[Line]:
    """The lines of a file. Raises BadHistory with the number of one that cannot be used."""
    for number, text in enumerate(lines, start=1):
        if text.strip():
            try:
                yield _parsed(text)
            except ValueError as fault:
                raise BadHistory(source, number, str(fault)) from None


def _parsed(text: str) -> Line:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("this is no JSON; `tradewind alerts record` writes such files") from None
    if not isinstance(found, dict):
        raise ValueError("this is no JSON object; write one with 'at' and 'name'")
    at = moment(found.pop("at", None))
    if at is None:
        raise ValueError("'at' is no moment with an offset; write it as 2026-01-31T08:00:00+00:00")
    name, body = found.pop("name", None), found.pop("body", {})
    if not isinstance(name, str) or not name:
        raise ValueError("'name' is no text; it says what happened, such as run.moved")
    if not isinstance(body, dict):
        raise ValueError("'body' is no object")
    for key, value in found.items():
        if key not in _DEFAULTS:
            raise ValueError(f"{key!r} means nothing here; there are at, name, {', '.join(_DEFAULTS)} and body")
        kind = type(_DEFAULTS[key])
        if type(value) is not kind:
            raise ValueError(f"{key!r} is no {'text' if kind is str else 'whole number'}")
    return at, Record(name, body=body, **found)


def written(at: datetime, event: Record) -> str:
    """A line as `read_history` reads it."""
    facts: dict[str, Any] = {"at": at.isoformat(), "name": event.name}
    facts |= {key: getattr(event, key) for key, default in _DEFAULTS.items() if getattr(event, key) != default}
    if event.body:
        facts["body"] = dict(event.body)
    return json.dumps(facts, ensure_ascii=False)
