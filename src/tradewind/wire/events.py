"""Names in the event log and on live streams. A name never changes its meaning."""

from typing import Final

RUN_CREATED: Final = "run.created"
RUN_MOVED: Final = "run.moved"
RUN_PASSED_OVER: Final = "run.passed_over"
RUN_DELETED: Final = "run.deleted"
RUN_DEADLINE_MISSED: Final = "run.deadline_missed"
TASK_MOVED: Final = "task.moved"
TASK_DELETED: Final = "task.deleted"
TASK_EXPANDED: Final = "task.expanded"
ASSET_UPDATED: Final = "asset.updated"
PARTITION_UNFIT: Final = "partition.unfit"
PARTITION_DROPPED: Final = "partition.dropped"
WATCHER_FAILED: Final = "watcher.failed"
WATCHER_STALE: Final = "watcher.stale_event"
ATTEMPT_STALE: Final = "attempt.stale_report"
TRIGGER_STALE: Final = "trigger.stale_answer"
QUESTION_ANSWERED: Final = "question.answered"
DAG_CHANGED: Final = "dag.version"
DAG_PAUSED: Final = "dag.paused"
DAG_UNPAUSED: Final = "dag.unpaused"
DAG_GONE: Final = "dag.gone"
IMPORT_FAILED: Final = "dag.import_failed"
IMPORT_HEALED: Final = "dag.import_healed"
QUARANTINED: Final = "quarantined"
WORKER_JOINED: Final = "worker.joined"
WORKER_LOST: Final = "worker.lost"
OWNER_CHANGED: Final = "owner.changed"
VARIABLE_SET: Final = "variable.set"
VARIABLE_DELETED: Final = "variable.deleted"
CONNECTION_SET: Final = "connection.set"
CONNECTION_DELETED: Final = "connection.deleted"
POOL_SET: Final = "pool.set"
POOL_DELETED: Final = "pool.deleted"
PROGRESS: Final = "progress"
"""Live only: never a row."""

TOPICS: Final = (
    "run", "task", "dag", "worker", "owner", "progress", "attempt", "quarantined", "variable", "connection", "pool",
    "asset", "trigger", "partition", "watcher", "question",
)  # fmt: skip
"""SSE topics: the part of an event's name before the first dot."""
