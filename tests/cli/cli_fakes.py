"""What the CLI's tests stand on: a small database, and a scheduler that only listens."""

import json
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tradewind.config import load_settings
from tradewind.core.dag import DagSpec, GroupSpec, MapSpec, TaskSpec
from tradewind.core.states import TriggerRule
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.security.secrets import open_vault
from tradewind.store import tables as t
from tradewind.store.engine import open_engine
from tradewind.store.specs import encode_spec
from tradewind.wire.frames import Frames, pack
from tradewind.wire.messages import Command, CommandResult, Event, Hello, Message, Request, Response, Subscribe, Welcome

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def damage(home: Path, sql: str, *values: Any) -> None:
    """Change what is stored behind everybody's back."""
    with closing(sqlite3.connect(home / "tradewind.db")) as connection, connection:
        assert connection.execute(sql, values).rowcount >= 1


@dataclass
class Ended:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]


def task(task_id: str, *upstream: str, **more: Any) -> TaskSpec:
    return TaskSpec(task_id=task_id, operator="BashOperator", upstream=upstream, **more)


ETL = DagSpec(
    dag_id="etl",
    file="etl/daily.py",
    tasks={
        "extract": task("extract"),
        "clean.dedupe": task("clean.dedupe", "extract", group_id="clean"),
        "clean.fill": task("clean.fill", "extract", group_id="clean", map=MapSpec(mode="product", inputs=())),
        "load": task("load", "clean.dedupe", "clean.fill", trigger_rule=TriggerRule.ALL_DONE),
    },
    groups=(GroupSpec(group_id="clean", label="Clean", task_ids=("clean.dedupe", "clean.fill")),),
    edge_labels=(("extract", "clean.dedupe", "raw rows"),),
    timetable=TimetableSpec(kind="delta", summary="1 day, 0:00:00", delta_seconds=86400.0),
    start_date=DAY,
    description="매일 적재",
    tags=("etl", "daily"),
)
PAUSED = DagSpec(dag_id="paused", file="paused.py", tasks={"only": task("only")}, timetable=TimetableSpec(kind="never"))


def fill_database() -> None:
    """Two Dags, two runs, an import error, a variable, a connection and a pool."""
    settings = load_settings()
    vault = open_vault(settings)
    engine = open_engine(settings.database.sql_alchemy_conn)
    t.metadata.create_all(engine)
    with engine.begin() as connection:
        for spec in (ETL, PAUSED):
            connection.execute(t.dag.insert(), _dag_row(spec))
            version = {"id": f"v-{spec.dag_id}", "dag_id": spec.dag_id, "number": 3, "spec": encode_spec(spec)}
            connection.execute(t.dag_version.insert(), {**version, "source": "d", "created_at": 1})
            row = {"file": spec.file, "digest": "d", "parsed_at": us(DAY), "dag_ids": json.dumps([spec.dag_id])}
            connection.execute(t.dag_file.insert(), {**row, "seconds": 0.25 if spec is ETL else 0.5})
        for number, (state, kind) in enumerate((("success", "scheduled"), ("running", "manual")), 1):
            connection.execute(t.run.insert(), _run_row(number, state, kind))
        for index, (task_id, map_index, state) in enumerate(
            [("extract", -1, "success"), ("clean.fill", 0, "running"), ("clean.fill", 1, "none"), ("load", -1, "none")]
        ):
            connection.execute(t.task_instance.insert(), _task_row(2, task_id, map_index, state, index))
        connection.execute(
            t.import_error.insert(),
            {
                "file": "broken.py",
                "position": 0,
                "line": 7,
                "kind": "NameError",
                "message": "broken.py:7: NameError: x is \x1b[31m not defined",
                "at": 1,
            },
        )
        connection.execute(
            t.variable.insert(),
            {"key": "api_token", "value": vault.encrypt("s3cret"), "description": "Of them", "updated_at": 1},
        )
        connection.execute(
            t.variable.insert(),
            {"key": "limits", "value": vault.encrypt('{"max": 3}'), "description": None, "updated_at": 1},
        )
        connection.execute(
            t.connection.insert(),
            {"conn_id": "warehouse", "conn_type": "postgres", "host": "db", "schema": "dwh", "login": "me",
             "password": vault.encrypt("p@ss"), "port": 5432, "extra": vault.encrypt('{"sslmode": "require"}'),
             "updated_at": 1},
        )  # fmt: skip
        connection.execute(
            t.pool.insert(), {"name": "default_pool", "slots": 128, "description": "기본", "include_deferred": False}
        )
    engine.dispose()


def _dag_row(spec: DagSpec) -> dict[str, Any]:
    return {
        "dag_id": spec.dag_id, "file": spec.file, "version": f"v-{spec.dag_id}", "is_paused": spec is PAUSED,
        "is_stale": False, "owners": "me", "tags": json.dumps(spec.tags), "description": spec.description,
        "timetable_summary": spec.timetable.summary, "max_active_tasks": 16, "max_active_runs": 16,
        "next_run_after": us(datetime(2100, 1, 1, tzinfo=UTC)) if spec is ETL else None,
        "next_logical_date": us(datetime(2100, 1, 1, tzinfo=UTC)) if spec is ETL else None,
        "created_at": 1, "updated_at": 1,
    }  # fmt: skip


def _run_row(number: int, state: str, kind: str) -> dict[str, Any]:
    at = us(DAY + timedelta(days=number - 1)) + (123456 if kind == "manual" else 0)
    return {
        "number": number, "dag_id": "etl", "run_id": f"{kind}__{number}", "run_type": kind, "state": state,
        "version": "v-etl",
        "run_after": at, "logical_date": at, "conf": json.dumps({"n": number} if kind == "manual" else {}),
        "start_date": at + 1, "end_date": at + 2 if state == "success" else None,
    }  # fmt: skip


def _task_row(number: int, task_id: str, map_index: int, state: str, index: int) -> dict[str, Any]:
    return {
        "run": number, "task_id": task_id, "map_index": map_index, "state": state, "try_number": 1, "max_tries": 0,
        "leg": 0, "losses": 0, "reason": "", "pending": "", "skip_decided": False,
        "start_date": us(DAY) + index if state != "none" else None,
        "end_date": us(DAY) + index + 10 if state == "success" else None,
    }  # fmt: skip


@dataclass
class FakeScheduler:
    """Speaks frames on the socket: notes what comes, and answers as told."""

    commands: list[Command] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Command], CommandResult | None] = lambda command: CommandResult(key=command.key, state="applied")
    reply: Callable[[Request], Response | None] = lambda request: Response(id=request.id)
    greeting: Message = field(default_factory=lambda: Welcome(epoch=1, lease_seconds=10.0, server_id="s"))
    hello: Hello | None = None
    subscribers: list[socket.socket] = field(default_factory=list)

    def gives(self, value: Any) -> None:
        """Answer every command with this value."""
        self.answer = lambda command: CommandResult(key=command.key, state="applied", value=value)

    def tell(self, *events: Event) -> None:
        for subscriber in self.subscribers:
            subscriber.sendall(b"".join(map(pack, events)))

    def serve(self, connection: socket.socket) -> None:
        frames = Frames()
        with connection:
            while data := connection.recv(65536):
                for message in frames.feed(data):
                    answer = self._answer(message, connection)
                    if answer is not None:
                        connection.sendall(pack(answer))

    def _answer(self, message: Message, connection: socket.socket) -> Message | None:
        match message:
            case Hello():
                self.hello = message
                return self.greeting
            case Command():
                self.commands.append(message)
                return self.answer(message)
            case Request():
                self.requests.append(message)
                return self.reply(message)
            case Subscribe():
                self.subscribers.append(connection)
        return None
