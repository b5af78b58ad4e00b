"""What a Dag author writes about partitions: mappers from those of an asset to those of a Dag, windows, and patience.

Each says by `as_data` what it is, as plain values; the engine computes with those, and `to_downstream` here does the
same. A mapper of an author's own is code among those values: the engine has the code host of the Dag's file call it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, ClassVar

from tradewind.core.partition_mappers import mapper_of
from tradewind.core.partition_windows import members
from tradewind.sdk.exceptions import DagInvalid
from tradewind.sdk.schedule_parts import zone_name

KEY_FORMAT = "%Y-%m-%dT%H:%M:%S"


class _Said:
    """Something that plain values can say. Two that say the same are equal."""

    def as_data(self) -> dict[str, Any]:
        """This as the engine reads it. Raises DagInvalid for a class that is not Tradewind's own."""
        raise DagInvalid(
            f"{type(self).__name__} is code of its own, which the scheduler does not run; put it together from the "
            "windows and policies of airflow.sdk, or write a PartitionMapper with a to_downstream of its own."
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == getattr(other, "__dict__", None)

    def __hash__(self) -> int:
        return hash(type(self).__name__)

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value is not None)
        return f"{type(self).__name__}({said})"


def _own(said: _Said, cls: type) -> None:
    """A subclass may mean something else than what its parent says."""
    if type(said) is not cls:
        _Said.as_data(said)


# --- windows and patience -----------------------------------------------------------------------------------------


class Window(_Said):
    """The members of one period. `direction` says whether it begins (`FORWARD`) or ends with its moment."""

    class Direction(StrEnum):
        FORWARD = "forward"
        BACKWARD = "backward"

    kind: ClassVar[str] = ""
    expected_decoded_type: ClassVar[type] = str

    def __init__(self, *, direction: Window.Direction = Direction.FORWARD) -> None:
        self.direction = self.Direction(direction)

    def as_data(self) -> dict[str, Any]:
        if type(self).__dict__.get("kind", "") not in _WINDOWS:
            super().as_data()
        return {"kind": self.kind, "backward": self.direction is self.Direction.BACKWARD}

    def to_upstream(self, decoded_downstream: Any) -> Iterable[Any]:
        """The members of the period."""
        return members(self.as_data(), decoded_downstream)


class _Moments(Window):
    expected_decoded_type = datetime


class HourWindow(_Moments):
    """Sixty minutes."""

    kind = "hour"


class DayWindow(_Moments):
    """Twenty-four hours."""

    kind = "day"


class WeekWindow(_Moments):
    """Seven days."""

    kind = "week"


class MonthWindow(_Moments):
    """The days of a month."""

    kind = "month"


class QuarterWindow(_Moments):
    """Three months."""

    kind = "quarter"


class YearWindow(_Moments):
    """Twelve months."""

    kind = "year"


class SegmentWindow(Window):
    """A fixed set of words."""

    kind = "segments"

    def __init__(self, segments: Iterable[str]) -> None:
        found = [segments] if isinstance(segments, str) else list(segments)
        if not found or not all(isinstance(each, str) and each for each in found):
            raise ValueError(f"SegmentWindow takes one or more words, not {segments!r}.")
        super().__init__()
        self.segments = frozenset(found)

    def as_data(self) -> dict[str, Any]:
        _own(self, SegmentWindow)
        return {"kind": "segments", "segments": sorted(self.segments)}


_WINDOWS = frozenset({"hour", "day", "week", "month", "quarter", "year"})


class WaitPolicy(_Said):
    """How many members of a window a rollup waits for."""


class WaitForAll(WaitPolicy):
    """For every one."""

    def as_data(self) -> dict[str, Any]:
        _own(self, WaitForAll)
        return {}


class MinimumCount(WaitPolicy):
    """For at least `n`; with a negative one, for all but so many."""

    def __init__(self, n: int) -> None:
        if isinstance(n, bool) or not isinstance(n, int) or n == 0:
            raise ValueError(f"MinimumCount takes a whole number other than 0, not {n!r}; WaitForAll() waits for all.")
        self.n = n

    def as_data(self) -> dict[str, Any]:
        _own(self, MinimumCount)
        return {"least": self.n}


# --- mappers ------------------------------------------------------------------------------------------------------


class PartitionMapper(_Said):
    """From a partition of an asset to those of a Dag. One event may be for at most `max_downstream_keys`."""

    is_rollup: ClassVar[bool] = False
    expected_decoded_type: ClassVar[type] = str

    def __init__(self, *, max_downstream_keys: int | None = None) -> None:
        if max_downstream_keys is not None and (
            isinstance(max_downstream_keys, bool) or not isinstance(max_downstream_keys, int) or max_downstream_keys < 1
        ):
            raise ValueError(f"max_downstream_keys is a whole number from 1 on or None, not {max_downstream_keys!r}.")
        self.max_downstream_keys = max_downstream_keys

    def to_downstream(self, key: str) -> str | list[str]:
        """The Dag's partition, or partitions, that this one of the asset is for. Raises UnfitPartition."""
        keys = mapper_of(self.as_data()).downstream(key)
        return keys[0] if len(keys) == 1 and not isinstance(self, FanOutMapper) else list(keys)

    def as_data(self) -> dict[str, Any]:
        """This as the engine reads it, with the author's own code as `code`. Raises DagInvalid."""
        name, own = type(self).__name__, type(self).to_downstream.__module__ != __name__
        if self.is_rollup or not own:
            raise DagInvalid(
                f"{name} is code of its own, which the scheduler does not run; give a mapper of your own a "
                "to_downstream, and have it wait for no more than one event (is_rollup)."
            )
        return {"kind": "custom", "name": name, "code": self.to_downstream, **self._most()}

    def _data(self, cls: type, kind: str, **said: Any) -> dict[str, Any]:
        if type(self) is not cls:
            return PartitionMapper.as_data(self)
        return {"kind": kind, **said, **self._most()}

    def _most(self) -> dict[str, int]:
        most = getattr(self, "max_downstream_keys", None)  # a class of an author's own may not call our __init__
        return {} if most is None else {"most": most}


class IdentityMapper(PartitionMapper):
    """The same key."""

    def as_data(self) -> dict[str, Any]:
        return self._data(IdentityMapper, "identity")


class AllowedKeyMapper(PartitionMapper):
    """The same key, if it is one of these."""

    def __init__(self, allowed_keys: list[str], *, max_downstream_keys: int | None = None) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.allowed_keys = list(allowed_keys)

    def as_data(self) -> dict[str, Any]:
        return self._data(AllowedKeyMapper, "allowed", keys=list(self.allowed_keys))


class FixedKeyMapper(PartitionMapper):
    """One key, whatever the asset's is."""

    def __init__(self, downstream_key: str, *, max_downstream_keys: int | None = None) -> None:
        if not isinstance(downstream_key, str) or not downstream_key:
            raise ValueError(f"FixedKeyMapper takes a key, not {downstream_key!r}.")
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.downstream_key = downstream_key

    def as_data(self) -> dict[str, Any]:
        return self._data(FixedKeyMapper, "fixed", key=self.downstream_key)


class _StartOf(PartitionMapper):
    """The period in which the moment lies that a key says."""

    expected_decoded_type = datetime
    unit: ClassVar[str]
    default_output_format: ClassVar[str]

    def __init__(
        self,
        *,
        timezone: str | tzinfo = "UTC",
        input_format: str = KEY_FORMAT,
        output_format: str | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.timezone = zone_name(timezone, type(self).__name__)
        self.input_format, self.output_format = input_format, output_format or self.default_output_format

    def as_data(self) -> dict[str, Any]:
        said = {"timezone": self.timezone, "input_format": self.input_format, "output_format": self.output_format}
        kind = type(self) if type(self) in _PERIODS else _StartOf
        return self._data(kind, "start_of", unit=self.unit, **said)


class StartOfHourMapper(_StartOf):
    """`2024-03-13T10:42:15` is for `2024-03-13T10`."""

    unit, default_output_format = "hour", "%Y-%m-%dT%H"


class StartOfDayMapper(_StartOf):
    """`2024-03-13T10:42:15` is for `2024-03-13`."""

    unit, default_output_format = "day", "%Y-%m-%d"


class StartOfWeekMapper(_StartOf):
    """`2024-03-13T10:42:15` is for `2024-03-11 (W11)`."""

    unit, default_output_format = "week", "%Y-%m-%d (W%V)"


class StartOfMonthMapper(_StartOf):
    """`2024-03-13T10:42:15` is for `2024-03`."""

    unit, default_output_format = "month", "%Y-%m"


class StartOfQuarterMapper(_StartOf):
    """`2024-03-13T10:42:15` is for `2024-Q1`."""

    unit, default_output_format = "quarter", "%Y-Q{quarter}"


class StartOfYearMapper(_StartOf):
    """`2024-03-13T10:42:15` is for `2024`."""

    unit, default_output_format = "year", "%Y"


_PERIODS = frozenset(
    {StartOfHourMapper, StartOfDayMapper, StartOfWeekMapper, StartOfMonthMapper, StartOfQuarterMapper,
     StartOfYearMapper}
)  # fmt: skip


class ProductMapper(PartitionMapper):
    """A key of several parts, each with a mapper of its own."""

    def __init__(
        self,
        mapper0: PartitionMapper,
        mapper1: PartitionMapper,
        /,
        *mappers: PartitionMapper,
        delimiter: str = "|",
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.mappers, self.delimiter = [mapper0, mapper1, *mappers], delimiter

    def as_data(self) -> dict[str, Any]:
        parts = [mapper.as_data() for mapper in self.mappers]
        return self._data(ProductMapper, "product", mappers=parts, delimiter=self.delimiter)


class ChainMapper(PartitionMapper):
    """One mapper after another."""

    def __init__(
        self,
        mapper0: PartitionMapper,
        mapper1: PartitionMapper,
        /,
        *mappers: PartitionMapper,
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.mappers = [mapper0, mapper1, *mappers]

    def as_data(self) -> dict[str, Any]:
        return self._data(ChainMapper, "chain", mappers=[mapper.as_data() for mapper in self.mappers])


class FanOutMapper(PartitionMapper):
    """A coarse key is for every member of its period."""

    default_downstream_mapper_by_window_name: ClassVar[dict[str, type[PartitionMapper]]] = {
        "DayWindow": StartOfHourMapper,
        "WeekWindow": StartOfDayMapper,
        "MonthWindow": StartOfDayMapper,
        "QuarterWindow": StartOfMonthMapper,
        "YearWindow": StartOfMonthMapper,
    }

    def __init__(
        self,
        *,
        upstream_mapper: PartitionMapper,
        window: Window,
        downstream_mapper: PartitionMapper | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        usual = self.default_downstream_mapper_by_window_name.get(type(window).__name__)
        if downstream_mapper is None and usual is None:
            raise ValueError(f"FanOutMapper over a {type(window).__name__} needs downstream_mapper=.")
        self.upstream_mapper, self.window = upstream_mapper, window
        self.downstream_mapper = downstream_mapper or (usual() if usual else IdentityMapper())

    def as_data(self) -> dict[str, Any]:
        up, down = _without_code(self, self.upstream_mapper), _without_code(self, self.downstream_mapper)
        return self._data(FanOutMapper, "fan_out", upstream=up, window=self.window.as_data(), downstream=down)


class RollupMapper(PartitionMapper):
    """Many fine keys make up a coarse one, whose run waits for them."""

    is_rollup = True

    def __init__(
        self,
        *,
        upstream_mapper: PartitionMapper,
        window: Window,
        wait_policy: WaitPolicy | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        if upstream_mapper.expected_decoded_type is not window.expected_decoded_type:
            raise TypeError(
                f"{type(window).__name__} is made of {window.expected_decoded_type.__name__} values, and "
                f"{type(upstream_mapper).__name__} gives {upstream_mapper.expected_decoded_type.__name__}; pair a "
                "window of moments with a StartOf… mapper, and SegmentWindow with one of words."
            )
        self.upstream_mapper, self.window, self.wait_policy = upstream_mapper, window, wait_policy or WaitForAll()

    def to_upstream(self, downstream_key: str) -> frozenset[str]:
        """The asset's partitions that one of the Dag is made of."""
        return mapper_of(self.as_data()).needs(downstream_key) or frozenset()

    def as_data(self) -> dict[str, Any]:
        up, window = _without_code(self, self.upstream_mapper), self.window.as_data()
        return self._data(RollupMapper, "rollup", upstream=up, window=window, **self.wait_policy.as_data())


def plain(data: dict[str, Any]) -> dict[str, Any]:
    """What a mapper says, without the code in it: where there is some, only that it has to be asked."""
    code = _code_in(data)
    if code is None:
        return data
    most = {"most": data["most"]} if "most" in data else {}
    return {"kind": "custom", "name": code["name"], **most}


def _code_in(data: dict[str, Any]) -> dict[str, Any] | None:
    if data["kind"] == "custom":
        return data
    return next((code for part in data.get("mappers", ()) if (code := _code_in(part)) is not None), None)


def _without_code(whose: PartitionMapper, part: PartitionMapper) -> dict[str, Any]:
    data = part.as_data()
    if (code := _code_in(data)) is not None:
        raise DagInvalid(
            f"{type(whose).__name__} is made of {code['name']}, which is code of its own, and its periods are worked "
            "out by the scheduler, which runs none; give it mappers of airflow.sdk."
        )
    return data
