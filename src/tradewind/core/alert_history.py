"""What alert rules need beside the lines of the log, worked out from those: when Dags were due, and their tags."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from tradewind.core.alert_watches import DUE
from tradewind.core.alerts import DESCRIBED
from tradewind.core.decisions import Record

Line = tuple[datetime, Record]
PLANS = frozenset({"run.created", "run.passed_over", "dag.version", "dag.unpaused"})
"""After these a Dag may be due at another moment."""
STOPS = frozenset({"dag.paused", "dag.gone"})
"""After these it is due no more."""
INTERESTING = PLANS | STOPS | frozenset(
    {
        "run.moved", "run.deleted", "run.deadline_missed", "asset.updated", "metric.recorded", "worker.measured",
        "worker.lost",
    }
)  # fmt: skip
"""Lines that some condition looks at."""


def due(dag_id: str, at: datetime | None) -> Record:
    """A Dag's next run is due at this moment, or none is."""
    return Record(DUE, dag_id, body={"run_after": at.isoformat() if at is not None else None})


def tagged(dag_id: str, tags: Iterable[str]) -> Record:
    """Which tags a Dag has."""
    return Record(DESCRIBED, dag_id, body={"tags": list(tags)})


def completed(
    lines: Iterable[tuple[datetime, Record, datetime | None]], begin: datetime, upcoming: Mapping[str, datetime | None]
) -> Iterator[Line]:
    """Lines of the log, each followed by when its Dag was due next. A line about a run that the schedule made comes
    with when that was due; `upcoming` says when each Dag is due now."""
    lines = list(lines)
    made: dict[str, deque[datetime]] = defaultdict(deque)
    for _, event, at in lines:
        if at is not None:
            made[event.dag_id].append(at)

    def next_due(dag_id: str) -> datetime | None:
        runs = made.get(dag_id)
        return runs[0] if runs else upcoming.get(dag_id)

    for dag_id in sorted({*made, *upcoming}):
        first = next_due(dag_id)
        if first is not None and first >= begin:
            yield begin, due(dag_id, first)
    for at, event, run_after in lines:
        yield at, event
        if run_after is not None:
            made[event.dag_id].popleft()
        if event.name in STOPS:
            yield at, due(event.dag_id, None)
        elif event.name in PLANS and (event.name != "run.created" or run_after is not None):
            yield at, due(event.dag_id, next_due(event.dag_id))
