"""The runs of a custom timetable: its own code has named them ahead of time, in a code host; here they are a list."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tradewind.core.timetables.runs import DueRun, Restriction

FEW = 25
"""When no more than so many are left, they are asked for anew."""

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunsAhead:
    """What a timetable's code answered at `answered_at`: runs that follow one another, from the newest one made on."""

    runs: tuple[DueRun, ...]
    answered_at: datetime
    is_all: bool = False
    """After the last of them the timetable wants no further run."""

    def next_run(self, last: DueRun | None, restriction: Restriction, now: datetime) -> DueRun | None:
        """The run that follows `last`. None when none follows, or when only the code can say which one does.

        Without catchup, code may pass over what was missed. So a run that lay ahead when it was named and lies in
        the past when its turn comes does not hold: the code, asked again, knows the time.
        """
        run = next(iter(self._after(last)), None)
        if run is None or _is_over(run, restriction) or self._was_missed(run, restriction, now):
            return None
        return run

    def is_short(self, last: DueRun | None, restriction: Restriction, now: datetime) -> bool:
        """Whether the code should be asked again: few are left, or the next one does not hold."""
        left = self._after(last)
        if not left:
            return not self.is_all
        if _is_over(left[0], restriction):
            return False
        return self._was_missed(left[0], restriction, now) or (len(left) <= FEW and not self.is_all)

    def _was_missed(self, run: DueRun, restriction: Restriction, now: datetime) -> bool:
        return not restriction.catchup and self.answered_at < run.run_after <= now

    def _after(self, last: DueRun | None) -> tuple[DueRun, ...]:
        made = _BEFORE_ALL if last is None else last.run_after
        return tuple(run for run in self.runs if run.run_after > made)


def _is_over(run: DueRun, restriction: Restriction) -> bool:
    at = run.logical_date or run.run_after
    return restriction.latest is not None and at > restriction.latest
