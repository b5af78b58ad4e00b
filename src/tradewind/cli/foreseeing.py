"""Dag files and their past, turned into what their schedules will do: reading, then the core's arithmetic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from tradewind.cli.reading import NoDatabase, Reader
from tradewind.config import Settings
from tradewind.core.dag import DagSpec
from tradewind.core.foresight import Overlap, PoolUse, overlap_of, pool_uses, profile_of
from tradewind.core.timetables import DueRun, Restriction, TimetableSpec
from tradewind.core.timetables.span import runs_between
from tradewind.store.times import to_us
from tradewind.wire.messages import NamedRuns

ASSUMED = timedelta(seconds=60)
"""How long a run takes of which nothing is known."""


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


def foresee(
    settings: Settings, place: Path, start: datetime, end: datetime, dag_ids: frozenset[str], lasts: timedelta | None
) -> Foresight:
    """Read the Dag files and play their schedules; an empty `dag_ids` means all."""
    found = Foresight(start, end)
    specs, named = _read(settings, place, found)
    specs = [spec for spec in specs if not dag_ids or spec.dag_id in dag_ids]
    past, found.pools = _known(settings, [spec.dag_id for spec in specs] if lasts is None else [])
    schedules = _Schedules(start, end, named)
    for spec in sorted(specs, key=lambda spec: spec.dag_id):
        takes, source = _duration(spec, lasts, past)
        runs = schedules.runs_of(spec, takes)
        found.dags.append(Foreseen(spec, runs, takes, source, schedules.overlap_of(runs, takes)))
    found.uses = _uses(found.dags)
    return found


class _Schedules:
    """The runs of Dags. Those with the same schedule share them, and those that last as long overlap alike."""

    def __init__(self, start: datetime, end: datetime, named: Mapping[str, list[DueRun]]) -> None:
        self._start, self._end, self._named = start, end, named
        self._runs: dict[tuple[TimetableSpec, Restriction, str, timedelta], list[DueRun]] = {}
        self._overlaps: dict[tuple[int, timedelta], Overlap] = {}

    def runs_of(self, spec: DagSpec, takes: timedelta) -> list[DueRun]:
        timetable = spec.timetable
        own = spec.dag_id if timetable.kind == "custom" else ""
        schedule = (timetable, spec.restriction(), own, takes if timetable.kind == "continuous" else ASSUMED)
        if schedule not in self._runs:
            named = self._named.get(spec.dag_id, ())
            runs = runs_between(timetable, schedule[1], self._start, self._end, lasts=takes, named=named)
            self._runs[schedule] = list(runs)
        return self._runs[schedule]

    def overlap_of(self, runs: list[DueRun], takes: timedelta) -> Overlap:
        together = (id(runs), takes)
        if together not in self._overlaps:
            self._overlaps[together] = overlap_of([run.run_after for run in runs], takes)
        return self._overlaps[together]


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
    from tradewind.scheduler.named_runs import due_run
    from tradewind.store.specs import decode_spec

    folder, files = _files_of(settings, place)
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


def _files_of(settings: Settings, place: Path) -> tuple[Path, list[str]]:
    """The Dags folder to import from, and the files. What lies below the user's own imports as it does there."""
    from tradewind.cli.private_home import place_of
    from tradewind.dag_processor.files import dag_files

    core = settings.core
    folder, name = place_of(place, core.dags_folder)
    if not place.is_dir():
        return folder, [name]
    if folder != core.dags_folder:
        folder, name = place.absolute(), "."
    found = dag_files(folder, syntax=core.dag_ignore_file_syntax, safe_mode=core.dag_discovery_safe_mode)
    return folder, [file for file in found if name == "." or file.startswith(f"{name}/")]


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
