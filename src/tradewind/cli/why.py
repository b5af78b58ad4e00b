"""`tradewind why`: the scheduler's own reasons for everything that waits in a run."""

from typing import Any

import click

from tradewind.cli.app import App, Leaf, output_option, pass_app, printable
from tradewind.cli.client import NoScheduler
from tradewind.cli.dags import find_run
from tradewind.cli.output import show


@click.command(cls=Leaf)
@click.argument("dag_id")
@click.argument("task_id", required=False)
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="Same as -o json.")
@output_option
@pass_app
def why(app: App, dag_id: str, task_id: str | None, run: str | None, as_json: bool, output: str) -> None:
    """Say why DAG_ID, or one of its tasks, waits in a RUN (else in the newest unfinished one)."""
    found = find_run(app, dag_id, run) if run else app.reader.run_to_explain(dag_id)
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
            click.echo(printable(f"  {reason['task']} ({reason['state']}): {reason['sentence']}"))
        if not reasons:
            click.echo("  Nothing waits.")
    else:
        show(reasons, output)
