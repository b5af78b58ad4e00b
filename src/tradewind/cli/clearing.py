"""Clearing with a look at the plan first."""

from typing import Any

import click

from tradewind.cli.app import App, confirm, counted, printable


def clear_with_preview(app: App, dag_ids: list[str], body: dict[str, Any], dry_run: bool, yes: bool) -> None:
    """Print what would be cleared, ask, and clear it."""
    planned = {name: _clear(app, name, {**body, "dry_run": True}) for name in dag_ids}
    planned = {name: found for name, found in planned.items() if found}
    if not planned:
        click.echo("Nothing to clear.")
        return
    for name, found in planned.items():
        run_ids = app.reader.run_ids(name, {number for number, _, _ in found})
        for number, task, map_index in found:
            run_id = run_ids.get(number, number)
            click.echo(printable(f"{name} {run_id} {task}{f'[{map_index}]' if map_index >= 0 else ''}"))
    if dry_run:
        return
    confirm(f"Clear {counted(sum(map(len, planned.values())), 'task instance')}?", yes)
    cleared = sum(len(_clear(app, name, {**body, "dry_run": False})) for name in planned)
    click.echo(f"{counted(cleared, 'task instance')} cleared.")


def _clear(app: App, dag_id: str, body: dict[str, Any]) -> list[tuple[int, str, int]]:
    answer = app.client.command("task.clear", dag_id=dag_id, **body)
    return [(run, task, map_index) for run, task, map_index in answer["tasks"]]
