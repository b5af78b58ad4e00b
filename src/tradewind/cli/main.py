"""`tradewind`: finds the subcommand, runs it, and says errors in one sentence."""

import os
import sys
from typing import Any

import click

from tradewind import __version__
from tradewind.cli.app import App, first_line, printable
from tradewind.core.errors import TradewindError

COMMANDS: dict[str, tuple[str, str]] = {
    "standalone": ("tradewind.cli.standalone:standalone", "Run everything in one process tree."),
    "run": ("tradewind.cli.run:run", "Run one Dag file in the terminal, without a server."),
    "simulate": ("tradewind.cli.simulate:simulate", "Show the runs that schedules would create; run nothing."),
    "demo": ("tradewind.cli.demo:demo", "Run the bundled large-data pipeline on real data."),
    "scheduler": ("tradewind.cli.standalone:scheduler", "Run the scheduler alone; a second one stands by."),
    "worker": ("tradewind.cli.standalone:worker", "Run an agent alone."),
    "triggerer": ("tradewind.cli.standalone:triggerer", "Run an agent that takes triggers alone."),
    "api-server": ("tradewind.cli.standalone:api_server", "Run the HTTP server alone."),
    "webserver": ("tradewind.cli.standalone:api_server", "The same, by its name in Airflow 2."),
    "dags": ("tradewind.cli.dags:dags", "List, run, test and change Dags."),
    "tasks": ("tradewind.cli.tasks:tasks", "List, test, clear and look at tasks."),
    "assets": ("tradewind.cli.assets:assets", "List assets, report updates, run what makes them."),
    "backfill": ("tradewind.cli.backfill:backfill", "Make the runs of a past range, a few at a time."),
    "hitl": ("tradewind.cli.hitl:hitl", "List and answer what tasks ask people."),
    "why": ("tradewind.cli.why:why", "Say why a task or run waits."),
    "alerts": ("tradewind.cli.alerts:alerts", "Show alert rules and try them on a history."),
    "state-store": ("tradewind.cli.state_store:state_store", "Clean the state stores of tasks and assets."),
    "variables": ("tradewind.cli.variables:variables", "List and change variables."),
    "connections": ("tradewind.cli.connections:connections", "List and change connections."),
    "pools": ("tradewind.cli.pools:pools", "List and change pools."),
    "users": ("tradewind.cli.users:users", "List and change users."),
    "roles": ("tradewind.cli.roles:roles", "List and change roles."),
    "rotate-fernet-key": ("tradewind.cli.rotate:rotate_fernet_key", "Encrypt stored secrets with another key."),
    "config": ("tradewind.cli.config:config", "Show and check the configuration."),
    "db": ("tradewind.cli.db:db", "Create, check and reset the metadata database."),
    "info": ("tradewind.cli.info:info", "Show versions, folders and sizes."),
    "version": ("tradewind.cli.info:version", "Show the version."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when one is asked for; listing them imports nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            from tradewind.cli.elsewhere import refuse

            refuse(cmd_name, ctx)
            return None
        from importlib import import_module

        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--home", type=click.Path(file_okay=False), help="Home folder; else TRADEWIND_HOME, AIRFLOW_HOME.")
@click.option("--debug", is_flag=True, help="Show tracebacks (also TRADEWIND_DEBUG=1).")
@click.version_option(__version__, message="%(version)s", help="Show the version and exit.")
@click.pass_context
def cli(ctx: click.Context, home: str | None, debug: bool) -> None:
    """Runs Apache Airflow Dag files on an engine that starts a task in milliseconds."""
    ctx.obj = App(home)
    ctx.call_on_close(ctx.obj.close)


def main(args: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    args = sys.argv[1:] if args is None else args
    debug = "--debug" in args or os.environ.get("TRADEWIND_DEBUG", "").lower() in ("1", "true", "yes")
    code = _run([arg for arg in args if arg != "--debug"] if debug else args, debug)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
    sys.exit(code)


def _run(args: list[str], debug: bool) -> int:
    try:
        if "_TRADEWIND_COMPLETE" in os.environ:
            cli.main(args, prog_name="tradewind")
        # Not click's own main: it ends with 1 when the reader of our output has seen enough.
        with cli.make_context("tradewind", args) as ctx:
            result: Any = cli.invoke(ctx)
            return result if isinstance(result, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    except BrokenPipeError:
        _forget_output()
        return 0
    except TradewindError as error:
        if debug:
            raise
        click.echo(f"Error: {printable(str(error))}", err=True)
        return 1
    except OSError as error:
        if debug:
            raise
        what = f"{printable(str(error.filename))} cannot be used: " if error.filename else ""
        click.echo(f"Error: {what}{error.strerror or type(error).__name__} (TRADEWIND_DEBUG=1 shows where).", err=True)
        return 1
    except Exception as error:
        if debug:
            raise
        text = printable(first_line(error)) or "no text"
        click.echo(f"Error: {type(error).__name__}: {text} (TRADEWIND_DEBUG=1 shows where).", err=True)
        return 1


def _forget_output() -> None:
    """The reader of our output has gone; what is left must not fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
