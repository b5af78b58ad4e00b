"""`tradewind db`: the metadata database itself. The only commands that import SQLAlchemy."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tradewind.cli.app import App, Noun, confirm, first_line, pass_app, yes_option
from tradewind.cli.reading import NoDatabase, check_kind
from tradewind.core.errors import TradewindError

if TYPE_CHECKING:
    from sqlalchemy import Engine


@click.group(cls=Noun)
def db() -> None:
    """Create, check and reset the metadata database."""


def _migrate(
    app: App, to_revision: str | None, to_version: str | None, show_sql_only: bool, from_revision: str | None
) -> None:
    if to_revision or to_version or show_sql_only or from_revision:
        raise click.UsageError("The database is always brought to this version's schema; no other can be chosen.")
    from tradewind.store.migrate import migrate

    with _engine(app) as engine:
        migrate(engine)
    click.echo("Database migrating done!")


@contextmanager
def _engine(app: App) -> Iterator["Engine"]:
    """The database, opened for writing. What it refuses is one sentence."""
    from sqlalchemy.exc import SQLAlchemyError

    from tradewind.store.engine import open_engine

    url = app.settings.database.sql_alchemy_conn
    check_kind(url)
    app.settings.ensure_home()
    try:
        engine = open_engine(url)
        try:
            yield engine
        finally:
            engine.dispose()
    except SQLAlchemyError as error:
        raise NoDatabase(f"The database cannot be used: {first_line(getattr(error, 'orig', None) or error)}.") from None
    except OSError as error:
        raise NoDatabase(f"The database file {error.filename} cannot be used: {error.strerror}.") from None


def _like_migrate(name: str, help: str, hidden: bool = False) -> None:
    command = click.pass_context(lambda ctx, **options: _migrate(ctx.find_object(App) or App(), **options))
    for option in (
        click.option("-r", "--to-revision", hidden=True),
        click.option("-n", "--to-version", hidden=True),
        click.option("-s", "--show-sql-only", is_flag=True, hidden=True),
        click.option("--from-revision", "--from-version", "from_revision", hidden=True),
        click.option("-m", "--use-migration-files", is_flag=True, expose_value=False, hidden=True),
        click.option("--no-reserialize-dags", is_flag=True, expose_value=False, hidden=True),
    ):
        command = option(command)
    db.command(name, help=help, hidden=hidden)(command)


_like_migrate("migrate", "Create the database, or bring it to this version's schema.")
_like_migrate("init", "Same as migrate, as in Airflow 2.")
_like_migrate("upgrade", "Same as migrate, as in Airflow 2.")


@db.command("check")
@click.option("--retry", type=click.IntRange(min=0), default=0, show_default=True, help="How often to try again.")
@click.option("--retry-delay", type=click.IntRange(min=1), default=1, show_default=True, help="Seconds between tries.")
@pass_app
def check(app: App, retry: int, retry_delay: int) -> None:
    """Whether the database can be reached."""
    from tradewind.cli.reading import open_database

    for left in range(retry, -1, -1):
        try:
            with open_database(app.settings) as database:
                database.rows("SELECT 1 AS one")
        except TradewindError:
            if left == 0:
                raise
            time.sleep(retry_delay)
        else:
            click.echo("Connection successful.")
            return


@db.command("reset")
@yes_option
@click.option("-s", "--skip-init", is_flag=True, help="Leave it empty, without tables.")
@click.option("-m", "--use-migration-files", is_flag=True, expose_value=False, hidden=True)
@pass_app
def reset(app: App, yes: bool, skip_init: bool) -> None:
    """Delete everything in the database: runs, history, variables, connections, pools."""
    from tradewind.cli.client import is_scheduler_running
    from tradewind.store.migrate import migrate
    from tradewind.store.tables import metadata

    if is_scheduler_running(app.settings):
        raise click.ClickException("A scheduler is running on this database; stop it first.")
    confirm("Delete all runs, history, variables, connections and pools?", yes)
    with _engine(app) as engine:
        metadata.drop_all(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
        if not skip_init:
            migrate(engine)
    click.echo("The database is empty." if skip_init else "The database is empty and ready.")
