"""When a run is due: cron, delta, events, once, continuous, and the list that a custom timetable's code has named.

Timetables never read the clock: now is an argument, and what they know of the past is the run before. Parsing cron
text is the SDK's; here it is only sets of fields. All moments are aware, in UTC.
"""

from tradewind.core.timetables.ahead import RunsAhead
from tradewind.core.timetables.due import manual_interval, next_run
from tradewind.core.timetables.moments import ticks
from tradewind.core.timetables.runs import DataInterval, DueRun, Restriction
from tradewind.core.timetables.spec import CronSpec, TimetableSpec

__all__ = [
    "CronSpec",
    "DataInterval",
    "DueRun",
    "Restriction",
    "RunsAhead",
    "TimetableSpec",
    "manual_interval",
    "next_run",
    "ticks",
]
