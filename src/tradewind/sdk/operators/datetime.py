"""BranchDateTimeOperator: follow one branch between two moments, another outside of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.operator import describe
from tradewind.sdk.operators.branch import BaseBranchOperator
from tradewind.sdk.timezone import aware, utcnow

Moment = dt.datetime | dt.time | None


class BranchDateTimeOperator(BaseBranchOperator):
    """Compares now (or the logical date) with `target_lower` and `target_upper`; times of day mean today."""

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        target_lower: Moment,
        target_upper: Moment,
        use_task_logical_date: bool = False,
        use_task_execution_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if target_lower is None and target_upper is None:
            raise AirflowException(
                f"{describe(self.task_id, self._dag)}: give target_lower, target_upper or both a datetime or time."
            )
        self.target_lower, self.target_upper = target_lower, target_upper
        self.follow_task_ids_if_true, self.follow_task_ids_if_false = follow_task_ids_if_true, follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date or use_task_execution_date

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        now = context["logical_date"] if self.use_task_logical_date else utcnow()
        lower, upper = bounds(now, self.target_lower, self.target_upper)
        inside = not ((upper is not None and upper < now) or (lower is not None and lower > now))
        return self.follow_task_ids_if_true if inside else self.follow_task_ids_if_false


def bounds(
    base: dt.datetime, lower: Moment, upper: Moment
) -> tuple[dt.datetime | None, dt.datetime | None]:  # fmt: skip
    """Both as moments: times are taken on the day of `base`, an upper one that is earlier on the day after."""
    first, last = _moment(base, lower), _moment(base, upper)
    if first and last and isinstance(lower, dt.time) and isinstance(upper, dt.time) and last < first:
        last += dt.timedelta(days=1)
    return first, last


def _moment(base: dt.datetime, target: Moment) -> dt.datetime | None:
    if isinstance(target, dt.time):
        target = dt.datetime.combine(base, target, tzinfo=target.tzinfo)
    return aware(target, base.tzinfo)
