"""Which alerts fire now, for whom: as the scheduler says, which works the rules out. While none answers, whatever
people were told of and not of its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.components import asked
from tradewind.core.access import Action, DagScope, Need, Resource
from tradewind.core.alerts import Firing, Notice, firing_first
from tradewind.observability.alerts.notices import notice_from_json
from tradewind.observability.alerts.rules_file import Rules, load_rules
from tradewind.store.paging import Row
from tradewind.store.reading import alerts as reading
from tradewind.store.reading.scope import ids_among
from tradewind.store.times import FIRST_US, LAST_US, from_us, to_us

LOOK_BACK_US = 31 * 86_400_000_000
"""What was last told before that fires no more, as far as is known here."""
MOST_FIRING = 200
MOST_ASKED = 1_000
"""Of all that fires; who may not see every Dag sees some of these."""


def notice_scopes(call: Call) -> tuple[DagScope, ...]:
    """A notice is for those who may see its Dag, its run and its task."""
    return tuple(call.scope_of(Need(Action.READ, each)) for each in (Resource.DAG, Resource.RUN, Resource.TASK))


def firing_said(call: Call) -> dict[str, Any] | None:
    """What the scheduler says, to be asked before anything is read; None while none knows."""
    said: dict[str, Any] | None = asked(call, "alerts.firing", most=MOST_ASKED)
    return said


def alerts_firing(call: Call, connection: Connection, said: dict[str, Any] | None) -> tuple[list[Firing], bool]:
    """What fires and the caller may see: what people are told of before what is silent, the most severe first; and
    whether these are all."""
    scopes = notice_scopes(call)
    if said is None:
        rows = reading.unended_alerts(connection, scopes, to_us(datetime.now(UTC)) - LOOK_BACK_US, MOST_FIRING + 1)
        found, is_all = [Firing(notice, True, None) for notice in notices_read(rows)], True
    else:
        found, is_all = list(_seen(connection, scopes, list(map(_firing, said["firing"])))), said["is_all"]
    return sorted(found, key=firing_first)[:MOST_FIRING], is_all and len(found) <= MOST_FIRING


def _firing(one: dict[str, Any]) -> Firing:
    return Firing(notice_from_json(one["notice"]), one["is_told"], from_us(one["silent_until"]))


def _seen(connection: Connection, scopes: tuple[DagScope, ...], found: list[Firing]) -> Iterator[Firing]:
    dag_ids = {one.notice.subject.dag_id for one in found}
    for scope in scopes:
        dag_ids = dag_ids if scope.everything else ids_among(connection, scope, dag_ids)
    return (one for one in found if one.notice.subject.dag_id in dag_ids)


def count_of_alerts(call: Call, connection: Connection, said: dict[str, Any] | None) -> int:
    """How many of them there are that are not silent."""
    return sum(one.silent_until is None for one in alerts_firing(call, connection, said)[0])


def written_rules(call: Call, connection: Connection) -> Rules:
    """The rules as they are written now, in the rules file and here; read anew when they have changed."""
    file = call.settings.alerts.rules_file
    own = tuple((name, row["text"]) for name, row in reading.own_rules(connection).items())
    try:
        about = file.stat()
    except OSError:
        return _loaded(file, 0, 0, own)
    return _loaded(file, about.st_mtime_ns, about.st_size, own)


@lru_cache(maxsize=2)
def _loaded(file: Path, _changed: int, _size: int, own: tuple[tuple[str, str], ...]) -> Rules:
    return load_rules(file, dict(own))


def notices_read(rows: list[Row]) -> list[Notice]:
    """One that is stored damaged is left out."""
    found: list[Notice] = []
    for row in rows:
        try:
            notice = notice_from_json(row["notice"])
            is_kept = FIRST_US <= to_us(notice.at) <= LAST_US and FIRST_US <= to_us(notice.since) <= LAST_US
        except (ValueError, TypeError):
            continue
        if is_kept and notice.key == row["key"]:
            found.append(notice)
    return found
