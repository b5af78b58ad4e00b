"""Lists of task instances, XComs, kept values and questions on a real database, and what people change of them."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_data import Installation
from sqlalchemy import Connection

from tradewind.core.access import EVERY_DAG, DagScope
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound, TaskIsRunning, TaskNotFound
from tradewind.core.inputs import Ask, AttemptFinished, AttemptStarted, CreateRun, XCom
from tradewind.core.records import TaskKey
from tradewind.core.states import RunType
from tradewind.scheduler.commands import wish_of
from tradewind.scheduler.task_edits import TABLES_OF_A_TASK
from tradewind.store.paging import Page
from tradewind.store.reading import kept_values, questions, task_instances, xcoms
from tradewind.store.reading.questions import QuestionFilter
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.task_instances import Meant, TaskFilter
from tradewind.store.reading.xcoms import XComFilter
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import same_world

A = TaskKey(1, "a")


@pytest.fixture
def i(installation: Installation) -> Installation:
    """Run 1: `a` has succeeded with a list, `part` has three instances, of which one asks."""
    installation.add_dag(dag("a >> part >> z", tasks={"part": {"map": expand(x=3)}}))
    installation.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id="r", logical_date=installation.now))
    finish(installation, "a", xcoms=(XCom(name="return_value", value=b"[1,2]", length=2),), rendered=b'{"x":1}')
    ask = Ask(subject="Go on?", options=("Yes", "No"), method="go_on", body="100%?")
    finish(installation, "part", 1, outcome="awaiting_input", ask=ask)
    installation.command("task_store.set", dag_id="etl", run_id="r", task_id="a", key="k", value='{"n":1}')
    installation.command("task.note", dag_id="etl", run_id="r", task_id="part", note="seen")
    return installation


def finish(i: Installation, task_id: str, map_index: int = -1, outcome: str = "success", **report: Any) -> None:
    [attempt] = [a.id for a in i.world.attempts.values() if (a.key.task_id, a.key.map_index) == (task_id, map_index)]
    i.give(AttemptStarted(attempt=attempt, start_date=i.now))
    i.give(AttemptFinished(attempt=attempt, outcome=outcome, end_date=i.now, **report))


def restarted(i: Installation) -> None:
    """Memory says what the database says."""
    same_world(i.world, i.load(i.world.next_run_number), i.now)


def listed(i: Installation, page: Page = Page(), meant: Any = None, **wanted: Any) -> list[str]:
    with i.engine.connect() as connection:
        found = task_instances.tasks_listed(connection, EVERY_DAG, TaskFilter(**wanted), page, meant)
    return [f"{row['task_id']}{row['map_index']}" for row in found.rows]


def test_every_order_and_every_bound_is_one_that_the_database_knows(i: Installation) -> None:
    names = {"a-1", "part0", "part1", "part2", "z-1"}
    for name in task_instances.SORTABLE:
        for sign in ("", "-"):
            assert set(listed(i, Page(order_by=(sign + name,)))) == names
            assert set(listed(i, Page(order_by=(sign + name,), cursor="", limit=9))) == names
    wide = Bounds(gte=-(2**62), gt=-(2**62), lte=2**62, lt=2**62)
    dated = ("run_after", "logical_date", "start_date", "end_date", "updated_at", "duration")
    assert listed(i, **dict.fromkeys(dated, wide)) == ["a-1"]


def test_task_instances_are_found(i: Installation) -> None:
    assert listed(i) == ["a-1", "z-1", "part0", "part1", "part2"]
    assert listed(i, states=["awaiting_input", "none"]) == ["z-1", "part1"]
    assert listed(i, map_indexes=[0], only_mapped=True, try_numbers=[1], version_numbers=[1]) == ["part0"]
    assert listed(i, dag_id_pattern="TL", dag_id_prefix="e", run_id_pattern="R", run_id_prefix="r", task_ids=["a"]) == [
        "a-1"
    ]
    assert listed(i, label_pattern="x|y", label_prefix="%") == []
    assert listed(i, dag_ids=["x"], run_ids=["r"]) == []
    with i.engine.connect() as connection:
        [version] = task_instances.versions_listed(connection, EVERY_DAG, TaskFilter())
        none = DagScope(ids=frozenset({"other"}))
        assert task_instances.tasks_listed(connection, none, TaskFilter(), Page()).total == 0
        assert task_instances.versions_listed(connection, none, TaskFilter()) == []
        company = task_instances.company_of(connection, [A, TaskKey(1, "z")])
        assert company.rendered == {A: b'{"x":1}'}
        assert company.attempts[A]["worker"] == "w1"
        keys = [TaskKey(1, "part", 2), A, TaskKey(9, "no")]
        assert [task_instances.key_of(row) for row in task_instances.tasks_by_key(connection, keys)] == keys[:2]
        [attempt] = task_instances.tries_of(connection, A)
        assert (attempt["try_number"], attempt["first_started_at"]) == (1, attempt["started_at"])
        assert task_instances.task_named(connection, "etl", "r", "part", 1)["note"] == "seen"  # type: ignore[index]
    assert listed(i, meant=[Meant([version], ["z"]), Meant(["other"], ["a"])]) == ["z-1"]
    assert listed(i, meant=[]) == []


def test_xcoms_questions_and_kept_values_are_found(i: Installation) -> None:
    with i.engine.connect() as connection:
        for name in xcoms.SORTABLE:
            page = Page(order_by=(f"-{name}",))
            [row] = xcoms.xcoms_listed(connection, EVERY_DAG, XComFilter(versions=None, key_pattern="RET"), page).rows
            assert row["key"] == "return_value"
        tasks = TaskFilter(dag_ids=["etl"], run_ids=["r"], task_ids=["a"], map_indexes=[-1])
        wanted = XComFilter(tasks=tasks, key="return_value", key_prefix="r", task_id_pattern="a", task_id_prefix="a")
        assert len(xcoms.xcoms_listed(connection, EVERY_DAG, wanted, Page()).rows) == 1
        assert xcoms.xcoms_listed(connection, EVERY_DAG, XComFilter(versions=[]), Page()).rows == []
        assert xcoms.xcom_named(connection, A, "return_value")["value"] == b"[1,2]"  # type: ignore[index]
        for name in questions.SORTABLE:
            page = Page(order_by=(name,))
            assert subjects(connection, page=page) == ["Go on?"]
        assert subjects(connection, subject="GO ON", body="0%", is_answered=False, asked_at=Bounds(gte=0)) == ["Go on?"]
        assert subjects(connection, answered_by_ids=["ann"]) == []
        assert questions.question_asked(connection, TaskKey(1, "part", 1), 1).options == ("Yes", "No")  # type: ignore[union-attr]
        assert questions.question_asked(connection, TaskKey(1, "part", 1), 2) is None
        assert kept_values.kept_value_named(connection, A, "k", now_us=0)["value"] == b'{"n":1}'  # type: ignore[index]
        assert kept_values.kept_values_listed(connection, A, Page(), now_us=0).total == 1
    i.command(
        "hitl.respond", dag_id="etl", run_id="r", task_id="part", map_index=1, chosen_options=["No"],
        user={"id": "ann", "name": "Ann \"A\" Lee"},
    )  # fmt: skip
    with i.engine.connect() as connection:
        assert subjects(connection, answered_by_ids=["x", "ann"], answered_by_names=['Ann "A" Lee']) == ["Go on?"]
        assert subjects(connection, answered_by_ids=["an"]) == []
        assert subjects(connection, answered_by_names=["Lee"]) == []


def subjects(connection: Connection, page: Page = Page(), **wanted: Any) -> list[str]:
    _, found = questions.questions_listed(connection, [EVERY_DAG, EVERY_DAG], QuestionFilter(**wanted), page)
    return [question.subject for question in found]


# --- what people change ---


def test_an_xcom_of_a_live_run_is_changed_in_memory_too(i: Installation) -> None:
    named = {"dag_id": "etl", "run_id": "r", "task_id": "a", "key": "return_value"}
    live = i.world.runs[1]
    for value, length in (("[1,2,3]", 3), ("5", None), ('{"x":1}', 1)):
        i.command("xcom.set", **named, value=value)
        assert live.lengths.get(("a", "return_value")) == length
        restarted(i)
    i.command("xcom.delete", **named)
    assert ("a", "return_value") not in live.lengths
    restarted(i)
    part = {**named, "task_id": "part", "map_index": 2}
    for _ in range(2):
        i.command("xcom.set", **part, value="7")
        assert live.lengths["part", "return_value"] == 1
        restarted(i)
    for _ in range(2):
        i.command("xcom.delete", **part)
        assert live.lengths["part", "return_value"] == 0


def test_a_task_instance_goes_with_everything_that_is_stored_of_it(i: Installation) -> None:
    named = {"dag_id": "etl", "run_id": "r"}
    with pytest.raises(InvalidInput, match="not over"):
        wish_of(i.context, "task.delete", {**named, "task_id": "a"}, "me")
    i.command("run.mark", **named, state="success")
    for attempt in list(i.world.attempts):
        i.give(AttemptFinished(attempt=attempt, outcome="cancelled", end_date=i.now))
    assert 1 not in i.world.runs
    i.command("task.delete", **named, instances=[["a", -1], ["part", None]])
    with i.engine.connect() as connection:
        for table in TABLES_OF_A_TASK:
            query = f"SELECT count(*) FROM {table} WHERE run = 1 AND task_id IN ('a', 'part')"
            assert connection.exec_driver_sql(query).scalar() == 0, table
    assert listed(i) == ["z-1"]
    i.command("run.clear", **named)
    restarted(i)
    assert sorted(listed(i)) == ["a-1", "part0", "part1", "part2", "z-1"]


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("task.note", {"dag_id": "no"}, DagNotFound),
        ("task.note", {"run_id": "no"}, RunNotFound),
        ("task.note", {"task_id": "no"}, TaskNotFound),
        ("task.note", {"map_index": 4}, TaskNotFound),
        ("task.note", {"map_index": "1"}, InvalidInput),
        ("task.note", {"map_index": 2**40}, InvalidInput),
        ("task.note", {"instances": [["a"]]}, InvalidInput),
        ("task.note", {"instances": [[3, 3]]}, InvalidInput),
        ("task.note", {"note": "x" * 1001}, InvalidInput),
        ("xcom.set", {"key": "k", "value": "{"}, InvalidInput),
        ("xcom.set", {"key": "k", "value": 3}, InvalidInput),
        ("xcom.set", {"key": "k", "value": "@1/a/-1/x", "length": -1}, InvalidInput),
        ("xcom.set", {"key": "", "value": "1"}, InvalidInput),
        ("xcom.set", {"value": "1"}, InvalidInput),
        ("xcom.delete", {"key": "k", "task_id": "part"}, TaskNotFound),
        ("task_store.set", {"key": "k", "value": "{"}, InvalidInput),
        ("task_store.set", {"key": "", "value": "1"}, InvalidInput),
        ("task_store.set", {"key": "k", "value": "1", "expires_at": "soon"}, InvalidInput),
        ("task_store.delete", {"key": ""}, InvalidInput),
        ("task.mark", {"state": "queued", "task_ids": "a"}, InvalidInput),
        ("task.mark", {"state": "success", "task_ids": ["no"]}, TaskNotFound),
        ("task.clear", {"instances": [["a", "b"]]}, InvalidInput),
        ("task.clear", {"instances": [["no", 1]]}, TaskNotFound),
        ("task.clear", {"prevent_running": True, "task_ids": ["part"]}, TaskIsRunning),
        ("task.clear", {"within": ["other"]}, InvalidInput),
    ],
)
def test_what_cannot_be_is_refused(i: Installation, kind: str, body: dict[str, Any], error: type[Exception]) -> None:
    named = {"dag_id": "etl", "run_id": "r", "task_id": "a"}
    with pytest.raises(error):
        wish_of(i.context, kind, {**named, **body}, "me")
