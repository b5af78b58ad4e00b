"""Creating a run and waiting for its end, with each task's moves on standard error."""

import time
from collections.abc import Mapping
from typing import Any

import click

from tradewind.cli.client import Client
from tradewind.wire.events import RUN_MOVED, TASK_MOVED

ENDED = ("success", "failed")


def create_and_wait(client: Client, body: Mapping[str, Any], poll_seconds: float = 2.0) -> tuple[dict[str, Any], str]:
    """The created run and the state in which it ended. Raises NoScheduler: without one no run ever ends."""
    # Subscribed before the run exists, so that no move can be missed; events are hints, so the run is asked for too.
    events = client.subscribe(dag_id=body["dag_id"], every=poll_seconds)
    created: dict[str, Any] = client.command("run.create", **body)
    run_id, asked = created["run_id"], time.monotonic()
    click.echo(f"Run {run_id} of {body['dag_id']} created.", err=True)
    for event in events:
        if event is not None and event.run_id == run_id:
            if event.name == TASK_MOVED and event.after:
                click.echo(f"  {_name(event.task_id, event.map_index)}: {event.after}", err=True)
            if event.name == RUN_MOVED and event.after in ENDED:
                return _final(client, body["dag_id"], created), event.after
        if time.monotonic() - asked >= poll_seconds:
            asked = time.monotonic()
            run = _final(client, body["dag_id"], created)
            if run.get("state") in ENDED:
                return run, run["state"]
    raise click.ClickException(f"The scheduler went away; `tradewind dags state {body['dag_id']} {run_id}` tells more.")


def _final(client: Client, dag_id: str, created: dict[str, Any]) -> dict[str, Any]:
    run = client.request("run.get", dag_id=dag_id, run_id=created["run_id"])
    return {**created, **(run or {})}


def _name(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"
