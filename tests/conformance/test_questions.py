"""Questions to people on a real database: rows that stay, answers that are refused, and restarts in the middle."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from conformance_data import Installation

from tradewind.cli.reading import Postgres, Reader, SqliteFile
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound, TaskNotFound
from tradewind.core.inputs import Ask, AttemptFinished, CreateRun
from tradewind.core.records import Person, Question
from tradewind.core.states import RunType
from tradewind.scheduler.commands import answer_of, wish_of
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import same_world

FORM = {
    "n": {"value": 5, "description": "how many", "schema": {"type": "integer", "minimum": 1}},
    "note": {"value": None, "description": None, "schema": {"type": "string"}},
    "any": {"value": None},
}


def restart(i: Installation) -> None:
    """Memory is lost, and built again from the database."""
    fresh = i.load(i.world.next_run_number)
    same_world(i.world, fresh, i.now)
    i.owner.world = fresh
    i.turn()


def begin(i: Installation, spec: str = "a >> b", **settings: Any) -> None:
    i.add_dag(dag(spec, **settings))
    i.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id="r"))


def ask(i: Installation, **wish: Any) -> None:
    fields: dict[str, Any] = {"subject": "Go on?", "options": ("Yes", "No"), "method": "execute_complete", **wish}
    attempt = next(iter(i.world.attempts))
    i.give(AttemptFinished(attempt=attempt, outcome="awaiting_input", end_date=i.now, ask=Ask(**fields)))


def respond(i: Installation, *chosen: str, **body: Any) -> Any:
    names = {"dag_id": "etl", "run_id": "r", "task_id": "a"}
    answer = i.command("hitl.respond", chosen_options=list(chosen), **{**names, **body})
    assert isinstance(answer, Question)
    return answer_of("hitl.respond", answer)


def told(i: Installation) -> dict[str, Any]:
    [deferral] = i.world.deferrals.values()
    assert deferral.answer is not None
    found: dict[str, Any] = json.loads(deferral.answer.event)
    return found


def state(i: Installation, task_id: str = "a") -> str:
    return str(i.rows(f"SELECT state FROM task_instance WHERE task_id = '{task_id}'")[0][0])


def test_a_question_and_its_answer_survive_every_restart(installation: Installation) -> None:
    i = installation
    begin(i)
    ask(i, body="Look.", multiple=True, assigned=(Person("me", "Me"),), params=json.dumps(FORM).encode())
    restart(i)
    assert state(i) == "awaiting_input"
    i.now += timedelta(hours=1)
    answer = respond(i, "Yes", "No", params_input={"note": "good"})
    assert answer == {
        "responded_by": {"id": "me", "name": "Me"},
        "responded_at": i.now.isoformat(),
        "chosen_options": ["Yes", "No"],
        "params_input": {"n": 5, "note": "good", "any": None},
    }
    restart(i)
    assert told(i)["params_input"] == {"n": 5, "note": "good", "any": None}
    [attempt] = i.world.attempts.values()
    assert (attempt.try_number, attempt.leg) == (1, 1)
    i.give(AttemptFinished(attempt=attempt.id, outcome="success", end_date=i.now))
    restart(i)
    assert i.rows("SELECT * FROM deferral") == []
    assert i.rows("SELECT subject, body, answered_by, chosen FROM question") == [
        ("Go on?", "Look.", '["me", "Me"]', '["Yes", "No"]')
    ]
    assert [event.reason for event in i.events if event.name == "question.answered"] == ["Me chose Yes, No"]


def test_a_kept_answer_survives_a_restart_between_the_loss_and_the_next_question(installation: Installation) -> None:
    i = installation
    begin(i, "a", retries=1, retry_delay_seconds=60.0)
    ask(i)
    respond(i, "Yes")
    (attempt,) = i.world.attempts
    i.give(AttemptFinished(attempt=attempt, outcome="lost", error="gone", end_date=i.now))
    restart(i)
    i.advance(seconds=1)
    restart(i)
    ask(i)
    assert told(i)["chosen_options"] == ["Yes"]
    assert [chosen for (chosen,) in i.rows("SELECT chosen FROM question ORDER BY try_number")] == ['["Yes"]'] * 2


def test_a_restart_does_not_forget_the_deadline(installation: Installation) -> None:
    i = installation
    begin(i)
    ask(i, defaults=("No",), timeout_seconds=60.0, params=json.dumps({"n": FORM["n"]}).encode())
    restart(i)
    i.advance(seconds=59)
    assert state(i) == "awaiting_input"
    i.advance(seconds=2)
    assert (told(i)["chosen_options"], told(i)["params_input"], told(i)["timedout"]) == (["No"], {"n": 5}, True)
    restart(i)
    with pytest.raises(InvalidInput, match=r"answered already, at .*, by nobody, so the default was taken: No"):
        respond(i, "Yes")


def test_a_deadline_that_passed_while_no_scheduler_ran_is_met_at_once(installation: Installation) -> None:
    i = installation
    begin(i)
    ask(i, timeout_seconds=60.0)
    i.now += timedelta(days=1)
    restart(i)
    assert told(i)["error_type"] == "timeout"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"dag_id": "x"}, DagNotFound, "No Dag 'x'"),
        ({"run_id": "x"}, RunNotFound, "no run 'x'"),
        ({"task_id": "x"}, TaskNotFound, "no task 'x'"),
        ({"task_id": "b"}, InvalidInput, "has asked nothing; it is none"),
        ({"map_index": 3}, InvalidInput, "is not mapped"),
        ({"map_index": "0"}, InvalidInput, "not a whole number"),
        ({"chosen_options": []}, InvalidInput, "give an option: 'Yes', 'No'"),
        ({"chosen_options": ["Maybe"]}, InvalidInput, "does not offer 'Maybe'"),
        ({"chosen_options": ["Yes", "No"]}, InvalidInput, "asks for one option"),
        ({"chosen_options": [1]}, InvalidInput, "must be a list of options"),
        ({"params_input": {"m": 1, "note": ""}}, InvalidInput, "has no field 'm' in its form; it has 'n', 'note'"),
        ({"params_input": {"note": 3}}, InvalidInput, "was given field 'note', but 3 is not of type 'string'"),
        ({"params_input": {"n": 0, "note": ""}}, InvalidInput, r"'n', but 0 is less than.*which is: how many"),
        ({"params_input": {}}, InvalidInput, "needs a value for field 'note'"),
        ({"params_input": [1]}, InvalidInput, "must be a JSON object"),
        ({"user": "eve"}, InvalidInput, "asks me, not eve"),
        ({"user": {"name": "Me"}}, InvalidInput, "user must be a name"),
    ],
)
def test_what_is_no_answer_is_refused_and_changes_nothing(
    installation: Installation, body: dict[str, Any], kind: type[Exception], words: str
) -> None:
    i = installation
    begin(i)
    ask(i, assigned=(Person("me", "me"),), params=json.dumps(FORM).encode())
    before = i.rows("SELECT * FROM question"), i.rows("SELECT * FROM deferral")
    good = {"chosen_options": ["Yes"], "params_input": {"note": ""}}
    with pytest.raises(kind, match=words):
        i.command("hitl.respond", **{"dag_id": "etl", "run_id": "r", "task_id": "a", **good, **body})
    assert (i.rows("SELECT * FROM question"), i.rows("SELECT * FROM deferral")) == before
    assert state(i) == "awaiting_input"
    restart(i)


def test_the_first_of_two_answers_of_one_turn_counts(installation: Installation) -> None:
    i = installation
    begin(i)
    ask(i)
    got: list[tuple[Any, Any]] = []
    for option in ("Yes", "No"):
        body = {"dag_id": "etl", "run_id": "r", "task_id": "a", "chosen_options": [option]}
        i.owner.submit(lambda body=body: wish_of(i.context, "hitl.respond", body, "me"), lambda *a: got.append(a))
    i.turn()
    assert got[0][1] is None
    assert "answered already" in str(got[1][1])
    assert i.rows("SELECT chosen FROM question") == [('["Yes"]',)]
    restart(i)


def test_an_answer_that_names_another_question_is_refused(installation: Installation) -> None:
    i = installation
    begin(i, "a")
    ask(i, subject="first")
    [first] = i.world.deferrals.values()
    i.command("task.clear", dag_id="etl", run_id="r", task_ids=["a"])
    ask(i, subject="second")
    with pytest.raises(InvalidInput, match="asks something else by now: 'second'; look at that"):
        respond(i, "Yes", question=first.id)
    [second] = i.world.deferrals.values()
    respond(i, "Yes", question=second.id)


def test_an_answer_in_the_name_of_somebody_else_is_kept_as_theirs(installation: Installation) -> None:
    i = installation
    begin(i)
    ask(i, assigned=(Person("7", "Bo"),))
    assert respond(i, "Yes", user={"id": "7", "name": "Bo B."})["responded_by"] == {"id": "7", "name": "Bo B."}


def test_a_task_that_was_cleared_asks_again_and_both_questions_stay_until_the_run_is_deleted(
    installation: Installation,
) -> None:
    i = installation
    begin(i, "a")
    ask(i, subject="first")
    i.command("task.clear", dag_id="etl", run_id="r", task_ids=["a"])
    restart(i)
    with pytest.raises(InvalidInput, match="waits for an answer no more; it is queued"):
        respond(i, "Yes")
    i.now += timedelta(seconds=1)
    ask(i, subject="second")
    respond(i, "No")
    i.give(AttemptFinished(attempt=next(iter(i.world.attempts)), outcome="success", end_date=i.now))
    assert sorted(i.rows("SELECT subject, try_number, chosen FROM question")) == [
        ("first", 1, "[]"), ("second", 2, '["No"]'),
    ]  # fmt: skip
    with pytest.raises(InvalidInput, match="answered already"):
        respond(i, "Yes")
    i.command("run.delete", dag_id="etl", run_id="r")
    assert i.rows("SELECT * FROM question") == []


def test_an_instance_of_a_mapped_task_is_named_by_its_index(installation: Installation) -> None:
    i = installation
    begin(i, "a", tasks={"a": {"map": expand(x=2)}})
    ask(i)
    ask(i)
    with pytest.raises(InvalidInput, match="has the instances 0 to 1"):
        respond(i, "Yes")
    respond(i, "Yes", map_index=1)
    restart(i)
    states = i.rows("SELECT map_index, state FROM task_instance ORDER BY map_index")
    assert states == [(0, "awaiting_input"), (1, "queued")]


@pytest.mark.parametrize("seed", range(3))
def test_memory_built_again_is_the_same_whatever_happens_to_questions(installation: Installation, seed: int) -> None:
    i, random = installation, Random(seed)
    begin(i, "a; b; m", retries=9, retry_delay_seconds=5, tasks={"m": {"map": expand(x=2)}})
    for step in range(50):
        dice, waiting = random.random(), [d for d in i.world.deferrals.values() if d.answer is None]
        if not i.world.runs:
            i.command("run.clear", dag_id="etl", run_id="r")
        elif dice < 0.3 and i.world.attempts:
            wish = Ask(
                subject="?", options=("Yes", "No"), method="m", timeout_seconds=random.choice([None, 30.0]),
                defaults=random.choice([None, ("No",)]),
            )  # fmt: skip
            chosen = random.choice(sorted(i.world.attempts))
            i.give(AttemptFinished(attempt=chosen, outcome="awaiting_input", end_date=i.now, ask=wish))
        elif dice < 0.5 and i.world.attempts:
            outcome = random.choice(["success", "failed", "lost", "not_started"])
            i.give(AttemptFinished(attempt=random.choice(sorted(i.world.attempts)), outcome=outcome, end_date=i.now))
        elif dice < 0.75 and waiting:
            key = random.choice(waiting).key
            respond(i, random.choice(["Yes", "No"]), task_id=key.task_id, map_index=key.map_index)
        elif dice < 0.85:
            i.command("task.clear", dag_id="etl", run_id="r", task_ids=[random.choice("abm")])
        else:
            i.advance(seconds=random.randint(1, 40))
        if step % 3 == 0:
            restart(i)
    assert not i.logged, i.logged


def test_the_command_line_reads_what_became_of_each(installation: Installation, database: str) -> None:
    i = installation
    begin(i, "a; b; c")
    for wish in ({"subject": "one"}, {"subject": "two", "defaults": ("No",), "timeout_seconds": 5.0}, {"subject": "x"}):
        ask(i, **wish)
    one = next(d.key.task_id for d in i.world.deferrals.values() if d.question and d.question.subject == "one")
    respond(i, "Yes", task_id=one)
    i.advance(seconds=6)
    kind = SqliteFile(database.removeprefix("sqlite:///")) if database.startswith("sqlite") else None
    reader = Reader(kind or Postgres(database.replace("+psycopg", "", 1)))
    try:
        found = {row["subject"]: row["state"] for row in reader.questions("etl")}
        assert found == {"one": "answered", "two": "defaulted", "x": "pending"}
        assert [row["subject"] for row in reader.questions(state="pending")] == ["x"]
        assert [row["subject"] for row in reader.questions("other")] == []
    finally:
        reader.close()
