"""Assets in the terminal: what Dags name, what they wait for, and reports of updates."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import DAY, FakeScheduler, Run, damage, task, us
from sqlalchemy import Connection

from tradewind.cli.asset_catalogue import catalogue
from tradewind.config import load_settings
from tradewind.core.dag import DagSpec
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.store import tables as t
from tradewind.store.engine import open_engine
from tradewind.store.specs import encode_spec

RAW = {"asset": {"name": "raw", "uri": "s3://raw", "group": "asset", "extra": {"owner": "me"}}}
CLEAN = {"asset": {"name": "clean", "uri": "s3://clean", "group": "asset"}}
FOUND = {"alias": {"name": "found", "group": "asset"}}
ASSET = TimetableSpec(kind="asset", summary="Asset")
MAKES = DagSpec(
    dag_id="makes.all",
    file="m.py",
    tasks={"make": task("make", extra={"outlets": [RAW, FOUND]}), "read": task("read", extra={"inlets": [CLEAN]})},
    timetable=TimetableSpec(kind="never"),
)
READS = DagSpec(
    dag_id="reads",
    file="r.py",
    tasks={"use": task("use")},
    timetable=ASSET,
    assets={"any": [{"all": [RAW, CLEAN]}, {"asset_ref": {"name": "raw"}}]},
)


@pytest.fixture
def assets(database: Path) -> Path:
    """Two Dags that know each other by assets, and an event that waits."""
    engine = open_engine(load_settings().database.sql_alchemy_conn)
    with engine.begin() as connection:
        for spec in (MAKES, READS):
            _add(connection, spec)
        event = {"number": 1, "id": "e", "name": "raw", "uri": "s3://raw", "asset_group": "asset", "extra": b"{}"}
        source = {"dag_id": "makes.all", "run_id": "r", "task_id": "make", "map_index": -1, "actor": ""}
        connection.execute(t.asset_event.insert(), {**event, **source, "aliases": '["found"]', "at": us(DAY)})
        connection.execute(t.asset_event_alias.insert(), {"alias": "found", "event": 1})
        connection.execute(t.asset_queue.insert(), {"dag_id": "reads", "event": 1})
    engine.dispose()
    return database


def _add(connection: Connection, spec: DagSpec) -> None:
    version = {"id": f"v-{spec.dag_id}", "dag_id": spec.dag_id, "number": 1, "spec": encode_spec(spec), "source": "d"}
    row: dict[str, Any] = {"dag_id": spec.dag_id, "file": spec.file, "version": version["id"], "created_at": 1}
    limits = {"max_active_tasks": 16, "max_active_runs": 16, "updated_at": 1, "is_paused": False, "is_stale": False}
    connection.execute(t.dag.insert(), {**row, **limits, "timetable_summary": spec.timetable.summary})
    connection.execute(t.dag_version.insert(), {**version, "created_at": 1})


def test_a_catalogue_has_each_asset_once_with_everybody_who_names_it() -> None:
    specs = {spec.dag_id: json.loads(encode_spec(spec)) for spec in (MAKES, READS)}
    clean, found, raw = catalogue(specs)
    assert (raw.name, raw.uri, raw.extra, list(raw.producers), list(raw.consumers)) == (
        "raw", "s3://raw", {"owner": "me"}, [("makes.all", "make")], ["reads"],
    )  # fmt: skip
    assert (clean.name, list(clean.readers), list(clean.consumers)) == ("clean", [("makes.all", "read")], ["reads"])
    assert (found.name, found.is_alias, list(found.producers)) == ("found", True, [("makes.all", "make")])


def test_assets_and_aliases_are_listed_with_airflows_columns(run: Run, assets: Path) -> None:
    assert run("assets", "list", "-o", "json").json == [
        {"name": "clean", "uri": "s3://clean", "group": "asset", "extra": {}},
        {"name": "raw", "uri": "s3://raw", "group": "asset", "extra": {"owner": "me"}},
    ]
    assert run("assets", "list", "--alias", "-o", "json").json == [{"name": "found", "group": "asset"}]
    assert run("assets", "list", "--columns", "uri", "-o", "plain").out.split() == ["uri", "s3://clean", "s3://raw"]


def test_details_say_who_updates_an_asset_and_who_waits_for_it(run: Run, assets: Path) -> None:
    (raw,) = run("assets", "details", "--uri", "s3://raw", "-o", "json").json
    assert (raw["producing_tasks"], raw["scheduled_dags"], raw["events"]) == (["makes.all.make"], ["reads"], "1")
    assert raw["last_event"] == DAY.isoformat()
    (found,) = run("assets", "details", "--alias", "--name", "found", "-o", "json").json
    assert (found["name"], found["events"]) == ("found", "1")


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ((), 2, "Name the asset by either --name or --uri."),
        (("--name", "raw", "--uri", "s3://raw"), 2, "Name the asset by either --name or --uri."),
        (("--name", "nope"), 1, "No Dag names the asset 'nope'; `tradewind assets list` shows those there are."),
        (("--alias", "--uri", "x"), 2, "Name an alias by --name."),
    ],
)
def test_an_asset_is_named_by_what_it_has(run: Run, assets: Path, options: Any, code: int, sentence: str) -> None:
    ended = run("assets", "details", *options)
    assert ended.code == code
    assert sentence in ended.err


def test_what_a_dag_waits_for_is_said_wherever_one_looks(run: Run, assets: Path) -> None:
    waits = "raw (updated 2026-01-01 00:00:00 UTC), clean (not since the last run)"
    assert waits in run("why", "reads").out
    assert waits in run("why", "reads", "--json").json[0]["sentence"]
    assert run("dags", "next-execution", "reads").err.startswith(f"reads waits for: {waits}")
    assert waits in run("dags", "details", "reads", "-o", "json").json[0]["waits_for"]


def test_an_update_is_reported_and_made(run: Run, assets: Path, scheduler: FakeScheduler) -> None:
    scheduler.gives({"events": [{"number": 2, "name": "raw", "uri": "s3://raw", "timestamp": "t"}]})
    assert run("assets", "report", "--name", "raw", "--extra", '{"n": 1}', "-o", "json").json[0]["number"] == "2"
    assert run("assets", "report", "--name", "raw", "--extra", "[1]").code == 2
    scheduler.gives({"dag_id": "makes.all", "run_id": "asset_materialization__x"})
    made = run("assets", "materialize", "--name", "raw", "-o", "json").json[0]
    assert made["dag_run_id"] == "asset_materialization__x"
    assert [(command.kind, dict(command.body)) for command in scheduler.commands] == [
        ("asset.event", {"name": "raw", "uri": "s3://raw", "extra": {"n": 1}}),
        ("run.create", {"dag_id": "makes.all", "run_type": "asset_materialization"}),
    ]
    none = run("assets", "materialize", "--name", "clean")
    assert (none.code, "No task has the asset 'clean' among its outlets." in none.err) == (1, True)


@pytest.mark.parametrize("change", [{"tasks": {"make": 5}}, {"tasks": {"make": {"extra": 5}}}])
def test_a_dag_whose_assets_cannot_be_read_is_named_and_the_others_are_listed(
    run: Run, assets: Path, change: dict[str, Any]
) -> None:
    stored = json.loads(encode_spec(MAKES))
    damage(assets, "UPDATE dag_version SET spec = ? WHERE dag_id = 'makes.all'", json.dumps({**stored, **change}))
    ended = run("assets", "list", "-o", "json")
    assert (ended.code, [row["name"] for row in ended.json]) == (0, ["clean", "raw"])
    assert ended.err.startswith("Not shown: What is stored of Dag 'makes.all' is no Dag; ")
    assert run("assets", "details", "--name", "raw").code == 0


@pytest.mark.parametrize(("column", "value"), [("assets", "{"), ("assets", "5"), ("retry_at", "soon")])
def test_a_damaged_watcher_is_named_where_an_asset_is_shown(run: Run, assets: Path, column: str, value: Any) -> None:
    for id in ("good", "odd"):
        damage(
            assets,
            "INSERT INTO watcher (id, classpath, kwargs, assets, failures, error) VALUES (?, 'x.Y', ?, ?, 0, '')",
            id, b"{}", '[["raw", "s3://raw", "asset"]]',
        )  # fmt: skip
    damage(assets, f"UPDATE watcher SET {column} = ? WHERE id = 'odd'", value)
    ended = run("assets", "details", "--name", "raw", "-o", "json")
    assert (ended.code, len(ended.json[0]["watchers"])) == (0, 1)
    assert ended.err.startswith("Not shown: Table watcher, row with id 'odd': ")
    assert run("why", "reads").code == 0


def test_events_that_cannot_be_read_are_named_and_the_others_count(run: Run, assets: Path) -> None:
    damage(
        assets,
        "INSERT INTO asset_event (number, id, name, uri, asset_group, extra, dag_id, run_id, task_id, map_index, "
        "actor, aliases, at) SELECT 2, 'f', name, uri, asset_group, extra, dag_id, run_id, task_id, map_index, actor, "
        "'[', 'soon' FROM asset_event",
    )  # fmt: skip
    damage(assets, "INSERT INTO asset_queue (dag_id, event) VALUES ('reads', 2)")
    ended = run("assets", "details", "--name", "raw", "-o", "json")
    assert (ended.code, ended.json[0]["last_event"]) == (0, "2026-01-01T00:00:00+00:00")
    assert ended.err.startswith("Not shown: Table asset_event, row with number 2: at 'soon' ")
    ended = run("why", "reads")
    assert ended.code == 0
    assert "Not shown: Table asset_event, row with number 2: " in ended.err
    assert "has come" in ended.out or "raw" in ended.out
