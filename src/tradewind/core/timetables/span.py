"""The runs of a schedule in a span of time, as it would make them if it had always been followed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tradewind.core.timetables.due import next_run
from tradewind.core.timetables.runs import DueRun, Restriction
from tradewind.core.timetables.spec import TimetableSpec


def runs_between(
    spec: TimetableSpec,
    restriction: Restriction,
    start: datetime,
    end: datetime,
    *,
    lasts: timedelta = timedelta(0),
    named: Sequence[DueRun] = (),
) -> Iterator[DueRun]:
    """The runs that come due from `start` on and before `end`, in order.

    What was due before has been made by then, so that no backlog is caught up. `lasts` is how long a run takes: the
    next one of a continuous schedule waits for its end. `named` are the runs of a custom timetable.
    """
    if spec.kind == "custom":
        yield from (run for run in named if start <= run.run_after < end)
        return
    start = start.astimezone(UTC)
    bounds, now = replace(restriction, catchup=False), start
    restriction_from_here = replace(restriction, catchup=True)
    step = lasts if spec.kind == "continuous" else timedelta(0)
    run = next_run(spec, None, bounds, now)
    while run is not None and run.run_after < end:
        if run.run_after >= start:
            yield run
        if run.run_after >= now:
            bounds = restriction_from_here  # nothing is missed any more, so that nothing need be looked for
        now = max(now, run.run_after) + step
        run = next_run(spec, run, bounds, now)
