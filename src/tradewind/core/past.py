"""Which run is the one before another: what depends_on_past and wait_for_downstream look at.

Runs follow each other by logical date; one that has none takes its place by the moment at which it was to start. Of two
at the same place the later made comes later. Where missed runs are made up for (catchup), a run that a person made is
nobody's past.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tradewind.core.records import DagRun
from tradewind.core.states import RunType, TaskState

Place = tuple[datetime, int]


@dataclass(slots=True, kw_only=True)
class PreviousRun:
    """What tasks with depends_on_past see of the run before: states of each task's instances."""

    number: int
    at: datetime
    is_manual: bool
    is_scheduled: bool = False
    """The schedule made it: the next that it makes comes after it, whatever backfills have made further on."""
    states: dict[str, tuple[TaskState, ...]] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return self.at, self.number


def place_of(run: DagRun) -> Place:
    """Where a run stands among the runs of its Dag."""
    return run.logical_date or run.run_after, run.number


def as_previous(run: DagRun) -> PreviousRun:
    """The run as the one before another; its states are looked up while it lives."""
    return PreviousRun(
        number=run.number,
        at=place_of(run)[0],
        is_manual=run.run_type is RunType.MANUAL,
        is_scheduled=run.run_type is RunType.SCHEDULED,
    )


def is_before(one: PreviousRun, run: DagRun, *, catchup: bool) -> bool:
    """Whether `one` may be the run before `run`."""
    return one.place < place_of(run) and not (catchup and one.is_manual)


def newest_before(run: DagRun, others: Iterable[PreviousRun], *, catchup: bool) -> PreviousRun | None:
    """The run before `run`, of those given."""
    earlier = (one for one in others if is_before(one, run, catchup=catchup))
    return max(earlier, key=lambda one: one.place, default=None)


def worth_keeping(over: Iterable[PreviousRun], *, most: int) -> list[PreviousRun]:
    """Of the runs that are over, those that a run to come may have before it: the newest that the schedule made, the
    newest that nobody made by hand (a backfill may be ahead of the schedule), and at most so many that came after."""
    kept = sorted(over, key=lambda one: one.place)
    scheduled = [n for n, one in enumerate(kept) if one.is_scheduled]
    by_nobody = [n for n, one in enumerate(kept) if not one.is_manual]
    sure = {*scheduled[-1:], *by_nobody[-1:]}
    later = range(min(sure, default=-1) + 1, len(kept))
    return [kept[n] for n in sorted(sure.union(later[-most:] if most else ()))]
