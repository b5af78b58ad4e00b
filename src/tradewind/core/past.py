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
    states: dict[str, tuple[TaskState, ...]] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return self.at, self.number


def place_of(run: DagRun) -> Place:
    """Where a run stands among the runs of its Dag."""
    return run.logical_date or run.run_after, run.number


def as_previous(run: DagRun) -> PreviousRun:
    """The run as the one before another; its states are looked up while it lives."""
    return PreviousRun(number=run.number, at=place_of(run)[0], is_manual=run.run_type is RunType.MANUAL)


def is_before(one: PreviousRun, run: DagRun, *, catchup: bool) -> bool:
    """Whether `one` may be the run before `run`."""
    return one.place < place_of(run) and not (catchup and one.is_manual)


def newest_before(run: DagRun, others: Iterable[PreviousRun], *, catchup: bool) -> PreviousRun | None:
    """The run before `run`, of those given."""
    earlier = (one for one in others if is_before(one, run, catchup=catchup))
    return max(earlier, key=lambda one: one.place, default=None)


def worth_keeping(over: Iterable[PreviousRun], *, most: int) -> list[PreviousRun]:
    """Of the runs that are over, those that a run to come may have before it: the newest that nobody made by hand, and
    at most so many of those that came after it."""
    kept = sorted(over, key=lambda one: one.place)
    newest = max((n for n, one in enumerate(kept) if not one.is_manual), default=None)
    later = kept if newest is None else kept[newest + 1 :]
    return [*([] if newest is None else [kept[newest]]), *(later[-most:] if most else [])]
