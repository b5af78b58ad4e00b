"""What the palette finds by a part of its name."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from tradewind.api.models import Answer
from tradewind.api.numbers import number_of
from tradewind.api.public.assets import view
from tradewind.api.routing import UI, Asked, Routes
from tradewind.core.access import Action, Need, Resource
from tradewind.store.reading import finding

routes = Routes("UI", prefix=UI)
FEW = 6
"""Of each kind."""
LEAST = 2
"""Characters without which runs and tasks are not looked for."""


class FoundDag(Answer):
    dag_id: str
    is_paused: bool


class FoundRun(Answer):
    dag_id: str
    run_id: str
    state: str


class FoundTask(Answer):
    """With the newest run that has it."""

    dag_id: str
    run_id: str
    task_id: str


class FoundAsset(Answer):
    id: int
    name: str
    uri: str


class Found(Answer):
    dags: list[FoundDag]
    runs: list[FoundRun]
    tasks: list[FoundTask]
    assets: list[FoundAsset]


@routes.get("/find", Resource.DAG, response_model=Found)
def find(call: Asked, text: Annotated[str, Query(max_length=200)] = "") -> dict[str, Any]:
    """A few Dags, runs, tasks and assets whose name holds the text."""
    text = text.strip()
    runs, tasks = (call.scope_of(Need(Action.READ, each)) for each in (Resource.RUN, Resource.TASK))
    is_long = len(text) >= LEAST
    with call.reading() as connection:
        return {
            "dags": finding.dags_found(connection, call.scope, text, FEW),
            "runs": finding.runs_found(connection, runs, text, FEW) if is_long and runs else [],
            "tasks": finding.tasks_found(connection, tasks, text, FEW) if is_long and tasks else [],
            "assets": _assets(call, connection, text.casefold()) if is_long else [],
        }


def _assets(call: Any, connection: Any, text: str) -> list[dict[str, Any]]:
    if not call.caller.may(Need(Action.READ, Resource.ASSET)):
        return []
    known = [seen.known for seen in view(call, connection).active()]
    found = [each for each in known if text in each.name.casefold() or text in each.uri.casefold()]
    found.sort(key=lambda each: (not each.name.casefold().startswith(text), each.name))
    return [{"id": number_of("asset", each.name, each.uri), "name": each.name, "uri": each.uri} for each in found[:FEW]]
