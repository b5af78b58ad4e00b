"""The metadata database: portable tables for SQLite and PostgreSQL.

Times are BIGINT microseconds since 1970 in UTC, so that both databases keep the same precision; leases alone are
milliseconds by the database's own clock. JSON is text. Only the owner writes (see ARCHITECTURE.md).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigKey = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column of exactly INTEGER."""

owner = Table(
    "owner",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("last_batch", Text, nullable=False, server_default=""),
    Column("next_run_number", BigInteger, nullable=False, server_default="1"),
    Column("server_id", Text, nullable=False, server_default=""),
)

dag = Table(
    "dag",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("file", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("is_paused", Boolean, nullable=False),
    Column("is_stale", Boolean, nullable=False),
    Column("owners", Text, nullable=False, server_default=""),
    Column("tags", Text, nullable=False, server_default="[]"),
    Column("description", Text),
    Column("timetable_summary", Text, nullable=False, server_default=""),
    Column("max_active_tasks", Integer, nullable=False),
    Column("max_active_runs", Integer, nullable=False),
    Column("last_logical_date", BigInteger),
    Column("last_interval_start", BigInteger),
    Column("last_interval_end", BigInteger),
    Column("last_run_after", BigInteger),
    Column("next_logical_date", BigInteger),
    Column("next_interval_start", BigInteger),
    Column("next_interval_end", BigInteger),
    Column("next_run_after", BigInteger),
    Column("failures_in_a_row", Integer, nullable=False, server_default="0"),
    Column("isolation", Text, nullable=False, server_default="fork"),
    Column("isolation_reason", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

dag_version = Table(
    "dag_version",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dag_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("dag_id", "number"),
)

source = Table(
    "source",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("text", LargeBinary, nullable=False),
)

dag_file = Table(
    "dag_file",
    metadata,
    Column("file", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("parsed_at", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("isolation", Text, nullable=False, server_default="fork"),
    Column("isolation_reason", Text, nullable=False, server_default=""),
    Column("dag_ids", Text, nullable=False, server_default="[]"),
    Column("watched", Text, nullable=False, server_default="[]"),
    Column("output", Text, nullable=False, server_default=""),
)

import_error = Table(
    "import_error",
    metadata,
    Column("file", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("dag_id", Text, nullable=False, server_default=""),
    Column("line", Integer),
    Column("kind", Text, nullable=False, server_default=""),
    Column("message", Text, nullable=False),
    Column("traceback", Text, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("slot_key", Text),
    Column("run_type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("run_after", BigInteger, nullable=False),
    Column("logical_date", BigInteger),
    Column("data_interval_start", BigInteger),
    Column("data_interval_end", BigInteger),
    Column("conf", Text, nullable=False, server_default="{}"),
    Column("queued_at", BigInteger),
    Column("start_date", BigInteger),
    Column("end_date", BigInteger),
    Column("clear_number", Integer, nullable=False, server_default="0"),
    Column("triggered_by", Text, nullable=False, server_default="timetable"),
    Column("triggering_user", Text),
    Column("reason", Text, nullable=False, server_default=""),
    Column("note", Text),
    Column("max_active", Integer),
    Column("backfill", BigInteger),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("quarantine", Text, nullable=False, server_default=""),
    Column("partition_key", Text),
    Column("partition_date", BigInteger),
    UniqueConstraint("dag_id", "run_id"),
    UniqueConstraint("dag_id", "slot_key"),
    Index("ix_run_open", "state", sqlite_where=text("state IN ('queued','running')"),
          postgresql_where=text("state IN ('queued','running')")),
    Index("ix_run_dag_id_number", "dag_id", "number"),
    Index("ix_run_ended", "end_date", "state", "dag_id", sqlite_where=text("end_date IS NOT NULL"),
          postgresql_where=text("end_date IS NOT NULL")),
    Index("ix_run_partition", "dag_id", "partition_key", sqlite_where=text("partition_key IS NOT NULL"),
          postgresql_where=text("partition_key IS NOT NULL")),
)  # fmt: skip

run_place = func.coalesce(run.c.logical_date, run.c.run_after)
"""Where a run stands among the runs of its Dag; its number decides between runs at the same place."""
Index("ix_run_place", run.c.dag_id, run_place)

backfill = Table(
    "backfill",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("dag_id", Text, nullable=False),
    Column("from_date", BigInteger, nullable=False),
    Column("to_date", BigInteger, nullable=False),
    Column("conf", Text, nullable=False),
    Column("reprocess", Text, nullable=False),
    Column("max_active", Integer, nullable=False),
    Column("backwards", Boolean, nullable=False),
    Column("latest", Boolean),
    Column("is_paused", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("triggering_user", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("completed_at", BigInteger),
    Index("ix_backfill_dag_id", "dag_id"),
    Index("ix_backfill_active", "state", sqlite_where=text("state = 'active'"),
          postgresql_where=text("state = 'active'")),
)  # fmt: skip

backfill_run = Table(
    "backfill_run",
    metadata,
    Column("backfill", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("logical_date", BigInteger),
    Column("data_interval_start", BigInteger),
    Column("data_interval_end", BigInteger),
    Column("run_after", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("run", BigInteger),
    Column("is_done", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""The dates of a backfill in the order in which they are run; `run` is a run's number."""

task_instance = Table(
    "task_instance",
    metadata,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("max_tries", Integer, nullable=False),
    Column("leg", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("attempt", Text),
    Column("not_before", BigInteger),
    Column("scheduled_at", BigInteger),
    Column("queued_at", BigInteger),
    Column("start_date", BigInteger),
    Column("end_date", BigInteger),
    Column("reason", Text, nullable=False),
    Column("pending", Text, nullable=False),
    Column("skip_decided", Boolean, nullable=False),
    Column("rendered_map_index", Text),
    sqlite_with_rowid=False,
)

task_note = Table(
    "task_note",
    metadata,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What people have noted about task instances; nothing is decided by it."""

attempt = Table(
    "attempt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("leg", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("pool", Text, nullable=False),
    Column("pool_slots", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("assigned_at", BigInteger),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("reason", Text, nullable=False),
    Column("cancel", Text, nullable=False),
    Column("cpu_seconds", Float),
    Column("peak_bytes", BigInteger),
    Index("ix_attempt_run_task_id_map_index", "run", "task_id", "map_index"),
    Index("ix_attempt_active", "state", sqlite_where=text("state IN ('assigned','running')"),
          postgresql_where=text("state IN ('assigned','running')")),
    sqlite_with_rowid=False,
)  # fmt: skip

xcom = Table(
    "xcom",
    metadata,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("length", Integer),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

task_state_store = Table(
    "task_state_store",
    metadata,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Index("ix_task_state_store_expires_at", "expires_at", sqlite_where=text("expires_at IS NOT NULL"),
          postgresql_where=text("expires_at IS NOT NULL")),
    sqlite_with_rowid=False,
)  # fmt: skip
"""What task instances keep from one try to the next; a row lasts until it expires or its run is deleted."""

asset_state_store = Table(
    "asset_state_store",
    metadata,
    Column("name", Text, primary_key=True),
    Column("uri", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("map_index", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""What tasks keep beside an asset, and which task instance wrote it last."""

rendered = Table(
    "rendered",
    metadata,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True, autoincrement=False),
    Column("fields", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    metadata,
    Column("seq", BigKey, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False),
)

command = Table(
    "command",
    metadata,
    Column("key", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("error", Text, nullable=False),
)

callback = Table(
    "callback",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("ix_callback_open", "state", sqlite_where=text("state IN ('waiting','assigned')"),
          postgresql_where=text("state IN ('waiting','assigned')")),
)  # fmt: skip

deadline = Table(
    "deadline",
    metadata,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""By when runs that are not over should be; a row goes when its moment has come or its run has ended."""

runtime = Table(
    "runtime",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("seconds", Text, nullable=False),
)
"""How long the last runs of a Dag took that ended, newest first, as JSON; of Dags whose deadlines look at them. The
runs themselves do not tell: one that is run again forgets how long it took before."""

deferral = Table(
    "deferral",
    metadata,
    Column("run", BigInteger, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("classpath", Text, nullable=False),
    Column("kwargs", LargeBinary, nullable=False),
    Column("method", Text, nullable=False),
    Column("method_kwargs", LargeBinary, nullable=False),
    Column("pool", Text, nullable=False),
    Column("pool_slots", Integer, nullable=False),
    Column("created_at", BigInteger),
    Column("at", BigInteger),
    Column("at_event", LargeBinary, nullable=False),
    Column("at_ends", Text, nullable=False),
    Column("timeout_at", BigInteger),
    Column("is_answered", Boolean, nullable=False),
    Column("event", LargeBinary, nullable=False),
    Column("error", Text, nullable=False),
)
"""What task instances without a slot wait for; a row lasts until the attempt that goes on has ended."""

question = Table(
    "question",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("defaults", Text),
    Column("multiple", Boolean, nullable=False),
    Column("params", LargeBinary, nullable=False),
    Column("assigned", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("timeout_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("answered_by", Text),
    Column("chosen", Text, nullable=False),
    Column("params_input", LargeBinary, nullable=False),
    Index("ix_question_task", "run", "task_id", "map_index"),
)
"""What task instances have asked people, and the answers. One that waits has a deferral of the same id."""

asset_event = Table(
    "asset_event",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("asset_group", Text, nullable=False),
    Column("extra", LargeBinary, nullable=False),
    Column("aliases", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("partition_key", Text),
    Column("partition_date", BigInteger),
    UniqueConstraint("id"),
    Index("ix_asset_event_name_number", "name", "number"),
    Index("ix_asset_event_uri_number", "uri", "number"),
)
"""The ledger of asset events: rows are added, and never changed."""

asset_event_alias = Table(
    "asset_event_alias",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

asset_queue = Table(
    "asset_queue",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Events that a Dag has not had a run for yet."""

partition_queue = Table(
    "partition_queue",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("partition", Text, primary_key=True),
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""The same for Dags that run once for each partition: by the partition of the run that will take it."""

watcher = Table(
    "watcher",
    metadata,
    Column("id", Text, primary_key=True),
    Column("classpath", Text, nullable=False),
    Column("kwargs", LargeBinary, nullable=False),
    Column("assets", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("retry_at", BigInteger),
)
"""Triggers that watch for updates of assets now, or after a failure will again."""

alert_rule = Table(
    "alert_rule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
)
"""Since when each alert rule is as it is: it tells of nothing before."""

alert_notice = Table(
    "alert_notice",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("notice", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("ended_at", BigInteger),
    Index("ix_alert_notice_at", "at"),
    Index("ix_alert_notice_open", "state", sqlite_where=text("state = 'waiting'"),
          postgresql_where=text("state = 'waiting'")),
)  # fmt: skip
"""What people are told by alert rules, and how far its delivery over each channel is: `waiting`, `delivered`,
`given_up`. A notice for nobody has the channel that has no name, and is `kept`."""

own_alert_rule = Table(
    "own_alert_rule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""Alert rules that were written here and not in the rules file, each as YAML."""

alert_silence = Table(
    "alert_silence",
    metadata,
    Column("id", Text, primary_key=True),
    Column("rules", Text, nullable=False),
    Column("dags", Text, nullable=False),
    Column("start_date", BigInteger, nullable=False),
    Column("end_date", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("ix_alert_silence_end", "end_date"),
)
"""When people asked not to be told of which alerts. One that is ended early ends at that moment, so that a history that
is played again stays the same."""

machine_minute = Table(
    "machine_minute",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("worker", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("cpu", Float),
    Column("memory", Float, nullable=False),
    Column("disk", Float, nullable=False),
    Index("ix_machine_minute_at", "at"),
)
"""How much of a worker's machine was in use in each minute of the last week, in percent: of the CPU on average, of the
memory at most, of the disk at the end. `place` is the minute's number within a week."""

asset_run = Table(
    "asset_run",
    metadata,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_asset_run_event", "event"),
    sqlite_with_rowid=False,
)
"""Which events a run was made for."""

worker = Table(
    "worker",
    metadata,
    Column("name", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("queues", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("joined_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)

component = Table(
    "component",
    metadata,
    Column("name", Text, primary_key=True),
    Column("beat_at", BigInteger, nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),
)

favorite = Table(
    "favorite",
    metadata,
    Column("username", Text, primary_key=True),
    Column("dag_id", Text, primary_key=True),
    Index("ix_favorite_dag_id", "dag_id"),
    sqlite_with_rowid=False,
)
"""Dags that people want to find again quickly."""

pool = Table(
    "pool",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("include_deferred", Boolean, nullable=False),
)

variable = Table(
    "variable",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("description", Text),
    Column("updated_at", BigInteger, nullable=False),
)
"""`value` is encrypted with the installation's key."""

connection = Table(
    "connection",
    metadata,
    Column("conn_id", Text, primary_key=True),
    Column("conn_type", Text, nullable=False),
    Column("description", Text),
    Column("host", Text),
    Column("schema", Text),
    Column("login", Text),
    Column("password", Text),
    Column("port", Integer),
    Column("extra", Text),
    Column("updated_at", BigInteger, nullable=False),
)
"""`password` and `extra` are encrypted with the installation's key."""

account = Table(
    "account",
    metadata,
    Column("username", Text, primary_key=True),
    Column("password_hash", Text),
    Column("email", Text, nullable=False),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("login_count", Integer, nullable=False),
    Column("failed_logins", Integer, nullable=False),
    Column("last_login_at", BigInteger),
    Column("external", Text, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""Without a `password_hash` (argon2id) only an identity provider can vouch for them: `external` is who they are there.
Whatever they were given under another `generation` does not count any more."""

role = Table(
    "role",
    metadata,
    Column("name", Text, primary_key=True),
    Column("grants", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""Of a built-in role: what it may do beyond what is built in."""

dag_access = Table(
    "dag_access",
    metadata,
    Column("role", Text, primary_key=True),
    Column("dag_id", Text, primary_key=True),
    Column("rights", Text, nullable=False),
    Index("ix_dag_access_dag_id", "dag_id"),
    sqlite_with_rowid=False,
)
"""What the file of a Dag lets a role do with it (`access_control=`), as the version has it that is the Dag's now. There
need not be such a role."""

session = Table(
    "session",
    metadata,
    Column("id", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("address", Text, nullable=False),
    Index("ix_session_username", "username"),
)
"""`kind`: `ui`, `api` or `cli`."""

login_limit = Table(
    "login_limit",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""`key` is `account:NAME` or `address:IP`; before `until` it may not try again."""
