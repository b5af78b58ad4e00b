"""`tradewind roles`: what users may do. Works with and without a running scheduler."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from tradewind.cli.app import App, Noun, output_option, pass_app
from tradewind.cli.damaged import check_all, check_some, read_row, readable
from tradewind.cli.files import write_text
from tradewind.cli.output import show
from tradewind.core.access import BUILT_IN, Grant
from tradewind.core.grants import grants_of, merged, permission, permission_names, plain_grants, without


@click.group(cls=Noun)
def roles() -> None:
    """List and change roles."""


@roles.command("list")
@click.option("-p", "--permission", "permissions", is_flag=True, help="Show what each may do too.")
@output_option
@pass_app
def list_roles(app: App, permissions: bool, output: str) -> None:
    """All roles."""
    stored = _stored(app)
    names = sorted({*BUILT_IN, *stored})
    if not permissions:
        show([{"name": name} for name in names], output)
        return
    rows = []
    for name in names:
        built_in = BUILT_IN[name].grants if name in BUILT_IN else ()
        by_resource: dict[str, list[str]] = {}
        for grant in merged([*built_in, *stored.get(name, ())]):
            for action, resource in permission_names(grant):
                by_resource.setdefault(resource, []).append(action)
        rows += [
            {"name": name, "resource": resource, "action": ",".join(sorted(set(actions)))}
            for resource, actions in sorted(by_resource.items())
        ]
    show(rows, output)


@roles.command("create")
@click.argument("role", nargs=-1, required=True)
@pass_app
def create(app: App, role: tuple[str, ...]) -> None:
    """Create roles, which may do nothing yet."""
    for name in role:
        app.client.command("role.set", name=name, grants=[], new=True)
        click.echo(f"Role {name} created")


@roles.command("delete")
@click.argument("role", nargs=-1, required=True)
@pass_app
def delete(app: App, role: tuple[str, ...]) -> None:
    """Remove roles that nobody has; one that is built in loses what was added to it."""
    for name in role:
        app.client.command("role.delete", name=name)
        click.echo(f"Role {name} deleted")


def _resources(required: bool) -> Any:
    def decorate(command: Any) -> Any:
        action = click.option(
            "-a", "--action", "actions", multiple=True, required=required, help="can_read, can_edit, …"
        )
        resource = click.option(
            "-r", "--resource", "resources", multiple=True, required=True,
            help="DAGs, DAG Runs, Variables, …; for some Dags DAG:ID, TAG:NAME, FOLDER:PATH.",
        )  # fmt: skip
        return resource(action(command))

    return decorate


@roles.command("add-perms")
@click.argument("role", nargs=-1, required=True)
@_resources(True)
@pass_app
def add_perms(app: App, role: tuple[str, ...], resources: tuple[str, ...], actions: tuple[str, ...]) -> None:
    """Let roles do something: each of the actions to each of the resources."""
    added = _grants(resources, actions)
    for name in role:
        _set(app, name, merged([*_of(app, name), *added]))
        click.echo(f"Role {name} may do more")


@roles.command("del-perms")
@click.argument("role", nargs=-1, required=True)
@_resources(False)
@pass_app
def del_perms(app: App, role: tuple[str, ...], resources: tuple[str, ...], actions: tuple[str, ...]) -> None:
    """Let roles no longer do something; without an action, nothing of what was added for these resources."""
    every = ("can_read", "can_create", "can_edit", "can_delete")
    taken = _grants(resources, actions or every)
    for name in role:
        before = _of(app, name)
        after = without(before, taken)
        if merged(before) == after:
            raise click.ClickException(
                f"Nothing of that was added to role {name}; what is built in stays (`tradewind roles list -p`)."
            )
        _set(app, name, after)
        click.echo(f"Role {name} may do less")


@roles.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("-p", "--pretty", is_flag=True, help="With line breaks.")
@pass_app
def export(app: App, file: str, pretty: bool) -> None:
    """Write all roles, as far as they are not built in, to a JSON file (`-`: standard output)."""
    rows = [{"name": name, "grants": plain_grants(grants)} for name, grants in sorted(_stored(app).items())]
    found = len(app.reader.roles())
    check_some(len(rows), found, "roles")
    write_text(file, json.dumps(rows, ensure_ascii=False, indent=4 if pretty else None) + "\n")
    click.echo(f"{len(rows)} roles exported to {file}", err=file == "-")
    check_all(len(rows), found, "roles")


@roles.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@pass_app
def import_roles(app: App, file: str) -> None:
    """Create or change roles from a JSON file as `export` writes it."""
    try:
        with open(file, encoding="utf-8") as opened:
            rows = json.load(opened)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file} cannot be read as JSON: {error}.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("name") for row in rows):
        raise click.ClickException(f"{file} must hold a list of roles, each with a name and grants.")
    for row in rows:
        app.client.command("role.set", name=row["name"], grants=row.get("grants") or [])
        click.echo(f"Role {row['name']} imported")


def _stored(app: App) -> dict[str, tuple[Grant, ...]]:
    """What is stored, by role. One that cannot be read grants nothing; a line to stderr names it."""
    return dict(readable(app.reader.roles(), "role", lambda row: (row["name"], _granted(row))))


def _granted(row: Mapping[str, Any]) -> tuple[Grant, ...]:
    return grants_of(json.loads(row["grants"]))


def _of(app: App, name: str) -> tuple[Grant, ...]:
    """What is stored of one role. Raises Unreadable: what cannot be read must not be written over."""
    row = next((row for row in app.reader.roles() if row["name"] == name), None)
    if row is not None:
        return read_row(row, "role", _granted)
    if name not in BUILT_IN:
        raise click.ClickException(f"There is no role {name!r}; `tradewind roles list` shows those that there are.")
    return ()


def _grants(resources: Sequence[str], actions: Sequence[str]) -> list[Grant]:
    found = [
        permission(action.strip(), resource) for resource in resources for part in actions for action in part.split(",")
    ]
    grants = [grant for grant in found if grant is not None]
    if not grants:
        raise click.ClickException("These permissions of Airflow only show a menu, which means nothing here.")
    return grants


def _set(app: App, name: str, grants: Iterable[Grant]) -> None:
    app.client.command("role.set", name=name, grants=plain_grants(grants))
