"""Messages between scheduler, agent, code host and task child.

A frame is a 4-byte big-endian length and a msgpack body. Bodies are tagged structs; a body that does not decode ends
the connection. Times are microseconds since 1970 in UTC (`…_us`), durations seconds. Values that tasks leave for each
other travel as JSON bytes (`msgspec.Raw` is not used: the engine never needs to look inside).
"""

from typing import Any

import msgspec

from tradewind.wire.measured import Sample

PROTOCOL = 1
"""Raised when a message changes in a way that an older peer cannot read; sent in every Hello."""

LEASE_SECONDS = 10.0
"""An agent's lease, from each word of its own that was answered."""

SILENT_SECONDS = 10.0
"""A connected agent that has not beaten for so long is not well."""

SAY_AGAIN_SECONDS = 5.0
"""What the other side has shown no sign of after this time is told again: an order, a report, an answer."""


class Message(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Base of all messages."""


# --- runs and attempts, as a task child needs to know them -------------------------------------------------------


class RunInfo(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The run that an attempt belongs to: everything of the template context that is the run's."""

    number: int
    dag_id: str
    run_id: str
    run_type: str
    run_after_us: int
    logical_date_us: int | None = None
    data_interval_start_us: int | None = None
    data_interval_end_us: int | None = None
    start_date_us: int | None = None
    end_date_us: int | None = None
    state: str = "running"
    conf: dict[str, Any] = {}
    clear_number: int = 0
    triggered_by: str = "timetable"
    triggering_user: str | None = None
    note: str | None = None
    partition_key: str | None = None
    partition_date_us: int | None = None


class XComValue(msgspec.Struct, array_like=True):
    """One XCom: who left it, and its JSON."""

    task_id: str
    map_index: int
    key: str
    value: bytes
    length: int | None = None
    """Over how many elements a mapped task would expand it; None: over none."""


class Offer(Message, tag="offer"):
    """Start this attempt. The row is committed; a repeat of the same id is a no-op."""

    attempt: str
    run: RunInfo
    task_id: str
    map_index: int
    try_number: int
    max_tries: int
    file: str
    version: str
    serial: int = 0
    """Of the newest import of the file that there is to know of: a code host of an earlier one does not run this."""
    leg: int = 0
    first_start_us: int | None = None
    """When the first leg of this try began (reschedules)."""
    isolation: str = "fork"
    queue: str = "default"
    xcoms: list[XComValue] = []
    """The XComs named in the task's `reads`, complete; whatever else it pulls is a Request."""
    callback: str = ""
    """Not a task but a callback: `dag:on_failure`, `task:on_retry+email_on_retry` … with its reason; or a missed
    deadline, `deadline:0` or `dag:sla_miss`, whose reason is the moment; or `reference:0`, which works such a moment
    out and reports it."""
    reason: str = ""
    resume_method: str = ""
    """The task was deferred: go on in this method of the operator, not in `execute`."""
    resume_kwargs: bytes = b""
    """Its arguments, as JSON of an object (the Deferral's `method_kwargs`)."""
    event: bytes = b""
    """JSON of what the trigger said, its argument `event`; with `resume_error` "failure", JSON of what went wrong."""
    resume_error: str = ""
    """Why it goes on although its trigger said nothing: `timeout`, `failure`; empty when it did."""
    resume_question: bool = False
    """It goes on with what people answered, or did not: `event` is plain JSON, with times as text."""


class Cancel(Message, tag="cancel"):
    """Stop this attempt: SIGTERM, then SIGKILL to its whole process tree after `grace_seconds`."""

    attempt: str
    reason: str
    grace_seconds: float = 5.0


class Deferral(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a deferred task waits for, and how it goes on."""

    classpath: str
    """The trigger's class, `package.module.Class`; only the triggerer imports it."""
    kwargs: bytes = b"{}"
    """JSON of an object: the trigger's arguments."""
    method: str = ""
    """The operator's method that goes on."""
    method_kwargs: bytes = b"{}"
    """JSON of an object: its arguments, without the event."""
    timeout_seconds: float | None = None
    at_us: int | None = None
    """The trigger waits for this moment and nothing else, so it needs no triggerer: `at_event` is its event then."""
    at_event: bytes = b""
    at_ends: str = ""
    """`success`: at that moment the task has succeeded, and `method` is not called."""


class Question(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a task asks people, and how it goes on with the answer."""

    subject: str
    options: list[str]
    body: str = ""
    defaults: list[str] | None = None
    """What is taken when nobody has answered within `timeout_seconds`; None: the task is told that nobody has."""
    multiple: bool = False
    params: bytes = b"{}"
    """JSON of an object: the fields of its form, each with `value`, `description` and JSON `schema`."""
    assigned: list[tuple[str, str]] = []
    """Who may answer, by id and name; empty: everybody."""
    method: str = ""
    """The operator's method that goes on."""
    method_kwargs: bytes = b"{}"
    """JSON of an object: its arguments, without the event."""
    timeout_seconds: float | None = None


class AssetUpdate(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An asset that an attempt updated. Of a reference only name or uri is known."""

    name: str = ""
    uri: str = ""
    group: str = "asset"
    extra: bytes = b"{}"
    """JSON of an object."""
    aliases: list[str] = []
    """Aliases through which it was updated."""
    partition_key: str | None = None
    """The partition that was updated; None: that of the run, if it has one."""


class Started(Message, tag="started"):
    """The child is about to enter `execute`; templates are rendered."""

    attempt: str
    start_us: int
    pid: int = 0


class Finished(Message, tag="finished"):
    """The end of an attempt, whole: outcome, result, skips and times travel in one message and one commit.

    outcome: `success`, `skipped`, `failed` (retry if the rules allow), `failed_for_good` (no retry whatever is left),
    `rescheduled` (again at `reschedule_us`), `deferred` (goes on when the trigger of `defer` fires), `awaiting_input`
    (goes on when somebody has answered `ask`), `lost` (the process is gone and nobody knows how far it came),
    `not_started` (it certainly never began), `cancelled` (stopped on request).
    """

    attempt: str
    outcome: str
    start_us: int | None = None
    end_us: int | None = None
    error: str = ""
    """One line: exception type and text, signal name, or exit code."""
    value: bytes | None = None
    """JSON of the return value; None: nothing to store."""
    length: int | None = None
    """Length of the return value if it is a list or dict: what a mapped downstream task expands over."""
    xcoms: list[XComValue] = []
    """Further XComs that belong to the finish itself (multiple_outputs)."""
    skip: list[str] = []
    """Task ids (`task_id` or `task_id[map_index]`) that a branch or short circuit decided to skip."""
    retry_delay_seconds: float | None = None
    """Set by a retry policy: replaces the computed delay."""
    reschedule_us: int | None = None
    defer: Deferral | None = None
    ask: Question | None = None
    rendered: bytes | None = None
    """JSON of the rendered template fields."""
    map_label: str | None = None
    """The rendered `map_index_template`."""
    asset_events: list[AssetUpdate] = []
    """What the attempt updated; only with `success`."""
    metrics: list[tuple[str, float, dict[str, str]]] = []
    """What the attempt measured: (name, newest value, labels)."""
    moment_us: int | None = None
    """Of a callback that works out a deadline: the moment. None: there is none."""
    died: bool = False
    """The agent says so: the process ended without a word, and has not called the task's callbacks."""
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    """Peak private memory of the attempt's processes as sampled, else the child's own peak resident size."""


class AssetEventInfo(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An asset event as tasks see it."""

    number: int
    name: str
    uri: str
    at_us: int
    group: str = "asset"
    extra: bytes = b"{}"
    aliases: list[str] = []
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1
    actor: str = ""
    partition_key: str | None = None


class Progress(Message, tag="progress"):
    """How far a running attempt has come; at most five a second."""

    attempt: str
    done: float
    total: float | None = None
    unit: str = ""


class Measured(Message, tag="measured"):
    """What task code has measured since the last of these. A hint: it is told once, and nobody acknowledges it."""

    samples: list[Sample]


class Request(Message, tag="request"):
    """A child, host or client asks something of the engine; see `METHODS` for the names."""

    id: int
    method: str
    args: dict[str, Any] = {}
    attempt: str = ""


class Response(Message, tag="response"):
    """The answer to the Request with the same id. `error` is a sentence; `kind` names its class."""

    id: int
    value: Any = None
    error: str = ""
    kind: str = ""


METHODS = {
    "variable.get": "{key} → str | None",
    "variable.set": "{key, value, description?}",
    "variable.delete": "{key} → bool",
    "variable.keys": "{prefix?} → list[str]",
    "connection.get": "{conn_id} → {conn_id, conn_type, host, login, password, schema, port, extra, description} "
    "| None",
    "xcom.pull": "{dag_id, run_id, task_ids: list | None, map_indexes: list | None, key: str | None, "
    "include_prior_dates: bool} → list[[task_id, map_index, key, json bytes]], ordered by task_ids then map_index",
    "xcom.push": "{dag_id, run_id, task_id, map_index, key, value: json bytes, length?}",
    "task_state_store.get": "{dag_id, run_id, task_id, map_index, key} → json bytes | None",
    "task_state_store.set": "{key, value: json bytes, retention_seconds?}: of the task instance whose attempt asks, as "
    "are the next two; refused (NotCurrent) when it is over",
    "task_state_store.delete": "{key}",
    "task_state_store.clear": "{}",
    "asset_state_store.get": "{name?, uri?, key} → json bytes | None",
    "asset_state_store.set": "{name?, uri?, key, value: json bytes}; only while the attempt that asks is under way",
    "asset_state_store.delete": "{name?, uri?, key}",
    "asset_state_store.clear": "{name?, uri?}",
    "dag.get": "{dag_id} → {dag_id, is_paused, is_stale, task_ids: list, groups: {group_id: list of task ids}} | None",
    "run.get": "{dag_id, run_id} → RunInfo fields | None",
    "run.previous": "{dag_id, before_us, state: str | None, scheduled_only: bool} → RunInfo fields | None",
    "run.count": "{dag_id, run_ids?, logical_dates_us?, states?} → int",
    "run.create": "{dag_id, run_id?, logical_date_us?, conf?, note?, partition_key?} → RunInfo fields",
    "task.states": "{dag_id, run_ids?, logical_dates_us?, task_ids?, map_index?} → "
    "{run_id: {task_id or task_id_N: state}}",
    "timetable.wanted": "{dag_ids} → {dag_id: {last: NamedRun | None, since_us?, until_us?}}: which runs a code "
    "host is to name for Dags with custom timetables; those that follow `last`, or all from `since_us` to `until_us`",
    "partitions.wanted": "{dag_ids} → {dag_id: list of [event, name, uri, key, partition?]}: asset events whose "
    "partitions the code of a Dag's mapper is to name; with `partition`, of what that one is made",
    "task.count": "{dag_id, run_ids?, logical_dates_us?, task_ids?, states?} → int",
    "callback.begin": "{} → str: empty when this callback may do now what must not be done twice, else why it may not",
    "asset.triggering": "{dag_id, run_id} → list of AssetEventInfo: what the run was made for, oldest first",
    "asset.through_alias": "{alias} → list of [name, uri]: the assets that were updated through it",
    "asset.named": "{name} → str | None: the uri of the asset of that name, where some Dag defines one",
    "asset.events": "{name?, uri?, alias?, after_us?, before_us?, newest?} → list of AssetEventInfo, oldest first",
}

# --- agent ↔ scheduler -------------------------------------------------------------------------------------------


class Hello(Message, tag="hello"):
    """First message on a connection. role: `agent` or `client`."""

    role: str
    protocol: int = PROTOCOL
    worker: str = ""
    """The worker's name; stable over restarts."""
    instance: str = ""
    """One life of the agent process."""
    capacity: int = 0
    queues: list[str] = msgspec.field(default_factory=lambda: ["default"])
    pid: int = 0
    running: list[str] = []
    """Attempts that this instance is running, or whose report it still keeps."""


class Welcome(Message, tag="welcome"):
    """The scheduler has registered this agent under an epoch; its lease lasts `lease_seconds` from its Hello, and from
    each Beat that is answered. Without one the agent begins nothing."""

    epoch: int
    lease_seconds: float
    server_id: str


class Refused(Message, tag="refused"):
    """The peer is not welcome: wrong protocol, or this process is not the owner."""

    reason: str


class Beat(Message, tag="beat"):
    """Lease renewal, what the agent has, and what it measured: (attempt, private bytes now, peak, cpu seconds)."""

    sent_us: int
    holds: list[str] = []
    """Attempts that it runs, or whose report it still keeps: whatever got lost on the way is said again."""
    triggers: list[str] = []
    """Triggers that it runs, or whose answer it still keeps."""
    usage: list[tuple[str, int, int, float]] = []
    memory_percent: float = 0.0
    """How much of the machine's memory is in use; 0: not measured."""
    disk_percent: float = 0.0
    """How much of the disk that holds the home folder is in use; 0: not measured."""
    machine_cpu: tuple[float, float] = (0.0, 0.0)
    """Busy and all CPU seconds of the machine since its start; zeros: not measured."""
    held: list[tuple[str, int, int]] = []
    """Attempts that wait for memory on this machine: (attempt, bytes that its task needed before, bytes left)."""
    hosts: int = 0
    ready: int = 0


class RunTrigger(Message, tag="run_trigger"):
    """To an agent: run this trigger of a deferred task until it answers. A repeat of the same id is a no-op."""

    id: str
    classpath: str
    kwargs: bytes
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    """Whose log its lines go to."""
    keeps_on: bool = False
    """It watches assets, for no task: it goes on after what it says, and has a log of its own."""


class DropTrigger(Message, tag="drop_trigger"):
    """To an agent: nobody waits for this trigger any more."""

    id: str


class TriggerAnswer(Message, tag="trigger_answer"):
    """A trigger has fired, or failed; the agent keeps this until it is acknowledged."""

    id: str
    event: bytes = b""
    """JSON of the event's payload."""
    ends: str = ""
    """`success`, `failed` or `skipped`: its task ends so, and no method of it is called."""
    xcoms: list[XComValue] = []
    error: str = ""
    """Why there is no event."""


class WatcherFired(Message, tag="watcher_fired"):
    """A trigger that watches assets says that they were updated; the agent keeps this until it is acknowledged."""

    id: str
    """Names what it said."""
    watcher: str
    event: bytes
    """JSON of the event's payload."""


class BeatAck(Message, tag="beat_ack"):
    sent_us: int
    epoch: int


class Ack(Message, tag="ack"):
    """The commit that holds these reports is durable; the agent may forget them."""

    attempts: list[str]


class Warm(Message, tag="warm"):
    """A run of this file is due soon, or has begun: have its code host ready, with `children` standing by."""

    file: str
    version: str
    serial: int = 0
    """As an offer has it."""
    children: int = 2


class Drain(Message, tag="drain"):
    """Take nothing new; finish what runs; then leave."""

    reason: str = ""


# --- parsing -----------------------------------------------------------------------------------------------------


class Parse(Message, tag="parse"):
    """Import this Dag file in a fresh code host and say what it defines."""

    id: int
    file: str
    timeout_seconds: float = 30.0
    digest: str = ""
    """Hash of the file's bytes as the dag processor read them."""
    aged: bool = False
    """Nothing is known to have changed: it is imported again because of its age."""
    serial: int = 0
    """Greater than that of every import before it, also of earlier schedulers; the same where it is only `aged`."""


class Refresh(Message, tag="refresh"):
    """Another agent has imported this file again. A code host that has it from before is to be replaced, so that the
    next offer does not wait for that: at once if its serial is smaller, else when the new one is ready."""

    file: str
    serial: int = 0
    timeout_seconds: float = 30.0


class ImportProblem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Why a file, or one Dag in it, cannot be used."""

    file: str
    line: int | None = None
    kind: str = ""
    message: str = ""
    """One sentence for a person."""
    traceback: str = ""
    dag_id: str = ""


class NamedRun(msgspec.Struct, array_like=True):
    """A run that a custom timetable names."""

    run_after_us: int
    logical_date_us: int | None = None
    data_interval_start_us: int | None = None
    data_interval_end_us: int | None = None
    run_id: str = ""
    """What the timetable calls it; empty for the usual name."""


class NamedRuns(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The coming runs of a Dag by its custom timetable, each following the one before it."""

    dag_id: str
    runs: list[NamedRun] = []
    is_all: bool = False
    """The timetable wants none after these."""


class NamedPartitions(msgspec.Struct, omit_defaults=True, kw_only=True):
    """For which partitions of a Dag an asset event is, as the code of the Dag's mapper says; or why it cannot."""

    dag_id: str
    event: int
    keys: list[str] = []
    error: str = ""
    needs: dict[str, tuple[list[str], int]] = {}
    """By partition, of which of the asset's partitions it is made, and how many of these are enough."""


class Parsed(Message, tag="parsed"):
    """What a file defines. `specs` are canonical JSON of DagSpec; `watched` are files it read (absolute paths)."""

    id: int
    file: str
    digest: str = ""
    specs: list[bytes] = []
    named: list[NamedRuns] = []
    """Only for Dags with custom timetables, and only where their code could say."""
    partitions: list[NamedPartitions] = []
    """Only of events that waited for the code of a Dag's partition mapper."""
    problems: list[ImportProblem] = []
    watched: list[str] = []
    variables: list[str] = []
    connections: list[str] = []
    unwatchable: bool = False
    """It looked at something whose change nobody announces (a database, a socket, a subprocess)."""
    isolation: str = "fork"
    isolation_reason: str = ""
    seconds: float = 0.0
    output: str = ""
    """The first kilobytes that the import printed."""


# --- clients -----------------------------------------------------------------------------------------------------


class Command(Message, tag="command"):
    """A person's wish, applied by the owner. `key` makes a repeat a no-op that gets the first answer."""

    key: str
    kind: str
    body: dict[str, Any] = {}
    actor: str = ""


class Withdraw(Message, tag="withdraw"):
    """Whoever sent this command waits no longer: it must not be applied, unless it is already."""

    key: str


class CommandResult(Message, tag="command_result"):
    """state: `applied`, `refused` (error says why; nothing changed), `withdrawn` (and never applied)."""

    key: str
    state: str
    value: Any = None
    error: str = ""
    kind: str = ""


class Subscribe(Message, tag="subscribe"):
    """Send me events from now on; `dag_id` and `run_id` narrow it."""

    dag_id: str = ""
    run_id: str = ""


class Event(Message, tag="event"):
    """One row of the event log, or a live hint (`seq` 0) such as progress."""

    seq: int
    at_us: int
    name: str
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1
    try_number: int = 0
    before: str = ""
    after: str = ""
    reason: str = ""
    body: dict[str, Any] = {}


# --- agent ↔ code host -------------------------------------------------------------------------------------------


class Fork(Message, tag="fork"):
    """To a host: fork this many standing children; each comes back as a Child with its socket attached."""

    count: int
    reuse: bool = False
    rehearse: bool = False
    """Nothing waits for them: each may at once run a no-op, and have its pages before an offer comes."""


class Child(Message, tag="child"):
    """From a host: a child stands by; its control socket travels with this message as ancillary data."""

    pid: int
    reuse: bool = False


class Exited(Message, tag="exited"):
    """From a host: a child is gone. status as from waitpid; usage from wait4."""

    pid: int
    status: int
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    orphans: int = 0


class HostStarted(Message, tag="host_started"):
    """From a host: it exists and is about to import its file."""

    pid: int


class HostReady(Message, tag="host_ready"):
    """From a host: the file is imported (its Parsed went before) and children can be forked."""

    pid: int


class StartHost(Message, tag="start_host"):
    """To the template process: fork a code host for this file; its control socket is attached."""

    file: str
    path: str
    digest: str
    parse_id: int
    timeout_seconds: float = 30.0


class StartTriggerHost(Message, tag="start_trigger_host"):
    """To the template process: fork a process that runs triggers; its control socket is attached."""


class TriggerBlocked(Message, tag="trigger_blocked"):
    """From a trigger host: this trigger keeps all others from going on. `id` is empty where nobody knows which."""

    id: str
    seconds: float


AnyMessage = (
    Offer | Cancel | Started | Finished | Progress | Measured | Request | Response | Hello | Welcome | Refused | Beat
    | BeatAck | Ack | Warm | Drain | Parse | Parsed | Refresh | Command | Withdraw | CommandResult | Subscribe | Event
    | Fork | Child | Exited | HostStarted | HostReady | StartHost
    | RunTrigger | DropTrigger | TriggerAnswer | WatcherFired | StartTriggerHost | TriggerBlocked
)  # fmt: skip
