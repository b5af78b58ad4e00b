"""`tradewind standalone`, and its parts one by one."""

from typing import TYPE_CHECKING

import click

from tradewind.cli.app import App, pass_app

if TYPE_CHECKING:
    from tradewind.config import Settings


PORT = click.IntRange(0, 65535)


@click.command("standalone")
@click.option("-p", "--port", type=PORT, help="Port of the HTTP server; 0 takes a free one.")
@pass_app
def standalone(app: App, port: int | None) -> None:
    """Run scheduler, agent and HTTP server in one process tree; restart what dies; drain on SIGTERM."""
    from tradewind.standalone import run_standalone

    raise SystemExit(run_standalone(_with_port(app, port), say=click.echo))


@click.command("scheduler")
@pass_app
def scheduler(app: App) -> None:
    """Run the scheduler alone. While another one is the owner it stands by."""
    from tradewind.standalone import run_scheduler

    app.settings.ensure_home()
    app.settings.core.dags_folder.mkdir(parents=True, exist_ok=True)
    run_scheduler(app.settings, greets=True)


@click.command("worker")
@click.option("-n", "--name", default="local", show_default=True, help="The worker's name; one process per name.")
@click.option("-q", "--queues", default="default", show_default=True, help="Queues it serves, separated by commas.")
@pass_app
def worker(app: App, name: str, queues: str) -> None:
    """Run an agent alone; it finds the scheduler by its socket in the home folder."""
    from tradewind.standalone import run_agent

    served = [queue.strip() for queue in queues.split(",") if queue.strip()]
    if not name.strip() or not served:
        raise click.UsageError("A worker needs a name and at least one queue.")
    app.settings.ensure_home()
    run_agent(app.settings, name, served)


@click.command("triggerer")
@click.option("-n", "--name", default="triggerer", show_default=True, help="Its name; one process per name.")
@pass_app
def triggerer(app: App, name: str) -> None:
    """Run an agent that takes triggers of deferred tasks and no tasks. Every worker takes triggers too."""
    from tradewind.standalone import run_agent

    app.settings.ensure_home()
    run_agent(app.settings, name, [])


@click.command("api-server")
@click.option("-p", "--port", type=PORT, help="Port to listen on; 0 takes a free one.")
@pass_app
def api_server(app: App, port: int | None) -> None:
    """Run the HTTP server alone."""
    from tradewind.standalone import bind_api, run_api

    settings = _with_port(app, port)
    settings.ensure_home()
    listening, address, notice = bind_api(settings)
    if notice:
        click.echo(notice)
    click.echo(f"Tradewind listens at {address}")
    run_api(settings, listening)


def _with_port(app: App, port: int | None) -> "Settings":
    if port is None:
        return app.settings
    from dataclasses import replace

    return replace(app.settings, api=replace(app.settings.api, port=port))
