"""`run_dag` and `play`: a run, or the runs of a stretch of time, without a server and without waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tradewind.testing.clock import VirtualClock, moment_of
from tradewind.testing.dag_bag import DagBag, bag_of_dag, bag_of_file
from tradewind.testing.engine import DEFAULT_PARALLELISM, Engine
from tradewind.testing.replies import Replies
from tradewind.testing.results import Played, PlayedRun
from tradewind.testing.stand_ins import StandIns

NOW = "now"
"""The logical date of a run for which none is given."""

Source = str | Path | DagBag | Any
"""A Dag file, a DagBag, or a Dag that was made in the test."""


def run_dag(
    source: Source,
    dag_id: str | None = None,
    *,
    conf: Mapping[str, Any] | None = None,
    logical_date: datetime | str | None = NOW,
    run_id: str | None = None,
    now: datetime | str | None = None,
    freeze: bool = False,
    variables: Mapping[str, Any] | None = None,
    connections: Mapping[str, Any] | None = None,
    pools: Mapping[str, int] | None = None,
    parallelism: int = DEFAULT_PARALLELISM,
    outcomes: Mapping[str, Any] | None = None,
    takes: Mapping[str, timedelta | float] | None = None,
    answers: Mapping[str, Any] | None = None,
) -> PlayedRun:
    """One run of a Dag, to its end; `dag_id` may be left out where there is only one.

    Virtual time begins at `now`, else at the logical date, else at the present. `freeze`: task code sees that time, and
    its `time.sleep` moves it. `logical_date=None` makes a run without one. `outcomes` stands in for tasks, `takes`
    says how long they take; names are `task`, `task[map_index]` or a pattern with `*`. `answers` says what people
    answer to the tasks that ask: an option, or a Reply. What nobody answers takes its default at its deadline.
    """
    begin = _begin(now, None if logical_date in (None, NOW) else logical_date)
    date = begin if logical_date == NOW else None if logical_date is None else moment_of(logical_date)
    clock = VirtualClock(begin, frozen=freeze)
    bag = _bag_of(source, clock, variables, connections)
    chosen = bag.chosen(dag_id).spec
    engine = Engine(
        bag,
        clock,
        StandIns(outcomes, takes, _task_ids(bag)),
        Replies(answers, _task_ids(bag)),
        variables=variables,
        connections=connections,
        pools=pools,
        parallelism=parallelism,
    )
    engine.load(list(bag.bagged))
    run = engine.create(chosen.dag_id, conf=dict(conf or {}), logical_date=date, run_id=run_id)
    engine.run()
    return PlayedRun(engine, run.number)


def play(
    source: Source,
    dag_id: str | None = None,
    *,
    from_: datetime | str,
    to: datetime | str,
    freeze: bool = False,
    variables: Mapping[str, Any] | None = None,
    connections: Mapping[str, Any] | None = None,
    pools: Mapping[str, int] | None = None,
    parallelism: int = DEFAULT_PARALLELISM,
    outcomes: Mapping[str, Any] | None = None,
    takes: Mapping[str, timedelta | float] | None = None,
    answers: Mapping[str, Any] | None = None,
) -> Played:
    """What the schedule of a Dag (without `dag_id`: of every Dag there is) makes of a stretch of time.

    The Dag appears, not paused, at `from_`; runs that are due by `to` are made and played to their end. With
    `outcomes={"*": "success"}` no task code runs: the play shows which runs the timetable wants.
    """
    clock = VirtualClock(moment_of(from_), frozen=freeze)
    bag = _bag_of(source, clock, variables, connections)
    chosen = list(bag.bagged) if dag_id is None else [bag.chosen(dag_id).spec.dag_id]
    engine = Engine(
        bag,
        clock,
        StandIns(outcomes, takes, _task_ids(bag)),
        Replies(answers, _task_ids(bag)),
        variables=variables,
        connections=connections,
        pools=pools,
        parallelism=parallelism,
    )
    engine.load(chosen)
    engine.run(until=moment_of(to))
    return Played(engine)


def _begin(now: datetime | str | None, logical_date: datetime | str | None) -> datetime:
    given = now if now is not None else logical_date
    return moment_of(given) if given is not None else datetime.now(UTC).replace(microsecond=0)


def _bag_of(
    source: Source, clock: VirtualClock, variables: Mapping[str, Any] | None, connections: Mapping[str, Any] | None
) -> DagBag:
    if isinstance(source, DagBag):
        return source
    if not isinstance(source, (str, Path)):
        return bag_of_dag(source)
    with clock.shown():
        read = DagBag if Path(source).is_dir() else bag_of_file
        return read(source, variables=variables, connections=connections)


def _task_ids(bag: DagBag) -> Iterable[str]:
    return {task_id for each in bag.bagged.values() for task_id in each.spec.tasks}
