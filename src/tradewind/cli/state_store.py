"""`tradewind state-store`: what tasks keep from one try to the next, and beside assets."""

import time

import click

from tradewind.cli.app import App, Noun, pass_app


@click.group(cls=Noun, name="state-store")
def state_store() -> None:
    """Clean the state stores of tasks and assets."""


@state_store.command("clean")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.option("-v", "--verbose", is_flag=True, hidden=True)
@pass_app
def clean(app: App, dry_run: bool, verbose: bool) -> None:
    """Delete values of tasks whose retention is over, and values of assets that no Dag names any more."""
    if dry_run:
        expired = app.reader.expired_values(time.time_ns() // 1000)
        orphans = app.reader.orphaned_asset_values()
        for row in expired:
            index = f"[{row['map_index']}]" if row["map_index"] >= 0 else ""
            click.echo(f"{row['dag_id']} {row['run_id']} {row['task_id']}{index}: {row['key']}")
        for row in orphans:
            click.echo(f"asset {row['name']}: {row['key']}")
        click.echo(f"{len(expired) + len(orphans)} values would be deleted.")
        return
    before = app.reader.values_kept()
    app.client.command("state_store.clean")
    click.echo(f"Deleted {max(0, before - app.reader.values_kept())} values.")
