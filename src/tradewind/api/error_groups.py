"""Failures that are one trouble: errors whose first lines differ in numbers, ids and addresses alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_CHARACTERS = 300
"""Of an error's first line that are shown and compared."""

_VARYING = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "#"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "#"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b", re.IGNORECASE), "#"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "#"),
)


@dataclass(slots=True)
class Group:
    """Task instances that failed of one cause, those of the newest run first."""

    error: str
    tasks: list[Mapping[str, Any]] = field(default_factory=list)
    dag_ids: dict[str, int] = field(default_factory=dict)
    """How many of them are in each Dag."""


def first_line(reason: str) -> str:
    """The line of an error that says what went wrong: its first one that is not empty."""
    line = next((line.strip() for line in reason.splitlines() if line.strip()), "")
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}…"


def fingerprint(reason: str) -> str:
    """What errors of one cause have in common."""
    text = first_line(reason)
    for pattern, mark in _VARYING:
        text = pattern.sub(mark, text)
    return text


def grouped(tasks: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Tasks (with `dag_id` and `reason`) by what went wrong; the cause that most of them have comes first."""
    groups: dict[str, Group] = {}
    for task in tasks:
        group = groups.setdefault(fingerprint(task["reason"]), Group(first_line(task["reason"])))
        group.tasks.append(task)
        group.dag_ids[task["dag_id"]] = group.dag_ids.get(task["dag_id"], 0) + 1
    return sorted(groups.values(), key=lambda group: (-len(group.dag_ids), -len(group.tasks), group.error))
