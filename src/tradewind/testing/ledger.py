"""The ledger: what task bodies say they did, kept outside the engine; and the checker that compares both accounts.

`work` is a task body: it appends a line at its start, one every few hundredths of a second while it works, and one at
its end. `check` is a pure function over those lines and a dump of the database: it returns every broken promise.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tradewind.core.states import FINISHED, TASK_TRANSITIONS, TaskState

EFFECT_SECONDS = 0.05
"""How often a working body writes that it is still there; what overlaps for longer is seen."""


class Instance(NamedTuple):
    """One task instance, by the number of its run."""

    run: int
    task: str
    map: int = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger. phase: `start`, `effect`, `end`."""

    run: int
    task: str
    map: int
    try_number: int
    leg: int
    attempt: str
    phase: str
    pid: int
    started: int
    """Start time of the process in clock ticks since boot: with the pid it names the process for ever."""
    mono: float

    @property
    def instance(self) -> Instance:
        return Instance(self.run, self.task, self.map)


# --- written by task bodies --------------------------------------------------------------------------------------


def work(ledger: str, *, seconds: float = 0.0, fail_until: int = 0) -> int:
    """A task body: works for `seconds`, fails in its first `fail_until` tries, returns its try number."""
    note(ledger, "start")
    until = time.monotonic() + seconds
    note(ledger, "effect")
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, EFFECT_SECONDS))
        note(ledger, "effect")
    number = int(os.environ["TRADEWIND_FENCE"].split("/")[3])
    if number <= fail_until:
        raise RuntimeError(f"try {number} fails as it was told to")
    note(ledger, "end")
    return number


def note(ledger: str, phase: str) -> None:
    """Append one line for the attempt that this process runs; it is on disk when this returns."""
    run, task, map_index, try_number, leg = os.environ["TRADEWIND_FENCE"].split("/")
    line = {
        "run": int(run),
        "task": task,
        "map": int(map_index),
        "try_number": int(try_number),
        "leg": int(leg),
        "attempt": os.environ["TRADEWIND_ATTEMPT_ID"],
        "phase": phase,
        "pid": os.getpid(),
        "started": started_at(os.getpid()),
        "mono": time.monotonic(),
    }
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def started_at(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def read(ledger: Path) -> list[Entry]:
    """All whole lines so far."""
    try:
        text = ledger.read_text()
    except FileNotFoundError:
        return []
    return [Entry(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]


# --- checked afterwards ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """Rows of the database as they are when all is quiet; each a mapping by column."""

    runs: Sequence[Mapping[str, Any]]
    tasks: Sequence[Mapping[str, Any]]
    attempts: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    pools: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What should have come out."""

    runs: Collection[tuple[str, str]]
    """(dag_id, run_id) of every run that was due or asked for."""
    states: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Allowed final states by task id; `success` alone for a task that is not named here."""
    other_tasks: Collection[str] = ()
    """Tasks whose body is not `work`, so that the ledger does not know them."""
    reports_survive: bool = True
    """Nothing was killed that held a finished report: every end line has its success."""


def check(entries: Sequence[Entry], dump: Dump, expected: Expected) -> list[str]:
    """Every promise that was broken, as a sentence that begins with its number; empty when all were kept."""
    by_attempt: dict[str, list[Entry]] = defaultdict(list)
    by_instance: dict[Instance, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_attempt[entry.attempt].append(entry)
        by_instance[entry.instance].append(entry)
    return [
        *_runs_are_those_asked_for(dump, expected),
        *_everything_ended(dump),
        *_attempts_start_once(by_attempt),
        *_starts_were_assigned(by_attempt, by_instance, dump, expected),
        *_attempts_do_not_overlap(by_instance),
        *_finished_work_is_kept(by_attempt, dump, expected),
        *_states_are_as_expected(dump, expected),
        *_pools_were_never_overdrawn(dump),
        *_the_event_log_is_sound(dump),
    ]


def _runs_are_those_asked_for(dump: Dump, expected: Expected) -> Iterable[str]:
    found = [(run["dag_id"], run["run_id"]) for run in dump.runs]
    for name in sorted(set(expected.runs) - set(found)):
        yield f"I1 run {name} is missing"
    for name in sorted(set(found) - set(expected.runs)):
        yield f"I1 run {name} was neither due nor asked for"
    if len(found) != len(set(found)):
        yield "I1 a run exists twice"


def _everything_ended(dump: Dump) -> Iterable[str]:
    for run in dump.runs:
        if run["state"] not in ("success", "failed"):
            yield f"I2 run {run['run_id']} is still {run['state']}"
        if run["quarantine"]:
            yield f"I2 run {run['run_id']} was set aside: {run['quarantine']}"
    for task in dump.tasks:
        if TaskState(task["state"]) not in FINISHED:
            yield f"I2 task {_name(task)} is still {task['state']}"


def _attempts_start_once(by_attempt: Mapping[str, Sequence[Entry]]) -> Iterable[str]:
    for lines in by_attempt.values():
        phases = [line.phase for line in lines]
        if phases.count("start") != 1:
            yield f"I3 {lines[0].instance} try {lines[0].try_number} has {phases.count('start')} start lines"
        if phases.count("end") > 1:
            yield f"I3 {lines[0].instance} try {lines[0].try_number} ended twice"
        if len({(line.pid, line.started) for line in lines}) != 1:
            yield f"I3 {lines[0].instance} try {lines[0].try_number} ran in two processes"


def _starts_were_assigned(
    by_attempt: Mapping[str, Sequence[Entry]],
    by_instance: Mapping[Instance, Sequence[Entry]],
    dump: Dump,
    expected: Expected,
) -> Iterable[str]:
    known = {attempt["id"]: attempt for attempt in dump.attempts}
    for number, lines in by_attempt.items():
        if number not in known:
            yield f"I4 {lines[0].instance} try {lines[0].try_number} was started but never assigned"
        elif known[number]["state"] == "not_started":
            yield f"I4 {lines[0].instance} try {lines[0].try_number} was started, but its agent said it was not"
    counts: dict[Instance, list[Mapping[str, Any]]] = defaultdict(list)
    for attempt in dump.attempts:
        counts[_instance(attempt)].append(attempt)
        told = attempt["task_id"] not in expected.other_tasks
        if told and attempt["state"] == "success" and attempt["id"] not in by_attempt:
            yield f"I4 {_name(attempt)} try {attempt['try_number']} has succeeded but never started"
    for task in dump.tasks:
        tries = {attempt["try_number"] for attempt in counts[_instance(task)]}
        if tries != set(range(1, len(tries) + 1)) or len(tries) > task["max_tries"] + 1:
            yield f"I4 {_name(task)} has tries {sorted(tries)}, at most {task['max_tries'] + 1} are allowed"


def _attempts_do_not_overlap(by_instance: Mapping[Instance, Sequence[Entry]]) -> Iterable[str]:
    for instance, lines in by_instance.items():
        spans: dict[str, tuple[float, float]] = {}
        for line in lines:
            first, last = spans.get(line.attempt, (line.mono, line.mono))
            spans[line.attempt] = min(first, line.mono), max(last, line.mono)
        for (_, end), (start, _) in pairwise(sorted(spans.values())):
            if start <= end:
                yield f"I5 two attempts of {instance} ran at once, for {end - start:.3f} s"


def _finished_work_is_kept(by_attempt: Mapping[str, Sequence[Entry]], dump: Dump, expected: Expected) -> Iterable[str]:
    for attempt in dump.attempts:
        lines = by_attempt.get(attempt["id"], ())
        ended = any(line.phase == "end" for line in lines)
        if lines and attempt["state"] == "success" and not ended:
            yield f"I6 {_name(attempt)} try {attempt['try_number']} has succeeded without its end line"
        if expected.reports_survive and ended and attempt["state"] != "success":
            yield f"I6 {_name(attempt)} try {attempt['try_number']} ended well but is {attempt['state']}"


def _states_are_as_expected(dump: Dump, expected: Expected) -> Iterable[str]:
    for task in dump.tasks:
        allowed = expected.states.get(task["task_id"], ("success",))
        if task["state"] not in allowed:
            yield f"I7 task {_name(task)} is {task['state']} ({task['reason']}), not {' or '.join(allowed)}"


def _pools_were_never_overdrawn(dump: Dump) -> Iterable[str]:
    for attempt in dump.attempts:
        if attempt["state"] in ("assigned", "running"):
            yield f"I8 {_name(attempt)} try {attempt['try_number']} still holds its slot"
    for pool in dump.pools:
        mine = [a for a in dump.attempts if a["pool"] == pool["name"] and a["assigned_at"] and a["ended_at"]]
        # A slot given back and taken in the same commit has the same time: giving back comes first.
        taken = [(a["assigned_at"], 1, a["pool_slots"]) for a in mine]
        given_back = [(a["ended_at"], 0, -a["pool_slots"]) for a in mine]
        used = 0
        for _, _, step in sorted(taken + given_back):
            used += step
            if 0 <= pool["slots"] < used:
                yield f"I8 pool {pool['name']} had {used} of {pool['slots']} slots taken"
                break


def _the_event_log_is_sound(dump: Dump) -> Iterable[str]:
    legal = {(before.value, state.value) for (before, _), state in TASK_TRANSITIONS.items()}
    numbers = [event["seq"] for event in dump.events]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        yield "I9 the event log's numbers do not increase"
    last: dict[tuple[str, str, str, int], str] = {}
    versions: dict[str, int] = {}
    for event in dump.events:
        match event["name"]:
            case "task.moved":
                key = (event["dag_id"], event["run_id"], event["task_id"], event["map_index"])
                if (event["before"], event["after"]) not in legal:
                    yield f"I9 {key} went from {event['before']} to {event['after']}"
                if last.get(key, event["before"]) != event["before"]:
                    yield f"I9 {key} left {event['before']}, but was {last[key]}"
                last[key] = event["after"]
            case "dag.version":
                number = json.loads(event["body"])["number"]
                if number <= versions.get(event["dag_id"], 0):
                    yield f"I9 Dag {event['dag_id']} got version {number} after {versions[event['dag_id']]}"
                versions[event["dag_id"]] = number
    names = {run["number"]: (run["dag_id"], run["run_id"]) for run in dump.runs}
    for task in dump.tasks:
        key = (*names[task["run"]], task["task_id"], task["map_index"])
        if last.get(key, task["state"]) != task["state"]:
            yield f"I9 {key} is {task['state']}, but its last event says {last[key]}"


def _instance(row: Mapping[str, Any]) -> Instance:
    return Instance(row["run"], row["task_id"], row["map_index"])


def _name(row: Mapping[str, Any]) -> str:
    index = f"[{row['map_index']}]" if row["map_index"] >= 0 else ""
    return f"{row['task_id']}{index} of run {row['run']}"
