"""What tests of the API let happen behind it."""

from __future__ import annotations

from typing import Any

from tradewind.api.link import Refusal
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.scheduler_stage import Agent
from tradewind.wire.messages import Command, CommandResult, Finished, Hello, Offer, Started, XComValue


def get(stage: ApiStage, path: str, **query: Any) -> Any:
    """What is answered where all is well."""
    answer = stage.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def do(stage: ApiStage, kind: str, *, actor: str = "kim", **body: Any) -> Any:
    """A command that does not come through the API."""
    client = Agent()
    stage.say(Hello(role="client"), client)
    stage.say(Command(key=stage.new_id(), kind=kind, body=body, actor=actor), client)
    stage.play()
    [result] = [message for message in client.told if isinstance(message, CommandResult)]
    if result.state != "applied":
        raise Refusal(result.error, result.kind)
    return result.value


def offers(stage: ApiStage) -> list[Offer]:
    return stage.agent.offers()


def end(stage: ApiStage, outcome: str = "success", **xcoms: bytes) -> list[str]:
    """Everything that is offered now ends so, leaving these values; says which tasks those were."""
    ended = []
    for offer in offers(stage):
        stage.agent.answered.add(offer.attempt)
        stage.say(Started(attempt=offer.attempt, start_us=to_us(stage.now()), pid=1))
        values = [XComValue(offer.task_id, offer.map_index, key, value) for key, value in xcoms.items()]
        stage.say(Finished(attempt=offer.attempt, outcome=outcome, end_us=to_us(stage.now()), xcoms=values))
        ended.append(offer.task_id)
    stage.play()
    return ended


def at(stage: ApiStage) -> str:
    """The stage's moment as JSON has it."""
    return stage.now().isoformat().replace("+00:00", "Z")
