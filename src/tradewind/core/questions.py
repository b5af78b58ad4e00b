"""Tasks that ask people: one waits without a slot, process or trigger, and goes on with the answer.

How it waits and goes on is a deferral whose `question` says what is asked. The question's own row stays: it tells later
who answered, when and what.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tradewind.core import deferral
from tradewind.core.decisions import PutQuestion, Record
from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import AttemptFinished, QuestionAnswered
from tradewind.core.records import KEPT, Answer, Deferral, Person, Question, TaskInstance, TaskKey
from tradewind.core.states import TaskEvent, TaskState
from tradewind.core.tasks import make_ready
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun

NOBODY_ANSWERED = "Nobody answered within the response timeout."


@dataclass(frozen=True, slots=True)
class _Asked:
    """A task that waits for people."""

    held: deferral.Held
    question: Question


def ask(turn: Turn, live: LiveRun, task: TaskInstance, report: AttemptFinished, **times: Any) -> None:
    """An attempt ended with a question of its task."""
    wish = report.ask
    assert wish is not None
    timeout_at = turn.now + timedelta(seconds=wish.timeout_seconds) if wish.timeout_seconds is not None else None
    question = Question(
        key=task.key,
        id=f"{report.attempt}.question",
        try_number=task.try_number,
        subject=wish.subject,
        options=wish.options,
        body=wish.body,
        defaults=wish.defaults,
        multiple=wish.multiple,
        params=wish.params,
        assigned=wish.assigned,
        asked_at=turn.now,
        timeout_at=timeout_at,
    )
    waits = Deferral(
        key=task.key,
        id=question.id,
        classpath="",
        kwargs=b"{}",
        method=wish.method,
        method_kwargs=wish.method_kwargs,
        # It counts towards its task's own limits, and towards those of no pool.
        pool="",
        pool_slots=0,
        created_at=turn.now,
        timeout_at=timeout_at,
        question=question,
    )
    before = turn.world.deferrals.get(task.key)
    turn.drop_deferral(task.key)
    turn.put_deferral(waits)
    turn.do(PutQuestion(question))
    turn.move(live, task, TaskEvent.ASKS, **times, reason=f"asks: {question.subject}")
    known = before.question if before is not None and before.is_kept else None
    asked = _asked(turn, task.key)
    if known is not None and asked is not None and _is_same(known, question):
        given = {name: getattr(known, name) for name in ("chosen", "params_input", "answered_at", "answered_by")}
        said = f"it was answered before the try was lost: {', '.join(known.chosen)}"
        _go_on(turn, asked, question._replace(**given), said)
    elif timeout_at is not None:
        turn.world.at(timeout_at, "question", task.key)


def keep(turn: Turn, held: Deferral | None) -> None:
    """A try was lost that was to go on with this. What somebody answered is kept for the next try."""
    if held is None or held.question is None or held.question.answered_by is None:
        return
    if held.key not in turn.world.deferrals:
        turn.put_deferral(held._replace(classpath=KEPT))


def _is_same(known: Question, question: Question) -> bool:
    """Whether an answer to one is an answer to the other: nothing differs of what was to be chosen, and by whom."""
    return all(
        getattr(known, name) == getattr(question, name)
        for name in ("subject", "options", "multiple", "params", "assigned")
    )


def answered(turn: Turn, wish: QuestionAnswered) -> Question:
    """Somebody has answered: the task goes on. Gives the question with its answer; raises InvalidInput."""
    asked = _asked(turn, wish.key)
    if asked is None or asked.question.id != wish.id:
        raise InvalidInput(f"Task {wish.key.task_id!r} does not ask this any more.")
    check_choice(asked.question, wish.chosen)
    check_person(asked.question, wish.by)
    question = asked.question._replace(
        chosen=wish.chosen, params_input=wish.params_input, answered_at=turn.now, answered_by=wish.by
    )
    run = asked.held.live.run
    turn.do(
        Record(
            "question.answered",
            run.dag_id,
            run.run_id,
            wish.key.task_id,
            wish.key.map_index,
            asked.held.task.try_number,
            reason=f"{wish.by.name} chose {', '.join(wish.chosen)}",
        )
    )
    _go_on(turn, asked, question, f"{wish.by.name} answered: {', '.join(wish.chosen)}")
    return question


def on_timer(turn: Turn, key: TaskKey) -> None:
    """The time in which people can answer may be over."""
    asked = _asked(turn, key)
    if asked is None or asked.question.timeout_at is None or asked.question.timeout_at > turn.now:
        return
    question = asked.question
    if question.defaults is None:
        failure = {"error": NOBODY_ANSWERED, "error_type": "timeout"}
        _resume(turn, asked, question, failure, "nobody answered in time")
        return
    question = question._replace(
        chosen=question.defaults, params_input=_default_input(question), answered_at=turn.now, answered_by=None
    )
    _go_on(turn, asked, question, f"nobody answered in time, so the default is taken: {', '.join(question.chosen)}")


def check_choice(question: Question, chosen: tuple[str, ...]) -> None:
    """Raise InvalidInput unless this may be chosen."""
    task_id, offered = question.key.task_id, ", ".join(map(repr, question.options))
    if not chosen:
        raise InvalidInput(f"Task {task_id!r} asks for a choice; give an option: {offered}.")
    unknown = [option for option in chosen if option not in question.options]
    if unknown:
        raise InvalidInput(f"Task {task_id!r} does not offer {', '.join(map(repr, unknown))}; choose from {offered}.")
    if len(chosen) > 1 and not question.multiple:
        raise InvalidInput(f"Task {task_id!r} asks for one option and was given {len(chosen)}; choose from {offered}.")


def check_person(question: Question, person: Person) -> None:
    """Raise InvalidInput unless this person may answer."""
    if question.assigned and not any(person.id == each.id for each in question.assigned):
        names = ", ".join(f"{each.id} ({each.name})" if each.name != each.id else each.id for each in question.assigned)
        raise InvalidInput(f"Task {question.key.task_id!r} asks {names}, not {person.id}; one of them has to answer.")


def _asked(turn: Turn, key: TaskKey) -> _Asked | None:
    held = deferral.held_by(turn, key, TaskState.AWAITING_INPUT)
    if held is None or held.deferral.question is None:
        return None
    return _Asked(held, held.deferral.question)


def _go_on(turn: Turn, asked: _Asked, question: Question, reason: str) -> None:
    turn.do(PutQuestion(question))
    _resume(turn, asked, question, _event(question), reason)


def _resume(turn: Turn, asked: _Asked, question: Question, event: dict[str, Any], reason: str) -> None:
    held = asked.held
    answer = Answer(event=json.dumps(event).encode())
    turn.put_deferral(held.deferral._replace(answer=answer, question=question))
    make_ready(turn, held.live, held.spec, held.task, reason=reason)


def _event(question: Question) -> dict[str, Any]:
    """What the operator's method is told, as plain JSON."""
    at: datetime | None = question.answered_at
    assert at is not None
    return {
        "chosen_options": list(question.chosen),
        "params_input": json.loads(question.params_input),
        "responded_at": at.isoformat(),
        "responded_by_user": question.answered_by._asdict() if question.answered_by else None,
        "timedout": question.answered_by is None,
    }


def _default_input(question: Question) -> bytes:
    params = json.loads(question.params)
    return json.dumps({name: param.get("value") for name, param in params.items()}).encode()
