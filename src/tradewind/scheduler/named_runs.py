"""What code of authors' own has named, runs and partitions, between the core's values and the messages."""

from datetime import datetime

from tradewind.core.inputs import PartitionsNamed
from tradewind.core.partition_mappers import Needed
from tradewind.core.timetables import DataInterval, DueRun, RunsAhead
from tradewind.store.times import from_us, to_us
from tradewind.wire.messages import NamedPartitions, NamedRun, NamedRuns


def named_run(run: DueRun) -> NamedRun:
    """A run as a code host is told of it."""
    interval = run.data_interval
    return NamedRun(
        run_after_us=to_us(run.run_after),
        logical_date_us=to_us(run.logical_date),
        data_interval_start_us=to_us(interval.start) if interval else None,
        data_interval_end_us=to_us(interval.end) if interval else None,
    )


def runs_ahead(named: NamedRuns, now: datetime) -> RunsAhead:
    """What a code host has named, as of now."""
    return RunsAhead(tuple(map(due_run, named.runs)), now, named.is_all)


def due_run(named: NamedRun) -> DueRun:
    """One named run as the core knows it."""
    run_after = from_us(named.run_after_us)
    assert run_after is not None
    interval = DataInterval.between(from_us(named.data_interval_start_us), from_us(named.data_interval_end_us))
    return DueRun(from_us(named.logical_date_us), interval, run_after, named.run_id)


def partitions_named(said: NamedPartitions) -> PartitionsNamed:
    """What the code of a mapper has said, as the core knows it."""
    needs = {key: Needed(frozenset(keys), least) for key, (keys, least) in said.needs.items()}
    return PartitionsNamed(event=said.event, keys=tuple(said.keys), error=said.error, needs=needs)
