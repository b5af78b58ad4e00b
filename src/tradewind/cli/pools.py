"""`tradewind pools`."""

import json
from collections.abc import Mapping
from typing import Any

import click

from tradewind.cli.app import App, Noun, TakesNumbers, output_option, pass_app
from tradewind.cli.damaged import readable
from tradewind.cli.files import read_mapping, write_text
from tradewind.cli.output import show


@click.group(cls=Noun)
def pools() -> None:
    """List and change pools."""


@pools.command("list")
@output_option
@pass_app
def list_pools(app: App, output: str) -> None:
    """All pools."""
    show(readable(app.reader.pools(), "pool", _row), output)


@pools.command("get")
@click.argument("pool")
@output_option
@pass_app
def get(app: App, pool: str, output: str) -> None:
    """One pool."""
    show([_row(_existing(app, pool))], output)


@pools.command("set", cls=TakesNumbers)
@click.argument("pool")
@click.argument("slots", type=click.IntRange(min=-1))
@click.argument("description")
@click.option("--include-deferred", is_flag=True, help="Deferred tasks hold their slots.")
@click.option("--team-name", hidden=True)
@output_option
@pass_app
def set_pool(
    app: App, pool: str, slots: int, description: str, include_deferred: bool, team_name: str | None, output: str
) -> None:
    """Create or change a pool; -1 slots: without limit."""
    if team_name:
        raise click.UsageError("Pools of teams are not supported.")
    if not pool.strip():
        raise click.UsageError("A pool needs a name.")
    body = {"name": pool, "slots": slots, "description": description, "include_deferred": include_deferred}
    app.client.command("pool.set", **body)
    show([_row(body)], output)


@pools.command("delete")
@click.argument("pool")
@output_option
@pass_app
def delete(app: App, pool: str, output: str) -> None:
    """Remove a pool."""
    row = _existing(app, pool)
    app.client.command("pool.delete", name=pool)
    show([_row(row)], output)


@pools.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@pass_app
def import_pools(app: App, file: str) -> None:
    """Create or change pools from a JSON file."""
    given = read_mapping(file)
    wrong = [
        name for name, pool in given.items() if not (isinstance(pool, dict) and isinstance(pool.get("slots"), int))
    ]
    if wrong:
        raise click.ClickException(f"{file}: pool {wrong[0]!r} needs a whole number of `slots`; nothing was imported.")
    for name, pool in given.items():
        app.client.command(
            "pool.set",
            name=name,
            slots=pool["slots"],
            description=pool.get("description") or "",
            include_deferred=bool(pool.get("include_deferred")),
        )
    click.echo(f"Uploaded {len(given)} pool(s)")


@pools.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@pass_app
def export(app: App, file: str) -> None:
    """Write all pools to a JSON file (`-`: standard output)."""
    rows = [_row(row) for row in app.reader.pools()]
    exported = {row.pop("pool"): row for row in rows}
    write_text(file, json.dumps(exported, ensure_ascii=False, sort_keys=True, indent=4) + "\n")
    click.echo(f"Exported {len(exported)} pools to {file}", err=file == "-")


def _existing(app: App, name: str) -> dict[str, Any]:
    row = app.reader.pool(name)
    if row is None:
        raise click.ClickException(f"There is no pool {name!r}; `tradewind pools list` shows them.")
    return row


def _row(pool: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "pool": pool["name"],
        "slots": pool["slots"],
        "description": pool["description"],
        "include_deferred": bool(pool["include_deferred"]),
    }
