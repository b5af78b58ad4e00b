"""`tradewind hitl`: what tasks ask people, and answers to it."""

import json
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

import click

from tradewind.cli.app import App, Noun, iso, output_option, pass_app, printable
from tradewind.cli.dags import find_run
from tradewind.cli.damaged import json_object_in, read_row, readable, texts
from tradewind.cli.output import show
from tradewind.cli.reading import QUESTION_STATES

Row = Mapping[str, Any]


@click.group(cls=Noun)
def hitl() -> None:
    """List and answer what tasks ask people."""


@hitl.command("list")
@click.option("-d", "--dag-id", help="Only questions of this Dag.")
@click.option(
    "--state",
    type=click.Choice([*QUESTION_STATES, "all"]),
    default="pending",
    show_default=True,
    help="Only questions that are in this state.",
)
@output_option
@pass_app
def list_questions(app: App, dag_id: str | None, state: str, output: str) -> None:
    """Questions, oldest first."""
    if dag_id is not None:
        app.reader.dag(dag_id)
    rows = app.reader.questions(dag_id, None if state == "all" else state)
    mapped = any(row["map_index"] != -1 for row in rows)
    shown = _whole if output in ("json", "yaml") else lambda row: _short(row, mapped)
    show(readable(rows, "question", shown), output)


@hitl.command("respond")
@click.argument("dag_id")
@click.argument("run_or_date")
@click.argument("task_id")
@click.option("--option", "options", multiple=True, required=True, help="What is chosen; may be repeated.")
@click.option("--param", "fields", multiple=True, metavar="NAME=VALUE", help="A field of the form; may be repeated.")
@click.option("--map-index", type=int, default=-1, help="Only this instance of a mapped task, from 0.")
@click.option("--user", help="In whose name; else in yours.")
@pass_app
def respond(
    app: App, dag_id: str, run_or_date: str, task_id: str, options: tuple[str, ...], fields: tuple[str, ...],
    map_index: int, user: str | None,
) -> None:  # fmt: skip
    """Answer what a task asks; it goes on then."""
    run = find_run(app, dag_id, run_or_date)
    question, form = _pending(app.reader.questions(dag_id, "pending"), run["run_id"], task_id, map_index)
    body = {
        "dag_id": dag_id,
        "run_id": run["run_id"],
        "task_id": task_id,
        "map_index": map_index,
        "chosen_options": list(options),
        "params_input": dict(_field(text, form) for text in fields),
        "user": user,
        "question": question,
    }
    answer = app.client.command("hitl.respond", **body)
    who = answer["responded_by"]["name"]
    click.echo(printable(f"{task_id} of {dag_id} {run['run_id']} goes on: {who} chose {_listed(options)}."))


def question_lines(row: Row, home: str = "") -> list[str]:
    """A question as a person at a terminal reads it, and the command that answers it."""
    options, form = texts(row["options"]), json_object_in(row["params"])
    name = row["task_id"] if row["map_index"] < 0 else f"{row['task_id']}[{row['map_index']}]"
    several = "any of " if row["multiple"] else ""
    lines = [f"{name} asks: {row['subject']}  ({several}{_listed(options)})"]
    lines += [f"    {line}" for line in row["body"].strip().splitlines()]
    if row["timeout_at"] is not None:
        defaults = texts(row["defaults"]) if row["defaults"] is not None else None
        then = f"{_listed(defaults)} is taken" if defaults is not None else "it is told that nobody answered"
        lines.append(f"    At {iso(row['timeout_at'])} {then}.")
    where = f" --home {quote(home)}" if home else ""
    index = f" --map-index {row['map_index']}" if row["map_index"] >= 0 else ""
    fields = "".join(f" --param {quote(f'{field}=…')}" for field in form)
    names = " ".join(map(quote, (row["dag_id"], row["run_id"], row["task_id"])))
    command = f"tradewind{where} hitl respond {names}{index} --option {quote(options[0])}{fields}"
    return [*lines, f"    Answer it from another terminal: {command}"]


def _short(row: Row, mapped: bool) -> dict[str, Any]:
    return {
        "dag_id": row["dag_id"],
        "run_id": row["run_id"],
        "task_id": row["task_id"],
        **({"map_index": int(row["map_index"])} if mapped else {}),
        "state": row["state"],
        "subject": row["subject"],
        "options": _listed(texts(row["options"])),
        "asked_at": iso(row["asked_at"]),
        "until": iso(row["timeout_at"]) or "",
        "answer": _listed(texts(row["chosen"])),
        "by": _name(row["answered_by"]),
    }


def _whole(row: Row) -> dict[str, Any]:
    """Named as Airflow's API names it."""
    return {
        "dag_id": row["dag_id"],
        "run_id": row["run_id"],
        "task_id": row["task_id"],
        "map_index": int(row["map_index"]),
        "try_number": int(row["try_number"]),
        "state": row["state"],
        "subject": row["subject"],
        "body": row["body"],
        "options": texts(row["options"]),
        "defaults": texts(row["defaults"]) if row["defaults"] is not None else None,
        "multiple": bool(row["multiple"]),
        "params": json_object_in(row["params"]),
        "assigned_users": [{"id": id, "name": name} for id, name in json.loads(row["assigned"])],
        "created_at": iso(row["asked_at"]),
        "timeout_at": iso(row["timeout_at"]),
        "responded_at": iso(row["answered_at"]),
        "responded_by_user": _person(row["answered_by"]),
        "chosen_options": texts(row["chosen"]),
        "params_input": json_object_in(row["params_input"] or "{}"),
    }


def _pending(rows: Sequence[Row], run_id: str, task_id: str, map_index: int) -> tuple[str | None, dict[str, Any]]:
    """The question that this task asks now, and its form; where it asks nothing, the scheduler says so better."""
    for row in rows:
        if (row["run_id"], row["task_id"], row["map_index"]) == (run_id, task_id, map_index):
            return row["id"], read_row(row, "question", lambda row: json_object_in(row["params"]))
    return None, {}


def _field(text: str, form: Mapping[str, Any]) -> tuple[str, Any]:
    """A field that a person typed: text where the form wants text, else JSON where it is JSON."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--param {text!r} must be NAME=VALUE.")
    wanted = (form.get(name, {}).get("schema") or {}).get("type")
    if "string" in ([wanted] if isinstance(wanted, str) else wanted or ()):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _listed(options: Sequence[str] | None) -> str:
    return ", ".join(options or ())


def _name(answered_by: str | None) -> str:
    return _identity(answered_by)["name"] if answered_by else ""


def _person(answered_by: str | None) -> dict[str, str] | None:
    return _identity(answered_by) if answered_by else None


def _identity(stored: str) -> dict[str, str]:
    id, name = texts(stored)
    return {"id": id, "name": name}
