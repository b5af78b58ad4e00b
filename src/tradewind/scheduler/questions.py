"""Answers to what tasks ask people: what must hold before one is taken, and what is said about one."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tradewind.core.errors import DagNotFound, InvalidInput, TaskNotFound
from tradewind.core.inputs import QuestionAnswered
from tradewind.core.questions import check_choice, check_person
from tradewind.core.records import Person, Question, TaskKey
from tradewind.scheduler.params import filled_form
from tradewind.scheduler.wishes import Body, Context, Wish, handles
from tradewind.store import queries


@handles("hitl.respond")
def respond(context: Context, body: Body, actor: str) -> Wish:
    """Somebody answers the question of a task; without a user of its own the answer is the sender's. With the id of a
    question it is an answer to that one alone: a task may have asked something else since it was looked at."""
    dag_id, run_id, task_id = (str(body[name]) for name in ("dag_id", "run_id", "task_id"))
    index = body.get("map_index")
    key = _key_named(context, dag_id, run_id, task_id, -1 if index is None else index)
    name, meant = f"Task {task_id!r} of {dag_id} {run_id}", body.get("question")
    question = _pending(context, key, name)
    if meant and meant != question.id:
        raise InvalidInput(f"{name} asks something else by now: {question.subject!r}; look at that before you answer.")
    return answer_to(question, body["chosen_options"], body.get("params_input"), _person(body.get("user"), actor))


def answer_to(question: Question, chosen: Any, params_input: Any, by: Person) -> QuestionAnswered:
    """An answer that fits the question, with the defaults of the fields that it leaves out. Raises InvalidInput."""
    options = [chosen] if isinstance(chosen, str) else chosen
    if not isinstance(options, Sequence) or not all(isinstance(option, str) for option in options):
        raise InvalidInput(f"chosen_options must be a list of options, not {chosen!r}.")
    given = {} if params_input is None else params_input
    if not isinstance(given, Mapping):
        raise InvalidInput(f"params_input must be a JSON object, not {type(given).__name__}.")
    once = tuple(dict.fromkeys(options))
    check_choice(question, once)
    check_person(question, by)
    if by.name == by.id:  # nothing else is known of them, unless the question says who they are
        by = next((each for each in question.assigned if each.id == by.id), by)
    form = filled_form(f"Task {question.key.task_id!r}", json.loads(question.params), given)
    return QuestionAnswered(
        key=question.key, id=question.id, chosen=once, by=by, params_input=json.dumps(form).encode()
    )


def answer_fields(question: Question) -> dict[str, Any]:
    """An answered question as plain values, named as Airflow's API names them."""
    return {
        "responded_by": question.answered_by._asdict() if question.answered_by else None,
        "responded_at": question.answered_at.isoformat() if question.answered_at else None,
        "chosen_options": list(question.chosen),
        "params_input": json.loads(question.params_input),
    }


def _key_named(context: Context, dag_id: str, run_id: str, task_id: str, map_index: Any) -> TaskKey:
    if not isinstance(map_index, int):
        raise InvalidInput(f"map_index {map_index!r} is not a whole number.")
    world = context.world()
    if dag_id not in world.dags:
        raise DagNotFound(dag_id)
    with context.engine.connect() as connection:
        run = queries.run_asked(connection, dag_id, run_id)
    live = world.runs.get(run.number)
    plan = live.plan if live is not None else world.plans[dag_id]
    if task_id not in plan.spec.tasks:
        raise TaskNotFound(dag_id, task_id)
    indexes = sorted(live.instances.get(task_id, ())) if live is not None else []
    if indexes and map_index not in indexes:
        which = "is not mapped" if indexes == [-1] else f"has the instances {indexes[0]} to {indexes[-1]}"
        raise InvalidInput(f"Task {task_id!r} of {dag_id} {run_id} {which}; name one of these by its map index.")
    return TaskKey(run.number, task_id, map_index)


def _pending(context: Context, key: TaskKey, name: str) -> Question:
    """What a task asks now. Raises InvalidInput, which says why it asks nothing."""
    world = context.world()
    deferral = world.deferrals.get(key)
    if deferral is not None and deferral.question is not None and deferral.answer is None:
        return deferral.question
    # Memory knows of an answer before the database does.
    question = deferral.question if deferral is not None else None
    if question is None:
        with context.engine.connect() as connection:
            question = queries.newest_question(connection, key)
    if question is not None and question.answered_at is not None:
        who = question.answered_by.name if question.answered_by else "nobody, so the default was taken"
        when, what = question.answered_at.isoformat(timespec="seconds"), ", ".join(question.chosen)
        raise InvalidInput(f"{name} was answered already, at {when}, by {who}: {what}.")
    task = world.task(key)
    if question is not None:
        raise InvalidInput(f"{name} waits for an answer no more{f'; it is {task.state}' if task else ''}.")
    raise InvalidInput(f"{name} has asked nothing{f'; it is {task.state}' if task else ''}.")


def _person(user: Any, actor: str) -> Person:
    if user is None or user == "":
        return Person(actor, actor)
    if isinstance(user, str):
        return Person(user, user)
    if not isinstance(user, Mapping) or not user.get("id"):
        raise InvalidInput('user must be a name, or an object such as {"id": "ann", "name": "Ann Lee"}.')
    return Person(str(user["id"]), str(user.get("name") or user["id"]))
