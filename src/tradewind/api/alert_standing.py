"""Whether an alert still fires, as far as it follows from what people were told.

The end of an alert is told, but not of every one: a rule may keep it to itself, was changed meanwhile, or has nothing
to wait for. A rule that tells again and again, and has ceased to, does not fire any more either.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tradewind.core.alert_silences import Hush, silent_until
from tradewind.core.alerts import Notice, Rule, silences_of

GRACE = timedelta(minutes=3)
"""A repeat is told within a minute or so of its time."""
NEWS_FOR = timedelta(days=1)
"""How long the word of a rule counts that is not known here any more."""


def still_fires(
    notice: Notice, rule: Rule | None, now: datetime, *, hushes: Iterable[Hush] = (), is_run_over: bool,
    is_looked_at: bool,
) -> bool:  # fmt: skip
    """`notice`: the newest of an alert. `rule`: as it is now. `is_run_over`: the run that it is about does not go on.
    `is_looked_at`: a scheduler is there; without one, all stays as it was told last."""
    if notice.status != "firing" or (notice.subject.run_id and is_run_over):
        return False
    if not is_looked_at:
        return True
    if rule is None:
        return now - notice.at < NEWS_FOR
    if not rule.dedupe_window:
        return rule.notify_recovery or bool(notice.subject.run_id) or now - notice.at < NEWS_FOR
    due = notice.at + rule.dedupe_window
    return now - GRACE <= (silent_until(silences_of(rule, hushes, notice.subject.dag_id), due) or due)
