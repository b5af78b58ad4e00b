"""The checker finds what it is there to find: every broken promise is planted once."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tradewind.testing.ledger import Dump, Entry, Expected, check

EXPECTED = Expected(runs=[("d", "r")])


def entry(phase: str, mono: float, *, attempt: str = "a1", try_number: int = 1, pid: int = 10) -> Entry:
    return Entry(1, "t", -1, try_number, 0, attempt, phase, pid, 5, mono)


def attempt(number: str = "a1", try_number: int = 1, **more: Any) -> dict[str, Any]:
    row = {"id": number, "run": 1, "task_id": "t", "map_index": -1, "try_number": try_number, "leg": 0}
    return {**row, "state": "success", "pool": "p", "pool_slots": 1, "assigned_at": 1, "ended_at": 5, **more}


def moved(seq: int, before: str, after: str) -> dict[str, Any]:
    row = {"seq": seq, "name": "task.moved", "dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
    return {**row, "before": before, "after": after, "body": "{}"}


GOOD_LINES = [entry("start", 1.0), entry("effect", 1.1), entry("end", 1.2)]
PATH = ["none", "scheduled", "queued", "running", "success"]
GOOD = Dump(
    runs=[{"number": 1, "dag_id": "d", "run_id": "r", "state": "success", "quarantine": ""}],
    tasks=[{"run": 1, "task_id": "t", "map_index": -1, "state": "success", "reason": "", "max_tries": 1}],
    attempts=[attempt()],
    events=[moved(number, *pair) for number, pair in enumerate(pairwise(PATH))],
    pools=[{"name": "p", "slots": 1}],
)


def test_a_good_run_breaks_nothing() -> None:
    assert check(GOOD_LINES, GOOD, EXPECTED) == []


def with_row(name: str, **change: Any) -> Dump:
    return replace(GOOD, **{name: [{**getattr(GOOD, name)[0], **change}]})


BREACHES: dict[str, tuple[str, Callable[[], tuple[list[Entry], Dump, Expected]]]] = {
    "a run that nobody wanted": ("I1", lambda: (GOOD_LINES, GOOD, Expected(runs=[]))),
    "a missing run": ("I1", lambda: (GOOD_LINES, GOOD, Expected(runs=[("d", "r"), ("d", "s")]))),
    "a run without end": ("I2", lambda: (GOOD_LINES, with_row("runs", state="running"), EXPECTED)),
    "a task without end": ("I2", lambda: (GOOD_LINES, with_row("tasks", state="queued"), EXPECTED)),
    "two starts": ("I3", lambda: ([entry("start", 0.9), *GOOD_LINES], GOOD, EXPECTED)),
    "an end without start": ("I3", lambda: (GOOD_LINES[1:], GOOD, EXPECTED)),
    "two processes": ("I3", lambda: ([*GOOD_LINES, entry("effect", 1.3, pid=11)], GOOD, EXPECTED)),
    "a start that was never assigned": (
        "I4",
        lambda: ([*GOOD_LINES, entry("start", 2.0, attempt="a2", try_number=2)], GOOD, EXPECTED),
    ),
    "a start that was given back": ("I4", lambda: (GOOD_LINES, with_row("attempts", state="not_started"), EXPECTED)),
    "a success without start": ("I4", lambda: ([], GOOD, EXPECTED)),
    "too many tries": (
        "I4",
        lambda: (
            GOOD_LINES,
            replace(GOOD, attempts=[attempt(), *(attempt(f"b{n}", n, state="lost") for n in (2, 3))]),
            EXPECTED,
        ),
    ),
    "an overlap": (
        "I5",
        lambda: (
            [*GOOD_LINES, entry("start", 1.15, attempt="a2", try_number=2)],
            replace(GOOD, attempts=[attempt(), attempt("a2", 2, state="lost")]),
            EXPECTED,
        ),
    ),
    "a success without end": ("I6", lambda: (GOOD_LINES[:2], GOOD, EXPECTED)),
    "lost work": ("I6", lambda: (GOOD_LINES, with_row("attempts", state="lost"), EXPECTED)),
    "a wrong state": ("I7", lambda: (GOOD_LINES, with_row("tasks", state="failed"), EXPECTED)),
    "a slot not given back": ("I8", lambda: (GOOD_LINES, with_row("attempts", state="running"), EXPECTED)),
    "an overdrawn pool": (
        "I8",
        lambda: (GOOD_LINES, replace(GOOD, attempts=[attempt(), attempt("a2", 2, assigned_at=4)]), EXPECTED),
    ),
    "an illegal move": ("I9", lambda: (GOOD_LINES, replace(GOOD, events=[moved(1, "skipped", "running")]), EXPECTED)),
    "a gap in the history": ("I9", lambda: (GOOD_LINES, replace(GOOD, events=GOOD.events[::2]), EXPECTED)),
    "numbers that go back": ("I9", lambda: (GOOD_LINES, replace(GOOD, events=GOOD.events[::-1]), EXPECTED)),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_found(breach: str) -> None:
    number, make = BREACHES[breach]
    assert [found for found in check(*make()) if found.startswith(number)]
