"""Task and run states, and the tables that say what can follow what."""

from collections.abc import Mapping
from enum import StrEnum


class TaskState(StrEnum):
    """Where a task instance is. `NONE` is Airflow's "no status": created, not yet due."""

    NONE = "none"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"
    RESTARTING = "restarting"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    AWAITING_INPUT = "awaiting_input"


class TaskEvent(StrEnum):
    """What can happen to a task instance."""

    READY = "ready"
    """Everything that it waited for has come; it may take a slot."""
    QUEUED = "queued"
    """It holds a slot and a worker has been chosen."""
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRIES = "retries"
    """It failed and will be tried again after its delay."""
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"
    RESCHEDULED = "rescheduled"
    DEFERS = "defers"
    """It has given its slot back and waits for a trigger."""
    ASKS = "asks"
    """It has given its slot back and waits for a person's answer."""
    RESUMES = "resumes"
    """Its trigger or a person has answered, or took too long: it goes on as soon as it has a slot again, in the same
    try."""
    GIVEN_BACK = "given_back"
    """Its worker says that it never started this attempt, or cannot have: it is ready again, no try consumed."""
    CLEARED = "cleared"
    RESTARTS = "restarts"
    """Cleared while it runs: the attempt is being stopped, a new one follows."""
    MARKED_SUCCESS = "marked_success"
    MARKED_FAILED = "marked_failed"
    MARKED_SKIPPED = "marked_skipped"


class RunState(StrEnum):
    """Where a Dag run is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class RunType(StrEnum):
    """Why a run exists; also the prefix of its run_id."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"
    OPERATOR_TRIGGERED = "operator_triggered"
    ASSET_TRIGGERED = "asset_triggered"
    ASSET_MATERIALIZATION = "asset_materialization"


class AttemptState(StrEnum):
    """Where one try of one task instance is. `ASSIGNED` rows are the outbox: they are offered until answered."""

    ASSIGNED = "assigned"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    RESCHEDULED = "rescheduled"
    LOST = "lost"
    DEFERRED = "deferred"
    AWAITING_INPUT = "awaiting_input"
    CANCELLED = "cancelled"
    NOT_STARTED = "not_started"


class TriggerRule(StrEnum):
    """What a task asks of its direct upstream before it starts."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALL_SKIPPED = "all_skipped"
    ALWAYS = "always"


FINISHED = frozenset(
    {TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED, TaskState.UPSTREAM_FAILED, TaskState.REMOVED}
)
FAILED_STATES = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})
SUCCESS_STATES = frozenset({TaskState.SUCCESS, TaskState.SKIPPED})
HOLDS_SLOT = frozenset({TaskState.QUEUED, TaskState.RUNNING, TaskState.RESTARTING})
RUN_FINISHED = frozenset({RunState.SUCCESS, RunState.FAILED})
ATTEMPT_ACTIVE = frozenset({AttemptState.ASSIGNED, AttemptState.RUNNING})

_S, _E = TaskState, TaskEvent
_WAITING = (_S.NONE, _S.UP_FOR_RETRY, _S.UP_FOR_RESCHEDULE)
_ACTIVE = (_S.QUEUED, _S.RUNNING)
_OPEN = (
    *_WAITING, _S.SCHEDULED, *_ACTIVE, _S.RESTARTING, _S.DEFERRED, _S.AWAITING_INPUT,
)  # fmt: skip

TASK_TRANSITIONS: Mapping[tuple[TaskState, TaskEvent], TaskState] = {
    **{(s, _E.READY): _S.SCHEDULED for s in _WAITING},
    (_S.SCHEDULED, _E.QUEUED): _S.QUEUED,
    (_S.QUEUED, _E.STARTED): _S.RUNNING,
    # A report may overtake the news that the attempt started: the finish tells both.
    **{(s, _E.SUCCEEDED): _S.SUCCESS for s in _ACTIVE},
    **{(s, _E.FAILED): _S.FAILED for s in (*_ACTIVE, _S.RESTARTING)},
    **{(s, _E.RETRIES): _S.UP_FOR_RETRY for s in (*_ACTIVE, _S.RESTARTING)},
    **{(s, _E.RESCHEDULED): _S.UP_FOR_RESCHEDULE for s in _ACTIVE},
    **{(s, _E.DEFERS): _S.DEFERRED for s in _ACTIVE},
    **{(s, _E.ASKS): _S.AWAITING_INPUT for s in _ACTIVE},
    **{(s, _E.RESUMES): _S.SCHEDULED for s in (_S.DEFERRED, _S.AWAITING_INPUT)},
    # A trigger may say how its task ends.
    (_S.DEFERRED, _E.SUCCEEDED): _S.SUCCESS,
    (_S.DEFERRED, _E.FAILED): _S.FAILED,
    **{(s, _E.GIVEN_BACK): _S.SCHEDULED for s in _ACTIVE},
    (_S.NONE, _E.SUCCEEDED): _S.SUCCESS,  # an EmptyOperator never goes to a worker
    **{(s, _E.SKIPPED): _S.SKIPPED for s in _OPEN},
    **{(s, _E.UPSTREAM_FAILED): _S.UPSTREAM_FAILED for s in (*_WAITING, _S.SCHEDULED)},
    **{(s, _E.REMOVED): _S.REMOVED for s in _S if s is not _S.REMOVED},
    **{
        (s, _E.CLEARED): _S.NONE
        for s in (*FINISHED, *_WAITING, _S.SCHEDULED, _S.RESTARTING, _S.DEFERRED, _S.AWAITING_INPUT)
    },
    **{(s, _E.RESTARTS): _S.RESTARTING for s in _ACTIVE},
    **{(s, _E.MARKED_SUCCESS): _S.SUCCESS for s in _S},
    **{(s, _E.MARKED_FAILED): _S.FAILED for s in _S},
    **{(s, _E.MARKED_SKIPPED): _S.SKIPPED for s in _S},
}


def after(state: TaskState, event: TaskEvent) -> TaskState | None:
    """The state that follows, or None where the event means nothing in this state."""
    return TASK_TRANSITIONS.get((state, event))
