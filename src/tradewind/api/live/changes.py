"""What a stream tells: one change, which topics it belongs to, and who may hear of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from tradewind.core.access import OF_DAGS, Action, Caller, DagFacts, Need, Resource
from tradewind.core.errors import InvalidInput
from tradewind.core.states import TaskState
from tradewind.wire.events import FILE_PARSED, TOPICS, WORKER_MOVED
from tradewind.wire.messages import Event

MOST_TOPICS = 200
LONGEST_TOPIC = 1500
PLAIN = frozenset({"dags", "health", "me", *TOPICS})
"""Topics without one. Those of the event log are the part of an event's name before the dot."""

IN_DAGS = frozenset({"dag", "run", "backfill", "quarantined"})
"""What a list of Dags shows: Dags and their runs, but no task of them."""
IN_HEALTH = frozenset({"worker", "owner", "quarantined"})
LOGINS = frozenset({"account", "role", "login"})

_RESOURCES = {
    "run": Resource.RUN, "task": Resource.TASK, "attempt": Resource.TASK, "progress": Resource.TASK,
    "trigger": Resource.TASK, "dag": Resource.DAG, "quarantined": Resource.DAG, "partition": Resource.DAG,
    "question": Resource.QUESTION, "backfill": Resource.BACKFILL, "asset": Resource.ASSET, "watcher": Resource.ASSET,
    "variable": Resource.VARIABLE, "connection": Resource.CONNECTION, "pool": Resource.POOL,
    "worker": Resource.SYSTEM, "owner": Resource.SYSTEM, "account": Resource.USER, "login": Resource.USER,
    "role": Resource.ROLE, "log": Resource.LOG, "file": Resource.IMPORT_ERROR,
}  # fmt: skip
_NEEDS = {family: Need(Action.READ, resource) for family, resource in _RESOURCES.items()}
_OF_THE_LOG = Need(Action.READ, Resource.EVENT_LOG)
"""For whatever is not named above: what people have asked for, and what nobody has thought of."""


GREW = "log.grew"
"""Live only: a log that somebody looks at has more."""
SOME = "some"
"""Live only: something of a topic has happened, and not what. For pages that show sums over all of it."""
MOVES = frozenset({"run.moved", "task.moved", "progress", GREW, WORKER_MOVED, FILE_PARSED, SOME})
"""Of these a later one says all that an earlier one about the same thing did."""


_NUMBER = re.compile(r"-1|0|[1-9][0-9]{0,8}")


@dataclass(slots=True, eq=False)
class Change:
    """One event, as small as a page needs it. `seq` 0: a hint about something that is not in the event log."""

    seq: int
    kind: str
    family: str
    """The part of `kind` before the dot."""
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    subject: str
    """Of an event about accounts, whose: the name of the user or role. Of a worker or a file, which."""
    asks: bool
    """A task that waits for a person's answer, or did until now."""
    text: bytes
    """As JSON."""
    heard_at: float = 0.0

    @property
    def key(self) -> object:
        """A later change with the same key takes the place of this one."""
        if self.kind in MOVES:
            return (self.kind, self.dag_id, self.run_id, self.task_id, self.map_index, self.try_number, self.subject)
        return self.seq or self


_json = msgspec.json.Encoder().encode


def change_of(event: Event) -> Change:
    """What is told of an event: where, what, and the state that followed. Its body and reason are not, but for how far
    a task has come: they may be long, and hold what only readers of the event log may see."""
    shown: dict[str, Any] = {
        "seq": event.seq, "kind": event.name, "dag_id": event.dag_id, "run_id": event.run_id, "task_id": event.task_id,
        "map_index": event.map_index, "try_number": event.try_number, "state": event.after,
        "at": event.at_us or None,
    }  # fmt: skip
    if not event.seq:
        shown |= {name: event.body.get(name) for name in ("done", "total", "unit") if name in event.body}
    family = event.name.partition(".")[0]
    asks = family == "task" and TaskState.AWAITING_INPUT in (event.before, event.after)
    return Change(
        event.seq, event.name, family, event.dag_id, event.run_id, event.task_id, event.map_index, event.try_number,
        _subject(family, event), asks, _json(shown),
    )  # fmt: skip


def _subject(family: str, event: Event) -> str:
    match family:
        case "account":
            return str(event.body.get("username", ""))
        case "role":
            return str(event.body.get("name", ""))
        case "login":
            return event.reason
        case "worker":
            return str(event.body.get("worker", ""))
        case "file":
            return str(event.body.get("file", ""))
        case _:
            return ""


def checked_topics(asked: Collection[str]) -> frozenset[str]:
    """The topics that somebody asks for. Raises InvalidInput, which names the one that cannot be."""
    if not asked:
        raise InvalidInput("topics is missing; name at least one, as in ?topics=dags&topics=run:DAG/RUN.")
    if len(asked) > MOST_TOPICS:
        raise InvalidInput(f"A stream has {MOST_TOPICS} topics at most, not {len(asked)}.")
    for topic in asked:
        kind, _, name = topic.partition(":")
        if kind == SOME and name in PLAIN:
            continue
        parts = {"dag": 0, "run": 1, "log": 4}.get(kind, -1)
        fits = name and len(topic) <= LONGEST_TOPIC and name.count("/") >= parts >= 0
        if topic not in PLAIN and not (fits and (kind != "log" or log_of(topic))):
            raise InvalidInput(
                f"topics {topic[:80]!r} is unknown; there are dag:DAG, run:DAG/RUN, log:DAG/RUN/TASK/MAP_INDEX/TRY, "
                f"{', '.join(sorted(PLAIN))}, and some:TOPIC of each of these words."
            )
    return frozenset(asked)


def log_of(topic: str) -> tuple[str, str, str, int, int] | None:
    """Dag, run, task, index and try of a topic that is a log; None for what is none."""
    if not topic.startswith("log:"):
        return None
    dag_id, _, rest = topic.removeprefix("log:").partition("/")
    run_id, task_id, map_index, try_number = rest.rsplit("/", 3)
    if not (_NUMBER.fullmatch(map_index) and _NUMBER.fullmatch(try_number)):
        return None
    return dag_id, run_id, task_id, int(map_index), int(try_number)


def grown(topic: str) -> Change | None:
    """That this log has more."""
    place = log_of(topic)
    if place is None:
        return None
    dag_id, run_id, task_id, map_index, try_number = place
    return change_of(
        Event(
            seq=0, at_us=0, name=GREW, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index,
            try_number=try_number,
        )
    )  # fmt: skip


def topics_of(change: Change) -> list[str]:
    """Every topic that a change belongs to."""
    family = change.family
    if change.kind == GREW:
        return [f"log:{change.dag_id}/{change.run_id}/{change.task_id}/{change.map_index}/{change.try_number}"]
    found = [family]
    if change.asks:
        found.append("question")
    if family in IN_DAGS:
        found.append("dags")
    if family in IN_HEALTH:
        found.append("health")
    if change.dag_id:
        found.append(f"dag:{change.dag_id}")
        if change.run_id:
            found.append(f"run:{change.dag_id}/{change.run_id}")
            if change.task_id:
                place = f"{change.task_id}/{change.map_index}/{change.try_number}"
                found.append(f"log:{change.dag_id}/{change.run_id}/{place}")
    return found


def heard_by(topics: frozenset[str], change: Change) -> Iterator[Change]:
    """What somebody with these topics is told of a change: the change itself, that there was one, or nothing."""
    found = topics_of(change)
    if not topics.isdisjoint(found):
        yield change
    for topic in found:
        if f"{SOME}:{topic}" in topics:
            yield _some(topic)


@cache
def _some(topic: str) -> Change:
    """Never asked for with a topic that has a name in it: there are as many as there are plain topics."""
    shown = {
        "seq": 0, "kind": SOME, "dag_id": "", "run_id": "", "task_id": "", "map_index": -1, "try_number": 0,
        "state": topic, "at": None,
    }  # fmt: skip
    return Change(0, SOME, SOME, "", "", "", -1, 0, topic, False, _json(shown))


def may_hear(caller: Caller, change: Change, facts: DagFacts | None) -> bool:
    """Whether somebody may hear of a change. What is about no Dag is for those who may see all of them."""
    need = _NEEDS.get(change.family, _OF_THE_LOG)
    scope = caller.scope(need)
    if scope.everything or need.resource not in OF_DAGS:
        return bool(scope)
    if not change.dag_id:
        return False
    return scope.holds(facts or DagFacts(change.dag_id))
