"""`tradewind why`: the scheduler's own reasons for everything that waits in a run."""

from typing import Any

import click

from tradewind.cli.app import App, Leaf, output_option, pass_app, printable
from tradewind.cli.client import NoScheduler
from tradewind.cli.dags import find_run
from tradewind.cli.output import show
from tradewind.core.errors import TradewindError


@click.command(cls=Leaf)
@click.argument("dag_id")
@click.argument("task_id", required=False)
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="Same as -o json.")
@output_option
@pass_app
def why(app: App, dag_id: str, task_id: str | None, run: str | None, as_json: bool, output: str) -> None:
    """Say why DAG_ID, or one of its tasks, waits in a RUN (else in the newest unfinished one).

    Of a run that failed it says which tasks failed, and how.
    """
    found = find_run(app, dag_id, run) if run else app.reader.run_to_explain(dag_id)
    rests = found is None or (not run and not task_id and found["state"] in ("success", "failed"))
    if rests and _is_set_aside(app, dag_id, "json" if as_json else output):
        return
    if rests and _waits_for_assets(app, dag_id, "json" if as_json else output):
        return
    if found is None:
        row = app.reader.dag(dag_id)
        because = "it is paused" if row["is_paused"] else f"its schedule is {row['timetable_summary'] or 'None'}"
        click.echo(f"{dag_id} has no run yet; {because}.")
        return
    try:
        reasons: list[dict[str, Any]] = app.client.request(
            "explain", dag_id=dag_id, task_id=task_id, run_id=found["run_id"]
        )
    except NoScheduler as error:
        raise click.ClickException(f"Nothing moves, because no scheduler runs: {error}") from None
    if as_json or output == "json":
        import json

        click.echo(json.dumps(reasons, ensure_ascii=False, default=str))
    elif output == "table":
        click.echo(printable(f"{dag_id} {found['run_id']} ({found['state']})"))
        for reason in reasons:
            of_task = f"{reason['task']} ({reason['state']}): " if reason["state"] else ""
            click.echo(printable(f"  {of_task}{reason['sentence']}"))
        if not reasons:
            click.echo("  Nothing waits.")
    else:
        show(reasons, output)


def _is_set_aside(app: App, dag_id: str, output: str) -> bool:
    """Say that the Dag cannot be read, if the scheduler has set it aside; whether it has."""
    try:
        status = app.client.request("explain", dag_id=dag_id)
    except (NoScheduler, TradewindError):
        return False
    reasons = [reason for reason in status if reason["code"] == "quarantined" and reason["run_id"] is None]
    if output != "table":
        if reasons:
            show(reasons, output)
    else:
        for reason in reasons:
            click.echo(printable(reason["sentence"]))
    return bool(reasons)


def _waits_for_assets(app: App, dag_id: str, output: str) -> bool:
    """Say which assets the next run waits for, from what is stored; whether there are any."""
    from tradewind.cli.asset_catalogue import wait_of

    row, spec = app.reader.dag(dag_id), app.reader.spec(dag_id)
    waits = wait_of(app.reader, dag_id, spec)
    if not waits:
        return False
    held = f"It is paused; `tradewind dags unpause {dag_id}` lets it go on. " if row["is_paused"] else ""
    sentence = f"{held}It waits for: {waits}."
    if output == "table":
        click.echo(printable(f"{dag_id} has no unfinished run. {sentence}"))
    else:
        show([{"run_id": None, "task": "", "state": "", "code": "assets", "sentence": sentence}], output)
    return True
