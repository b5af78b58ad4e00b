"""The sentences that say why something waits: every one of them once, with places for its values.

A reason carries the names of its sentences and their values beside the English text, so that a reader's own language
can say the same: the web UI's copy of this table is generated (`scripts/generate_reference.py`), its Korean is checked
against it. A place is `{name}` or `{name:kind}`; kinds say how a value is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_NAMED = 5
"""Holders that a sentence names; its values have more."""
MOST_CARRIED = 50
"""Holders that the values of a sentence name."""

SENTENCES: Mapping[str, str] = {
    "finished": "It has ended: {state}.",
    "finished.because": "It has ended: {state} ({reason}).",
    "memory_guard": "Worker {worker} holds it back until others have ended: it needed {needs_bytes:size} of memory "
    "before, and {left_bytes:size} are left there.",
    # --- its run ---
    "quarantined.its_run": "Its run is set aside: {what} Mark the run failed and clear it to begin anew, or delete it.",
    "quarantined.run": "The run is set aside: {what}",
    "quarantined.dag": "The Dag {dag_id} is set aside: {what}",
    "run_finished": "Its run has ended: {state}.",
    "run_finished.because": "Its run has ended: {state} ({reason}).",
    "run_after": "Its run starts at {at:moment}.",
    "queued_run": "Its run is queued: {running} of {most} active runs of {dag_id} are taken, by {ahead:names}.",
    "queued_run.one_before": "Its run is queued: {running} of {most} active runs of {dag_id} are taken, by "
    "{ahead:names}, and 1 queued run is before it.",
    "queued_run.before": "Its run is queued: {running} of {most} active runs of {dag_id} are taken, by {ahead:names}, "
    "and {count} queued runs are before it.",
    "backfill_paused": "Backfill {backfill} is paused; `tradewind backfill unpause {backfill}` lets it go on.",
    "backfill_full": "Its run waits for another run of backfill {backfill}: it may have {most} at once.",
    "paused": "The Dag {dag_id} is paused; `tradewind dags unpause {dag_id}` lets it go on.",
    # --- what comes before it ---
    "removed": "The task is no longer in the Dag.",
    "upstream": "It waits for {upstream:states}.",
    "trigger_rule": "It waits for {upstream:states}. Its trigger rule is {rule}.",
    "depends_on_past": "It waits for itself to succeed in the run before, {run:run}, where it is {states:slashed}.",
    "depends_on_past.not_there": "It waits for itself to succeed in the run before, {run:run}, where it is not there.",
    "depends_on_past.downstream": "It waits for itself and its direct downstream to succeed in the run before, "
    "{run:run}, where it is {states:slashed}.",
    "depends_on_past.downstream_not_there": "It waits for itself and its direct downstream to succeed in the run "
    "before, {run:run}, where it is not there.",
    "next_turn": "Nothing holds it: it is looked at in the scheduler's next turn.",
    "next_turn.starts": "Nothing holds it: it starts in the scheduler's next turn.",
    # --- limits and places ---
    "unknown_pool": "Its pool {pool:quoted} does not exist; create it (`tradewind pools set {pool} 1 ''`) or name "
    "another.",
    "pool_full": "Pool {pool} has {free} of {slots} slots free and it needs {needs}; held by {holders:tasks}.",
    "pool_full.nobody": "Pool {pool} has {free} of {slots} slots free and it needs {needs}; nobody holds one.",
    "parallelism": "All {slots} slots of core.parallelism are taken.",
    "dag_limit": "{limit} tasks of {dag_id} run already, its max_active_tasks: {holders:tasks}.",
    "task_limit": "{setting} of {task_id} is {limit}, and is reached: {holders:tasks_in_runs}.",
    "no_worker": "No worker that serves queue {queue:quoted} is connected; those connected serve {served:list}.",
    "no_worker.none": "No worker that serves queue {queue:quoted} is connected; none is connected at all.",
    "workers_full": "All slots of the workers of queue {queue:quoted} are taken.",
    # --- an attempt ---
    "offered": "It has a slot and was offered to worker {worker}.",
    "running": "It runs on worker {worker} since {since:moment}.",
    "being_stopped": "It was cleared while it ran: its attempt on worker {worker} is being stopped; then it begins "
    "anew.",
    "being_stopped.before": "Its attempt before is still being stopped.",
    "state": "It is {state}.",
    "state.because": "It is {state} ({reason}).",
    # --- time, triggers, people ---
    "retry_timer": "Try {try_number} failed; it is tried again in {seconds} s, at {at:moment}.",
    "retry_timer.because": "Try {try_number} failed ({reason}); it is tried again in {seconds} s, at {at:moment}.",
    "reschedule_timer": "It looks again in {seconds} s, at {at:moment}.",
    "deferred": "It waits since {since:moment} for its trigger {trigger}; it holds no slot.",
    "deferred.at_most": "It waits since {since:moment} for its trigger {trigger}, until {timeout_at:moment} at most; "
    "it holds no slot.",
    "deferred.until": "It waits until {at:moment}, {seconds} s from now, since {since:moment}.",
    "deferred.unknown": "It is deferred, and nothing is known of its trigger; clear it to begin anew.",
    "no_triggerer": "It waits since {since:moment} for its trigger {trigger}, and no worker is connected that could "
    "run it.",
    "no_triggerer.at_most": "It waits since {since:moment} for its trigger {trigger}, until {timeout_at:moment} at "
    "most, and no worker is connected that could run it.",
    "question": "It waits for an answer to {subject:quoted}: one of {options:quoted}",
    "question.several": "It waits for an answer to {subject:quoted}: several of {options:quoted}",
    "question.from": ", from {people:either}",
    "question.asked": "; asked at {asked_at:moment}",
    "question.default": "; in {seconds} s, at {at:moment}, {defaults:quoted} is taken",
    "question.no_default": "; in {seconds} s, at {at:moment}, the task is told that nobody answered",
    "question.command": ". `{command}` answers it.",
    "question.unknown": "It waits for people, and nothing is known of its question; clear it to begin anew.",
    # --- a Dag without a run ---
    "assets": "It waits for: {what}.",
    "watcher": "{what}.",
}

_PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True, slots=True)
class Part:
    """A sentence, or what is added to one: its name in SENTENCES, and its values as they can be sent."""

    says: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """In English."""
        return _PLACE.sub(lambda place: _written(self.values[place[1]], place[2]), SENTENCES[self.says])


@dataclass(frozen=True, slots=True)
class Reason:
    """code: stable, for machines; sentence: for people; parts: what the sentence says; details: who holds what."""

    code: str
    parts: tuple[Part, ...]
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return "".join(part.text for part in self.parts)


def reason(code: str, values: Mapping[str, Any] | None = None, details: Mapping[str, Any] | None = None) -> Reason:
    """A reason whose one sentence has that name; what follows a dot in it is no part of the code."""
    values = values or {}
    return Reason(code.partition(".")[0], (Part(code, values),), values if details is None else details)


def because(code: str, why: str, values: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> Reason:
    """The same for a sentence that may have a cause in brackets."""
    details = values if details is None else details
    return reason(f"{code}.because", {**values, "reason": why}, details) if why else reason(code, values, details)


@dataclass(frozen=True, slots=True)
class Holder:
    """A task instance that has what another waits for. `dag_id` is empty where its run is not known."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    def __str__(self) -> str:
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{index}" if self.dag_id else f"{self.task_id}{index}"


def holders_value(holders: Sequence[Holder]) -> dict[str, Any]:
    """Holders as the value of a `tasks` place: the first of them by name, and how many more there are."""
    named = [
        {"dag_id": each.dag_id, "run_id": each.run_id, "task_id": each.task_id, "map_index": each.map_index}
        for each in holders[:MOST_CARRIED]
    ]
    return {"tasks": named, "more": len(holders) - len(named)}


def sent(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Parts as they travel."""
    return [{"says": part.says, "values": dict(part.values)} for part in parts]


def received(parts: Sequence[Mapping[str, Any]]) -> list[Part]:
    """What `sent` made of them."""
    return [Part(each["says"], each["values"]) for each in parts]


def seen_by(parts: Sequence[Part], may_see: Callable[[str], bool]) -> list[Part]:
    """The same for somebody who may see only some Dags: tasks of others are counted, and not named."""
    return [Part(part.says, {name: _seen(value, may_see) for name, value in part.values.items()}) for part in parts]


def _seen(value: Any, may_see: Callable[[str], bool]) -> Any:
    if not isinstance(value, dict) or "tasks" not in value:
        return value
    seen = [each for each in value["tasks"] if each["dag_id"] and may_see(each["dag_id"])]
    return {"tasks": seen, "more": value["more"] + len(value["tasks"]) - len(seen)}


# --- how values are written --------------------------------------------------------------------------------------


def _written(value: Any, kind: str | None) -> str:
    match kind:
        case "moment":
            return str(value or "?")
        case "size":
            return f"{value / 1024**3:.1f} GB" if value >= 1024**3 else f"{value / 1024**2:.0f} MB"
        case "names":
            return _listed(value, 0)
        case "tasks":
            return _listed([str(Holder(**each)) for each in value["tasks"]], value["more"])
        case "tasks_in_runs":
            return _listed([_in_run(Holder(**each)) for each in value["tasks"]], value["more"])
        case "states":
            return ", ".join(f"{name} ({'/'.join(states)})" for name, states in value.items())
        case "slashed":
            return "/".join(value)
        case "list":
            return ", ".join(value)
        case "either":
            return " or ".join(value)
        case "quoted":
            return repr(value) if isinstance(value, str) else ", ".join(map(repr, value))
        case "run":
            return str(value["run_id"] or f"of {value['at']}")
        case _:
            return str(value)


def _in_run(holder: Holder) -> str:
    return f"{holder} in {holder.run_id}" if holder.run_id else str(holder)


def _listed(names: Sequence[str], more: int) -> str:
    """The first few, and how many more."""
    rest = len(names) - MOST_NAMED + more if len(names) > MOST_NAMED else more
    if not names:
        return f"{rest} task{'' if rest == 1 else 's'}" if rest else ""
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
