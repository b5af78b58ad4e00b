"""LatestOnlyOperator: what follows runs only in the newest run of a schedule."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tradewind.core.timetables import DataInterval, DueRun, Restriction, next_run
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.sdk.execution.moments import microseconds, utc
from tradewind.sdk.operators.branch import BaseBranchOperator
from tradewind.sdk.types import DagRunType

_ON_REQUEST = frozenset({DagRunType.MANUAL, DagRunType.OPERATOR_TRIGGERED})


class LatestOnlyOperator(BaseBranchOperator):
    """Skips its direct downstream unless no newer run is due. In a run that somebody asked for nothing is skipped."""

    ui_color = "#e9ffdb"

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        run = context["dag_run"]
        everything = sorted(self.downstream_task_ids)
        if run.run_type in _ON_REQUEST:
            self.log.info("This run was asked for; what follows goes on.")
            return everything
        from tradewind.sdk.serialize import timetable_of

        timetable, now = timetable_of(self.dag), datetime.now(UTC)
        if timetable.kind == "custom":
            latest = is_latest_by_code(self.dag.schedule, run, now)
        else:
            latest = is_latest(timetable, run, now)
        self.log.info("This is %s the latest run.", "" if latest else "not")
        return everything if latest else []


def is_latest(timetable: TimetableSpec, run: Any, now: datetime) -> bool:
    """Whether no run after this one is due."""
    start, end, logical, after = map(
        _plain, (run.data_interval_start, run.data_interval_end, run.logical_date, run.run_after)
    )
    assert after is not None
    span = DataInterval.between(start, end)
    following = next_run(timetable, DueRun(logical, span, after), Restriction(None, None, True), now)
    return following is None or following.run_after > now


def is_latest_by_code(schedule: Any, run: Any, now: datetime) -> bool:
    """The same, where only the Dag's own timetable can say."""
    from tradewind.sdk.timetables import DagRunInfo, DataInterval, TimeRestriction, timed_part

    start, end = run.data_interval_start, run.data_interval_end
    last = DagRunInfo(run.run_after, DataInterval(start, end) if start is not None and end is not None else None)
    following = timed_part(schedule).next_dagrun_info_v2(
        last_dagrun_info=last, restriction=TimeRestriction(None, None, True)
    )
    return following is None or following.run_after > now


def _plain(at: datetime | None) -> datetime | None:
    """Without pendulum's own arithmetic, which does not go with that of plain datetimes."""
    return None if at is None else utc(microseconds(at))
