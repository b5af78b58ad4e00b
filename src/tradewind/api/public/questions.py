"""Tasks that ask people (human in the loop): what they ask, and answers."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Path, Query

from tradewind.api.bounds import moments
from tradewind.api.call import NotPermitted
from tradewind.api.errors import Conflict, NotFound
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.public.task_instances import (
    ANY,
    RUN,
    TASK,
    PathIndex,
    check_place,
    found_one,
    one_try,
    states_asked,
)
from tradewind.api.public.task_shapes import (
    READS_TASK,
    TaskInstanceHistoryResponse,
    TaskInstanceResponse,
    printable,
    tasks_shown,
)
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Need, Resource
from tradewind.core.records import Person, Question
from tradewind.core.soundness import MOST
from tradewind.store.reading.questions import QuestionFilter, question_asked, questions_listed
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.task_instances import TaskFilter, key_of, tasks_by_key

routes = Routes("Task Instance", prefix=API)
DETAIL = f"{TASK}/{{map_index}}/hitlDetails"
Texts = Annotated[list[str], Query()]


class HITLUser(Answer):
    id: str
    name: str


class _Asked(Answer):
    """A question, and its answer where there is one. Where the default was taken, nobody has responded."""

    options: list[str]
    subject: str
    body: str | None = None
    defaults: list[str] | None = None
    multiple: bool = False
    params: dict[str, Any] = {}
    assigned_users: list[HITLUser] = []
    created_at: Moment
    responded_by_user: HITLUser | None = None
    responded_at: Moment | None = None
    chosen_options: list[str] | None = None
    params_input: dict[str, Any] = {}
    response_received: bool = False


class HITLDetail(_Asked):
    task_instance: TaskInstanceResponse


class HITLDetailHistory(_Asked):
    task_instance: TaskInstanceHistoryResponse


class HITLDetailCollection(Answer):
    hitl_details: list[HITLDetail]
    total_entries: int


class UpdateHITLDetailPayload(Body):
    chosen_options: list[str]
    params_input: dict[str, Any] = {}


class HITLDetailResponse(Answer):
    responded_by: HITLUser
    responded_at: Moment
    chosen_options: list[str]
    params_input: dict[str, Any] = {}


class NotAsked(NotPermitted):
    """A question is for others."""

    def __init__(self, question: Question, need: Need) -> None:
        names = " or ".join(person.name for person in question.assigned)
        super().__init__(need, f"Task {question.key.task_id!r} asks {names}; one of them has to answer.")


@routes.get(f"{RUN}/hitlDetails", Resource.QUESTION, response_model=HITLDetailCollection)
def get_hitl_details(
    call: Asked,
    dag_id: str,
    dag_run_id: str,
    created_at: Annotated[Bounds, moments("created_at")],
    dag_id_pattern: str | None = None,
    dag_id_prefix_pattern: str | None = None,
    task_id: str | None = None,
    task_id_pattern: str | None = None,
    task_id_prefix_pattern: str | None = None,
    map_index: Annotated[Annotated[int, Query(ge=-1, le=MOST)] | None, Query()] = None,
    state: Texts = [],  # noqa: B006
    response_received: bool | None = None,
    responded_by_user_id: Texts = [],  # noqa: B006
    responded_by_user_name: Texts = [],  # noqa: B006
    subject_search: str | None = None,
    body_search: str | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
) -> dict[str, Any]:
    """What task instances of a run have asked; with `~` for Dag or run, all that the caller may see."""
    wanted = QuestionFilter(
        tasks=TaskFilter(
            dag_ids=None if dag_id == ANY else [dag_id],
            run_ids=None if dag_run_id == ANY else [dag_run_id],
            task_ids=None if task_id is None else [task_id],
            map_indexes=[] if map_index is None else [map_index],
            states=states_asked(state),
            dag_id_pattern=dag_id_pattern,
            dag_id_prefix=dag_id_prefix_pattern,
        ),
        task_id_pattern=task_id_pattern,
        task_id_prefix=task_id_prefix_pattern,
        is_answered=response_received,
        answered_by_ids=responded_by_user_id,
        answered_by_names=responded_by_user_name,
        subject=subject_search,
        body=body_search,
        asked_at=created_at,
    )
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        check_place(connection, dag_id, dag_run_id)
        # A question shows its task instance, so both must be the caller's to see.
        scopes = (call.scope, call.scope_of(READS_TASK))
        listed, questions = questions_listed(connection, scopes, wanted, page)
        rows = tasks_by_key(connection, [question.key for question in questions])
        tasks = {key_of(row): shown for row, shown in zip(rows, tasks_shown(call, connection, rows), strict=True)}
    details = [{**_fields(each), "task_instance": tasks[each.key]} for each in questions]
    return collection("hitl_details", details, listed)


@routes.get(DETAIL, Resource.QUESTION, response_model=HITLDetail)
def get_hitl_detail(call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex) -> dict[str, Any]:
    """What a task instance asks, or has asked last."""
    call.permit(dag_id, READS_TASK)
    with call.reading() as connection:
        row = found_one(connection, dag_id, dag_run_id, task_id, map_index)
        question = _found(question_asked(connection, key_of(row)), task_id, dag_run_id)
        return {**_fields(question), "task_instance": tasks_shown(call, connection, [row])[0]}


@routes.patch(DETAIL, Resource.QUESTION, response_model=HITLDetailResponse)
def update_hitl_detail(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex, body: UpdateHITLDetailPayload
) -> dict[str, Any]:
    """Answer, in the caller's own name. The task goes on."""
    with call.reading() as connection:
        row = found_one(connection, dag_id, dag_run_id, task_id, map_index)
        question = _found(question_asked(connection, key_of(row)), task_id, dag_run_id)
    if question.assigned and call.caller.name not in {person.id for person in question.assigned}:
        raise NotAsked(question, call.need)
    if question.answered_at is not None:
        raise Conflict(f"Task {task_id!r} of run {dag_run_id} was answered already.")
    answer: dict[str, Any] = call.command(
        "hitl.respond",
        dag_id=dag_id,
        run_id=dag_run_id,
        task_id=task_id,
        map_index=map_index,
        question=question.id,
        chosen_options=body.chosen_options,
        params_input=body.params_input,
    )
    return answer


@routes.get(f"{DETAIL}/tries/{{try_number}}", Resource.QUESTION, response_model=HITLDetailHistory)
def get_hitl_detail_try_detail(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex,
    try_number: Annotated[int, Path(ge=0, le=MOST)],
) -> dict[str, Any]:  # fmt: skip
    """What one try of a task instance has asked."""
    call.permit(dag_id, READS_TASK)
    with call.reading() as connection:
        row = found_one(connection, dag_id, dag_run_id, task_id, map_index)
        question = _found(question_asked(connection, key_of(row), try_number), task_id, dag_run_id)
    return {**_fields(question), "task_instance": one_try(call, dag_id, dag_run_id, task_id, map_index, try_number)}


def _found(question: Question | None, task_id: str, run_id: str) -> Question:
    if question is None:
        raise NotFound(f"Task {task_id!r} of run {run_id} has asked nothing.")
    return question


def _fields(question: Question) -> dict[str, Any]:
    answered = question.answered_at is not None
    return {
        "options": list(question.options),
        "subject": question.subject,
        "body": question.body or None,
        "defaults": None if question.defaults is None else list(question.defaults),
        "multiple": question.multiple,
        "params": printable(json.loads(question.params)),
        "assigned_users": [_person(person) for person in question.assigned],
        "created_at": question.asked_at,
        "responded_by_user": _person(question.answered_by) if question.answered_by else None,
        "responded_at": question.answered_at,
        "chosen_options": list(question.chosen) if answered else None,
        "params_input": printable(json.loads(question.params_input)),
        "response_received": answered,
    }


def _person(person: Person) -> dict[str, str]:
    return {"id": person.id, "name": person.name}
