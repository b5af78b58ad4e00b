"""Partition mappers: which partitions of a Dag a partition of an asset is for.

A mapper is plain values, as the SDK writes them: `{"kind": "start_of", "unit": "day", …}`. `mapper_of` makes of them
what computes. Whatever a key is that a mapper cannot read, it raises UnfitPartition and nothing else.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from tradewind.core.errors import InvalidInput, TradewindError
from tradewind.core.partition_windows import members
from tradewind.core.timetables.zones import zone

MOST_KEYS = 1000
"""Partitions that one event may be for, where neither mapper nor configuration says otherwise."""

MOST_NAMED = 100_000
"""Keys of an author's own mapper that are looked at; it may never come to an end."""

LONGEST_KEY = 250
"""Characters of a partition's key."""


class UnfitPartition(TradewindError):
    """A partition key that a mapper has no place for."""


class Needed(NamedTuple):
    """What a partition of a Dag is made of: keys of one asset, and how many of them have to come."""

    keys: frozenset[str]
    least: int

    def is_met(self, come: frozenset[str]) -> bool:
        """Whether enough has come."""
        return len(self.keys & come) >= self.least


class Mapper(ABC):
    """Maps keys of one asset's partitions to those of a Dag's."""

    carries_date = False
    """The date of the run that updated the asset is that of the Dag's run as well."""

    @property
    def has_to_be_asked(self) -> bool:
        """Whether code that is not here says what a key is for."""
        return self.data["kind"] == "custom" and "code" not in self.data

    @property
    def waits(self) -> bool:
        """Whether a partition of the Dag may need more than one event."""
        return self.data["kind"] == "rollup" or bool(self.data.get("waits"))

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.most: int | None = data.get("most")

    @abstractmethod
    def downstream(self, key: str) -> tuple[str, ...]:
        """The Dag's partitions that this one of the asset is for."""

    def decode(self, key: str) -> Any:
        """What a key of the Dag stands for: a moment or a word."""
        return key

    def encode(self, member: Any) -> str:
        """The asset's key for one member of a period."""
        return str(member)

    def shown(self, member: Any) -> str:
        """The Dag's key for one member of a period."""
        return member.isoformat() if isinstance(member, datetime) else str(member)

    def date(self, key: str) -> datetime | None:
        """The moment at which the period of a key of the Dag begins, where it has one."""
        return None

    def needed(self, key: str) -> Needed | None:
        """What a partition of the Dag is made of; None: each event is enough."""
        return None

    def needs(self, key: str) -> frozenset[str] | None:
        """The keys of that."""
        needed = self.needed(key)
        return needed.keys if needed is not None else None

    def is_enough(self, key: str, come: frozenset[str]) -> bool:
        """Whether enough of those have come."""
        return True


class _Identity(Mapper):
    carries_date = True

    def downstream(self, key: str) -> tuple[str, ...]:
        return (key,)


class _Allowed(Mapper):
    def downstream(self, key: str) -> tuple[str, ...]:
        if key not in self.data["keys"]:
            raise UnfitPartition(f"{key!r} is none of {', '.join(self.data['keys'])}")
        return (key,)


class _Fixed(Mapper):
    def downstream(self, key: str) -> tuple[str, ...]:
        return (self.data["key"],)


class _StartOf(Mapper):
    """The hour, day, week, month, quarter or year in which a moment lies."""

    @cached_property
    def _zone(self) -> Any:
        return zone(self.data.get("timezone") or "UTC") or UTC

    def downstream(self, key: str) -> tuple[str, ...]:
        return (self.shown(self._begin(_aware(_parsed(key, self.data["input_format"]), self._zone))),)

    def decode(self, key: str) -> datetime:
        written = self.data["output_format"]
        if self.data["unit"] not in ("week", "quarter"):
            return _parsed(key, written)
        match = _pattern(written).fullmatch(key)
        found = match.groupdict() if match else {}
        try:
            if self.data["unit"] == "week":
                return datetime(int(found["Y"]), int(found["m"]), int(found["d"]))
            return datetime(int(found["Y"]), int(found["quarter"]) * 3 - 2, 1)
        except (KeyError, ValueError):
            raise UnfitPartition(f"{key!r} is no {self.data['unit']} as {written!r} writes it") from None

    def encode(self, member: datetime) -> str:
        return _aware(member, self._zone).strftime(self.data["input_format"])

    def shown(self, member: datetime) -> str:
        text = member.strftime(self.data["output_format"])
        return text.replace("{quarter}", str((member.month + 2) // 3)) if self.data["unit"] == "quarter" else text

    def date(self, key: str) -> datetime:
        begin = self._begin(self.decode(key))
        return (begin if begin.tzinfo else begin.replace(tzinfo=self._zone)).astimezone(UTC)

    def _begin(self, at: datetime) -> datetime:
        match self.data["unit"]:
            case "hour":
                return at.replace(minute=0, second=0, microsecond=0)
            case "week":
                at -= timedelta(days=at.weekday())
            case "month":
                at = at.replace(day=1)
            case "quarter":
                at = at.replace(month=(at.month - 1) // 3 * 3 + 1, day=1)
            case "year":
                at = at.replace(month=1, day=1)
        return at.replace(hour=0, minute=0, second=0, microsecond=0)


class _Product(Mapper):
    """Several keys in one, each with a mapper of its own."""

    @cached_property
    def _parts(self) -> tuple[Mapper, ...]:
        return tuple(map(mapper_of, self.data["mappers"]))

    def downstream(self, key: str) -> tuple[str, ...]:
        between = self.data["delimiter"]
        segments = key.split(between)
        if len(segments) != len(self._parts):
            raise UnfitPartition(f"{key!r} has {len(segments)} parts between {between!r}, not {len(self._parts)}")
        found = [mapper.downstream(segment) for mapper, segment in zip(self._parts, segments, strict=True)]
        if any(len(keys) != 1 for keys in found):
            raise UnfitPartition(f"a part of {key!r} is for several partitions, which no product can be")
        return (between.join(keys[0] for keys in found),)

    def date(self, key: str) -> datetime | None:
        segments = key.split(self.data["delimiter"])
        if len(segments) != len(self._parts):
            return None
        found = [mapper.date(segment) for mapper, segment in zip(self._parts, segments, strict=True)]
        dates = [date for date in found if date is not None]
        return dates[0] if len(dates) == 1 else None


class _Chain(Mapper):
    """One mapper after another."""

    @cached_property
    def _parts(self) -> tuple[Mapper, ...]:
        return tuple(map(mapper_of, self.data["mappers"]))

    def downstream(self, key: str) -> tuple[str, ...]:
        keys: tuple[str, ...] = (key,)
        for mapper in self._parts:
            keys = tuple(further for one in keys for further in mapper.downstream(one))
        return keys

    def date(self, key: str) -> datetime | None:
        return self._parts[-1].date(key)


class _FanOut(Mapper):
    """One coarse key is for every member of its period."""

    @cached_property
    def _upstream(self) -> Mapper:
        return mapper_of(self.data["upstream"])

    @cached_property
    def _downstream(self) -> Mapper:
        return mapper_of(self.data["downstream"])

    def downstream(self, key: str) -> tuple[str, ...]:
        coarse = self._upstream.downstream(key)
        if len(coarse) != 1:
            raise UnfitPartition(f"{key!r} is for several periods, and can be spread over the members of one only")
        found = _members(self.data["window"], self._upstream.decode(coarse[0]))
        return _named("FanOutMapper", map(self._downstream.shown, found))

    def date(self, key: str) -> datetime | None:
        return self._downstream.date(key)


class _Rollup(Mapper):
    """Many fine keys make up a coarse one."""

    @cached_property
    def _upstream(self) -> Mapper:
        return mapper_of(self.data["upstream"])

    def downstream(self, key: str) -> tuple[str, ...]:
        return self._upstream.downstream(key)

    def date(self, key: str) -> datetime | None:
        return self._upstream.date(key)

    def needed(self, key: str) -> Needed:
        found = _members(self.data["window"], self._upstream.decode(key))
        keys = frozenset(_named("RollupMapper", map(self._upstream.encode, found)))
        return Needed(keys, _least(self.data, len(keys)))

    def is_enough(self, key: str, come: frozenset[str]) -> bool:
        return self.needed(key).is_met(come)


class _Custom(Mapper):
    """Code of an author's own. Where that code may run the values have it (`code`, `decode`, `encode`, `shown`,
    `needs`); elsewhere it has to be asked."""

    def decode(self, key: str) -> Any:
        return self.data["decode"](key) if "decode" in self.data else super().decode(key)

    def encode(self, member: Any) -> str:
        return self.data["encode"](member) if "encode" in self.data else super().encode(member)

    def shown(self, member: Any) -> str:
        return self.data["shown"](member) if "shown" in self.data else super().shown(member)

    def date(self, key: str) -> datetime | None:
        return mapper_of(self.data["dated"]).date(key) if "dated" in self.data else None

    def needed(self, key: str) -> Needed | None:
        if "needs" not in self.data:
            return None
        keys = frozenset(_named(self.data["name"], self.data["needs"](key)))
        return Needed(keys, _least(self.data, len(keys)))

    def downstream(self, key: str) -> tuple[str, ...]:
        if "code" not in self.data:
            raise UnfitPartition(f"the mapper {self.data['name']} is code, which is not here to be asked")
        return _named(self.data["name"], self.data["code"](key))


def _named(mapper: str, said: Any) -> tuple[str, ...]:
    keys = (said,) if isinstance(said, str) else tuple(islice(said, MOST_NAMED))
    for key in keys:
        if not isinstance(key, str) or not key.strip() or len(key) > LONGEST_KEY:
            raise UnfitPartition(f"{mapper} says {key!r}, and a key has 1 to {LONGEST_KEY} characters, not only blanks")
    return keys


def _least(data: Mapping[str, Any], expected: int) -> int:
    """How many of so many members are enough. A policy of an author's own is asked for each number."""
    if "policy" in data:
        name, code = data["policy"]["name"], data["policy"]["code"]
        for number in range(expected + 1):
            if code(number, expected):
                return number
        raise UnfitPartition(f"{name} is content with no number of {expected}")
    least: int | None = data.get("least")
    if least is None:
        return expected
    return least if least > 0 else max(0, expected + least)


KINDS: Mapping[str, type[Mapper]] = {
    "identity": _Identity,
    "allowed": _Allowed,
    "fixed": _Fixed,
    "start_of": _StartOf,
    "product": _Product,
    "chain": _Chain,
    "fan_out": _FanOut,
    "rollup": _Rollup,
    "custom": _Custom,
}


def mapper_of(data: Mapping[str, Any]) -> Mapper:
    """What computes as these values say."""
    return KINDS[data["kind"]](data)


def _members(window: Mapping[str, Any], period: Any) -> tuple[Any, ...]:
    try:
        return members(window, period)
    except (InvalidInput, OverflowError, ValueError) as error:
        raise UnfitPartition(str(error)) from None


def _parsed(key: str, written: str) -> datetime:
    try:
        return datetime.strptime(key, written)
    except ValueError:
        raise UnfitPartition(f"{key!r} is no moment as {written!r} writes it") from None


def _aware(at: datetime, where: Any) -> datetime:
    return at.astimezone(where) if at.tzinfo is not None else at.replace(tzinfo=where)


def _pattern(written: str) -> re.Pattern[str]:
    """A format as a pattern that finds its year, month, day and quarter again."""
    found = {"%Y": r"(?P<Y>\d{4})", "%m": r"(?P<m>\d\d)", "%d": r"(?P<d>\d\d)", "{quarter}": r"(?P<quarter>[1-4])"}
    parts = re.split(r"(%[YmdHMSVUW]|\{quarter\})", written)
    return re.compile("".join(found.get(part, r"\d\d" if part.startswith("%") else re.escape(part)) for part in parts))
