"""Clears that markers carry into other Dags, on a real database: what is read for them, and that all is one commit."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from conformance_data import START, Installation

from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import AttemptFinished
from tradewind.core.markers import FIELDS
from tradewind.scheduler.commands import answer_of
from tradewind.testing.builders import dag, expand
from tradewind.wire.messages import Event

NEXT = START + timedelta(days=1)


def marker(dag_id: str, *rendered: str, depth: int = 10) -> dict[str, Any]:
    facts = {"external_dag_id": dag_id, "external_task_id": "wait", "logical_date": ""}
    fixed = {name: value for name, value in facts.items() if name not in rendered}
    return {"never_sent": not rendered, "extra": {"marker": {**fixed, "recursion_depth": depth, "rendered": rendered}}}


def run(i: Installation, spec: Any, date: Any = START, fields: Any = None) -> None:
    """A run of this Dag that is over. `fields` are what its tasks' templates were rendered to, by (task, index)."""
    i.add_dag(spec)
    i.command("run.create", dag_id=spec.dag_id, run_id=f"{spec.dag_id}{date.day}", logical_date=date.isoformat())
    while i.world.attempts:
        for attempt in list(i.world.attempts.values()):
            text = json.dumps((fields or {}).get(attempt.key[1:], {})).encode()
            i.give(AttemptFinished(attempt=attempt.id, outcome="success", end_date=i.now, rendered=text))


def cleared(plan: Any) -> dict[str, list[str]]:
    return {step.run_id: [task.key.task_id for task in step.tasks] for step in plan.steps}


LAST = dag("before >> wait >> work", dag_id="b")
EVERYTHING = {"a1": ["get", "mark"], "m1": ["mark", "wait"], "b1": ["wait", "work"]}


@pytest.fixture
def three(installation: Installation) -> Installation:
    run(installation, LAST)
    run(installation, dag("wait >> mark", dag_id="m", tasks={"mark": marker("b")}))
    run(installation, dag("get >> mark", dag_id="a", tasks={"mark": marker("m")}))
    return installation


def test_runs_of_three_dags_are_cleared_in_one_commit(three: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    i = three
    shown = i.command("task.clear", dag_id="a", run_id="a1", task_ids=["get"], downstream=True, dry_run=True)
    assert cleared(shown) == EVERYTHING
    assert i.rows("SELECT count(*) FROM run WHERE clear_number > 0") == [(0,)]
    commits: list[list[Event]] = []
    monkeypatch.setattr(i, "publish", commits.append)
    assert cleared(i.command("task.clear", dag_id="a", run_id="a1", task_ids=["get"], downstream=True)) == EVERYTHING
    assert i.rows("SELECT run_id, state FROM run WHERE clear_number = 1 ORDER BY run_id") == [
        ("a1", "running"), ("b1", "running"), ("m1", "running"),
    ]  # fmt: skip
    queued = [{event.dag_id for event in events if event.reason == "cleared"} for events in commits]
    assert [dags for dags in queued if dags] == [{"a", "b", "m"}]
    for _ in range(4):
        i.give(*(AttemptFinished(attempt=a, outcome="success", end_date=i.now) for a in list(i.world.attempts)))
    assert i.rows("SELECT DISTINCT state FROM run") == [("success",)]
    assert not i.logged


def test_the_answer_names_the_dag_of_each_run_and_what_was_not_found(three: Installation) -> None:
    run(three, dag("mark", dag_id="z", tasks={"mark": marker("b")}), NEXT)
    run(three, dag("get >> mark", dag_id="a", tasks={"mark": marker("m")}), NEXT)
    plan = three.command("task.clear", dag_id="a", downstream=True, dry_run=True)
    answer = answer_of("task.clear", plan)
    assert [(one["dag_id"], one["run_id"]) for one in answer["runs"]] == [
        ("b", "b1"), ("m", "m1"), ("a", "a1"), ("a", "a2"),
    ]  # fmt: skip
    assert answer["notes"] == [
        "Nothing of another Dag is cleared for marker mark of run a2 of Dag 'a': Dag 'm' has no run of "
        "2024-01-02T00:00:00+00:00."
    ]


@pytest.mark.parametrize("body", [{"task_ids": ["get", "mark"]}, {}, {"upstream": True}])
def test_markers_are_followed_only_where_what_is_downstream_is_asked_for(three: Installation, body: Any) -> None:
    three.command("task.clear", dag_id="a", run_id="a1", **body)
    assert three.rows("SELECT run_id FROM run WHERE clear_number = 1") == [("a1",)]


def test_a_mark_does_not_go_across_dags(three: Installation) -> None:
    three.command("task.mark", dag_id="a", run_id="a1", task_id="get", state="failed", downstream=True)
    assert three.rows("SELECT DISTINCT dag_id FROM task_instance, run WHERE number = run "
                      "AND task_instance.state = 'failed'") == [("a",)]  # fmt: skip


def test_rendered_fields_say_what_an_instance_of_a_mapped_marker_names(installation: Installation) -> None:
    i = installation
    for date in (START, NEXT):
        run(i, LAST, date)
        run(i, dag("wait", dag_id="c"), date)
    spec = dag("mark", dag_id="a", tasks={"mark": {**marker("", *FIELDS), "map": expand(external_dag_id=2)}})
    dates = {"b": NEXT.isoformat(), "c": START.date().isoformat()}
    named = {("mark", n): dict(zip(FIELDS, (name, "wait", dates[name]), strict=True)) for n, name in enumerate("bc")}
    run(i, spec, fields=named)
    plan = i.command("task.clear", dag_id="a", downstream=True)
    assert cleared(plan) == {"b2": ["wait", "work"], "c1": ["wait"], "a1": ["mark", "mark"]}
    i.command("task.clear", dag_id="a", downstream=True, dry_run=True)
    assert i.rows("SELECT run_id FROM run WHERE clear_number = 1 ORDER BY run_id") == [("a1",), ("b2",), ("c1",)]


def test_rendered_fields_that_are_no_fields_are_none(installation: Installation) -> None:
    i = installation
    run(i, LAST)
    run(i, dag("mark", dag_id="a", tasks={"mark": marker("b", "logical_date")}))
    for text in (b"{", b"[1]", b'{"a": 1}', b"\xff"):
        with i.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            change = "UPDATE rendered SET fields = " + (":text" if connection.dialect.name == "sqlite" else "%(text)s")
            connection.exec_driver_sql(change + " WHERE task_id = 'mark'", {"text": text})
        plan = i.command("task.clear", dag_id="a", downstream=True, dry_run=True)
        assert [note.rpartition(": ")[2] for note in plan.notes] == ["its logical_date is known once it has run."]


def test_more_markers_in_a_row_than_allowed_change_nothing(installation: Installation) -> None:
    i = installation
    run(i, dag("wait >> mark", dag_id="b", tasks={"mark": marker("a")}))
    run(i, dag("wait >> mark", dag_id="a", tasks={"mark": marker("b", depth=1)}))
    for dry_run in (True, False):
        with pytest.raises(InvalidInput, match=r"number 2 in a row of markers, .* allows 1"):
            i.command("task.clear", dag_id="a", downstream=True, dry_run=dry_run)
    assert i.rows("SELECT count(*) FROM run WHERE clear_number > 0") == [(0,)]


def test_a_run_that_cannot_be_read_keeps_nothing_else_from_being_cleared(three: Installation) -> None:
    i = three
    with i.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("UPDATE run SET run_type = 'odd' WHERE dag_id = 'b'")
    plan = i.command("task.clear", dag_id="a", downstream=True)
    assert cleared(plan) == {"m1": ["mark", "wait"], "a1": ["get", "mark"]}
    assert "run_type" in plan.notes[0]
