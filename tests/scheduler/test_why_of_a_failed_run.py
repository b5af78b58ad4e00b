"""Somebody who asks why after a run has failed is told which of its tasks failed, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tradewind.testing.builders import dag
from tradewind.testing.scheduler_stage import Agent, Stage
from tradewind.testing.simulation.database import Database
from tradewind.wire.messages import Request, Response


@pytest.fixture
def stage() -> Iterator[Stage]:
    database = Database()
    stage = Stage(database)
    stage.load(dag("[a, c] >> b", dag_id="etl", retries=0))
    stage.command("run.create", dag_id="etl", run_id="one")
    yield stage
    database.close()


def why(stage: Stage) -> list[dict[str, Any]]:
    client = Agent()
    client.role = "client"
    stage.say(Request(id=1, method="explain", args={"dag_id": "etl", "run_id": "one"}), client)
    (answer,) = [message for message in client.told if isinstance(message, Response)]
    assert not answer.error, answer.error
    return list(answer.value)


def end(stage: Stage, **outcomes: dict[str, Any]) -> None:
    for offer in stage.agent.offers():
        if offer.task_id in outcomes:
            stage.finish(offer, **outcomes[offer.task_id])
    stage.play()


def test_only_the_tasks_that_failed_themselves_are_named(stage: Stage) -> None:
    end(stage, a={"outcome": "failed", "error": "ValueError: no such day"}, c={})
    [reason] = why(stage)
    assert (reason["task"], reason["state"], reason["code"]) == ("a", "failed", "finished")
    assert "ValueError: no such day" in reason["sentence"]


def test_while_the_run_goes_on_what_waits_is_said(stage: Stage) -> None:
    end(stage, c={})
    assert [(reason["task"], reason["code"]) for reason in why(stage)] == [("a", "offered"), ("b", "upstream")]


def test_a_run_that_succeeded_has_nothing_to_say(stage: Stage) -> None:
    end(stage, a={}, c={})
    end(stage, b={})
    assert why(stage) == []
