"""Local time and instants: zone names to zones, and what a clock change does to a day."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?(?::?([0-5]\d))?")
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo | None:
    """The zone of an IANA name or of a fixed offset (`+09:00`), or None when there is no such zone."""
    if name.upper() in ("UTC", "ETC/UTC", "Z", ""):
        return UTC
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes, seconds = match.groups(default="0")
        offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
        return timezone(-offset if sign == "-" else offset) if offset < _DAY else None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


@lru_cache(maxsize=4096)
def offset_of_day(midnight: datetime, zone: tzinfo) -> timedelta | None:
    """The UTC offset that holds all through the local day that begins at naive `midnight`; None when it changes."""
    if isinstance(zone, timezone):
        return zone.utcoffset(None)
    first = midnight.replace(tzinfo=zone)
    last = first + (_DAY - _MOMENT)
    offset = first.utcoffset()
    same = first.replace(fold=1).utcoffset() == last.utcoffset() == last.replace(fold=1).utcoffset() == offset
    return offset if same else None


def instants(local: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """The UTC instants at which clocks in `zone` show naive `local`: one, two in a repeated hour, none in a gap."""
    early, late = _readings(local, zone)
    if early == late:
        return (early,)
    return (early, late) if early < late else ()


def end_of_gap(local: datetime, zone: tzinfo) -> datetime:
    """The first UTC instant after the gap in which naive `local` lies."""
    after, before = _readings(local, zone)
    offset = before.astimezone(zone).utcoffset()
    while after - before > _MOMENT:
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _readings(local: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """`local` read with both offsets around a change. In a gap the first reading is the later instant."""
    aware = local.replace(tzinfo=zone)
    return aware.replace(fold=0).astimezone(UTC), aware.replace(fold=1).astimezone(UTC)
