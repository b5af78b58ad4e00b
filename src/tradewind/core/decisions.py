"""The operations a decision can ask for. The store carries out the rows, the scheduler the messages.

A `before` names the state that the row must be in; None means that the row is new. The store checks it as a
safeguard: nobody else writes, so a mismatch is a bug and stops the owner.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tradewind.core.records import AssetEvent, Attempt, DagRun, Deferral, Question, TaskInstance, TaskKey, Watched
from tradewind.core.states import AttemptState, RunState, TaskState


@dataclass(frozen=True, slots=True)
class PutRun:
    run: DagRun
    before: RunState | None


@dataclass(frozen=True, slots=True)
class PutTask:
    task: TaskInstance
    before: TaskState | None


@dataclass(frozen=True, slots=True)
class DropTask:
    key: TaskKey


@dataclass(frozen=True, slots=True)
class PutAttempt:
    attempt: Attempt
    before: AttemptState | None
    cpu_seconds: float | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PutXCom:
    key: TaskKey
    name: str
    value: bytes
    length: int | None


@dataclass(frozen=True, slots=True)
class DropXComs:
    key: TaskKey


@dataclass(frozen=True, slots=True)
class PutRendered:
    key: TaskKey
    fields: bytes


@dataclass(frozen=True, slots=True)
class PutCallback:
    """A callback of a Dag or task, a mail or a missed deadline, to be told by a worker; a repeat of the same id is a
    no-op."""

    id: str
    key: TaskKey
    kind: str
    reason: str
    try_number: int = 0
    begun_by: str = ""
    """The worker where it does what must not be done twice: it is never started anew."""


@dataclass(frozen=True, slots=True)
class PutDeferral:
    """Insert or replace what a task instance waits for."""

    deferral: Deferral


@dataclass(frozen=True, slots=True)
class PutQuestion:
    """Insert or replace what a task instance asks people; the row stays when it is answered, or asked no longer."""

    question: Question


@dataclass(frozen=True, slots=True)
class PutAssetEvent:
    """Add an event to the ledger of asset events."""

    event: AssetEvent


@dataclass(frozen=True, slots=True)
class PutRow:
    """Insert or replace one row of a table that only mirrors what it was told: pools, variables, workers …"""

    table: str
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DropRows:
    table: str
    where: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the event log."""

    name: str
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1
    try_number: int = 0
    before: str = ""
    after: str = ""
    reason: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Offer this attempt to its worker, once the commit is durable."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """Ask the attempt's worker to stop it, once the commit is durable."""

    attempt: Attempt
    reason: str


@dataclass(frozen=True, slots=True)
class StopStray:
    """A worker has an attempt that is over for us: it must stop at once."""

    worker: str
    attempt: str


@dataclass(frozen=True, slots=True)
class StartTrigger:
    """Have a worker run this deferral's trigger, once the commit is durable."""

    deferral: Deferral


@dataclass(frozen=True, slots=True)
class StartWatcher:
    """Have a worker run this trigger, which goes on after what it says, once the commit is durable."""

    watched: Watched


@dataclass(frozen=True, slots=True)
class StopTrigger:
    """Nobody waits for this trigger any more."""

    id: str


@dataclass(frozen=True, slots=True)
class StartCallback:
    id: str


@dataclass(frozen=True, slots=True)
class WarmHost:
    """A run of this Dag begins, or is due at `at`: its code host should be ready."""

    dag_id: str
    at: datetime
    children: int = 2


@dataclass(frozen=True, slots=True)
class NameRuns:
    """Few of the runs that this Dag's own timetable code has named are left: have it name the next ones."""

    dag_id: str


@dataclass(frozen=True, slots=True)
class NamePartitions:
    """Asset events wait until this Dag's own mapper code has named the partitions that they are for: have it asked."""

    dag_id: str


@dataclass(frozen=True, slots=True)
class LookForRuns:
    """This Dag's backfill may start further runs: look up what there is for its next dates, and say so."""

    dag_id: str


Operation = (
    PutRun | PutTask | DropTask | PutAttempt | PutXCom | DropXComs | PutRendered | PutCallback | PutDeferral
    | PutQuestion | PutAssetEvent | PutRow | DropRows | Record | StartAttempt | StopAttempt | StopStray | StartTrigger
    | StartWatcher | StopTrigger | StartCallback | WarmHost | NameRuns | NamePartitions
    | LookForRuns
)  # fmt: skip
