"""`answers=`: what people say to the tasks that ask, in a play."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tradewind.core.errors import InvalidInput
from tradewind.testing import PlayedRun, Reply, run_dag
from tradewind.testing.replies import UnusableAnswer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAGS = """
from datetime import timedelta
from airflow.sdk import DAG, Param, task
from airflow.providers.standard.operators.hitl import (
    ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator
)

@task
def left(value):
    return value

with DAG("ask", schedule=None) as dag:
    form = HITLEntryOperator(
        task_id="form", subject="How many for {{ ds }}?", params={"n": Param(1, type="integer", minimum=1)},
        defaults=None,
    )
    approve = ApprovalOperator(
        task_id="approve", subject="{{ ti.xcom_pull(task_ids='form')['params_input']['n'] }} of them?",
        defaults="Reject", response_timeout=timedelta(hours=1), assigned_users=[{"id": "7", "name": "Bo"}],
    )
    choose = HITLBranchOperator(task_id="choose", subject="Where?", options=["x", "y"])
    form >> approve >> choose >> [left.override(task_id="x")("x"), left.override(task_id="y")("y")]

with DAG("tries", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(seconds=1)}) as dag:
    HITLOperator(task_id="strict", subject="?", options=["A", "B"], response_timeout=timedelta(minutes=1))

with DAG("many", schedule=None) as dag:
    HITLOperator.partial(task_id="each", options=["A", "B"]).expand(subject=["one", "two", "three"])
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "asks.py"
    path.write_text(dedent(DAGS))
    return path


def ask(file: Path, **answers: Any) -> PlayedRun:
    return run_dag(file, "ask", logical_date=NOW, answers=answers)


def test_each_question_is_answered_and_what_follows_sees_the_answers(file: Path) -> None:
    run = ask(file, form=Reply("OK", params={"n": 4}, by="ann", after=90), approve="Approve", choose="y")
    assert run.states == dict.fromkeys(("form", "approve", "choose", "y"), "success") | {"x": "skipped"}
    assert run.state == "success"
    said = run.xcom("form")
    assert (said["chosen_options"], said["params_input"]) == (["OK"], {"n": 4})
    assert said["responded_by_user"] == {"id": "ann", "name": "ann"}
    [form], [approve] = run.task("form").questions, run.task("approve").questions
    assert (form.subject, approve.subject) == ("How many for 2026-01-01?", "4 of them?")
    assert approve.answered_by == ("7", "Bo")
    assert form.answered_at is not None
    assert form.asked_at is not None
    assert form.answered_at - form.asked_at == timedelta(seconds=90)
    assert run.order.count("form") == 2


def test_a_question_that_nobody_answers_takes_its_default_at_its_deadline(file: Path) -> None:
    run = ask(file, form="OK")
    assert run.states == {"form": "success", "approve": "success"} | dict.fromkeys(("choose", "x", "y"), "skipped")
    assert run.duration == timedelta(hours=1)
    assert run.task("approve").questions[0].answered_by is None


def test_a_run_that_waits_for_people_says_so_and_how_to_answer(file: Path) -> None:
    run = ask(file)
    assert (run.state, run.states["form"]) == ("running", "awaiting_input")
    assert "'How many for 2026-01-01?'" in run.task("form").why
    assert "tradewind hitl respond ask" in run.story()


def test_an_answer_after_the_deadline_means_nothing(file: Path) -> None:
    run = ask(file, form="OK", approve=Reply("Approve", after=timedelta(hours=2)))
    assert run.states["choose"] == "skipped"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("Perhaps", "does not offer 'Perhaps'"),
        (Reply("OK", params={"n": 0}), "was given field 'n', but 0 is less than"),
        (Reply("OK", params={"m": 0}), "has no field 'm'"),
    ],
)
def test_an_answer_that_the_engine_would_refuse_is_refused(file: Path, reply: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        ask(file, form=reply)


def test_only_those_who_are_asked_may_answer(file: Path) -> None:
    with pytest.raises(InvalidInput, match=r"asks 7 \(Bo\), not eve"):
        ask(file, form="OK", approve=Reply("Approve", by="eve"))


def test_a_task_that_is_tried_again_asks_again(file: Path) -> None:
    run = run_dag(file, "tries", answers={"strict": [Reply("A", after=90), "B"]})
    task = run.task("strict")
    assert (task.state, task.try_number, run.xcom("strict")["chosen_options"]) == ("success", 2, ["B"])
    assert [question.chosen for question in task.questions] == [(), ("B",)]


def test_instances_of_a_mapped_task_are_answered_by_name_pattern_or_function(file: Path) -> None:
    run = run_dag(
        file, "many", answers={"each[1]": "B", "ea*": lambda question: "A" if question.subject == "one" else None}
    )
    assert run.states == {"each[0]": "success", "each[1]": "success", "each[2]": "awaiting_input"}
    assert [said["chosen_options"] for said in run.xcom("each")] == [["A"], ["B"]]


@pytest.mark.parametrize(
    ("answers", "words"),
    [({"nope": "A"}, "no task 'nope'; there are"), ({"each": 3}, "give an option"), ({"each": []}, "give an option")],
)
def test_answers_that_cannot_be_meant_are_refused_at_once(file: Path, answers: Any, words: str) -> None:
    with pytest.raises(UnusableAnswer, match=words):
        run_dag(file, "many", answers=answers)
