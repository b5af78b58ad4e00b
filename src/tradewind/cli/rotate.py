"""`tradewind rotate-fernet-key`: every stored secret encrypted anew, so that an older key is not needed any more."""

import click

from tradewind.cli.app import App, Leaf, counted, pass_app


@click.command("rotate-fernet-key", cls=Leaf)
@pass_app
def rotate_fernet_key(app: App) -> None:
    """Encrypt all variables and connections anew with the first key of [core] fernet_key."""
    from tradewind.security.secrets import FernetVault, UnreadableSecret, first_key

    app.client.command("secrets.rotate")
    # A scheduler that was started with other keys has encrypted with its own first one: that is looked at, not assumed.
    vault = FernetVault([first_key(app.settings)])
    variables, connections = app.reader.variables(), app.reader.connections()
    stored = [row["value"] for row in variables]
    stored += [row[part] for row in connections for part in ("password", "extra") if row[part]]
    try:
        for token in stored:
            vault.decrypt(token)
    except UnreadableSecret:
        raise click.ClickException(
            "The scheduler encrypts with another key than the first of [core] fernet_key here; start it again with "
            "this configuration, then repeat this. Keep the older key until then."
        ) from None
    click.echo(f"{counted(len(variables), 'variable')} and {counted(len(connections), 'connection')} encrypted anew")
