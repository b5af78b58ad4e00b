"""`tradewind backfill`: the runs of a past range, made a few at a time."""

from collections.abc import Mapping
from typing import Any

import click

from tradewind.cli.app import App, Noun, counted, iso, json_object, output_option, pass_app
from tradewind.cli.damaged import readable
from tradewind.cli.output import show
from tradewind.core.errors import TradewindError

ACTIONS = {"create": "to make a run for", "clear": "to run again", "leave": "to leave alone"}


@click.group(cls=Noun)
def backfill() -> None:
    """Make the runs of a past range, a few at a time."""


@backfill.command("create")
@click.option("--dag-id", required=True, help="The Dag.")
@click.option("--from-date", required=True, help="Least logical date.")
@click.option("--to-date", required=True, help="Greatest logical date; it is included.")
@click.option("--dag-run-conf", help="JSON object that the runs are given.")
@click.option("--run-backwards", is_flag=True, help="Begin with the newest date.")
@click.option("--max-active-runs", type=click.IntRange(min=1), default=10, show_default=True, help="Runs at once.")
@click.option(
    "--reprocess-behavior",
    type=click.Choice(["none", "failed", "completed"]),
    default="none",
    show_default=True,
    help="Which dates that have a run which is over are run again.",
)
@click.option(
    "--run-on-latest-version/--no-run-on-latest-version",
    "latest",
    default=None,
    help="Whether runs that are run again take the newest version of the Dag.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@output_option
@pass_app
def create(
    app: App, /, dag_id: str, from_date: str, to_date: str, dag_run_conf: str | None, dry_run: bool, output: str,
    **options: Any,
) -> None:  # fmt: skip
    """Make the runs that a Dag's schedule names in a range, also where there has been none yet."""
    begin, end = app.moment(from_date), app.moment(to_date)
    body: dict[str, Any] = {"dag_id": dag_id, "from_date": begin.isoformat(), "to_date": end.isoformat()}
    if dag_run_conf is not None:
        body["conf"] = json_object(dag_run_conf, "--dag-run-conf")
    create_backfill(app, {**body, **options}, dry_run, output)


def create_backfill(app: App, body: dict[str, Any], dry_run: bool, output: str = "table") -> None:
    """Show the plan; carry it out unless this is a dry run."""
    made = app.client.command("backfill.create", **body, dry_run=dry_run)
    summary = _summary(made["actions"])
    if dry_run:
        columns = ("logical_date", "run_after", "action", "reason")
        show([{name: run[name] for name in columns} for run in made["runs"]], output)
        click.echo(f"Nothing was changed: {summary}.", err=True)
        return
    if output in ("json", "yaml"):
        show([made], output)
    else:
        click.echo(f"Backfill {made['id']}: {summary}; at most {made['max_active_runs']} at once.")
    if _is_paused(app, made["dag_id"]):
        click.echo(f"{made['dag_id']} is paused; `tradewind dags unpause {made['dag_id']}` lets it begin.", err=True)


@backfill.command("list")
@click.argument("dag_id", required=False)
@click.option("--dag-id", "dag_option", help="Only those of this Dag.")
@output_option
@pass_app
def list_backfills(app: App, dag_id: str | None, dag_option: str | None, output: str) -> None:
    """Backfills, newest first."""
    show(readable(app.reader.backfills(dag_id or dag_option), "backfill", _row), output)


@backfill.command("show")
@click.argument("backfill_id", type=int)
@output_option
@pass_app
def show_backfill(app: App, backfill_id: int, output: str) -> None:
    """One backfill and what has become of each of its dates."""
    row = app.reader.backfill(backfill_id)
    runs = app.reader.backfill_runs(backfill_id)
    shown = [
        {
            "logical_date": iso(run["logical_date"]) or "",
            "action": run["action"],
            "run_id": run["run_id"] or "",
            "state": _state(row, run),
            "reason": run["reason"],
        }
        for run in runs
    ]
    if output in ("json", "yaml"):
        show([{**_row(row), "runs": shown}], output)
        return
    show([_row(row)], output)
    click.echo()
    show(shown, output)


@backfill.command("pause")
@click.argument("backfill_id", type=int)
@pass_app
def pause(app: App, backfill_id: int) -> None:
    """Start no further run of a backfill; what runs goes on."""
    app.client.command("backfill.pause", id=backfill_id)
    click.echo(f"Backfill {backfill_id} is paused.")


@backfill.command("unpause")
@click.argument("backfill_id", type=int)
@pass_app
def unpause(app: App, backfill_id: int) -> None:
    """Let a backfill go on."""
    app.client.command("backfill.unpause", id=backfill_id)
    click.echo(f"Backfill {backfill_id} goes on.")


@backfill.command("cancel")
@click.argument("backfill_id", type=int)
@pass_app
def cancel(app: App, backfill_id: int) -> None:
    """End a backfill: no further run starts, and what runs goes on to its end."""
    app.client.command("backfill.cancel", id=backfill_id)
    click.echo(f"Backfill {backfill_id} is cancelled.")


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "dag_id": row["dag_id"],
        "from_date": iso(row["from_date"]),
        "to_date": iso(row["to_date"]),
        "state": "paused" if row["is_paused"] and row["state"] == "active" else row["state"],
        "done": f"{row['done']}/{row['dates']}",
        "reprocess_behavior": row["reprocess"],
        "max_active_runs": row["max_active"],
        "created_at": iso(row["created_at"]),
        "completed_at": iso(row["completed_at"]) or "",
        "reason": row["reason"],
    }


def _state(row: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    if not run["is_done"]:
        return "waiting" if row["state"] == "active" else "not started"
    return run["state"] or "deleted"


def _summary(actions: Mapping[str, int]) -> str:
    found = [(actions[name], words) for name, words in ACTIONS.items() if actions.get(name)]
    return ", ".join(f"{counted(number, 'date')} {words}" for number, words in found)


def _is_paused(app: App, dag_id: str) -> bool:
    try:
        return bool(app.reader.dag(dag_id)["is_paused"])
    except TradewindError:  # only a remark depends on it
        return False
