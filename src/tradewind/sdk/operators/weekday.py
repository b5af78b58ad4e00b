"""BranchDayOfWeekOperator: follow one branch on some days of the week, another on the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradewind.sdk.compat_helpers import WeekDay
from tradewind.sdk.operators.branch import BaseBranchOperator
from tradewind.sdk.timezone import default_timezone, utcnow


class BranchDayOfWeekOperator(BaseBranchOperator):
    """Compares the day of now (or of the logical date) with `week_day`, one day or several."""

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        use_task_execution_day: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.follow_task_ids_if_true, self.follow_task_ids_if_false = follow_task_ids_if_true, follow_task_ids_if_false
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date or use_task_execution_day
        self._days = WeekDay.validate_week_day(week_day)

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        now = context["logical_date"] if self.use_task_logical_date else utcnow().astimezone(default_timezone())
        return self.follow_task_ids_if_true if now.isoweekday() in self._days else self.follow_task_ids_if_false
