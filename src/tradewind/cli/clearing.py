"""Clearing and marking, with a look at the plan first."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click

from tradewind.cli.app import App, F, confirm, counted, printable

Task = tuple[int, str, int]
"""A task instance of an answer: the number of its run, task id and map index."""


def clear_with_preview(app: App, dag_ids: list[str], body: dict[str, Any], dry_run: bool, yes: bool) -> None:
    """Print what would be cleared, ask, and clear it."""
    asked = {name: ("task.clear", {"dag_id": name, **body}) for name in dag_ids}
    _with_preview(app, asked, ("clear", "cleared"), dry_run, yes)


def mark_with_preview(app: App, dag_id: str, body: dict[str, Any], dry_run: bool, yes: bool) -> None:
    """Print which task instances would be marked, ask, and mark them."""
    state = body["state"]
    words = (f"mark as {state}", f"marked as {state}")
    _with_preview(app, {dag_id: ("task.mark", {"dag_id": dag_id, **body})}, words, dry_run, yes)


def _with_preview(
    app: App, asked: Mapping[str, tuple[str, dict[str, Any]]], words: tuple[str, str], dry_run: bool, yes: bool
) -> None:
    answers = {name: app.client.command(kind, **body, dry_run=True) for name, (kind, body) in asked.items()}
    _show_refused(answers)
    planned = {name: _tasks(answer) for name, answer in answers.items() if answer["tasks"]}
    if not planned:
        click.echo(f"Nothing to {words[0]}.")
        return
    shown: set[Task] = set()
    for name, found in planned.items():
        runs = _runs(app, name, answers[name])
        for number, task, map_index in found:
            if (number, task, map_index) not in shown:  # two Dags may reach the same task of a third
                dag_id, run_id = runs.get(number, (name, number))
                click.echo(printable(f"{dag_id} {run_id} {task}{f'[{map_index}]' if map_index >= 0 else ''}"))
        shown.update(found)
    _show_states(answers)
    if dry_run:
        return
    confirm(f"{words[0].capitalize()} {counted(len(shown), 'task instance')}?", yes)
    done: set[Task] = set()
    for name in planned:
        kind, body = asked[name]
        done.update(_tasks(app.client.command(kind, **body, dry_run=False)))
    click.echo(f"{counted(len(done), 'task instance')} {words[1]}.")


def latest_option(command: F) -> F:
    """`--run-on-latest-version` or not, passed as `latest`; None where neither is said."""
    return click.option(
        "--run-on-latest-version/--no-run-on-latest-version",
        "latest",
        default=None,
        help="Take the newest version of the Dag, or keep that of the run.",
    )(command)


def _tasks(answer: Mapping[str, Any]) -> list[Task]:
    return [(run, task, map_index) for run, task, map_index in answer["tasks"]]


def _runs(app: App, dag_id: str, answer: Mapping[str, Any]) -> dict[int, tuple[str, str]]:
    """Dag and id of the runs of an answer, by number. A scheduler of an older version names them only by number."""
    named = {run["number"]: (run["dag_id"], run["run_id"]) for run in answer.get("runs", ()) if "dag_id" in run}
    rest = {number for number, _, _ in _tasks(answer) if number not in named}
    return {number: (dag_id, run_id) for number, run_id in app.reader.run_ids(dag_id, rest).items()} | named


def _show_refused(answers: Mapping[str, Mapping[str, Any]]) -> None:
    for answer in answers.values():
        for note in answer.get("notes", ()):
            click.echo(printable(note), err=True)
        for run in answer.get("runs", ()):
            if run["refused"]:
                click.echo(f"Left as it is: {printable(run['refused'])}.", err=True)


def _show_states(answers: Mapping[str, Mapping[str, Any]]) -> None:
    counts: Counter[str] = Counter()
    for answer in answers.values():
        counts.update(answer.get("states", {}))
    if counts:
        click.echo(", ".join(f"{count} {state}" for state, count in counts.most_common()), err=True)
