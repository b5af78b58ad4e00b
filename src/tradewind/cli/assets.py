"""`tradewind assets`: what Dags update and wait for."""

from typing import Any

import click

from tradewind.cli.app import App, Noun, json_object, output_option, pass_app
from tradewind.cli.asset_catalogue import catalogue, moment_of_newest, watchers
from tradewind.cli.dag_rows import run_row
from tradewind.cli.output import show
from tradewind.core.asset_catalogue import Known
from tradewind.core.watcher_words import failure_of

COLUMNS = ("name", "uri", "group", "extra")


@click.group(cls=Noun)
def assets() -> None:
    """List assets, report updates, run what makes them."""


@assets.command("list")
@click.option("--alias", is_flag=True, help="Aliases instead of assets.")
@click.option("--columns", default=",".join(COLUMNS), help="Column names, separated by commas.")
@output_option
@pass_app
def list_assets(app: App, alias: bool, columns: str, output: str) -> None:
    """Assets that some Dag names."""
    wanted = [name.strip() for name in columns.split(",") if name.strip() in COLUMNS] or list(COLUMNS)
    wanted = [name for name in wanted if not alias or name in ("name", "group")]
    found = [known for known in catalogue(app.reader.specs()) if known.is_alias is alias]
    show([{name: getattr(known, name) for name in wanted} for known in found], output)


@assets.command("details")
@click.option("--alias", is_flag=True, help="An alias instead of an asset.")
@click.option("--name", default="", help="Its name.")
@click.option("--uri", default="", help="Its uri.")
@output_option
@pass_app
def details(app: App, alias: bool, name: str, uri: str, output: str) -> None:
    """Everything known about one asset."""
    known = _chosen(app, name, uri, alias=alias)
    events = app.reader.asset_event_facts("" if alias else known.name, known.uri, known.name if alias else "")
    facts: dict[str, Any] = {
        "name": known.name,
        **({} if alias else {"uri": known.uri}),
        "group": known.group,
        **({} if alias else {"extra": dict(known.extra)}),
        "producing_tasks": [".".join(place) for place in known.producers],
        "consuming_tasks": [".".join(place) for place in known.readers],
        "scheduled_dags": list(known.consumers),
        **({} if alias else {"watchers": _watchers(app, known)}),
        "events": events["events"],
        "last_event": moment_of_newest(app.reader, known),
    }
    if output in ("json", "yaml"):
        show([facts], output)
    else:
        show([{"property_name": name, "property_value": value} for name, value in facts.items()], output)


@assets.command("materialize")
@click.option("--name", default="", help="Its name.")
@click.option("--uri", default="", help="Its uri.")
@click.option("--partition-key", help="The partition of it, where the Dag has partitions.")
@output_option
@pass_app
def materialize(app: App, name: str, uri: str, partition_key: str | None, output: str) -> None:
    """Create a run of the Dag that updates an asset."""
    known = _chosen(app, name, uri)
    dags = known.producing_dags
    if not dags:
        raise click.ClickException(f"No task has the asset {known.name!r} among its outlets.")
    if len(dags) > 1:
        raise click.ClickException(
            f"Several Dags update the asset {known.name!r}: {', '.join(dags)}; `tradewind dags trigger` runs one."
        )
    partition = {} if partition_key is None else {"partition_key": partition_key}
    created = app.client.command("run.create", dag_id=dags[0], run_type="asset_materialization", **partition)
    show([run_row(created)], output)


@assets.command("report")
@click.option("--name", default="", help="Its name.")
@click.option("--uri", default="", help="Its uri.")
@click.option("--extra", default="{}", help="JSON object with facts about the update.")
@click.option("--partition-key", help="The partition of it that was updated.")
@output_option
@pass_app
def report(app: App, name: str, uri: str, extra: str, partition_key: str | None, output: str) -> None:
    """Say that an asset was updated outside of any task; Dags that wait for it get their runs."""
    known = _chosen(app, name, uri)
    body = {"name": known.name, "uri": known.uri, "extra": json_object(extra, "--extra")}
    if partition_key is not None:
        body["partition_key"] = partition_key
    show(app.client.command("asset.event", **body)["events"], output)


def _watchers(app: App, known: Known) -> list[str]:
    """What watches the asset now, with the reason where it fails."""
    mine = [watched for watched in watchers(app.reader) if (known.name, known.uri, known.group) in watched.assets]
    return [failure_of(watched) or f"{watched.name} watches it" for watched in mine]


def _chosen(app: App, name: str, uri: str, *, alias: bool = False) -> Known:
    if bool(name) == bool(uri) or (alias and uri):
        raise click.UsageError("Name an alias by --name." if alias else "Name the asset by either --name or --uri.")
    for known in catalogue(app.reader.specs()):
        if known.is_alias is alias and (name == known.name if name else uri == known.uri):
            return known
    what = "alias" if alias else "asset"
    raise click.ClickException(
        f"No Dag names the {what} {name or uri!r}; `tradewind assets list` shows those there are."
    )
