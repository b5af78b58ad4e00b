"""What tests of task instances have in common: runs that have come some way."""

from __future__ import annotations

import json
from typing import Any

from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.messages import Command, CommandResult, Finished, Offer, Started

API = "/api/v2"


def begin(stage: ApiStage, dag_id: str = "etl", run_id: str = "r", **body: Any) -> None:
    """A run that somebody wants."""
    applied(stage, "run.create", dag_id=dag_id, run_id=run_id, **body)


def applied(stage: ApiStage, kind: str, **body: Any) -> Any:
    """A command of somebody else."""
    command = Command(key=stage.new_id(), kind=kind, body=body, actor="other")
    result = stage._answer(command, lambda m: isinstance(m, CommandResult) and m.key == command.key)
    assert result.state == "applied", result.error
    return result.value


def offer_of(stage: ApiStage, task_id: str, map_index: int = -1, dag_id: str = "") -> Offer:
    """What the worker is asked to run."""
    [offer] = [
        offer
        for offer in stage.agent.offers()
        if (offer.task_id, offer.map_index) == (task_id, map_index) and dag_id in ("", offer.run.dag_id)
    ]
    return offer


def start(stage: ApiStage, task_id: str, map_index: int = -1) -> Offer:
    offer = offer_of(stage, task_id, map_index)
    stage.say(Started(attempt=offer.attempt, start_us=to_us(stage.now())))
    stage.play()
    return offer


def finish(stage: ApiStage, task_id: str, outcome: str = "success", *, map_index: int = -1, **report: Any) -> None:
    """The worker has run it, for two seconds."""
    offer = start(stage, task_id, map_index)
    began = to_us(stage.now())
    stage.seconds += 2
    stage.agent.answered.add(offer.attempt)
    stage.say(Finished(attempt=offer.attempt, outcome=outcome, start_us=began, end_us=to_us(stage.now()), **report))
    stage.play()


def get(stage: ApiStage, path: str, status: int = 200, **query: Any) -> Any:
    answer = stage.client.get(API + path, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def send(stage: ApiStage, method: str, path: str, status: int = 200, body: Any = None, **query: Any) -> Any:
    content = None if body is None else json.dumps(body)
    headers = {"content-type": "application/json"} if content else None
    answer = stage.client.request(method, API + path, content=content, headers=headers, params=query)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def names(answer: Any) -> list[str]:
    """Which task instances an answer has."""
    return [
        f"{each['task_id']}{'' if each['map_index'] < 0 else each['map_index']}" for each in answer["task_instances"]
    ]


def in_second_try(stage: ApiStage) -> ApiStage:
    """A run in which the first try of `a` failed, and the second one runs."""
    stage.load(dag("a >> b", retries=1, retry_delay_seconds=1.0))
    begin(stage)
    finish(stage, "a", "failed", error="once")
    stage.wait(2)
    start(stage, "a")
    stage.wait(0)
    return stage
