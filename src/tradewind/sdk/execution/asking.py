"""Asking people: a question as data for the report, and the event with which the operator goes on.

A question is left here by `upsert_hitl_detail`, under the id of the task instance that asks, until the task says with
TaskAwaitingInput that it waits for the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from tradewind.core.errors import TradewindError
from tradewind.sdk.exceptions import AirflowException, TaskAwaitingInput, TaskDeferred
from tradewind.sdk.execution.trigger_paths import encoded
from tradewind.sdk.timezone import utcnow
from tradewind.wire.messages import Offer, Question


class CannotAsk(TradewindError):
    """A task waits for people without a question that they could answer."""


class HITLUser(TypedDict):
    """Somebody who may answer, or has answered."""

    id: str
    name: str


_asked: dict[str, Question] = {}


def upsert_hitl_detail(
    ti_id: Any,
    options: list[str],
    subject: str,
    body: str | None = None,
    defaults: list[str] | None = None,
    multiple: bool = False,
    params: dict[str, Any] | None = None,
    assigned_users: list[HITLUser] | None = None,
) -> None:
    """What this task instance asks. It is asked when the task then raises TaskAwaitingInput."""
    if not options:
        raise AirflowException("A question needs at least one option; give options=.")
    _asked[str(ti_id)] = Question(
        subject=str(subject),
        options=_texts(options, "options"),
        body="" if body is None else str(body),
        defaults=None if defaults is None else _texts(defaults, "defaults"),
        multiple=bool(multiple),
        params=_form(params or {}),
        assigned=[(str(user["id"]), str(user.get("name") or user["id"])) for user in assigned_users or ()],
    )


def question_of(waiting: TaskAwaitingInput, ti_id: str) -> Question:
    """What the engine must know while the task waits. Raises CannotAsk."""
    question = _asked.pop(ti_id, None)
    if question is None:
        raise CannotAsk("It asked nothing before: call upsert_hitl_detail(ti_id=…, …), or use HITLOperator.")
    if not waiting.method_name:
        raise CannotAsk("It named no method that goes on; raise TaskAwaitingInput with method_name=.")
    timeout = waiting.timeout
    if timeout is not None and not isinstance(timeout, timedelta):
        raise CannotAsk(f"Its timeout is a {type(timeout).__name__}; give a timedelta.")
    question.method = waiting.method_name
    question.method_kwargs = encoded(waiting.kwargs, waiting.method_name)
    question.timeout_seconds = None if timeout is None else timeout.total_seconds()
    return question


def waits_for_people(deferred: TaskDeferred) -> TaskAwaitingInput | None:
    """A deferral with HITLTrigger, by which tasks asked people before Airflow 3.3, as what it means today."""
    trigger = deferred.trigger
    if not getattr(trigger, "asks_people", False):
        return None
    until = trigger.timeout_datetime
    timeout = None if until is None else max(until - utcnow(), timedelta(0))
    return TaskAwaitingInput(method_name=deferred.method_name, kwargs=deferred.kwargs, timeout=timeout)


def forget(ti_id: str) -> None:
    """The attempt is over, and what it may have noted is not asked."""
    _asked.pop(ti_id, None)


def event_of(offer: Offer) -> dict[str, Any]:
    """What people answered, as Airflow tells the operator: `responded_at` is a datetime."""
    event: dict[str, Any] = json.loads(offer.event)
    if "responded_at" in event:
        event["responded_at"] = datetime.fromisoformat(event["responded_at"])
    return event


def default_event(question: Question) -> bytes:
    """The event for a question whose time is over, where no scheduler says so: its defaults."""
    fields = json.loads(question.params)
    event = {
        "chosen_options": question.defaults,
        "params_input": {name: field.get("value") for name, field in fields.items()},
        "responded_at": utcnow().isoformat(),
        "responded_by_user": None,
        "timedout": True,
    }
    return json.dumps(event).encode()


def get_hitl_detail_content_detail(ti_id: Any) -> Any:
    """Airflow's triggerer asks here for answers. Here nobody asks: the task goes on when there is one."""
    raise AirflowException(
        f"{ti_id}: an answer cannot be asked for; raise TaskAwaitingInput, and the method that goes on is given it."
    )


def update_hitl_detail_response(ti_id: Any, chosen_options: list[str], params_input: dict[str, Any]) -> Any:
    """Airflow's triggerer answers here in the place of people. Here only people do, and the deadline."""
    raise AirflowException(
        f"{ti_id}: a task cannot answer a question; `tradewind hitl respond` does, and its defaults at the deadline."
    )


def _texts(values: Sequence[str], name: str) -> list[str]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise AirflowException(f"{name} must be a list of texts, not {values!r}.")
    return list(values)


def _form(params: Mapping[str, Any]) -> bytes:
    """The fields of a form. One that is not given as a param with value and schema is a plain value."""
    fields = {}
    for name, param in params.items():
        known = isinstance(param, Mapping) and {"value", "schema", "description"} <= param.keys()
        field = {key: param[key] for key in ("value", "description", "schema")} if known else {"value": param}
        fields[name] = field
    try:
        return json.dumps(fields).encode()
    except (TypeError, ValueError) as error:
        raise AirflowException(f"params of a question must be JSON: {error}.") from None
