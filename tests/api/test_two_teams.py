"""S02, S03, S04, S18, S19: whatever a member of one team asks, nothing of another team's is seen or changed.

Each request is made in two installations that are alike: in one with the other team's names, in its twin with names
that nobody has. The answers must be the same but for the names that were asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from odd_requests import ALIKE, NAMES, NUMBERS, Drawn, Operation, drawn, operations
from two_teams import (
    CANARY,
    MINE,
    NOBODYS,
    SCOPES,
    THEIRS,
    Belongings,
    Names,
    belongings,
    member,
    names_of,
    nobodys_names,
    two_teams,
)

from tradewind.testing.api_stage import ApiStage

ENDLESS = ("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait", "/ui/stream")
"""Waits for what may never come."""
NOW = re.compile(
    r'20(2[5-9]|[3-9]\d)-[-:.\dT]+(Z|\+00:00)|"(now|until|fresh_until)":\d{16}|"chart":{"start":\d{16}|"start":\d{16},"step"'
    r'|"machine":{[^{}]*}'
)
"""Moments of the machine's own clock; the installations' one stands still in 2024."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two installations that are alike."""

    asked: ApiStage
    twin: ApiStage
    mine: Names
    theirs: Names
    nobodys: Names
    before: Belongings

    def be(self, scope: str) -> None:
        for stage in (self.asked, self.twin):
            stage.gate.be("kim", member(SCOPES[scope]))
            stage.client.headers["authorization"] = "Bearer kim"  # who shows nothing has what this machine may have

    def check(self, request: Drawn) -> int:
        """Make a request; neither answer may give anything of theirs away. Says their status."""
        one = self.asked.client.request(**request.made(self.theirs, self.mine), follow_redirects=False)
        other = self.twin.client.request(**request.made(self.nobodys, self.mine), follow_redirects=False)
        shown, wanted = _calm(self.asked, self._as_nobody(one.text)), _calm(self.twin, other.text)
        differs = next((n for n, (a, b) in enumerate(zip(shown, wanted, strict=False)) if a != b), 0)
        story = (
            f"{request}\n{one.status_code} {shown[max(0, differs - 300) : differs + 700]}\n"
            f"{other.status_code} {wanted[max(0, differs - 300) : differs + 700]}"
        )
        assert one.status_code < 500, f"it broke: {story}"
        assert not CANARY.search(other.text), f"something of theirs is shown: {story}"
        is_same = one.status_code == other.status_code and shown == wanted
        assert is_same, f"it shows whether there is such a thing: {story}"
        return one.status_code

    def _as_nobody(self, text: str) -> str:
        """An answer with nobody's names for theirs."""
        text = text.replace(THEIRS, NOBODYS)
        for kind, number in self.theirs.numbers.items():
            is_short = len(str(number)) < 4  # it may stand for something else, but not where it is said to be missing
            place = (
                rf"(?<=There is no backfill ){number}\b|(?<=There is no event log ){number}\b"
                if is_short
                else str(number)
            )
            text = re.sub(place, str(self.nobodys.numbers[kind]), text)
        return text

    def check_unchanged(self) -> None:
        """Nothing of theirs has gone, changed or come. One's own texts may say whatever one likes."""
        after = belongings(self.asked)
        for table, rows in self.before.said.items():
            gone, new = sorted(rows - after.said[table]), sorted(after.owned[table] - self.before.owned[table])
            assert not gone, f"{table}: {gone[:3]} became {new[:3]}"
            assert not new, f"{table}: {new[:3]} is new"


def _calm(stage: ApiStage, text: str) -> str:
    """Without what differs between installations that are alike."""
    return NOW.sub("now", text.replace(str(stage.app.state.installation.settings.home), "home"))


@contextmanager
def pair(folder: Path, migrated: Path) -> Iterator[Pair]:
    with ExitStack() as opened:
        asked, twin = (opened.enter_context(two_teams(folder / name, migrated)) for name in ("asked", "twin"))
        theirs = names_of(asked, THEIRS)
        yield Pair(asked, twin, names_of(asked, MINE), theirs, nobodys_names(theirs), belongings(asked))


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Pair]:
    """For what changes nothing."""
    with pair(tmp_path_factory.mktemp("reading"), migrated) as both:
        yield both


def document_of(both: Pair) -> dict[str, Any]:
    found: dict[str, Any] = both.asked.app.openapi()
    return found


# --- the worlds are worth looking at -----------------------------------------------------------------------------


UNTOLD = {
    "account", "alert_rule", "callback", "component", "login_limit", "owner", "partition_queue", "role",
    "runtime", "session", "worker",
}  # fmt: skip
"""What no route of these shows that a member of a team may call, or what is nobody's in particular."""


def test_there_is_something_in_every_table(reading: Pair) -> None:
    """What is nowhere would prove nothing."""
    assert {table for table, rows in reading.before.said.items() if not rows} == UNTOLD


@pytest.mark.parametrize("scope", SCOPES)
def test_one_sees_what_is_ones_own(reading: Pair, scope: str) -> None:
    reading.be(scope)
    for path in ("/dags", "/dags/~/dagRuns", "/dags/~/dagRuns/~/taskInstances", "/assets", "/eventLogs"):
        answer = reading.asked.client.get(f"/api/v2{path}")
        assert MINE in answer.text, path


# --- looking ---------------------------------------------------------------------------------------------------------

PLACES = {
    "dag_id": f"{THEIRS}_dag", "dag_run_id": f"{THEIRS}_run", "task_id": f"{THEIRS}_first", "map_index": "-1",
    "try_number": "1", "task_try_number": "1", "version_number": "1", "xcom_key": f"{THEIRS}_key",
    "key": f"{THEIRS}_state", "group_id": f"{THEIRS}_first",
}  # fmt: skip


KINDS = {*NUMBERS, "file_token"}


def looks(operation: Operation) -> set[str]:
    """Paths of a route: everything one's own, everything theirs, everything meant, and each of these but for one id."""
    names = operation.names
    own = {name: theirs_of(name).replace(THEIRS, MINE).replace("<", "<mine:") for name in names}
    theirs = {name: theirs_of(name) for name in names}
    every = {name: "~" if name in ("dag_id", "dag_run_id") else theirs[name] for name in names}
    ways = [{**most, name: other[name]} for most in (own, theirs, every) for other in (own, theirs, every)
            for name in names]  # fmt: skip
    return {_filled(operation.path, way) for way in ways} or {operation.path}


def theirs_of(name: str) -> str:
    return PLACES.get(name) or (f"<{name}>" if name in KINDS else f"{THEIRS}_{name}")


def _filled(path: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        path = path.replace("{" + name + "}", value)
    return path


@pytest.mark.parametrize(
    "scope", ["by tag", *(pytest.param(name, marks=pytest.mark.heavy) for name in SCOPES if name != "by tag")]
)
def test_looking_at_any_place_shows_nothing_of_theirs(reading: Pair, scope: str) -> None:
    reading.be(scope)
    seen = []
    for operation in operations(document_of(reading)):
        if operation.method == "GET":
            needed = [
                (each["name"], f"{THEIRS}_dag" if each["name"] == "dag_id" else "1")
                for each in operation.described.get("parameters", ())
                if each["in"] == "query" and each.get("required")
            ]
            for path in sorted(looks(operation)):
                if operation.path not in ENDLESS or THEIRS in path:
                    seen.append(reading.check(Drawn("GET", path, tuple(needed), None)))
    assert seen.count(200) > 60


def test_no_filter_and_no_order_shows_what_is_not_listed(reading: Pair) -> None:
    """Each alone, where all Dags are looked at; a filter that finds nothing must not be told from one that may not."""
    reading.be("by tag")
    for operation in operations(document_of(reading)):
        path = operation.path.replace("{dag_id}", "~").replace("{dag_run_id}", "~")
        if operation.method != "GET" or "{" in path or operation.path in ENDLESS:
            continue
        for each in operation.described.get("parameters", ()):
            if each["in"] == "query" and "'string'" in str(each["schema"]):
                known = NAMES.get(ALIKE.get(each["name"], each["name"]), ("dag",))
                for text in (f"{THEIRS}_{known[0].strip()}", f"{THEIRS}%"):
                    reading.check(Drawn("GET", path, ((each["name"], text),), None))


# --- asking for anything ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Pair]:
    """For what changes one's own things."""
    with pair(tmp_path_factory.mktemp("changing"), migrated) as both:
        yield both


def ask_for_anything(both: Pair, seed: int) -> None:
    random, document = Random(seed), document_of(both)
    routes = [each for each in operations(document) if each.path not in ENDLESS and not each.path.startswith("/auth")]
    both.be(random.choice(sorted(SCOPES)))
    for _ in range(60):
        both.check(drawn(random, document, random.choice(routes)))
    both.check_unchanged()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_asked_shows_and_changes_nothing_of_theirs(changing: Pair, seed: int) -> None:
    ask_for_anything(changing, seed)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(100, 250))
def test_whatever_is_asked_for_long_shows_and_changes_nothing_of_theirs(changing: Pair, seed: int) -> None:
    ask_for_anything(changing, seed)
