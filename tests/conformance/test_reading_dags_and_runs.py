"""Lists of Dags, versions and runs on each database: what is found, in which order, in how many pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from conformance_data import Installation

from tradewind.core.access import EVERY_DAG, DagScope
from tradewind.core.decisions import PutRow
from tradewind.core.inputs import AttemptFinished
from tradewind.core.states import RunState
from tradewind.scheduler.owner import Rows
from tradewind.store.paging import Page
from tradewind.store.reading import dag_facts, dags, runs, versions
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.traits import KnownTraits
from tradewind.store.times import to_us
from tradewind.testing.builders import dag

ONLY_ETL = DagScope(ids=frozenset({"etl"}))
SALT = {"all": [{"asset": {"name": "salt", "uri": "s3://salt"}}]}


def end(i: Installation, outcome: str = "success") -> None:
    for attempt in list(i.world.attempts.values()):
        i.give(AttemptFinished(attempt=attempt.id, outcome=outcome, start_date=i.now, end_date=i.now))


@pytest.fixture
def filled(installation: Installation) -> Installation:
    i = installation
    i.add_dag(dag("a", dag_id="etl", tags=("daily", "50%"), owners=("ann", "kim"), display_name="Load it"))
    i.add_dag(dag("a", dag_id="eats", file="kma/eats.py", assets=SALT))
    i.add_dag(dag("a", dag_id="Etl_x", tags=("서울",)))
    i.command("run.create", dag_id="etl", run_id="r1", logical_date="2024-01-01", conf={"city": "서울"})
    i.advance(seconds=10)
    end(i)
    i.advance(days=1)
    i.command("run.create", dag_id="etl", run_id="R2", conf={"city": "busan"}, note="why")
    end(i, "failed_for_good")
    i.command("run.create", dag_id="eats", run_id="r3")
    i.command("favorite.set", dag_id="eats")
    return i


def run_ids(i: Installation, *, scope: DagScope = EVERY_DAG, page: Page | None = None, **wanted: Any) -> list[str]:
    with i.engine.connect() as connection:
        listed = runs.runs_listed(connection, scope, runs.RunFilter(**wanted), page or Page())
    return [row["run_id"] for row in listed.rows]


def test_runs_are_found_in_order(filled: Installation) -> None:
    assert run_ids(filled) == ["r1", "R2", "r3"]
    assert run_ids(filled, scope=ONLY_ETL) == ["r1", "R2"]
    assert run_ids(filled, scope=DagScope(folders=frozenset({"kma"}))) == ["r3"]
    assert run_ids(filled, states=[RunState.FAILED, RunState.RUNNING]) == ["R2", "r3"]
    assert run_ids(filled, states=[]) == run_ids(filled, nothing=True) == []
    assert run_ids(filled, dag_ids=["eats"]) == ["r3"]
    assert run_ids(filled, conf_contains="서울") == ["r1"]
    assert run_ids(filled, conf_contains="BUSAN") == ["R2"]
    assert run_ids(filled, conf_contains="%u%") == []
    assert run_ids(filled, run_id_pattern="r_") == ["r1", "R2", "r3"]
    assert run_ids(filled, run_id_prefix="r|x") == ["r1", "r3"]
    assert run_ids(filled, user_pattern="ME") == ["r1", "R2", "r3"]
    assert run_ids(filled, versions=[1]) == ["r1", "R2", "r3"]
    assert run_ids(filled, versions=[2]) == []
    assert run_ids(filled, consumed_asset_pattern="salt") == []
    day = to_us(filled.now - timedelta(hours=1))
    for name in ("start_date", "run_after", "updated_at"):
        assert run_ids(filled, ranges={name: Bounds(gte=day)}) == ["R2", "r3"], name
        assert run_ids(filled, ranges={name: Bounds(lt=day)}) == ["r1"], name
    assert run_ids(filled, ranges={"logical_date": Bounds(gt=0)}) == ["r1"]
    assert run_ids(filled, ranges={"duration": Bounds(lte=0)}) == ["R2"]
    assert run_ids(filled, ranges={"duration": Bounds(gte=10_000_000)}) == ["r1"]


def test_every_order_of_runs_walks_through_all_of_them_by_cursor(filled: Installation) -> None:
    for name in runs.SORTABLE:
        for order in (name, f"-{name}"):
            whole = run_ids(filled, page=Page(order_by=(order,)))
            walked, cursor = [], ""
            while True:
                with filled.engine.connect() as connection:
                    page = Page(limit=1, cursor=cursor, order_by=(order,), counted=False)
                    listed = runs.runs_listed(connection, EVERY_DAG, runs.RunFilter(), page)
                walked += [row["run_id"] for row in listed.rows]
                if listed.next_cursor is None:
                    break
                cursor = listed.next_cursor
            assert walked == whole, order
            assert sorted(walked) == ["R2", "r1", "r3"], order


def test_runs_are_found_by_name_and_with_their_versions(filled: Installation) -> None:
    filled.add_dag(dag("a >> b", dag_id="eats", file="kma/eats.py", assets=SALT))
    with filled.engine.connect() as connection:
        rows = runs.run_rows(connection, [("eats", "r3"), ("none", "x"), ("etl", "r1")])
        assert [row["run_id"] for row in rows] == ["r3", "r1"]
        had = runs.versions_of_runs(connection, [row["number"] for row in rows])
        assert [[each["number"] for each in had[row["number"]]] for row in rows] == [[1], [1]]
        assert runs.task_ids_of_run(connection, rows[0]["number"]) == {"a", "b"}
        assert runs.run_state(connection, rows[1]["number"]) == "success"
        assert runs.run_state(connection, 10**9) is None
        assert (runs.open_runs(connection, "eats"), runs.open_runs(connection, "etl")) == (1, 0)


def dag_ids(i: Installation, *, scope: DagScope = EVERY_DAG, page: Page | None = None, **wanted: Any) -> list[str]:
    with i.engine.connect() as connection:
        listed = dags.dags_listed(connection, scope, dags.DagFilter(**wanted), page or Page())
        matching = dags.dag_versions_matching(connection, scope, dags.DagFilter(**wanted))
    found = [row["dag_id"] for row in listed.rows]
    assert sorted(found) == sorted(dag_id for dag_id, _ in matching)
    return found


def test_dags_are_found_by_their_rows_runs_and_favourites(filled: Installation) -> None:
    assert set(dag_ids(filled)) == {"Etl_x", "eats", "etl"}
    assert dag_ids(filled, scope=ONLY_ETL) == ["etl"]
    assert dag_ids(filled, dag_id_prefix="E|q") == ["Etl_x"]
    assert set(dag_ids(filled, dag_id_pattern="ETL")) == {"Etl_x", "etl"}
    assert set(dag_ids(filled, dag_id_pattern="~")) == {"Etl_x", "eats", "etl"}
    assert dag_ids(filled, tags=["50%", "x"]) == ["etl"]
    assert dag_ids(filled, tags=["서울"]) == ["Etl_x"]
    assert dag_ids(filled, tags=["daily", "50%"], every_tag=True) == ["etl"]
    assert dag_ids(filled, owners=["kim"]) == ["etl"]
    assert dag_ids(filled, has_import_errors=True) == []
    assert dag_ids(filled, last_states=["failed"]) == ["etl"]
    assert dag_ids(filled, last_end=Bounds(gte=0)) == ["etl"]
    assert dag_ids(filled, last_start=Bounds(lt=0)) == []
    assert dag_ids(filled, favorite=True, whose="me") == ["eats"]
    assert dag_ids(filled, favorite=True, whose="you") == []
    assert dag_ids(filled, ids=["etl", "none"]) == ["etl"]
    assert dag_ids(filled, nothing=True) == []
    for name in dags.SORTABLE:
        for order in (name, f"-{name}"):
            assert set(dag_ids(filled, page=Page(order_by=(order,)))) == {"Etl_x", "eats", "etl"}
    assert dag_ids(filled, page=Page(order_by=("-last_run_start_date",)))[-1] == "Etl_x"


def test_versions_tags_counts_and_traits_are_read(filled: Installation) -> None:
    filled.give(Rows((PutRow("source", {"digest": "digest", "text": b"x = 1"}),)))
    with filled.engine.connect() as connection:
        listed = versions.versions_listed(connection, EVERY_DAG, Page(order_by=("-dag_id",)), dag_id=None, number=1)
        assert {row["dag_id"] for row in listed.rows} == {"Etl_x", "eats", "etl"}
        newest = versions.version_named(connection, "etl", None)
        assert newest is not None
        assert versions.source_text(connection, newest["source"]) == "x = 1"
        assert versions.version_named(connection, "etl", 2) is None
        assert dag_facts.tags_used(connection, EVERY_DAG) == {"daily", "50%", "서울"}
        assert dag_facts.tags_used(connection, ONLY_ETL) == {"daily", "50%"}
        counts = dag_facts.run_counts(connection, ONLY_ETL, [])
        assert [(dag_id, dict(by_state)) for dag_id, _, by_state in counts] == [("etl", {"success": 1, "failed": 1})]
        assert len(dag_facts.dags_with_dates(connection, EVERY_DAG, None)) == 3
        known = KnownTraits(most=1)
        traits = known.of(connection, [newest["id"], "none"])
        assert (traits[newest["id"]].display_name, traits["none"].display_name) == ("Load it", "")
        assert traits == known.of(connection, [newest["id"], "none"])
        assert dags.is_favorite(connection, "me", "eats")
        assert dags.token_key(connection) == b"server"
