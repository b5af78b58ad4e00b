"""The facts the scheduler keeps: runs, task instances, attempts, pools. Frozen; a change is a new record.

Those that every transition makes anew are named tuples: they are made, and changed with `_replace`, several times
faster than dataclasses, and a hundred thousand of them are read from the database within a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from tradewind.core.states import AttemptState, RunState, RunType, TaskState


class TaskKey(NamedTuple):
    """Names one task instance. `run` is the run's number, never reused; `map_index` is -1 when not mapped."""

    run: int
    task_id: str
    map_index: int = -1


class TaskInstance(NamedTuple):
    """One task in one run."""

    key: TaskKey
    state: TaskState = TaskState.NONE
    try_number: int = 0
    max_tries: int = 0
    leg: int = 0
    """Starts within one try: a task that rescheduled itself starts again with the next leg."""
    losses: int = 0
    """Attempts that vanished with their worker; each raises max_tries, at most twice."""
    attempt: str | None = None
    """The current attempt's id while it holds a slot."""
    not_before: datetime | None = None
    """When up_for_retry or up_for_reschedule may go on."""
    scheduled_at: datetime | None = None
    queued_at: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    reason: str = ""
    """Why it is in this state, where the state alone does not say."""
    pending: str = ""
    """What happens when the attempt that is being stopped has ended: `clear`, `success`, `failed`."""
    skip_decided: bool = False
    """A branching or short-circuiting upstream decided that it is skipped."""
    rendered_map_index: str | None = None


class DagRun(NamedTuple):
    """One execution of a Dag."""

    number: int
    dag_id: str
    run_id: str
    run_type: RunType
    state: RunState
    version: str
    run_after: datetime
    logical_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    conf: Mapping[str, Any] = MappingProxyType({})
    queued_at: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    clear_number: int = 0
    triggered_by: str = "timetable"
    triggering_user: str | None = None
    reason: str = ""
    note: str | None = None
    max_active: int | None = None
    backfill: int | None = None
    """The backfill that made it, or made it run again."""
    pinned: bool = False
    """It stays as its version has it, when its Dag changes."""
    quarantine: str = ""
    """Why the run is set aside: a fault of its own data, which must not stop others."""
    partition_key: str | None = None
    """The partition that the run is for."""
    partition_date: datetime | None = None


class Attempt(NamedTuple):
    """One try of one task instance on one worker; its id fences every report."""

    id: str
    key: TaskKey
    try_number: int
    leg: int
    state: AttemptState
    worker: str
    pool: str
    pool_slots: int
    version: str = ""
    assigned_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    cancel: str = ""
    """Why it is being stopped; empty while nobody asked."""


class Answer(NamedTuple):
    """What a trigger said. error: empty, `timeout` (it said nothing in time) or `failure` (it could not go on)."""

    event: bytes = b""
    """JSON of the event."""
    error: str = ""


class Person(NamedTuple):
    """Somebody who is asked, or has answered."""

    id: str
    name: str


class Question(NamedTuple):
    """What a task instance asks people, and what was answered. Its row stays when the task has gone on."""

    key: TaskKey
    id: str
    try_number: int
    subject: str
    options: tuple[str, ...]
    """What may be chosen: one of them, or several where `multiple` says so."""
    body: str = ""
    defaults: tuple[str, ...] | None = None
    """What is taken when nobody has answered in time; None: then the task is told that nobody has."""
    multiple: bool = False
    params: bytes = b"{}"
    """JSON of an object: the fields of its form, each with `value`, `description` and JSON `schema`."""
    assigned: tuple[Person, ...] = ()
    """Who may answer; empty: everybody."""
    asked_at: datetime | None = None
    timeout_at: datetime | None = None
    answered_at: datetime | None = None
    answered_by: Person | None = None
    """Nobody, where the defaults were taken."""
    chosen: tuple[str, ...] = ()
    params_input: bytes = b"{}"
    """JSON of an object."""


KEPT = "kept"
"""In the place of a trigger's class: an answer that outlives the try that was lost with it."""


class Deferral(NamedTuple):
    """What a task instance without a slot waits for, and how it goes on."""

    key: TaskKey
    id: str
    """Names the trigger or question. Another one of the same task has another id: answers to the old one mean
    nothing."""
    classpath: str
    """Of the trigger; empty where people are asked."""
    kwargs: bytes
    """JSON of an object, as are `method_kwargs`."""
    method: str
    method_kwargs: bytes
    pool: str
    pool_slots: int
    """What it goes on holding in a pool that includes deferred tasks."""
    created_at: datetime | None = None
    at: datetime | None = None
    """It waits for this moment only; `at_event` is its event then, or `at_ends` the state in which the task ends."""
    at_event: bytes = b""
    at_ends: str = ""
    timeout_at: datetime | None = None
    answer: Answer | None = None
    question: Question | None = None
    """It waits for people, not for a trigger: for an answer to this."""

    @property
    def is_kept(self) -> bool:
        """Nobody goes on with it: the next try takes its answer, if it asks the same."""
        return self.classpath == KEPT

    @property
    def needs_triggerer(self) -> bool:
        """Whether somebody has to run the trigger."""
        return self.question is None and self.at is None and self.answer is None

    @property
    def name(self) -> str:
        """The trigger's class, as people know it."""
        return self.classpath.rpartition(".")[2]


class AssetEvent(NamedTuple):
    """An asset was updated. The ledger of these only grows."""

    number: int
    """Its place in the ledger."""
    id: str
    """Follows from the attempt or command that brought it, and its position there."""
    name: str
    uri: str
    at: datetime
    """Each event is later than the one before it."""
    group: str = "asset"
    extra: bytes = b"{}"
    """JSON of an object."""
    aliases: tuple[str, ...] = ()
    """Aliases through which the task updated it."""
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1
    actor: str = ""
    """Who said so, where it was no task."""
    partition_key: str | None = None
    """The partition that was updated; None: the asset as a whole."""
    partition_date: datetime | None = None


class Watched(NamedTuple):
    """A trigger that watches for updates of assets from outside, for as long as some Dag waits for them."""

    id: str
    """Follows from class and arguments: whoever names the same watcher shares one trigger."""
    classpath: str
    kwargs: bytes
    """JSON of an object."""
    assets: tuple[tuple[str, str, str], ...]
    """Name, uri and group of what each of its events updates."""
    failures: int = 0
    """How often in a row it has failed."""
    error: str = ""
    retry_at: datetime | None = None
    """It has failed and starts again then; None while somebody is to run it."""

    @property
    def name(self) -> str:
        """The trigger's class, as people know it."""
        return self.classpath.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A named budget of concurrency. `slots` −1 is without limit."""

    name: str
    slots: int
    description: str = ""
    include_deferred: bool = False


class SetAside(NamedTuple):
    """Something stored that is not what it should be: it is left alone, so that everything else goes on."""

    table: str
    name: str
    """Which row of the table."""
    reason: str
    """One sentence that says what is wrong and where."""
    dag_id: str = ""
    run: int | None = None
    """The number of the run that stands still because of it."""
    run_id: str = ""
    is_out: bool = True
    """Memory has nothing of it. Else it is a run that memory holds, and that bears the reason."""


class Overdue(NamedTuple):
    """A run that is over, and what of it is late when its moment comes."""

    dag_id: str
    run_id: str
    clear_number: int
    deadlines: dict[str, datetime]
