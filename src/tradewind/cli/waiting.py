"""Creating a run and waiting for its end, with each task's moves on standard error.

The run of a paused Dag is not waited for: no task of it starts before somebody unpauses the Dag. A pause that comes
while we wait is only told, because whoever pauses a Dag with runs under way means to let them go on.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import click

from tradewind.cli.client import Client, Events
from tradewind.wire.events import DAG_PAUSED, RUN_MOVED, TASK_MOVED

ENDED = ("success", "failed")


def create_and_wait(
    client: Client, body: Mapping[str, Any], is_paused: Callable[[], bool], poll_seconds: float = 2.0
) -> tuple[dict[str, Any], str]:
    """The created run and the state in which it ended, or `queued` for a Dag that is paused.

    Raises NoScheduler: without one no run ever ends.
    """
    dag_id = body["dag_id"]
    # Subscribed before the run exists, so that no move can be missed; events are hints, so the run is asked for too.
    with closing(client.subscribe(dag_id=dag_id, every=poll_seconds)) as events:
        created: dict[str, Any] = client.command("run.create", **body)
        click.echo(f"Run {created['run_id']} of {dag_id} created.", err=True)
        if is_paused():
            click.echo(held_by_pause(dag_id), err=True)
            return created, created.get("state") or "queued"
        return _follow(client, dag_id, created, events, poll_seconds)


def _follow(
    client: Client, dag_id: str, created: dict[str, Any], events: Events, poll_seconds: float
) -> tuple[dict[str, Any], str]:
    asked = time.monotonic()
    while True:
        event = next(events)
        if event is not None and event.name == DAG_PAUSED and event.dag_id == dag_id:
            click.echo(held_by_pause(dag_id), err=True)
        if event is not None and event.run_id == created["run_id"]:
            if event.name == TASK_MOVED and event.after:
                click.echo(f"  {_name(event.task_id, event.map_index)}: {event.after}", err=True)
            if event.name == RUN_MOVED and event.after in ENDED:
                return _final(client, dag_id, created), event.after
        if time.monotonic() - asked >= poll_seconds:
            asked = time.monotonic()
            run = _final(client, dag_id, created)
            if run.get("state") in ENDED:
                return run, run["state"]


def held_by_pause(dag_id: str) -> str:
    """What keeps the runs of a paused Dag, and how to let them go on."""
    return f"{dag_id} is paused: its runs wait until `tradewind dags unpause {dag_id}`."


def _final(client: Client, dag_id: str, created: dict[str, Any]) -> dict[str, Any]:
    run = client.request("run.get", dag_id=dag_id, run_id=created["run_id"])
    return {**created, **(run or {})}


def _name(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"
