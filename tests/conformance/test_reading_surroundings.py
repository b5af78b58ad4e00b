"""What people see of assets, backfills, the event log, import errors, variables, connections and pools, on every
database."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_data import Installation
from sqlalchemy import Connection, Engine, insert, select

from tradewind.core.access import EVERY_DAG, DagScope
from tradewind.core.errors import InvalidInput
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page
from tradewind.store.reading import assets, backfills, event_logs, import_errors, surroundings, system

MINE = DagScope(ids=frozenset({"mine"}))
TAGGED = DagScope(tags=frozenset({"team"}))
FOLDER = DagScope(folders=frozenset({"mine"}))
SCOPES = (EVERY_DAG, MINE, TAGGED, FOLDER, DagScope())


def _event(number: int, name: str, uri: str, **more: Any) -> dict[str, Any]:
    row = {
        "number": number, "id": f"e{number}", "name": name, "uri": uri, "asset_group": "asset", "extra": b"{}",
        "aliases": "[]", "at": number * 10, "dag_id": "", "run_id": "", "task_id": "", "map_index": -1, "actor": "",
    }  # fmt: skip
    return {**row, **more}


@pytest.fixture
def filled(installation: Installation, engine: Engine) -> Engine:
    """Two Dags, of which `mine` is in a folder of its own and has a tag."""
    with engine.begin() as connection:
        for dag_id, file, tags in (("mine", "mine/a.py", '["team"]'), ("theirs", "b.py", "[]")):
            row = {
                "dag_id": dag_id, "file": file, "version": f"v-{dag_id}", "is_paused": False, "is_stale": False,
                "tags": tags, "max_active_tasks": 1, "max_active_runs": 1, "created_at": 1, "updated_at": 1,
            }  # fmt: skip
            connection.execute(insert(t.dag), row)
            version = {"id": f"v-{dag_id}", "dag_id": dag_id, "number": 1, "spec": b"{}", "source": "d"}
            connection.execute(insert(t.dag_version), {**version, "created_at": 5})
            connection.execute(
                insert(t.import_error), {"file": file, "position": 0, "message": "bad", "traceback": "", "at": 3}
            )
            run = {
                "dag_id": dag_id, "run_id": "r", "run_type": "manual", "state": "running", "version": f"v-{dag_id}",
                "run_after": 1, "logical_date": 9, "start_date": 2,
            }  # fmt: skip
            number = 1 if dag_id == "mine" else 2
            connection.execute(insert(t.run), {"number": number, **run})
            connection.execute(insert(t.asset_run), {"run": number, "event": 2})
            connection.execute(insert(t.asset_queue), {"dag_id": dag_id, "event": 1})
            connection.execute(insert(t.asset_queue), {"dag_id": dag_id, "event": 2})
            backfill = {
                "id": number, "dag_id": dag_id, "from_date": 1, "to_date": 2, "conf": "{}", "reprocess": "none",
                "max_active": 1, "backwards": False, "is_paused": False, "state": "active", "reason": "",
                "created_at": 1, "updated_at": 1,
            }  # fmt: skip
            connection.execute(insert(t.backfill), backfill)
        connection.execute(
            insert(t.asset_event),
            [_event(1, "a", "s3://a"), _event(2, "a", "s3://a", dag_id="mine"), _event(3, "b", "old"),
             _event(4, "b", "new")],
        )  # fmt: skip
        connection.execute(insert(t.asset_event_alias), {"alias": "found", "event": 2})
        connection.execute(insert(t.partition_queue), {"dag_id": "mine", "partition": "p", "event": 4})
        instance = {
            "run": 1, "state": "scheduled", "try_number": 1, "max_tries": 1, "leg": 0, "losses": 0, "reason": "",
            "pending": "", "skip_decided": False,
        }  # fmt: skip
        for index in (0, 1):
            connection.execute(insert(t.task_instance), {**instance, "task_id": "t", "map_index": index})
        attempt = {
            "run": 1, "task_id": "t", "map_index": 0, "try_number": 1, "leg": 0, "worker": "w", "pool": "p",
            "version": "v", "reason": "", "cancel": "",
        }  # fmt: skip
        for id, state, slots in (("x", "running", 2), ("y", "running", 1), ("z", "assigned", 4), ("o", "over", 9)):
            connection.execute(insert(t.attempt), {**attempt, "id": id, "state": state, "pool_slots": slots})
        kept = {"name": "a", "uri": "s3://a", "value": b"1", "updated_at": 1, "dag_id": "", "run_id": "", "task_id": ""}
        for key in ("k2", "k1"):
            connection.execute(insert(t.asset_state_store), {**kept, "key": key, "map_index": -1})
        for key in ("a_b", "axb", "C"):
            connection.execute(insert(t.variable), {"key": key, "value": key, "updated_at": 1})
            connection.execute(insert(t.connection), {"conn_id": key, "conn_type": "http", "updated_at": 1})
        line = {"at": 1, "run_id": "", "task_id": "", "map_index": -1, "try_number": 0, "before": "", "body": "{}"}
        lines = [
            ("command", "mine", "dag.pause", "kim"), ("dag.paused", "mine", "", ""),
            ("variable.set", "", "", "kim"), ("command", "", "variable.set", "lee"),
            ("command", "theirs", "run.create", "lee"),
        ]  # fmt: skip
        for seq, (name, dag_id, after, reason) in enumerate(lines, 1000):
            connection.execute(
                insert(t.event), {**line, "seq": seq, "name": name, "dag_id": dag_id, "after": after, "reason": reason}
            )
    return engine


def of(listed: Listed, column: str) -> list[Any]:
    assert listed.total is None or listed.total >= len(listed.rows)
    return [row[column] for row in listed.rows]


def test_assets_are_read_from_specs_and_the_ledger(filled: Engine) -> None:
    with filled.connect() as connection:
        assert assets.current_dags(connection) == [("mine", "v-mine", 5), ("theirs", "v-theirs", 5)]
        assert [assets.dag_ids_in(connection, scope) for scope in SCOPES] == [
            {"mine", "theirs"}, {"mine"}, {"mine"}, {"mine"}, set(),
        ]  # fmt: skip
        assert [(row["name"], row["uri"], row["first_at"], row["at"]) for row in assets.assets_updated(connection)] == [
            ("a", "s3://a", 10, 20), ("b", "new", 30, 40),
        ]  # fmt: skip
        pairs = [("a", "s3://a"), ("b", "old"), ("c", "c")]
        assert assets.newest_events(connection, pairs) == {("a", "s3://a"): (2, 20), ("b", "old"): (3, 30)}
        assert assets.aliases_of(connection, pairs) == {("a", "s3://a"): ["found"]}
        assert assets.newest_events(connection, []) == assets.aliases_of(connection, []) == {}


def test_events_are_listed_by_what_is_asked_for(filled: Engine) -> None:
    def numbers(page: Page | None = None, **wanted: Any) -> list[int]:
        with filled.connect() as connection:
            return of(assets.events_listed(connection, assets.EventFilter(**wanted), page or Page()), "number")

    assert numbers() == [1, 2, 3, 4]
    assert numbers(Page(order_by=("-timestamp",), limit=2)) == [4, 3]
    assert numbers(assets=[("a", "s3://a"), ("b", "new")]) == [1, 2, 4]
    assert numbers(assets=[]) == []
    assert numbers(dag_id="mine", map_index=-1) == [2]
    assert numbers(name_pattern="A", name_prefix="a") == [1, 2]
    assert numbers(first=20, last=30) == [2, 3]
    assert numbers(of_run=("theirs", "r")) == [2]


def test_runs_and_queues_are_narrowed_to_a_scope(filled: Engine) -> None:
    with filled.connect() as connection:
        for scope, dags in zip(SCOPES, (["mine", "theirs"], ["mine"], ["mine"], ["mine"], []), strict=True):
            found = assets.runs_of_events(connection, [1, 2], scope)
            assert [run["dag_id"] for run in found.get(2, [])] == dags
            waits = assets.waiting(connection, scope)
            assert sorted({row["dag_id"] for row in waits}) == dags
            assert [row["dag_id"] for row in assets.waiting(connection, scope, asset=("b", "new"))] == dags[:1]
        assert [(row["name"], row["since"]) for row in assets.waiting(connection, EVERY_DAG, dag_id="mine")] == [
            ("a", 10), ("b", 40),
        ]  # fmt: skip
        assert [row["name"] for row in assets.waiting(connection, MINE, before=40)] == ["a"]


def test_values_beside_an_asset_are_listed_by_key(filled: Engine) -> None:
    with filled.connect() as connection:
        assert of(assets.values_listed(connection, ("a", "s3://a"), Page()), "key") == ["k1", "k2"]
        assert assets.value_kept(connection, ("a", "other"), "k1") is None


def test_backfills_and_lines_are_narrowed_to_a_scope(filled: Engine) -> None:
    with filled.connect() as connection:
        for scope, count in zip(SCOPES, (2, 1, 1, 1, 0), strict=True):
            assert len(backfills.backfills_listed(connection, scope, None, Page()).rows) == count
        wanted = event_logs.EventLogFilter(patterns={"event": "dag|variable|run.create"})
        lines = [event_logs.event_logs_listed(connection, scope, wanted, Page()) for scope in SCOPES]
        assert [of(listed, "event") for listed in lines] == [
            ["dag.pause", "dag.paused", "variable.set", "run.create"], *[["dag.pause", "dag.paused"]] * 3, [],
        ]  # fmt: skip
        for order in event_logs.SORTABLE:
            listed = event_logs.event_logs_listed(connection, EVERY_DAG, wanted, Page(order_by=(f"-{order}",)))
            assert len(listed.rows) == 4
        owners = event_logs.EventLogFilter(exact={"owner": "lee"}, prefixes={"event": "run."}, excluded=["x"])
        assert of(event_logs.event_logs_listed(connection, EVERY_DAG, owners, Page()), "dag_id") == ["theirs"]
        assert event_logs.event_log_numbered(connection, MINE, 1004) is None


def test_import_errors_are_narrowed_to_whole_files(filled: Engine) -> None:
    with filled.connect() as connection:
        for scope, files in zip(SCOPES, (["b.py", "mine/a.py"], *[["mine/a.py"]] * 3, []), strict=True):
            listed = import_errors.import_errors_listed(connection, [scope], import_errors.ErrorFilter(), Page())
            assert of(listed, "file") == files
            assert [row["file"] for row in import_errors.import_errors_known(connection, [scope, EVERY_DAG])] == files


def test_dags_of_files_are_those_that_the_scope_has_and_that_are_there(filled: Engine) -> None:
    with filled.connect() as connection:
        files = {row.dag_id: row.file for row in connection.execute(select(t.dag.c.dag_id, t.dag.c.file))}
        found = import_errors.dags_of_files(connection, EVERY_DAG, set(files.values()))
        assert {row["dag_id"]: file for file, rows in found.items() for row in rows} == files
        one = sorted(files)[0]
        some = import_errors.dags_of_files(connection, DagScope(ids=frozenset({one})), set(files.values()))
        assert {file: [row["dag_id"] for row in rows] for file, rows in some.items()} == {files[one]: [one]}
        assert import_errors.dags_of_files(connection, EVERY_DAG, set()) == {}
    with filled.begin() as connection:
        connection.execute(t.dag.update().where(t.dag.c.dag_id == one).values(is_stale=True))
        left = import_errors.dags_of_files(connection, EVERY_DAG, {files[one]})
        assert one not in [row["dag_id"] for rows in left.values() for row in rows]


def test_what_surrounds_tasks_is_listed_and_counted(filled: Engine) -> None:
    def listed(read: Any, column: str, pattern: str | None = None, prefix: str | None = None, **page: Any) -> list[Any]:
        with filled.connect() as connection:
            return of(read(connection, pattern, prefix, Page(**page)), column)

    assert sorted(listed(surroundings.variables_listed, "key")) == ["C", "a_b", "axb"]
    assert listed(surroundings.variables_listed, "key", prefix="a_") == ["a_b"]
    assert listed(surroundings.connections_listed, "conn_id", pattern="c") == ["C"]
    assert listed(surroundings.pools_listed, "name") == ["default_pool"]
    with pytest.raises(InvalidInput, match="'value' is unknown"):
        listed(surroundings.variables_listed, "key", order_by=("value",))
    with filled.connect() as connection:
        assert surroundings.names_of(connection, t.variable, {"C", "none"}) == {"C"}
        uses = surroundings.pool_uses(connection)
        assert (uses.of("p").running, uses.of("p").queued, uses.of("q").deferred) == (3, 4, 0)
        assert uses.scheduled == [("v-mine", "t", 2)]
        _processes(connection)


def _processes(connection: Connection) -> None:
    holder, workers = system.schedulers_and_workers(connection)
    assert holder == "me"
    assert [row["name"] for row in workers] == sorted(row["name"] for row in workers)
