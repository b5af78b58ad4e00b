"""Conditions, durations and moments of alert rules in words."""

from datetime import UTC, datetime, timedelta
from typing import assert_never

from tradewind.core.alert_conditions import (
    Condition,
    DataStale,
    DeadlineMissed,
    FailureRate,
    MachineLimit,
    MetricLimit,
    RunDidNotStart,
    RunLongerThan,
)


def described(condition: Condition) -> str:
    """What a rule asks for, as half a sentence."""
    match condition:
        case FailureRate(at_least=part, window=window, together=together):
            of = "all Dags' runs" if together else "a Dag's runs"
            return f"{float(100 * part):.4g} % of {of} failed within {span(window)}"
        case RunLongerThan(limit=limit, times=times, last_runs=count):
            limits = [f"takes {span(limit)}"] if limit is not None else []
            limits += [f"takes {times:g} times the average of the last {count}"] if times is not None else []
            return f"a run {' or '.join(limits)}"
        case MetricLimit(metric=metric, limit=limit, is_below=is_below):
            return f"{metric} is {'below' if is_below else 'at least'} {limit:.6g}"
        case MachineLimit(resource=resource, at_least=percent):
            return f"{percent:.4g} % of a worker's {resource} is in use"
        case DeadlineMissed():
            return "a deadline was missed"
        case RunDidNotStart(within=within):
            return f"a run has not started {span(within)} after it was due"
        case DataStale(after=after, assets=assets):
            return f"{', '.join(assets)} was not updated for {span(after)}"
        case _:
            assert_never(condition)


def span(time: timedelta) -> str:
    """A duration as people say it: `1 h 30 min`, `45 s`."""
    seconds = time.total_seconds()
    if seconds < 60:
        return f"{seconds:.3g} s"
    left, parts = int(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
