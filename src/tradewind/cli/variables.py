"""`tradewind variables`."""

import json
from collections.abc import Mapping
from typing import Any

import click

from tradewind.cli.app import App, Noun, TakesNumbers, output_option, pass_app
from tradewind.cli.damaged import check_all, check_some, decrypted, read_row, readable
from tradewind.cli.files import read_mapping, write_text
from tradewind.cli.output import show
from tradewind.core.sensitive import Sensitive

Row = Mapping[str, Any]


@click.group(cls=Noun)
def variables() -> None:
    """List and change variables."""


@variables.command("list")
@click.option("--show-values", is_flag=True, help="Show the values too.")
@click.option("--hide-sensitive", is_flag=True, help="With --show-values: mask what looks like a secret.")
@output_option
@pass_app
def list_variables(app: App, show_values: bool, hide_sensitive: bool, output: str) -> None:
    """Keys of all variables."""
    vault = app.vault if show_values else None

    def shown(row: Row) -> dict[str, Any]:
        if vault is None:
            return {"key": row["key"]}
        masked = hide_sensitive and _looks_secret(app, row["key"])
        return {
            "key": row["key"],
            "value": "***" if masked else decrypted(vault, row["value"]),
            "description": row["description"],
        }

    show(readable(app.reader.variables(), "variable", shown), output)


@variables.command("get")
@click.argument("key")
@click.option("-j", "--json", "as_json", is_flag=True, help="The value is JSON; print it as such.")
@click.option("-d", "--default", help="What to print when there is no such variable.")
@pass_app
def get(app: App, key: str, as_json: bool, default: str | None) -> None:
    """The value of one variable."""
    row = app.reader.variable(key) if default is not None else _existing(app, key)
    if row is None:
        click.echo(default)
        return
    value = read_row(row, "variable", lambda row: decrypted(app.vault, row["value"]))
    if as_json:
        try:
            value = json.dumps(json.loads(value), ensure_ascii=False)
        except ValueError as error:
            raise click.ClickException(f"The value of variable {key} is not JSON: {error}.") from None
    click.echo(value)


@variables.command("set", cls=TakesNumbers)
@click.argument("key")
@click.argument("value")
@click.option("--description", help="What it is for.")
@click.option("-j", "--json", "as_json", is_flag=True, help="VALUE is JSON.")
@pass_app
def set_variable(app: App, key: str, value: str, description: str | None, as_json: bool) -> None:
    """Create or change a variable."""
    if as_json:
        try:
            value = json.dumps(json.loads(value), ensure_ascii=False, indent=2)
        except ValueError as error:
            raise click.UsageError(f"VALUE is not JSON: {error}.") from None
    app.client.command("variable.set", key=key, value=value, description=description)
    click.echo(f"Variable {key} created")


@variables.command("delete")
@click.argument("key")
@pass_app
def delete(app: App, key: str) -> None:
    """Remove a variable."""
    _existing(app, key)
    app.client.command("variable.delete", key=key)
    click.echo(f"Variable {key} deleted")


@variables.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "-a", "--action-on-existing-key", type=click.Choice(["overwrite", "fail", "skip"]), default="overwrite",
    show_default=True,
)  # fmt: skip
@pass_app
def import_variables(app: App, file: str, action_on_existing_key: str) -> None:
    """Set variables from a JSON, YAML or .env file."""
    given = read_mapping(file)
    existing = set() if action_on_existing_key == "overwrite" else {row["key"] for row in app.reader.variables()}
    clash = sorted(existing & given.keys())
    if clash and action_on_existing_key == "fail":
        raise click.ClickException(f"{', '.join(clash)} exist already; nothing was imported.")
    for key, entry in given.items():
        if key in existing:
            continue
        described = isinstance(entry, dict) and "value" in entry
        value, description = (entry["value"], entry.get("description")) if described else (entry, None)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        app.client.command("variable.set", key=key, value=text, description=description)
    click.echo(f"{len(given) - len(clash)} of {len(given)} variables successfully updated.")
    if clash:
        click.echo(f"Skipped, because they exist: {', '.join(clash)}", err=True)


@variables.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@pass_app
def export(app: App, file: str) -> None:
    """Write all variables, with their values, to a JSON file (`-`: standard output)."""
    vault = app.vault

    def entry(row: Row) -> tuple[str, Any]:
        value, described = _from_json(decrypted(vault, row["value"])), row["description"]
        return str(row["key"]), {"value": value, "description": described} if described else value

    rows = app.reader.variables()
    exported = dict(readable(rows, "variable", entry))
    check_some(len(exported), len(rows), "variables")
    write_text(file, json.dumps(exported, ensure_ascii=False, sort_keys=True, indent=4) + "\n")
    click.echo(f"{len(exported)} variables successfully exported to {file}", err=file == "-")
    check_all(len(exported), len(rows), "variables")


def _existing(app: App, key: str) -> dict[str, Any]:
    row = app.reader.variable(key)
    if row is None:
        raise click.ClickException(f"Variable {key} does not exist; `tradewind variables list` shows those that do.")
    return row


def _from_json(text: str) -> Any:
    """Lists, dicts and numbers as such, so that an import gives the same text back."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, str) else value


def _looks_secret(app: App, key: str) -> bool:
    return Sensitive(app.settings.core.sensitive_var_conn_names.split(",")).is_secret(key)
