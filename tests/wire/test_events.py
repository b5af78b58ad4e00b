"""Event names stand in two places, because core may import nothing: here they are held against each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import tradewind
from tradewind.wire import events

LIVE_ONLY = {events.PROGRESS, events.WORKER_MOVED, events.FILE_PARSED}
"""Sent, never stored: what sends it imports the constant."""

SOURCES = Path(tradewind.__file__).parent
WRITERS = ("core", "scheduler", "dag_processor")
"""The packages that write the event log."""


def constants() -> set[str]:
    return {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}


def recorded() -> dict[str, str]:
    """Every name that is given to the event log, and a file where that happens."""
    found: dict[str, str] = {}
    for package in WRITERS:
        for path in sorted((SOURCES / package).rglob("*.py")):
            for call in ast.walk(ast.parse(path.read_text())):
                if isinstance(call, ast.Call) and _callee(call) in ("Record", "record_run"):
                    found.update(dict.fromkeys(_texts(call.args[0]), str(path.relative_to(SOURCES))))
                elif isinstance(call, ast.Call) and _callee(call) == "_record" and len(call.args) > 1:
                    found.update(dict.fromkeys(_texts(call.args[1]), str(path.relative_to(SOURCES))))
    return found


def _callee(call: ast.Call) -> str:
    return str(getattr(call.func, "id", None) or getattr(call.func, "attr", ""))


def _texts(argument: ast.expr) -> Iterator[str]:
    """The literals that an argument may stand for: itself, a constant's, or the two sides of a choice."""
    if isinstance(argument, ast.IfExp):
        yield from _texts(argument.body)
        yield from _texts(argument.orelse)
    elif isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.Name) and argument.id in vars(events):
        yield str(getattr(events, argument.id))


def test_every_name_that_is_recorded_is_a_constant_of_the_protocol() -> None:
    unknown = {name: file for name, file in recorded().items() if name not in constants()}
    assert unknown == {}


def test_every_constant_is_recorded_somewhere_or_live_only() -> None:
    assert constants() - set(recorded()) == LIVE_ONLY


def test_every_name_belongs_to_a_topic_and_every_topic_has_one() -> None:
    assert {name.partition(".")[0] for name in constants()} == set(events.TOPICS)
