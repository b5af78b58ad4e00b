"""Aware datetimes: the default timezone, and the helpers that Dag files know as `timezone`.

A naive datetime in a Dag file means the default timezone (`core.default_timezone`).
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowConfigException

utc = dt.UTC
utc_epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def default_timezone() -> dt.tzinfo:
    """The zone of naive datetimes, UTC unless configured."""
    return parse_timezone(str(conf.get("core", "default_timezone", fallback="utc")))


@lru_cache(maxsize=64)
def parse_timezone(name: str | int) -> dt.tzinfo:
    """The zone of this name; `system` is the machine's, a number is an offset in seconds."""
    if isinstance(name, int):
        return dt.timezone(dt.timedelta(seconds=name))
    if name.lower() == "utc":
        return dt.UTC
    if name.lower() == "system":
        return dt.datetime.now().astimezone().tzinfo or dt.UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise AirflowConfigException(f"Timezone {name!r} is unknown; use a name such as Asia/Seoul or UTC.") from None


def timezone_name(zone: dt.tzinfo | None) -> str:
    """How a zone is written in a DagSpec: its IANA name, `UTC`, or a fixed offset such as `+09:00`."""
    if zone is None:
        return "UTC"
    for attribute in ("key", "name", "zone"):
        name = getattr(zone, attribute, None)
        if isinstance(name, str) and name:
            return "UTC" if name.upper() == "UTC" else name
    offset = zone.utcoffset(dt.datetime(2000, 1, 1))
    if not offset:
        return "UTC"
    minutes = int(offset.total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def aware(value: Any, zone: dt.tzinfo | None = None) -> dt.datetime | None:
    """The moment as an aware datetime: naive ones get `zone` or the default one, ISO text is read, dates begin at 0."""
    if value is None:
        return None
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if not isinstance(value, dt.datetime):
        raise TypeError(f"expected a datetime, not {type(value).__name__}")
    return value if is_localized(value) else value.replace(tzinfo=zone or default_timezone())


def is_localized(value: dt.datetime) -> bool:
    return value.utcoffset() is not None


def is_naive(value: dt.datetime) -> bool:
    return value.utcoffset() is None


def utcnow() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def make_aware(value: dt.datetime | None, timezone: dt.tzinfo | None = None) -> dt.datetime | None:
    """A naive datetime in `timezone`; an aware one is an error."""
    if value is not None and is_localized(value):
        raise ValueError(f"make_aware expects a naive datetime, got {value}")
    return aware(value, timezone)


def make_naive(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """The wall clock of an aware datetime in `timezone`."""
    if is_naive(value):
        raise ValueError("make_naive() cannot be applied to a naive datetime")
    return value.astimezone(timezone or default_timezone()).replace(tzinfo=None)


def convert_to_utc(value: dt.datetime | None) -> dt.datetime | None:
    moment = aware(value)
    return None if moment is None else moment.astimezone(dt.UTC)


def coerce_datetime(value: dt.datetime | None, tz: dt.tzinfo | None = None) -> Any:
    """The moment as a pendulum DateTime, or None."""
    if value is None:
        return None
    import pendulum

    moment = pendulum.instance(aware(value) or value)
    return moment if tz is None else moment.in_timezone(tz)  # type: ignore[arg-type]


def datetime(*args: Any, **kwargs: Any) -> dt.datetime:
    """A datetime in the default timezone unless `tzinfo` says another."""
    kwargs.setdefault("tzinfo", default_timezone())
    return dt.datetime(*args, **kwargs)


def from_timestamp(timestamp: float, tz: Any = utc) -> Any:
    import pendulum

    zone = default_timezone() if tz == "local" else tz
    return coerce_datetime(dt.datetime.fromtimestamp(timestamp, dt.UTC), zone if zone is not pendulum.UTC else None)


def parse(string: str, timezone: dt.tzinfo | None = None, *, strict: bool = False) -> Any:
    """The moment that a text in almost any format names, as a pendulum DateTime."""
    import pendulum

    return pendulum.parse(string, tz=timezone or default_timezone(), strict=strict)
