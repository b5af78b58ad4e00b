"""`tradewind version` and `tradewind info`."""

import os
import re
import sys
from pathlib import Path

import click

from tradewind import __version__
from tradewind.cli.app import App, Leaf, output_option, pass_app
from tradewind.core.errors import TradewindError


@click.command(cls=Leaf)
def version() -> None:
    """Show the version."""
    click.echo(__version__)


@click.command(cls=Leaf)
@click.option("--anonymize", is_flag=True, help="Leave out names of folders and hosts.")
@click.option("--file-io", is_flag=True, expose_value=False, hidden=True)
@output_option
@pass_app
def info(app: App, anonymize: bool, output: str) -> None:
    """Show versions, folders and sizes."""
    from tradewind.cli.output import show

    home = str(Path.home())
    rows = [{"name": name, "value": value} for name, value in facts(app).items()]
    if anonymize:
        for row in rows:
            row["value"] = re.sub(r"@[^/]+", "@***", row["value"]).replace(home, "~")
    show(rows, output)


def facts(app: App) -> dict[str, str]:
    """What a bug report needs."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from tradewind.cli.client import is_scheduler_running

    settings = app.settings

    def package(name: str) -> str:
        try:
            return installed(name)
        except PackageNotFoundError:
            return "not installed"

    url = settings.database.sql_alchemy_conn
    found = {
        "version": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **{
            name: package(name)
            for name in ("sqlalchemy", "msgspec", "psycopg", "apache-airflow-core", "apache-airflow")
        },
        "home": str(settings.home),
        "configuration": ", ".join(map(str, settings.files)) or "defaults and environment",
        "executor": settings.core.executor,
        "database": re.sub(r"://[^@/]*@", "://***@", url),
        "dags_folder": f"{settings.core.dags_folder} ({_count(settings.core.dags_folder)})",
        "logs_folder": f"{settings.logging.base_log_folder} ({_count(settings.logging.base_log_folder)})",
        "scheduler": "running" if is_scheduler_running(settings) else "not running",
    }
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///").partition("?")[0])
        found["database_size"] = _size(path.stat().st_size) if path.exists() else "not created yet"
    try:
        found |= {f"rows_{table}": str(count) for table, count in app.reader.counts().items()}
    except TradewindError as error:
        found["database_state"] = str(error)
    return found


def _count(folder: Path) -> str:
    """Files below a folder and their size; large trees are cut off."""
    if not folder.is_dir():
        return "does not exist"
    files = total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:
                continue
            files += 1
        if files > 20_000:
            return f"more than {files} files"
    return f"{files} files, {_size(total)}"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
