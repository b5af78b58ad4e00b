"""`tradewind simulate DAGS`: the runs that the Dags of a folder would create, without running anything."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from tradewind.cli.app import App, Leaf, output_option, pass_app, printable

DEFAULT_SPAN = timedelta(days=7)


@click.command("simulate", cls=Leaf)
@click.argument("dags", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--from", "-s", "start", help="First moment; else now.")
@click.option("--to", "-e", "end", help="The moment after the last; else a week later.")
@click.option("--dag", "-d", "dag_ids", multiple=True, help="Only this Dag; may be given several times.")
@click.option("--duration", help="How long each run takes, such as 90s, 10m or 1h30m; else as in the past, else 60s.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Runs that the table shows.")
@output_option
@pass_app
def simulate(
    app: App, dags: Path | None, start: str | None, end: str | None, dag_ids: tuple[str, ...],
    duration: str | None, limit: int, output: str,
) -> int:  # fmt: skip
    """The runs that the schedules of the Dags in DAGS (a folder or a file; else the Dags folder) would create.

    Nothing is run and nothing is stored. Shows which runs of one Dag overlap, and how many slots of each pool are
    wanted. Exits with 1 when a file or a timetable has a problem.
    """
    from tradewind.cli.foreseeing import foresee
    from tradewind.cli.simulate_view import write

    first = app.moment(start) if start else datetime.now(UTC).replace(microsecond=0)
    last = app.moment(end) if end else first + DEFAULT_SPAN
    if last <= first:
        raise click.UsageError(f"--to {last.isoformat()} is not after --from {first.isoformat()}.")
    lasts = duration_of(duration) if duration else None
    found = foresee(app.settings, dags or app.settings.core.dags_folder, first, last, frozenset(dag_ids), lasts)
    if unknown := sorted(set(dag_ids) - {dag.spec.dag_id for dag in found.dags}):
        raise click.UsageError(f"There is no Dag {', '.join(unknown)} in {dags or app.settings.core.dags_folder}.")
    write(found, output, limit)
    for problem in found.problems:
        click.echo(printable(f"Error: {problem}"), err=True)
    return 1 if found.problems else 0


_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms]?)")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "": "seconds"}


def duration_of(text: str) -> timedelta:
    """`90`, `90s`, `10m`, `1h30m` as a duration. Raises UsageError for anything else."""
    parts = _PART.findall(text.strip().lower())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip().lower().replace(" ", ""):
        raise click.UsageError(f"--duration {text!r} is no duration; write it as 90s, 10m or 1h30m.")
    return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta(0))
