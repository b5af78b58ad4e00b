"""Watchers of assets: when their triggers start and stop, and what follows when one fails.

A trigger runs as long as a Dag that is not paused waits for an asset that it watches. What it says is an asset event;
see `consuming.updated_by_watcher`.
"""

from collections.abc import Iterator
from datetime import timedelta

from tradewind.core.assets import keys_of
from tradewind.core.dag import DagSpec
from tradewind.core.decisions import DropRows, PutRow, Record, StartWatcher, StopTrigger
from tradewind.core.inputs import WatcherFailed
from tradewind.core.records import Watched
from tradewind.core.turn import Turn
from tradewind.core.world import World

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=10)


def refresh(turn: Turn, *specs: DagSpec | None) -> None:
    """A Dag was one of these and is, or is paused, or goes on: start and stop what follows from it."""
    index = turn.world.watchers
    for id in dict.fromkeys(id for spec in specs if spec is not None for id in index.touched_by(spec)):
        _refresh(turn, id)


def failed(turn: Turn, news: WatcherFailed) -> None:
    """A trigger has ended: it starts again after a pause that doubles with each failure in a row."""
    known = turn.world.watchers.active.get(news.id)
    if known is None or known.retry_at is not None:
        return
    failures = known.failures + 1
    retry_at = turn.now + min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE)
    put(turn, known._replace(failures=failures, error=news.error, retry_at=retry_at))
    body = {"watcher": news.id, "trigger": known.name, "assets": [name for name, _, _ in known.assets]}
    turn.do(Record("watcher.failed", reason=news.error, body=body))
    turn.world.at(retry_at, "watcher", news.id)


def on_timer(turn: Turn, id: str) -> None:
    """The pause after a failure is over."""
    known = turn.world.watchers.active.get(id)
    if known is not None and known.retry_at is not None and known.retry_at <= turn.now:
        _start(turn, known._replace(retry_at=None))


def heard(turn: Turn, known: Watched) -> None:
    """A trigger that has said something works: what failed before counts no longer."""
    if known.retry_at is None and (known.failures or known.error):
        put(turn, known._replace(failures=0, error=""))


def put(turn: Turn, watched: Watched) -> None:
    """A trigger's new record."""
    turn.world.watchers.active[watched.id] = watched
    row = watched._asdict()
    turn.do(PutRow("watcher", {**row, "assets": [list(asset) for asset in watched.assets]}))


def awaited(world: World, id: str) -> tuple[tuple[str, str, str], ...]:
    """The assets that this trigger has to watch now: those that a Dag waits for which is not paused."""
    return tuple(sorted(set(_awaited(world, id))))


def _awaited(world: World, id: str) -> Iterator[tuple[str, str, str]]:
    for dag_id, watcher in world.watchers.declared(id):
        record = world.dags.get(dag_id)
        if record is None or record.is_stale:
            continue
        consumers = world.assets.consumers_of(keys_of(watcher.asset, watcher.uri))
        if any((found := world.dags.get(one)) is not None and found.is_listening for one in consumers):
            yield watcher.asset, watcher.uri, watcher.group


def wanted_watcher(world: World, id: str) -> Watched | None:
    """The trigger as it starts for the first time; None while nobody waits for what it watches."""
    assets = awaited(world, id)
    if not assets:
        return None
    _, watcher = next(iter(world.watchers.declared(id)))
    return Watched(id, watcher.classpath, watcher.kwargs.encode(), assets)


def _refresh(turn: Turn, id: str) -> None:
    active, wanted = turn.world.watchers.active, wanted_watcher(turn.world, id)
    known = active.get(id)
    if known is None and wanted is not None:
        _start(turn, wanted)
    elif known is not None and wanted is None:
        del active[id]
        turn.do(DropRows("watcher", {"id": id}))
        if known.retry_at is None:
            turn.do(StopTrigger(id))
    elif known is not None and wanted is not None and known.assets != wanted.assets:
        put(turn, known._replace(assets=wanted.assets))


def _start(turn: Turn, watched: Watched) -> None:
    put(turn, watched)
    turn.do(StartWatcher(watched))
