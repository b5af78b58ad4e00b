"""The one writer: its lease, its epoch, and that a batch happens whole or not at all."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from conformance_data import RUN, START, attempt, commit, count_of, task
from sqlalchemy import Engine, text

from tradewind.core.decisions import (
    DropRows,
    DropTask,
    DropXComs,
    PutAttempt,
    PutCallback,
    PutRendered,
    PutRow,
    PutRun,
    PutTask,
    PutXCom,
    Record,
)
from tradewind.core.records import TaskKey
from tradewind.core.states import AttemptState, RunState, TaskState
from tradewind.store.engine import open_engine
from tradewind.store.rows import TASK_COLUMNS, attempt_of, run_of, task_of
from tradewind.store.writer import EpochLost, Lease, StoreMismatch, StoreUnavailable, Writer
from tradewind.testing.servers import PostgresServer


def another(engine: Engine) -> Writer:
    writer = Writer(engine)
    writer.connect()
    return writer


# --- lease ---


def test_one_holder_at_a_time(engine: Engine, writer: Writer, lease: Lease) -> None:
    assert (lease.epoch, lease.next_run_number) == (1, 1)
    second = another(engine)
    assert second.acquire("other", "server") is None
    second.close()


def test_the_same_holder_gets_its_lease_again_under_a_new_epoch(writer: Writer, lease: Lease) -> None:
    again = writer.acquire("me", "server")
    assert again is not None
    assert again.epoch == lease.epoch + 1


def test_a_released_lease_is_free_at_once(engine: Engine, writer: Writer, lease: Lease) -> None:
    writer.release(lease)
    second = another(engine)
    taken = second.acquire("other", "server")
    second.close()
    assert taken is not None
    assert taken.epoch == 2


def test_a_lease_ends_by_the_database_s_own_clock(engine: Engine, writer: Writer) -> None:
    assert writer.acquire("me", "server", ttl_ms=150)
    second = another(engine)
    assert second.acquire("other", "server") is None
    time.sleep(0.2)
    assert second.acquire("other", "server") is not None
    second.close()


def test_every_batch_renews_the_lease(engine: Engine, writer: Writer) -> None:
    lease = writer.acquire("me", "server", ttl_ms=200)
    assert lease is not None
    second = another(engine)
    for _ in range(3):
        time.sleep(0.1)
        writer.commit(lease, "b", (), START, 1, ttl_ms=200)
        assert second.acquire("other", "server") is None
    second.close()


def test_a_former_owner_can_change_nothing(engine: Engine, writer: Writer, lease: Lease) -> None:
    commit(writer, lease, PutRun(RUN, None), PutTask(task("a"), None))
    writer.release(lease)
    second = another(engine)
    assert second.acquire("other", "server")
    with pytest.raises(EpochLost):
        commit(writer, lease, PutTask(task("a", TaskState.SCHEDULED), TaskState.NONE), PutTask(task("b"), None))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT task_id, state FROM task_instance")).all()
    assert [tuple(row) for row in rows] == [("a", "none")]
    second.close()


def test_a_former_owner_whose_rows_exist_already_hears_that_it_is_not_the_owner(
    engine: Engine, writer: Writer, lease: Lease
) -> None:
    commit(writer, lease, PutRun(RUN, None))
    writer.release(lease)
    second = another(engine)
    theirs = second.acquire("other", "server")
    assert theirs is not None
    commit(second, theirs, PutTask(task("a"), None))
    with pytest.raises(EpochLost):
        commit(writer, lease, PutTask(task("a"), None))
    second.close()


def test_the_next_run_number_survives_a_takeover(engine: Engine, writer: Writer, lease: Lease) -> None:
    writer.commit(lease, "b", (), START, 42)
    writer.release(lease)
    second = another(engine)
    taken = second.acquire("other", "server")
    second.close()
    assert taken is not None
    assert taken.next_run_number == 42


def test_events_are_numbered_without_a_gap_across_owners(engine: Engine, writer: Writer, lease: Lease) -> None:
    first = commit(writer, lease, Record("one"), Record("two"))
    with pytest.raises(StoreMismatch):
        commit(writer, lease, Record("lost"), PutTask(task("a"), TaskState.NONE))
    writer.release(lease)
    second = another(engine)
    taken = second.acquire("other", "server")
    assert taken is not None
    later = commit(second, taken, Record("three"))
    second.close()
    assert [event.seq for event in (*first, *later)] == [1, 2, 3]


# --- batches ---


@pytest.mark.parametrize(
    "wrong",
    [
        PutTask(task("a", TaskState.RUNNING), TaskState.QUEUED),
        PutTask(task("a"), None),
        PutTask(task("nobody", TaskState.RUNNING), TaskState.QUEUED),
        PutRun(RUN._replace(state=RunState.SUCCESS), RunState.QUEUED),
        PutRun(RUN._replace(number=2), None),
        PutRun(RUN._replace(number=3, run_id="other"), None),
        PutAttempt(attempt("a", AttemptState.RUNNING), AttemptState.ASSIGNED),
        PutRun(RUN._replace(number=4, run_id="x", logical_date=None, conf={"no": {1, 2}}), None),
        PutRow("variable", {"key": "k", "value": None, "description": None, "updated_at": START}),
        PutRow("no_such_table", {"key": "k"}),
        PutRow("variable", {"no_such_column": 1}),
        Record("x", body={"no": object()}),
        PutXCom(TaskKey(1, "a"), "k", b"", 2**70),
    ],
    ids=lambda o: type(o).__name__,
)
def test_a_batch_with_one_wrong_operation_leaves_nothing(
    engine: Engine, writer: Writer, lease: Lease, wrong: object
) -> None:
    commit(writer, lease, PutRun(RUN, None), PutTask(task("a"), None), batch="first")
    before = count_of(engine)
    with pytest.raises(StoreMismatch):
        commit(writer, lease, PutTask(task("b"), None), Record("note"), wrong, batch="second")  # type: ignore[arg-type]
    assert count_of(engine) == before
    assert writer.committed("first")
    commit(writer, lease, PutTask(task("b"), None), batch="third")
    assert writer.committed("third")


def test_several_changes_of_a_row_in_one_batch_are_one_write(engine: Engine, writer: Writer, lease: Lease) -> None:
    commit(
        writer, lease, PutRun(RUN, None), PutTask(task("a"), None),
        PutTask(task("a", TaskState.SCHEDULED), TaskState.NONE),
        PutTask(task("a", TaskState.QUEUED), TaskState.SCHEDULED),
        PutAttempt(attempt("a", AttemptState.ASSIGNED), None),
        PutAttempt(attempt("a", AttemptState.RUNNING), AttemptState.ASSIGNED),
    )  # fmt: skip
    statements = writer.statements_run
    assert statements == 4, "owner, run, task, attempt"
    commit(
        writer, lease, PutTask(task("a", TaskState.RUNNING), TaskState.QUEUED),
        PutTask(task("a", TaskState.SUCCESS), TaskState.RUNNING),
    )  # fmt: skip
    assert writer.statements_run - statements == 2
    with engine.connect() as connection:
        assert connection.execute(text("SELECT state FROM task_instance")).scalar() == "success"
        assert connection.execute(text("SELECT state FROM attempt")).scalar() == "running"


def test_a_placeholder_that_comes_and_goes_in_one_batch_is_never_there(
    engine: Engine, writer: Writer, lease: Lease
) -> None:
    instances = [PutTask(task("m", map_index=n), None) for n in range(3)]
    commit(writer, lease, PutTask(task("m"), None), DropTask(task("m").key), *instances)
    commit(writer, lease, PutTask(task("n"), None), batch="2")
    commit(
        writer, lease, PutTask(task("n", TaskState.SKIPPED), TaskState.NONE), DropTask(task("n").key), batch="3"
    )  # fmt: skip
    assert count_of(engine)["task_instance"] == 3


def test_values_of_many_tasks_take_one_statement_for_each_kind(writer: Writer, lease: Lease) -> None:
    def finishes(n: int) -> list[object]:
        return [
            operation
            for i in range(n)
            for operation in (
                PutRendered(TaskKey(1, f"t{i}"), b"{}"), DropXComs(TaskKey(1, f"t{i}")),
                PutXCom(TaskKey(1, f"t{i}"), "return_value", b"1", None), Record("task.moved"),
            )
        ]  # fmt: skip

    commit(writer, lease, *finishes(1))  # type: ignore[arg-type]
    one = writer.statements_run
    commit(writer, lease, *[o for o in finishes(100) if not isinstance(o, DropXComs)], batch="2")  # type: ignore[arg-type]
    assert one == 5
    assert writer.statements_run - one == 4


def test_within_a_table_the_order_of_operations_stays(engine: Engine, writer: Writer, lease: Lease) -> None:
    key = TaskKey(1, "a")
    commit(
        writer, lease, PutXCom(key, "old", b"1", None), PutRendered(key, b"{}"), DropXComs(key),
        PutXCom(key, "new", b"1", None), PutXCom(key, "new", b"2", None),
    )  # fmt: skip
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT key, value FROM xcom")).all()
    assert [(key, bytes(value)) for key, value in rows] == [("new", b"2")]


def test_what_is_written_is_read_back_as_it_was(engine: Engine, writer: Writer, lease: Lease) -> None:
    run = RUN._replace(conf={"a": [1, {"b": "ü"}], "n": None}, note="nöte", start_date=START)
    full = task("a", TaskState.UP_FOR_RETRY)._replace(
        try_number=3, max_tries=7, leg=2, losses=1, attempt="x", not_before=START,
        start_date=START, reason="why 'not'; --", pending="clear", skip_decided=True, rendered_map_index="label",
    )  # fmt: skip
    one = attempt("a", AttemptState.RUNNING)._replace(started_at=START, reason="é", cancel="c", version="v")
    commit(writer, lease, PutRun(run, None), PutTask(full, None), PutAttempt(one, None))
    with engine.connect() as connection:
        assert run_of(connection.execute(text("SELECT * FROM run")).mappings().one()) == run
        columns = ", ".join(TASK_COLUMNS)
        assert task_of(connection.execute(text(f"SELECT {columns} FROM task_instance")).one()) == full
        assert attempt_of(connection.execute(text("SELECT * FROM attempt")).mappings().one()) == one


def test_rows_that_only_mirror_are_replaced_and_dropped(engine: Engine, writer: Writer, lease: Lease) -> None:
    row = {"name": "p", "slots": 1, "description": "", "include_deferred": False}
    commit(writer, lease, PutRow("pool", row), PutRow("pool", {**row, "slots": 5}))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT slots FROM pool")).scalar() == 5
    commit(writer, lease, DropRows("pool", {"name": "p"}))
    assert count_of(engine)["pool"] == 0


def test_a_callback_asked_for_twice_is_one(engine: Engine, writer: Writer, lease: Lease) -> None:
    for batch in "12":
        commit(writer, lease, PutCallback("id", TaskKey(1, ""), "dag:on_failure", "r"), batch=batch)
    assert count_of(engine)["callback"] == 1


# --- a database that goes away ---


def test_after_a_broken_connection_the_last_batch_says_whether_it_happened(
    engine: Engine, writer: Writer, lease: Lease
) -> None:
    commit(writer, lease, Record("x"), batch="happened")
    writer._connection.close()
    with pytest.raises(StoreUnavailable):
        commit(writer, lease, Record("y"), batch="did not")
    with pytest.raises(StoreUnavailable):
        writer.committed("happened")
    writer.connect()
    assert writer.committed("happened")
    assert not writer.committed("did not")
    assert commit(writer, lease, Record("y"), batch="again")[0].seq == 2


def test_a_writer_without_a_connection_says_that_the_database_is_away(engine: Engine) -> None:
    with pytest.raises(StoreUnavailable):
        Writer(engine).acquire("me", "server")


def test_a_batch_to_postgresql_is_two_round_trips(
    postgres_server: PostgresServer, migrated_postgres: str, tmp_path: Path
) -> None:
    engine = open_engine(postgres_server.new_database(like=migrated_postgres))
    writer = another(engine)
    lease = writer.acquire("me", "server")
    assert lease is not None
    commit(writer, lease, PutRun(RUN, None), *(PutTask(task(name), None) for name in "abc"))
    trace = tmp_path / "trace"
    with trace.open("wb") as file:
        writer._connection.pgconn.trace(file.fileno())
        changed = [PutTask(task(name, TaskState.SCHEDULED), TaskState.NONE) for name in "abc"]
        commit(writer, lease, *changed, PutRendered(task("a").key, b"{}"), Record("one"), Record("two"))
        writer._connection.pgconn.untrace()
    said = trace.read_text()
    assert said.count("Execute") >= 8  # BEGIN, the lease, three tasks, fields, two events
    assert said.count("ReadyForQuery") == 2  # where a client stops waiting
    writer.close()
    engine.dispose()


def test_a_sqlite_file_that_is_locked_is_away_not_wrong(migrated_sqlite: Path, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'metadata.db')}")
    writer = another(engine)
    lease = writer.acquire("me", "server")
    assert lease is not None
    writer._cursor.execute("PRAGMA busy_timeout=50")
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            commit(writer, lease, Record("x"))
        other.exec_driver_sql("ROLLBACK")
    assert commit(writer, lease, Record("x"))
    writer.close()
    engine.dispose()


def test_a_read_only_engine_refuses_every_write(engine: Engine, database: str) -> None:
    reader = open_engine(database, read_only=True)
    with reader.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM run")).scalar() == 0
        with pytest.raises(Exception, match="read"):
            connection.execute(text("DELETE FROM run"))
    reader.dispose()
