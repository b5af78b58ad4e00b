"""Custom timetables name their coming runs here, in the code host, so that the scheduler needs no author code."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from tradewind.core.dag import DagSpec
from tradewind.core.errors import TradewindError
from tradewind.core.states import RunType
from tradewind.sdk.execution.moments import microseconds, moment, optional_moment
from tradewind.sdk.execution.runtime import Runtime, RuntimeRequestError
from tradewind.sdk.timetables import DagRunInfo, DataInterval, TimeRestriction, Timetable, timed_part
from tradewind.wire.messages import ImportProblem, NamedRun, NamedRuns
from tradewind.worker.importing import ImportTimeout, LoadedFile, problem_of, within

MOST = 100
"""Runs that are named at once. A file is parsed again every five minutes, so that they last."""

LONG_SECONDS = 2.0
"""After this time what has been named is enough."""


LOOK_BACK = timedelta(days=32)
"""A run that is due in a span may cover data from so long before it."""


class TimetableDoesNotAdvance(TradewindError):
    """A custom timetable gave a run that is not later than the one before it."""

    def __init__(self, run_after: datetime, before: datetime) -> None:
        super().__init__(
            f"its next run is due at {run_after.isoformat()}, which is not after {before.isoformat()}, when the run "
            "before it was; next_dagrun_info must return a later one, or None"
        )


class NoRunInfo(TradewindError):
    """A custom timetable gave something else than a DagRunInfo."""

    def __init__(self, given: object) -> None:
        super().__init__(f"next_dagrun_info returned {type(given).__name__}; it must return a DagRunInfo, or None")


class UnusableRunId(TradewindError):
    """A custom timetable names a run by something that is no run id."""

    def __init__(self, name: object) -> None:
        super().__init__(
            f"generate_run_id returned {name!r}; it must be text of at most 250 letters, digits and _.~:+-"
        )


class Wanted(msgspec.Struct, omit_defaults=True):
    """Which runs of one Dag are to be named: those after `last`, or all of a span of time."""

    last: NamedRun | None = None
    since_us: int | None = None
    until_us: int | None = None


def name_runs(loaded: LoadedFile, runtime: Runtime, timeout_seconds: float) -> None:
    """Put the coming runs of the file's custom timetables into its report, or what is wrong with them."""
    specs = [spec for spec in map(_decoder.decode, loaded.report.specs) if spec.timetable.kind == "custom"]
    if not specs:
        return
    try:
        answer = runtime.request("timetable.wanted", dag_ids=[spec.dag_id for spec in specs])
    except RuntimeRequestError as error:  # the file can be used all the same
        loaded.report.problems += [
            _problem(error, loaded, spec.dag_id, timed_part(loaded.dags[spec.dag_id].schedule), timeout_seconds)
            for spec in specs
        ]
        return
    for dag_id, wanted in msgspec.convert(answer, dict[str, Wanted]).items():
        spec = next(spec for spec in specs if spec.dag_id == dag_id)
        timetable = timed_part(loaded.dags[dag_id].schedule)
        try:
            with within(timeout_seconds):
                loaded.report.named.append(_named(timetable, spec, wanted))
        except BaseException as error:
            loaded.report.problems.append(_problem(error, loaded, dag_id, timetable, timeout_seconds))


def _problem(
    error: BaseException, loaded: LoadedFile, dag_id: str, timetable: Any, timeout_seconds: float
) -> ImportProblem:
    problem = problem_of(error, loaded.path, loaded.report.file)
    where, _, text = problem.message.partition(": ")
    match error:
        case ImportTimeout():
            text = f"it took longer than {timeout_seconds:g} s"
        case SystemExit():
            text = "it calls sys.exit()"
        case TradewindError():
            text = str(error)
    problem.kind = "TimetableFailed"
    problem.dag_id = dag_id
    problem.message = (
        f"{where}: Dag {dag_id!r} gets no further run by its schedule: its timetable {type(timetable).__qualname__} "
        f"cannot say when ({text})"
    )
    return problem


def _named(timetable: Any, spec: DagSpec, wanted: Wanted) -> NamedRuns:
    began = time.monotonic()
    found = NamedRuns(dag_id=spec.dag_id)
    runs = _runs(timetable, spec, wanted)
    for run in runs if wanted.until_us is not None else islice(runs, MOST):
        if wanted.until_us is not None and run.run_after_us > wanted.until_us:
            return found
        if wanted.since_us is None or run.run_after_us >= wanted.since_us:
            found.runs.append(run)
        if wanted.until_us is None and time.monotonic() - began > LONG_SECONDS:
            return found
    found.is_all = len(found.runs) < MOST
    return found


def _runs(timetable: Any, spec: DagSpec, wanted: Wanted) -> Iterator[NamedRun]:
    """The runs that follow one another until the timetable wants no more. Raises what the author's code raises."""
    restriction = _restriction(spec, wanted)
    last = None if wanted.last is None else _info(wanted.last)
    while (info := _next(timetable, last, restriction)) is not None:
        run = _checked(info)
        run.run_id = _own_name(timetable, info)
        if last is not None and run.run_after_us <= microseconds(last.run_after):
            raise TimetableDoesNotAdvance(info.run_after, last.run_after)
        yield run
        last = info


def _next(timetable: Any, last: DagRunInfo | None, restriction: TimeRestriction) -> Any:
    if hasattr(timetable, "next_dagrun_info_v2"):
        return timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
    interval = last.data_interval if last else None
    return timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)


def _restriction(spec: DagSpec, wanted: Wanted) -> TimeRestriction:
    bounds = spec.restriction()
    earliest = _moment(bounds.earliest)
    if wanted.since_us is None:
        return TimeRestriction(earliest, _moment(bounds.latest), bounds.catchup)
    # A span that is looked at has all its runs: what lies before it has been made, whenever it was.
    since = moment(wanted.since_us) - LOOK_BACK
    return TimeRestriction(max(since, earliest) if earliest else since, _moment(bounds.latest), True)


def _checked(info: Any) -> NamedRun:
    try:
        interval, logical = info.data_interval, getattr(info, "logical_date", None)
        return NamedRun(
            run_after_us=microseconds(info.run_after),
            logical_date_us=None if logical is None else microseconds(logical),
            data_interval_start_us=None if interval is None else microseconds(interval.start),
            data_interval_end_us=None if interval is None else microseconds(interval.end),
        )
    except (AttributeError, TypeError):
        raise NoRunInfo(info) from None


def _own_name(timetable: Any, info: DagRunInfo) -> str:
    """What the timetable calls the run; empty where it leaves that to us."""
    generate = getattr(type(timetable), "generate_run_id", Timetable.generate_run_id)
    if generate is Timetable.generate_run_id:
        return ""
    name = timetable.generate_run_id(
        run_type=RunType.SCHEDULED, run_after=info.run_after, data_interval=info.data_interval
    )
    if not isinstance(name, str) or not _RUN_ID.fullmatch(name):
        raise UnusableRunId(name)
    return name


def _info(run: NamedRun) -> DagRunInfo:
    start, end = optional_moment(run.data_interval_start_us), optional_moment(run.data_interval_end_us)
    return DagRunInfo(
        moment(run.run_after_us), DataInterval(start, end) if start is not None and end is not None else None
    )


def _moment(at: datetime | None) -> Any:
    return None if at is None else moment(microseconds(at.astimezone(UTC)))


_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")
_decoder = msgspec.json.Decoder(DagSpec)
