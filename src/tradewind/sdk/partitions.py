"""What a Dag author writes about partitions: mappers from those of an asset to those of a Dag, windows, and patience.

Each says by `as_data` what it is, as plain values; the engine computes with those, and `to_downstream` here does the
same. A class of an author's own that says something in its own way is code among those values, which the engine has
the code host of the Dag's file call.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, ClassVar

from tradewind.core.partition_mappers import Mapper, mapper_of
from tradewind.core.partition_windows import members
from tradewind.sdk.exceptions import DagInvalid
from tradewind.sdk.schedule_parts import zone_name

KEY_FORMAT = "%Y-%m-%dT%H:%M:%S"


class _Said:
    """Something that plain values can say, as far as its class is one of these. Two that say the same are equal."""

    methods: ClassVar[tuple[str, ...]] = ()
    """What an author's own class may say otherwise, which makes it code."""

    @property
    def has_code(self) -> bool:
        """Whether the class is of an author's own and says something in its own way."""
        ours = (getattr(getattr(type(self), name, None), "__module__", __name__) == __name__ for name in self.methods)
        return not all(ours)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == getattr(other, "__dict__", None)

    def __hash__(self) -> int:
        return hash(type(self).__name__)

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value is not None)
        return f"{type(self).__name__}({said})"


# --- windows and patience -----------------------------------------------------------------------------------------


class Window(_Said):
    """The members of one period. `direction` says whether it begins (`FORWARD`) or ends with its moment."""

    class Direction(StrEnum):
        FORWARD = "forward"
        BACKWARD = "backward"

    kind: ClassVar[str] = ""
    methods = ("to_upstream",)
    expected_decoded_type: ClassVar[type] = str

    def __init__(self, *, direction: Window.Direction = Direction.FORWARD) -> None:
        self.direction = self.Direction(direction)

    def as_data(self) -> dict[str, Any]:
        """This as the engine reads it, with the author's own code as `code`. Raises DagInvalid."""
        if self.has_code:
            return {"kind": "custom", "name": type(self).__name__, "code": self.to_upstream}
        if not self.kind:
            raise DagInvalid(f"{type(self).__name__} does not say what its members are; give it a to_upstream.")
        return self._said()

    def to_upstream(self, decoded_downstream: Any) -> Iterable[Any]:
        """The members of the period."""
        return members(self._said(), decoded_downstream)

    def _said(self) -> dict[str, Any]:
        # A class of an author's own may not call our __init__.
        return {"kind": self.kind, "backward": getattr(self, "direction", "") is self.Direction.BACKWARD}


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

    def _said(self) -> dict[str, Any]:
        return {"kind": "segments", "segments": sorted(self.segments)}


class WaitPolicy(_Said):
    """How many members of a window a rollup waits for: one of an author's own has an `is_satisfied`."""

    methods = ("is_satisfied",)

    def is_satisfied(self, matched: int, expected: int) -> bool:
        """Whether so many members of so many are enough."""
        raise NotImplementedError

    def as_data(self) -> dict[str, Any]:
        """This as the engine reads it, with the author's own code as `code`. Raises DagInvalid."""
        name = type(self).__name__
        if getattr(type(self), "is_satisfied_by_keys", None) is not None:
            raise DagInvalid(
                f"{name} decides by the keys that have come, and the scheduler runs no code of Dag files when one "
                "comes; have it decide by their number, in is_satisfied(matched, expected)."
            )
        if self.has_code:
            return {"policy": {"kind": "custom", "name": name, "code": self.is_satisfied}}
        return self._said()

    def _said(self) -> dict[str, Any]:
        raise DagInvalid(f"{type(self).__name__} does not say when it is content; give it an is_satisfied.")


class WaitForAll(WaitPolicy):
    """For every one."""

    def is_satisfied(self, matched: int, expected: int) -> bool:
        return matched == expected

    def _said(self) -> dict[str, Any]:
        return {}


class MinimumCount(WaitPolicy):
    """For at least `n`; with a negative one, for all but so many."""

    def __init__(self, n: int) -> None:
        if isinstance(n, bool) or not isinstance(n, int) or n == 0:
            raise ValueError(f"MinimumCount takes a whole number other than 0, not {n!r}; WaitForAll() waits for all.")
        self.n = n

    def is_satisfied(self, matched: int, expected: int) -> bool:
        return matched >= (self.n if self.n > 0 else max(0, expected + self.n))

    def _said(self) -> dict[str, Any]:
        return {"least": self.n}


# --- mappers ------------------------------------------------------------------------------------------------------


class PartitionMapper(_Said):
    """From a partition of an asset to those of a Dag. One event may be for at most `max_downstream_keys`."""

    methods = ("to_downstream", "decode_downstream", "encode_upstream", "format", "to_upstream")
    is_rollup: ClassVar[bool] = False
    expected_decoded_type: ClassVar[type] = str

    def __init__(self, *, max_downstream_keys: int | None = None) -> None:
        if max_downstream_keys is not None and (
            isinstance(max_downstream_keys, bool) or not isinstance(max_downstream_keys, int) or max_downstream_keys < 1
        ):
            raise ValueError(f"max_downstream_keys is a whole number from 1 on or None, not {max_downstream_keys!r}.")
        self.max_downstream_keys = max_downstream_keys

    def to_downstream(self, key: str) -> str | Iterable[str]:
        """The Dag's partition, or partitions, that this one of the asset is for. Raises UnfitPartition."""
        keys = self._computing().downstream(key)
        return keys[0] if len(keys) == 1 and not isinstance(self, FanOutMapper) else list(keys)

    def decode_downstream(self, downstream_key: str) -> Any:
        """What a key of the Dag stands for: a moment or a word, of which a window makes its members."""
        return self._computing().decode(downstream_key) if self._is_built_in else downstream_key

    def encode_upstream(self, decoded: Any) -> str:
        """The asset's key for one member of a window."""
        return self._computing().encode(decoded) if self._is_built_in else decoded

    def format(self, decoded: Any) -> str:
        """The Dag's key for one member of a window, which a fan-out makes of it."""
        if self._is_built_in:
            return self._computing().shown(decoded)
        return decoded.isoformat() if isinstance(decoded, datetime) else str(decoded)

    def as_data(self) -> dict[str, Any]:
        """This as the engine reads it, with the author's own code among it. Raises DagInvalid."""
        if not self.has_code:
            return {**self._said(), **self._most()}
        return {
            "kind": "custom", "name": type(self).__name__, "code": self.to_downstream,
            "decode": self.decode_downstream, "encode": self.encode_upstream,
            **({"shown": self.format} if callable(self.format) else {}), **self._waits(), **self._most(),
        }  # fmt: skip

    def _said(self) -> dict[str, Any]:
        raise DagInvalid(f"{type(self).__name__} does not say what a key is for; give it a to_downstream.")

    @property
    def _is_built_in(self) -> bool:
        """Whether it is one of these, whatever an author's own class has changed of it."""
        return type(self)._said is not PartitionMapper._said

    def _computing(self) -> Mapper:
        return mapper_of(self._said())

    def _waits(self) -> dict[str, Any]:
        """Where its partitions may need more than one event, of what they are made."""
        if not self.is_rollup:
            return {}
        needs, policy = getattr(self, "to_upstream", None), getattr(self, "wait_policy", None) or WaitForAll()
        if needs is None:
            raise DagInvalid(
                f"{type(self).__name__} waits for more than one event (is_rollup), and does not say for which; give "
                "it a to_upstream, or derive it from RollupMapper."
            )
        return {"waits": True, "needs": needs, **policy.as_data()}

    def _most(self) -> dict[str, int]:
        most = getattr(self, "max_downstream_keys", None)  # a class of an author's own may not call our __init__
        return {} if most is None else {"most": most}


class IdentityMapper(PartitionMapper):
    """The same key."""

    def _said(self) -> dict[str, Any]:
        return {"kind": "identity"}


class AllowedKeyMapper(PartitionMapper):
    """The same key, if it is one of these."""

    def __init__(self, allowed_keys: list[str], *, max_downstream_keys: int | None = None) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.allowed_keys = list(allowed_keys)

    def _said(self) -> dict[str, Any]:
        return {"kind": "allowed", "keys": list(self.allowed_keys)}


class FixedKeyMapper(PartitionMapper):
    """One key, whatever the asset's is."""

    def __init__(self, downstream_key: str, *, max_downstream_keys: int | None = None) -> None:
        if not isinstance(downstream_key, str) or not downstream_key:
            raise ValueError(f"FixedKeyMapper takes a key, not {downstream_key!r}.")
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.downstream_key = downstream_key

    def _said(self) -> dict[str, Any]:
        return {"kind": "fixed", "key": self.downstream_key}


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

    def _said(self) -> dict[str, Any]:
        return {
            "kind": "start_of", "unit": self.unit, "timezone": self.timezone, "input_format": self.input_format,
            "output_format": self.output_format,
        }  # fmt: skip


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

    def _said(self) -> dict[str, Any]:
        parts = [mapper.as_data() for mapper in self.mappers]
        return {"kind": "product", "mappers": parts, "delimiter": self.delimiter}


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

    def _said(self) -> dict[str, Any]:
        return {"kind": "chain", "mappers": [mapper.as_data() for mapper in self.mappers]}


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

    def _said(self) -> dict[str, Any]:
        up, down = self.upstream_mapper.as_data(), self.downstream_mapper.as_data()
        return {"kind": "fan_out", "upstream": up, "window": self.window.as_data(), "downstream": down}


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
        return self._computing().needs(downstream_key) or frozenset()

    def _said(self) -> dict[str, Any]:
        up, window = self.upstream_mapper.as_data(), self.window.as_data()
        return {"kind": "rollup", "upstream": up, "window": window, **self.wait_policy.as_data()}


def plain(data: dict[str, Any]) -> dict[str, Any]:
    """What a mapper says, without the code in it: where there is some, that it has to be asked, and what is known of
    its answers without asking."""
    name = _name_of_code(data)
    if name is None:
        return data
    kept: dict[str, Any] = {word: data[word] for word in ("most", "waits") if word in data}
    if data["kind"] == "rollup":
        kept["waits"] = True
    # Whose words the keys of the Dag are: the date of a partition follows from them.
    words = data.get("downstream") if data["kind"] == "fan_out" else data.get("upstream")
    if words is not None and _name_of_code(words) is None:
        kept["dated"] = words
    return {"kind": "custom", "name": name, **kept}


def _name_of_code(data: dict[str, Any]) -> str | None:
    """The name of the first class of an author's own in what a mapper says."""
    if data["kind"] == "custom":
        return str(data["name"])
    parts = [*data.get("mappers", ()), *(data[word] for word in PARTS if word in data)]
    return next((name for part in parts if (name := _name_of_code(part)) is not None), None)


PARTS = ("upstream", "window", "downstream", "policy")
"""What a mapper may be made of, beside others in a row."""
