"""`tradewind users`: who may log in. Works with and without a running scheduler."""

import json
from collections.abc import Mapping
from typing import Any

import click

from tradewind.cli.app import App, Noun, output_option, pass_app
from tradewind.cli.damaged import check_all, check_some, readable, texts
from tradewind.cli.files import write_text
from tradewind.cli.output import show

FIELDS = ("username", "email", "first_name", "last_name", "roles")


@click.group(cls=Noun)
def users() -> None:
    """List and change users."""


def _who(command: Any) -> Any:
    """`-u NAME` or `-e EMAIL`."""
    command = click.option("-e", "--email", help="The user's mail address, instead of the name.")(command)
    return click.option("-u", "--username", help="The user's name.")(command)


@users.command("list")
@output_option
@pass_app
def list_users(app: App, output: str) -> None:
    """All users."""
    show(
        readable(app.reader.accounts(), "account", lambda row: {**_row(row), "active": bool(row["is_active"])}), output
    )


@users.command("create")
@click.option("-u", "--username", required=True, help="The name to log in with.")
@click.option("-f", "--firstname", required=True, help="First name.")
@click.option("-l", "--lastname", required=True, help="Last name.")
@click.option("-e", "--email", required=True, help="Mail address.")
@click.option("-r", "--role", required=True, help="A role; `tradewind roles list` shows them.")
@click.option("-p", "--password", help="The password; asked for where it is not given.")
@click.option("--use-random-password", is_flag=True, help="Make a random password and print it.")
@pass_app
def create(
    app: App, username: str, firstname: str, lastname: str, email: str, role: str, password: str | None,
    use_random_password: bool,
) -> None:  # fmt: skip
    """Create a user. One of that name that exists already stays as it is."""
    if _is_there(app, username):
        click.echo(f"User {username} exists already and stays as it is.")
        return
    chosen = _password(password, use_random_password)
    app.client.command(
        "account.create", username=username, email=email, first_name=firstname, last_name=lastname, roles=[role],
        password_hash=_hash(chosen),
    )  # fmt: skip
    click.echo(f"User {username} created with role {role}")
    _show_random(chosen, use_random_password)


@users.command("delete")
@_who
@pass_app
def delete(app: App, username: str | None, email: str | None) -> None:
    """Remove a user; whatever they have open ends."""
    name = _named(app, username, email)
    app.client.command("account.delete", username=name)
    click.echo(f"User {name} deleted")


@users.command("reset-password")
@_who
@click.option("-p", "--password", help="The password; asked for where it is not given.")
@click.option("--use-random-password", is_flag=True, help="Make a random password and print it.")
@pass_app
def reset_password(
    app: App, username: str | None, email: str | None, password: str | None, use_random_password: bool
) -> None:
    """Give a user another password; whatever they have open ends."""
    name = _named(app, username, email)
    chosen = _password(password, use_random_password)
    app.client.command("account.password", username=name, password_hash=_hash(chosen))
    click.echo(f"User {name} has another password")
    _show_random(chosen, use_random_password)


@users.command("add-role")
@_who
@click.option("-r", "--role", required=True, help="The role to give.")
@pass_app
def add_role(app: App, username: str | None, email: str | None, role: str) -> None:
    """Give a user a role."""
    name = _named(app, username, email)
    app.client.command("account.add_role", username=name, role=role)
    click.echo(f"User {name} has the role {role}")


@users.command("remove-role")
@_who
@click.option("-r", "--role", required=True, help="The role to take.")
@pass_app
def remove_role(app: App, username: str | None, email: str | None, role: str) -> None:
    """Take a role from a user."""
    name = _named(app, username, email)
    app.client.command("account.remove_role", username=name, role=role)
    click.echo(f"User {name} no longer has the role {role}")


@users.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@pass_app
def export(app: App, file: str) -> None:
    """Write all users, without their passwords, to a JSON file (`-`: standard output)."""
    stored = app.reader.accounts()
    rows = readable(stored, "account", _row)
    check_some(len(rows), len(stored), "users")
    write_text(file, json.dumps(rows, ensure_ascii=False, indent=4) + "\n")
    click.echo(f"{len(rows)} users exported to {file}", err=file == "-")
    check_all(len(rows), len(stored), "users")


@users.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@pass_app
def import_users(app: App, file: str) -> None:
    """Create or change users from a JSON file as `export` writes it; new ones get a random password."""
    from tradewind.security.passwords import new_password

    for row in _read_list(file):
        name, roles = row["username"], row.get("roles") or []
        fields = {part: row.get(part) or "" for part in ("email", "first_name", "last_name")}
        if _is_there(app, name):
            app.client.command("account.update", username=name, roles=roles, **fields)
            click.echo(f"User {name} changed")
        else:
            password = new_password()
            app.client.command(
                "account.create", username=name, roles=roles, password_hash=_hash(password), **fields
            )  # fmt: skip
            click.echo(f"User {name} created with the password {password}")


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in FIELDS}, "roles": texts(row["roles"])}


def _read_list(file: str) -> list[dict[str, Any]]:
    try:
        with open(file, encoding="utf-8") as opened:
            rows = json.load(opened)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file} cannot be read as JSON: {error}.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("username") for row in rows):
        raise click.ClickException(f"{file} must hold a list of users, each with a username.")
    return rows


def _is_there(app: App, username: str) -> bool:
    from tradewind.cli.reading import NoDatabase

    try:
        return any(row["username"] == username for row in app.reader.accounts())
    except NoDatabase:
        return False  # it is made with the first user


def _named(app: App, username: str | None, email: str | None) -> str:
    """The one user that is meant."""
    if bool(username) == bool(email):
        raise click.UsageError("Name the user by --username or by --email.")
    field, wanted = ("username", username) if username else ("email", email)
    found = [row["username"] for row in app.reader.accounts() if row[field] == wanted]
    if len(found) != 1:
        problem = "There is no user with" if not found else f"{len(found)} users have"
        raise click.ClickException(
            f"{problem} the {field} {wanted!r}; `tradewind users list` shows those that there are."
        )
    return str(found[0])


def _password(given: str | None, random: bool) -> str:
    if given is not None and random:
        raise click.UsageError("--password and --use-random-password exclude each other.")
    if random:
        from tradewind.security.passwords import new_password

        return new_password()
    if given is not None:
        return given
    try:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    except click.Abort as stopped:
        if not isinstance(stopped.__context__, EOFError):
            raise
        click.echo(err=True)
        raise click.ClickException(
            "Nobody is there to type a password; give --password or --use-random-password."
        ) from None


def _show_random(password: str, is_random: bool) -> None:
    if is_random:
        click.echo(f"Password: {password}")


def _hash(password: str) -> str:
    from tradewind.security.passwords import hash_password

    return hash_password(password)
