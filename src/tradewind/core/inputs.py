"""What the owner is told: reports, timers, and what people ask for. `decide` takes one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tradewind.core.backfill_plan import Backfill
from tradewind.core.dag import DagSpec
from tradewind.core.partition_mappers import Needed
from tradewind.core.past import PreviousRun
from tradewind.core.records import DagRun, Person, TaskKey
from tradewind.core.rerun_plan import RerunPlan
from tradewind.core.states import RunState, RunType, TaskState
from tradewind.core.timetables import DataInterval, RunsAhead
from tradewind.core.world import LiveRun


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    attempt: str
    start_date: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class XCom:
    name: str
    value: bytes
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """How an attempt defers its task; the fields are those of records.Deferral."""

    classpath: str
    kwargs: bytes = b"{}"
    method: str = ""
    method_kwargs: bytes = b"{}"
    timeout_seconds: float | None = None
    at: datetime | None = None
    at_event: bytes = b""
    at_ends: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """How an attempt has its task wait for people; the fields are those of records.Question and Deferral."""

    subject: str
    options: tuple[str, ...]
    body: str = ""
    defaults: tuple[str, ...] | None = None
    multiple: bool = False
    params: bytes = b"{}"
    assigned: tuple[Person, ...] = ()
    method: str = ""
    method_kwargs: bytes = b"{}"
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetUpdate:
    """An asset that was updated. Where only name or uri is given, the other is as the Dags know it."""

    name: str = ""
    uri: str = ""
    group: str = "asset"
    extra: bytes = b"{}"
    aliases: tuple[str, ...] = ()
    partition_key: str | None = None
    """The partition that was updated, where a task or a person says so; else it is that of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished:
    """The whole end of an attempt. `outcome` as in wire.Finished."""

    attempt: str
    outcome: str
    start_date: datetime | None = None
    end_date: datetime | None = None
    error: str = ""
    xcoms: tuple[XCom, ...] = ()
    skip: tuple[str, ...] = ()
    retry_delay_seconds: float | None = None
    reschedule_at: datetime | None = None
    defer: Defer | None = None
    ask: Ask | None = None
    rendered: bytes | None = None
    map_label: str | None = None
    asset_events: tuple[AssetUpdate, ...] = ()
    """What a successful attempt updated."""
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    died: bool = False
    """Somebody else says so: its process ended without a word, and has called nobody back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerAnswered:
    """A trigger fired (`event`; with `ends` its task ends in that state, leaving `xcoms`) or failed (`error`)."""

    id: str
    event: bytes = b""
    ends: str = ""
    xcoms: tuple[XCom, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherFired:
    """The trigger `watcher` says that its assets were updated. `id` names what it said: of repeats only one comes."""

    watcher: str
    id: str
    event: bytes
    """JSON of the event's payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherFailed:
    """A trigger that watches assets has ended, which none should."""

    id: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered:
    """Somebody answers the question of a task instance that waits for it. `params_input` is JSON of an object."""

    key: TaskKey
    id: str
    chosen: tuple[str, ...]
    by: Person
    params_input: bytes = b"{}"

    @property
    def run(self) -> int:
        """The run that it is about."""
        return self.key.run


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetsUpdated:
    """Somebody says that assets were updated outside of any task. The events' ids follow from `id`."""

    id: str
    updates: tuple[AssetUpdate, ...]
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class XComPushed:
    """A running attempt leaves a value before its end."""

    run: int
    task_id: str
    map_index: int
    xcom: XCom
    attempt: str = ""
    """Who pushes; one that is no longer current may not. Empty for a value that no attempt of this run leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XComDropped:
    """Somebody deletes a value that a task instance has left."""

    run: int
    task_id: str
    map_index: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStoreChanged:
    """A running attempt keeps a value beside its task instance. Without a value it forgets `key`, and without a key
    everything."""

    attempt: str
    key: str = ""
    value: bytes | None = None
    retention: timedelta | None = None
    """For how long the value is kept; None: as long as its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetStoreChanged:
    """A running attempt keeps a value beside an asset, or forgets as in TaskStoreChanged."""

    attempt: str
    name: str
    uri: str
    key: str = ""
    value: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackBegun:
    """A callback is about to do what must not be done twice (a mail goes out). The other fields are as stored."""

    id: str
    key: TaskKey
    kind: str
    reason: str
    try_number: int
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackFinished:
    id: str
    error: str = ""
    asked: tuple[TaskKey, str, str] | None = None
    """Key, kind and reason of one that was asked for something, or that failed."""
    moment: datetime | None = None
    """What it was asked for: by when its run is to be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    kind: str
    subject: object


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsNamed:
    """For which partitions of a Dag an asset event is, as the code of the Dag's mapper says; or why it cannot."""

    event: int
    keys: tuple[str, ...] = ()
    error: str = ""
    needs: Mapping[str, Needed] = field(default_factory=dict)
    """Of what such partitions are made, where one may need more than an event: of those in `keys`, or of one for which
    the event waits already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagLoaded:
    """A file's newest good parse defines this Dag. `source` and `digest` are the file's."""

    spec: DagSpec
    version: str
    encoded: bytes
    digest: str
    source: bytes | None = None
    number: int = 1
    isolation: str = "fork"
    isolation_reason: str = ""
    paused_at_creation: bool = True
    ahead: RunsAhead | None = None
    """The coming runs of a custom timetable; None where its code could not name them."""
    partitions: tuple[PartitionsNamed, ...] = ()
    """Of events that waited for the code of its partition mappers."""
    runtimes: tuple[float, ...] = ()
    """Seconds that its last runs took, newest first, where its deadlines look at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagGone:
    """No file defines this Dag any longer."""

    dag_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRun:
    """A person, a task or the timetable wants a run."""

    dag_id: str
    run_type: RunType
    run_id: str | None = None
    run_after: datetime | None = None
    logical_date: datetime | None = None
    interval: DataInterval | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    triggered_by: str = "cli"
    user: str | None = None
    partition_key: str | None = None
    before: PreviousRun | None = None
    """Of the stored runs the one before it, where the Dag's tasks look at their past."""
    taken_by: str = ""
    """run_id of a stored run that has this run id or logical date already; empty when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPaused:
    dag_id: str
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Run these task instances again. `loaded` brings runs that are over back into memory."""

    plan: RerunPlan
    loaded: tuple[LiveRun, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkTasks:
    """Somebody says how these task instances have ended."""

    plan: RerunPlan
    state: TaskState
    loaded: tuple[LiveRun, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRun:
    run: int
    state: RunState
    loaded: tuple[LiveRun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeNewTasks:
    """A run goes by the newest version of its Dag, and runs the tasks that it has not had so far."""

    run: int
    loaded: tuple[LiveRun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPartitions:
    """These runs are for no partition any more; with `clear` they run once more, too."""

    plan: RerunPlan
    clear: bool = False
    loaded: tuple[LiveRun, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBackfill:
    """Somebody wants the runs of a past range. `existing` are the Dag's runs that there are, by logical date."""

    backfill: Backfill
    existing: Mapping[datetime, DagRun] = field(default_factory=dict)
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillFound:
    """What there is for a backfill's next dates: position, the run that has the date, and the run before it."""

    dag_id: str
    id: int
    found: tuple[tuple[int, LiveRun | None, PreviousRun | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseBackfill:
    id: int
    paused: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBackfill:
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJoined:
    """An agent registered. `holds` are the attempts that this instance says it has."""

    name: str
    instance: str
    epoch: int
    capacity: int
    queues: tuple[str, ...]
    holds: frozenset[str] = frozenset()
    fresh: bool = True
    """A new instance has made sure that nothing of its predecessor still runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLeft:
    """The connection to an agent ended. Its attempts are not touched."""

    name: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExpired:
    """A worker's lease and its kill grace are over: what it held is lost."""

    name: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsChanged:
    """Room may have appeared: look at the queues again."""


Input = (
    AttemptStarted | AttemptFinished | TriggerAnswered | WatcherFired | WatcherFailed | AssetsUpdated | XComPushed
    | CallbackFinished | TimerFired | DagLoaded | DagGone | CreateRun | SetPaused | Clear | MarkTasks | MarkRun
    | WorkerJoined | WorkerLeft | WorkerExpired | PoolsChanged | CreateBackfill | BackfillFound | PauseBackfill
    | CancelBackfill | TaskStoreChanged | AssetStoreChanged | CallbackBegun | QuestionAnswered
    | XComDropped | TakeNewTasks | DropPartitions
)  # fmt: skip
