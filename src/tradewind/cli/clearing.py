"""Clearing with a look at the plan first."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click

from tradewind.cli.app import App, F, confirm, counted, printable


def clear_with_preview(app: App, dag_ids: list[str], body: dict[str, Any], dry_run: bool, yes: bool) -> None:
    """Print what would be cleared, ask, and clear it."""
    answers = {name: _clear(app, name, {**body, "dry_run": True}) for name in dag_ids}
    _show_refused(answers)
    planned = {name: _tasks(answer) for name, answer in answers.items() if answer["tasks"]}
    if not planned:
        click.echo("Nothing to clear.")
        return
    for name, found in planned.items():
        run_ids = app.reader.run_ids(name, {number for number, _, _ in found})
        for number, task, map_index in found:
            run_id = run_ids.get(number, number)
            click.echo(printable(f"{name} {run_id} {task}{f'[{map_index}]' if map_index >= 0 else ''}"))
    _show_states(answers)
    if dry_run:
        return
    confirm(f"Clear {counted(sum(map(len, planned.values())), 'task instance')}?", yes)
    cleared = sum(len(_clear(app, name, {**body, "dry_run": False})["tasks"]) for name in planned)
    click.echo(f"{counted(cleared, 'task instance')} cleared.")


def latest_option(command: F) -> F:
    """`--run-on-latest-version` or not, passed as `latest`; None where neither is said."""
    return click.option(
        "--run-on-latest-version/--no-run-on-latest-version",
        "latest",
        default=None,
        help="Take the newest version of the Dag, or keep that of the run.",
    )(command)


def _clear(app: App, dag_id: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = app.client.command("task.clear", dag_id=dag_id, **body)
    return answer


def _tasks(answer: Mapping[str, Any]) -> list[tuple[int, str, int]]:
    return [(run, task, map_index) for run, task, map_index in answer["tasks"]]


def _show_refused(answers: Mapping[str, Mapping[str, Any]]) -> None:
    for answer in answers.values():
        for run in answer.get("runs", ()):
            if run["refused"]:
                click.echo(f"Left as it is: {printable(run['refused'])}.", err=True)


def _show_states(answers: Mapping[str, Mapping[str, Any]]) -> None:
    counts: Counter[str] = Counter()
    for answer in answers.values():
        counts.update(answer.get("states", {}))
    if counts:
        click.echo(", ".join(f"{count} {state}" for state, count in counts.most_common()), err=True)
