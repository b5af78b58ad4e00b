"""Which alerts fire now, for whom: what follows from the notices, and from the rules as they are written."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection

from tradewind.api.alert_standing import still_fires
from tradewind.api.call import Call
from tradewind.core.access import Action, DagScope, Need, Resource
from tradewind.core.alerts import SEVERITIES, Notice
from tradewind.observability.alerts.notices import notice_from_json
from tradewind.observability.alerts.rules_file import Rules, load_rules
from tradewind.store.paging import Row
from tradewind.store.reading import alerts as reading
from tradewind.store.rows import hush_of
from tradewind.store.times import FIRST_US, LAST_US, to_us

LOOK_BACK_US = 31 * 86_400_000_000
"""What was last told before that fires no more, as far as is known here."""
MOST_FIRING = 200


def notice_scopes(call: Call) -> tuple[DagScope, ...]:
    """A notice is for those who may see its Dag, its run and its task."""
    return tuple(call.scope_of(Need(Action.READ, each)) for each in (Resource.DAG, Resource.RUN, Resource.TASK))


def alerts_firing(call: Call, connection: Connection, *, is_looked_at: bool) -> tuple[list[Notice], bool]:
    """The newest notice of each alert that fires and that the caller may see, the most severe first; and whether these
    are all of them."""
    now = datetime.now(UTC)
    rows = reading.unended_alerts(connection, notice_scopes(call), to_us(now) - LOOK_BACK_US, MOST_FIRING + 1)
    notices = notices_read(rows[:MOST_FIRING])
    runs = {notice.subject[:2] for notice in notices if notice.subject.run_id}
    over = reading.runs_over(connection, runs)
    rules = {rule.name: rule for rule in written_rules(call, connection).rules} if notices else {}
    hushes = [hush_of(row) for row in reading.silences(connection, to_us(now) - LOOK_BACK_US)] if notices else []
    firing = [
        notice
        for notice in notices
        if still_fires(
            notice,
            rules.get(notice.rule),
            now,
            hushes=hushes,
            is_run_over=notice.subject[:2] in over,
            is_looked_at=is_looked_at,
        )
    ]
    return sorted(firing, key=lambda one: (-_weight(one), -to_us(one.at))), len(rows) <= MOST_FIRING


def _weight(notice: Notice) -> int:
    return SEVERITIES.index(notice.severity) if notice.severity in SEVERITIES else 0


def count_of_alerts(call: Call, connection: Connection, *, is_looked_at: bool) -> int:
    """How many of them there are."""
    return len(alerts_firing(call, connection, is_looked_at=is_looked_at)[0])


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
