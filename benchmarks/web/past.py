"""What a large installation has done so far, written at once: runs, task instances, tries, and one long log.

The installation must not run meanwhile, and its Dags must be known. Rows go through the store's own tables and
statements, so that a column that comes or goes is noticed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from harness.bench import say
from sqlalchemy import Connection, Engine, func, select

from tradewind.core.records import Attempt, DagRun, TaskInstance, TaskKey
from tradewind.core.states import AttemptState, RunState, RunType, TaskState
from tradewind.store import tables as t
from tradewind.store.engine import open_engine
from tradewind.store.rows import attempt_row, run_row, slot_key, task_row
from tradewind.store.specs import decode_spec
from tradewind.store.statements import insert_new, positional
from tradewind.store.times import to_us
from tradewind.wire.log_files import log_path
from tradewind.wire.logs import LogLine, encode_line
from web.sizes import Sizes

AT_ONCE = 20_000
OLD_DAG, LONG_RUN, LONG_TASK = "team00_dag_0000", "long_log", "extract"
"""Whose past is long, and whose log is."""
NEEDLE = "circuit breaker"
"""Stands in every so many lines of the long log."""
NEEDLE_EVERY = 1_000


class Past:
    """Writes what was. `now` is when it ends."""

    def __init__(self, url: str, sizes: Sizes, now: datetime) -> None:
        self._engine = open_engine(url)
        self._sizes = sizes
        self._now = now
        self._versions: dict[str, str] = {}
        self._tasks: dict[str, list[str]] = {}
        with self._engine.connect() as connection:
            self._read_dags(connection)
            self._numbers = count((connection.execute(select(func.max(t.run.c.number))).scalar() or 0) + 1)

    def close(self) -> None:
        self._engine.dispose()

    def _read_dags(self, connection: Connection) -> None:
        query = select(t.dag.c.dag_id, t.dag_version.c.id, t.dag_version.c.spec)
        for dag_id, version, spec in connection.execute(
            query.join(t.dag_version, t.dag_version.c.id == t.dag.c.version)
        ):
            self._versions[dag_id] = version
            self._tasks[dag_id] = list(decode_spec(spec).tasks)

    def write(self) -> int:
        """All of it; how many task instances there are then."""
        sizes, day = self._sizes, timedelta(days=1)
        many = sorted(dag_id for dag_id in self._versions if dag_id.startswith("team"))
        self._write(
            self._run(dag_id, day, n, _fails(place, n))
            for place, dag_id in enumerate(many)
            for n in range(sizes.runs_each)
        )
        say(f"  {len(many):,} Dags with {sizes.runs_each} runs each")
        self._write(self._run("wide", day, n, n % 9 == 4) for n in range(sizes.wide_runs))
        say(f"  wide: {len(self._tasks['wide'])} tasks in {sizes.wide_runs} runs")
        for dag_id in ("deep", "graph", "grouped"):
            self._write(self._run(dag_id, day, n, n == 0) for n in range(3))
        self._write([self._mapped_run()])
        say(f"  a run of {sizes.mapped:,} mapped instances")
        self._write([self._run(OLD_DAG, day, 0, False, run_id=LONG_RUN)])
        self._write_attempt()
        with self._engine.connect() as connection:
            there = connection.execute(select(func.count()).select_from(t.task_instance)).scalar_one()
        each = len(self._tasks["graph"])
        older = max(0, (sizes.instances - there) // each)
        self._copy("graph", older)
        say(f"  {there + older * each:,} task instances in all")
        return int(there + older * each)

    # --- runs ---

    def _run(
        self, dag_id: str, step: timedelta, ago: int, fails: bool, run_id: str = ""
    ) -> tuple[DagRun, list[TaskInstance]]:
        """The run of so many steps ago: with `fails` its last tenth of tasks has failed or was not reached."""
        number = next(self._numbers)
        at = self._now - step * (ago + 1)
        tasks, length = self._tasks[dag_id], timedelta(seconds=60 + number * 37 % 600)
        bad = len(tasks) - max(1, len(tasks) // 10) if fails else len(tasks)
        instances = []
        for place, task_id in enumerate(tasks):
            state = (
                TaskState.SUCCESS if place < bad else TaskState.FAILED if place == bad else TaskState.UPSTREAM_FAILED
            )
            instances.append(
                _instance(TaskKey(number, task_id), state, at + length * place / len(tasks), length / len(tasks))
            )
        return self._of(number, dag_id, run_id, at, length, fails), instances

    def _mapped_run(self) -> tuple[DagRun, list[TaskInstance]]:
        number, at = next(self._numbers), self._now - timedelta(hours=3)
        instances = [
            _instance(TaskKey(number, "element", index), TaskState.FAILED if index % 97 == 5 else TaskState.SUCCESS,
                      at + timedelta(milliseconds=index * 50), timedelta(seconds=1 + index % 7))
            for index in range(self._sizes.mapped)
        ]  # fmt: skip
        return self._of(number, "mapped", "mapped", at, timedelta(minutes=20), True), instances

    def _of(self, number: int, dag_id: str, run_id: str, at: datetime, length: timedelta, fails: bool) -> DagRun:
        is_named = bool(run_id)
        return DagRun(
            number=number, dag_id=dag_id, run_id=run_id or f"scheduled__{at.isoformat()}",
            run_type=RunType.MANUAL if is_named else RunType.SCHEDULED,
            state=RunState.FAILED if fails else RunState.SUCCESS, version=self._versions[dag_id],
            run_after=at, logical_date=None if is_named else at, data_interval_start=at, data_interval_end=at,
            queued_at=at, start_date=at, end_date=at + length,
        )  # fmt: skip

    def _write(self, runs: Any) -> None:
        """Runs with their task instances, oldest numbers first, in transactions of some thousands of rows."""
        runs_in, tasks_in = (insert_new(table, positional(self._engine.dialect)) for table in (t.run, t.task_instance))
        with _cursor(self._engine) as cursor:
            for pairs in _weighed(runs):
                cursor.execute("BEGIN IMMEDIATE")
                runs_in.run(cursor, [run_row(run, slot_key(run)) for run, _ in pairs])
                tasks_in.run(cursor, [task_row(one) for _, instances in pairs for one in instances])
                cursor.execute("COMMIT")

    def _copy(self, dag_id: str, times: int) -> None:
        """The same run so many times again, further and further back: what only has to be there is made quickly."""
        run, instances = self._run(dag_id, timedelta(days=1), 10, False)
        rows = [task_row(one) for one in instances]
        runs_in, tasks_in = (insert_new(table, positional(self._engine.dialect)) for table in (t.run, t.task_instance))
        with _cursor(self._engine) as cursor:
            for ago in range(11, 11 + times):
                number, at = next(self._numbers), self._now - timedelta(days=ago)
                older = run._replace(
                    number=number, run_id=f"scheduled__{at.isoformat()}", logical_date=at, run_after=at
                )
                cursor.execute("BEGIN IMMEDIATE")
                runs_in.run(cursor, [run_row(older, slot_key(older))])
                tasks_in.run(cursor, [{**row, "run": number} for row in rows])
                cursor.execute("COMMIT")

    # --- the long log ---

    def _write_attempt(self) -> None:
        with self._engine.connect() as connection:
            number = connection.execute(select(t.run.c.number).where(t.run.c.run_id == LONG_RUN)).scalar_one()
        at = self._now - timedelta(days=1)
        attempt = Attempt(
            id=f"{number:032x}", key=TaskKey(number, LONG_TASK), try_number=1, leg=0, state=AttemptState.SUCCESS,
            worker="local", pool="default_pool", pool_slots=1, assigned_at=at, started_at=at,
            ended_at=at + timedelta(minutes=1),
        )  # fmt: skip
        with _cursor(self._engine) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            insert_new(t.attempt, positional(self._engine.dialect)).run(
                cursor, [attempt_row(attempt, 12.5, 120_000_000)]
            )
            cursor.execute("COMMIT")


def write_long_log(root: Path, lines: int, now: datetime) -> Path:
    """The log of the run that is named for it, as a task writes it."""
    path = log_path(root, OLD_DAG, LONG_RUN, LONG_TASK, -1, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    began = to_us(now - timedelta(days=1))
    assert began is not None
    with path.open("wb") as file:
        file.writelines(encode_line(_line(number, began)) for number in range(1, lines + 1))
        file.write(encode_line(LogLine(t=_stamp(began + lines * 50), l="info", m="", event="exit", reason="success")))
    return path


def _line(number: int, began_us: int) -> LogLine:
    level = "error" if number % 20_011 == 0 else "warning" if number % 503 == 0 else "info"
    text = (
        f"row {number}: the {NEEDLE} opened" if number % NEEDLE_EVERY == 0 else f"row {number}: 1,024 records in 0.13 s"
    )
    return LogLine(t=_stamp(began_us + number * 50), l=level, m=text, n="root")


def _stamp(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="microseconds")


def _fails(place: int, ago: int) -> bool:
    """Whether the run of a Dag so many days ago has failed: a tenth of them fail now, all did once in a while."""
    return place % 10 == 3 if ago == 0 else (place + ago) % 17 == 0


def _instance(key: TaskKey, state: TaskState, start: datetime, length: timedelta) -> TaskInstance:
    ran = state in (TaskState.SUCCESS, TaskState.FAILED)
    return TaskInstance(
        key, state=state, try_number=int(ran), start_date=start if ran else None, end_date=start + length,
        queued_at=start if ran else None, scheduled_at=start if ran else None,
    )  # fmt: skip


def _weighed(runs: Any) -> Iterator[list[tuple[DagRun, list[TaskInstance]]]]:
    """Pieces of so many task instances."""
    some: list[tuple[DagRun, list[TaskInstance]]] = []
    weight = 0
    for run, instances in runs:
        some.append((run, instances))
        weight += len(instances)
        if weight >= AT_ONCE:
            yield some
            some, weight = [], 0
    if some:
        yield some


class _cursor:
    """The driver's own cursor, whose transactions are ours."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.raw_connection()

    def __enter__(self) -> Any:
        return self._connection.cursor()

    def __exit__(self, *_: object) -> None:
        self._connection.close()
