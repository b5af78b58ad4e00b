"""`tradewind simulate DAGS`: the runs that the Dags of a folder would create, without running anything."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import click

from tradewind.cli.app import App, Leaf, output_option, pass_app, printable, to_us
from tradewind.cli.reading import NoDatabase, Reader
from tradewind.config import Settings
from tradewind.core.dag import DagSpec
from tradewind.core.foresight import Overlap, PoolUse, overlap_of, pool_uses, profile_of
from tradewind.core.timetables import DueRun, Restriction, TimetableSpec
from tradewind.core.timetables.span import runs_between
from tradewind.wire.messages import NamedRuns

ASSUMED = timedelta(seconds=60)
"""How long a run takes of which nothing is known."""

DEFAULT_SPAN = timedelta(days=7)


@dataclass(slots=True)
class Foreseen:
    """One Dag in the simulated time."""

    spec: DagSpec
    runs: list[DueRun]
    lasts: timedelta
    lasts_from: str
    """`history`, `option` or `assumed`."""
    overlap: Overlap

    @property
    def due(self) -> list[datetime]:
        return [run.run_after for run in self.runs]


@dataclass(slots=True)
class Foresight:
    """All Dags in the simulated time."""

    start: datetime
    end: datetime
    dags: list[Foreseen] = field(default_factory=list)
    uses: dict[str, PoolUse] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=dict)
    """Slots of each pool; −1 is without limit."""
    problems: list[str] = field(default_factory=list)
    """What keeps a file or Dag out of the picture."""


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


def foresee(
    settings: Settings, place: Path, start: datetime, end: datetime, dag_ids: frozenset[str], lasts: timedelta | None
) -> Foresight:
    """Read the Dag files and play their schedules; an empty `dag_ids` means all."""
    found = Foresight(start, end)
    specs, named = _read(settings, place, found)
    specs = [spec for spec in specs if not dag_ids or spec.dag_id in dag_ids]
    past, found.pools = _known(settings, [spec.dag_id for spec in specs] if lasts is None else [])
    # Dags with the same schedule have the same runs, and those with the same runs and duration overlap alike.
    runs_of: dict[tuple[TimetableSpec, Restriction, timedelta], list[DueRun]] = {}
    overlaps: dict[tuple[int, timedelta], Overlap] = {}
    for spec in sorted(specs, key=lambda spec: spec.dag_id):
        takes, source = _duration(spec, lasts, past)
        schedule = (spec.timetable, spec.restriction(), takes if spec.timetable.kind == "continuous" else ASSUMED)
        if spec.timetable.kind == "custom":
            names = named.get(spec.dag_id, ())
            runs = list(runs_between(spec.timetable, spec.restriction(), start, end, named=names))
        elif schedule in runs_of:
            runs = runs_of[schedule]
        else:
            runs = runs_of[schedule] = list(
                runs_between(spec.timetable, spec.restriction(), start, end, lasts=schedule[2])
            )
        together = (id(runs), takes)
        if together not in overlaps:
            overlaps[together] = overlap_of([run.run_after for run in runs], takes)
        found.dags.append(Foreseen(spec, runs, takes, source, overlaps[together]))
    found.uses = _uses(found.dags)
    return found


def _uses(dags: Iterable[Foreseen]) -> dict[str, PoolUse]:
    groups: dict[int, list[Foreseen]] = {}
    for dag in dags:
        groups.setdefault(id(dag.runs), []).append(dag)
    return pool_uses((group[0].due, [profile_of(dag.spec, dag.lasts) for dag in group]) for group in groups.values())


def _duration(spec: DagSpec, lasts: timedelta | None, past: Mapping[str, timedelta]) -> tuple[timedelta, str]:
    if lasts is not None:
        return lasts, "option"
    if spec.dag_id in past:
        return past[spec.dag_id], "history"
    return ASSUMED, "assumed"


# --- files -------------------------------------------------------------------------------------------------------


def _read(settings: Settings, place: Path, found: Foresight) -> tuple[list[DagSpec], dict[str, list[DueRun]]]:
    """The Dags of a folder or file, and the runs that custom timetables name."""
    from tradewind.cli.host_reading import ParseAnswers, read_files
    from tradewind.cli.private_home import place_of
    from tradewind.dag_processor.files import dag_files
    from tradewind.scheduler.named_runs import due_run
    from tradewind.store.specs import decode_spec

    folder, name = place_of(place, settings.core.dags_folder)
    files = [name]
    if place.is_dir():
        # Files below the Dags folder import as they do there.
        if not place.absolute().is_relative_to(folder) or folder == place.absolute().parent:
            folder, name = place.absolute(), "."
        syntax, safe_mode = settings.core.dag_ignore_file_syntax, settings.core.dag_discovery_safe_mode
        files = [
            file
            for file in dag_files(folder, syntax=syntax, safe_mode=safe_mode)
            if name == "." or file.startswith(f"{name}/")
        ]
    answers = ParseAnswers(settings, to_us(found.start), to_us(found.end))
    specs: dict[str, DagSpec] = {}
    runs: dict[str, NamedRuns] = {}
    for report in sorted(read_files(settings, folder, files, answers), key=lambda report: report.file):
        found.problems += [problem.message for problem in report.problems]
        for spec in map(decode_spec, report.specs):
            if spec.dag_id in specs:
                other = specs[spec.dag_id].file
                found.problems.append(f"Dag {spec.dag_id!r} is defined in {other} and again in {report.file}.")
            specs.setdefault(spec.dag_id, spec)
        runs.update({named.dag_id: named for named in report.named})
    return list(specs.values()), {dag_id: list(map(due_run, named.runs)) for dag_id, named in runs.items()}


# --- the past ----------------------------------------------------------------------------------------------------


def _known(settings: Settings, dag_ids: Iterable[str]) -> tuple[dict[str, timedelta], dict[str, int]]:
    """How long runs took, by Dag, and the pools, as far as there is a database."""
    from tradewind.cli.reading import open_reader

    pools = {"default_pool": settings.core.default_pool_task_slot_count}
    try:
        reader = open_reader(settings)
    except NoDatabase:
        return {}, pools
    try:
        pools |= {row["name"]: row["slots"] for row in reader.pools()}
        return _durations(reader, dag_ids), pools
    finally:
        reader.close()


def _durations(reader: Reader, dag_ids: Iterable[str]) -> dict[str, timedelta]:
    past = {dag_id: reader.durations_us(dag_id) for dag_id in dag_ids}
    return {dag_id: timedelta(microseconds=int(median(found))) for dag_id, found in past.items() if found}


_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms]?)")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "": "seconds"}


def duration_of(text: str) -> timedelta:
    """`90`, `90s`, `10m`, `1h30m` as a duration. Raises UsageError for anything else."""
    parts = _PART.findall(text.strip().lower())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip().lower().replace(" ", ""):
        raise click.UsageError(f"--duration {text!r} is no duration; write it as 90s, 10m or 1h30m.")
    return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta(0))
