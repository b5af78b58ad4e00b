"""`tradewind connections`."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tradewind.cli.app import App, Noun, json_object, output_option, pass_app
from tradewind.cli.connection_text import FIELDS, from_mapping, from_uri, to_uri
from tradewind.cli.damaged import check_all, check_some, decrypted, json_object_in, read_row, readable
from tradewind.cli.files import read_mapping, write_text
from tradewind.cli.output import show

if TYPE_CHECKING:
    from tradewind.security.secrets import Vault


@click.group(cls=Noun)
def connections() -> None:
    """List and change connections."""


@connections.command("list")
@click.option("--conn-id", help="Only this one.")
@click.option("--show-values", is_flag=True, help="Show passwords and extras.")
@click.option("--hide-sensitive", is_flag=True, expose_value=False, hidden=True)
@output_option
@pass_app
def list_connections(app: App, conn_id: str | None, show_values: bool, output: str) -> None:
    """All connections; passwords and extras are masked unless asked for."""
    rows = [row for row in app.reader.connections() if conn_id in (None, row["conn_id"])]
    vault = app.vault if show_values else None
    show(readable(rows, "connection", lambda row: _row(row, vault)), output)


@connections.command("get")
@click.argument("conn_id")
@click.option("--color", hidden=True, expose_value=False)
@output_option
@pass_app
def get(app: App, conn_id: str, output: str) -> None:
    """One connection, with its password."""
    show([read_row(_existing(app, conn_id), "connection", lambda row: _row(row, app.vault))], output)


@connections.command("add")
@click.argument("conn_id")
@click.option("--conn-uri", help="Everything as one URI.")
@click.option("--conn-json", help="Everything as a JSON object.")
@click.option("--conn-type")
@click.option("--conn-description")
@click.option("--conn-host")
@click.option("--conn-login")
@click.option("--conn-password")
@click.option("--conn-schema")
@click.option("--conn-port")
@click.option("--conn-extra", help="JSON object of further settings.")
@pass_app
def add(app: App, /, conn_id: str, conn_uri: str | None, conn_json: str | None, **parts: str | None) -> None:
    """Create a connection."""
    given = {name.removeprefix("conn_"): value for name, value in parts.items() if value is not None}
    described = given.pop("description", None)
    given = {("conn_type" if name == "type" else name): value for name, value in given.items()}
    forms = [
        name for name, used in (("--conn-uri", conn_uri), ("--conn-json", conn_json), ("--conn-type", given)) if used
    ]
    if len(forms) != 1:
        raise click.UsageError("Give exactly one of --conn-uri, --conn-json, or --conn-type with its parts.")
    if conn_uri:
        fields = from_uri(conn_uri)
    elif conn_json:
        fields = from_mapping(json_object(conn_json, "--conn-json"))
    else:
        fields = from_mapping(given)
    if not fields["conn_type"]:
        raise click.UsageError("A connection needs a type; give --conn-type.")
    if described is not None:
        fields["description"] = described
    if app.reader.connection(conn_id) is not None:
        raise click.ClickException(f"A connection {conn_id!r} exists already; delete it first.")
    app.client.command("connection.set", conn_id=conn_id, **fields)
    click.echo(
        f"Successfully added `conn_id`={conn_id} : {to_uri({**fields, 'password': fields['password'] and '***'})}"
    )


@connections.command("delete")
@click.argument("conn_id")
@click.option("--color", hidden=True, expose_value=False)
@pass_app
def delete(app: App, conn_id: str) -> None:
    """Remove a connection."""
    _existing(app, conn_id)
    app.client.command("connection.delete", conn_id=conn_id)
    click.echo(f"Successfully deleted connection with `conn_id`={conn_id}")


@connections.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--overwrite", is_flag=True, help="Replace connections that exist.")
@pass_app
def import_connections(app: App, file: str, overwrite: bool) -> None:
    """Create connections from a JSON, YAML or .env file."""
    given = {
        conn_id: _imported(entry, f"{file}, connection {conn_id!r}") for conn_id, entry in read_mapping(file).items()
    }
    existing = set() if overwrite else {row["conn_id"] for row in app.reader.connections()}
    for conn_id, fields in given.items():
        if conn_id in existing:
            click.echo(f"Could not import connection {conn_id}: connection already exists.", err=True)
            continue
        app.client.command("connection.set", conn_id=conn_id, **fields)
        click.echo(f"Imported connection {conn_id}")


def _imported(entry: Any, where: str) -> dict[str, Any]:
    """The parts of one connection in a file."""
    try:
        if isinstance(entry, str):
            return from_mapping(_json(entry)) if entry.lstrip().startswith("{") else from_uri(entry)
        if isinstance(entry, dict):
            return from_mapping(entry)
    except click.ClickException as error:
        raise click.ClickException(f"{where}: {error.message} Nothing was imported.") from None
    raise click.ClickException(f"{where} is neither a URI nor an object. Nothing was imported.")


@connections.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "--file-format", "file_format", type=click.Choice(["json", "yaml", "env"]))
@click.option("--serialization-format", type=click.Choice(["json", "uri"]), help="With env: how each is written.")
@pass_app
def export(app: App, file: str, file_format: str | None, serialization_format: str | None) -> None:
    """Write all connections, with their passwords, to a file (`-`: standard output)."""
    ending = file.rpartition(".")[2].lower() if "." in file else ""
    chosen = file_format or {"yml": "yaml"}.get(ending, ending if ending in ("yaml", "env") else "json")
    if serialization_format and chosen != "env":
        raise click.UsageError("--serialization-format is for --file-format env only.")
    rows, vault = app.reader.connections(), app.vault
    found = dict(readable(rows, "connection", lambda row: (str(row["conn_id"]), _checked(_plain(row, vault)))))
    check_some(len(found), len(rows), "connections")
    write_text(file, _exported(found, chosen, serialization_format or "uri"))
    click.echo(f"Connections successfully exported to {file}.", err=file == "-")
    check_all(len(found), len(rows), "connections")


def _exported(found: Mapping[str, Mapping[str, Any]], file_format: str, line_format: str) -> str:
    if file_format == "json":
        return json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    if file_format == "yaml":
        import yaml

        return str(yaml.safe_dump(found, allow_unicode=True))
    one_line = to_uri if line_format == "uri" else _one_line
    return "".join(f"{conn_id}={one_line(fields)}\n" for conn_id, fields in found.items())


def _one_line(fields: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in fields.items() if value not in (None, "")}, ensure_ascii=False)


def _existing(app: App, conn_id: str) -> dict[str, Any]:
    row = app.reader.connection(conn_id)
    if row is None:
        raise click.ClickException(f"There is no connection {conn_id!r}; `tradewind connections list` shows them.")
    return row


def _plain(row: Mapping[str, Any], vault: "Vault") -> dict[str, Any]:
    """The stored row with its secrets decrypted."""
    fields = {name: row[name] for name in FIELDS}
    for name in ("password", "extra"):
        fields[name] = decrypted(vault, row[name]) if row[name] else row[name]
    return fields


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, if they can be written in each format and read back. Raises TypeError and ValueError."""
    if any(isinstance(value, bytes) for value in fields.values()):
        raise TypeError("bytes stand where there should be text or a number")
    to_uri(fields)
    return fields


def _row(row: Mapping[str, Any], vault: "Vault | None") -> dict[str, Any]:
    """What a person sees, under Airflow's names; with a vault also the secrets."""
    fields: dict[str, Any] = {name: row[name] for name in FIELDS}
    if vault is not None:
        fields = _plain(row, vault)
        extra: Any = json_object_in(fields["extra"]) if fields["extra"] else {}
    else:
        fields["password"] = row["password"] and "***"
        extra = "***" if row["extra"] else {}
    shown = {name: fields[name] for name in ("conn_type", "description", "host", "schema", "login", "password", "port")}
    encrypted = {"is_encrypted": bool(row["password"]), "is_extra_encrypted": bool(row["extra"])}
    uri = to_uri({**fields, "extra": json.dumps(extra) if vault is not None and extra else None})
    return {"conn_id": row["conn_id"], **shown, **encrypted, "extra_dejson": extra, "get_uri": uri}


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"A connection's JSON cannot be read: {error}.") from None
    if not isinstance(value, dict):
        raise click.ClickException("A connection's JSON must be an object.")
    return value
