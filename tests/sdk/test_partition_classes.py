"""What an author writes about partitions, what the engine reads of it, and what a task says and sees."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from tradewind.core.partition_queue import Partitions
from tradewind.sdk import (
    DAG,
    AllowedKeyMapper,
    Asset,
    ChainMapper,
    CronPartitionTimetable,
    DayWindow,
    FanOutMapper,
    FixedKeyMapper,
    HourWindow,
    IdentityMapper,
    MinimumCount,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    PartitionMapper,
    ProductMapper,
    RollupMapper,
    SegmentWindow,
    StartOfDayMapper,
    StartOfHourMapper,
    StartOfQuarterMapper,
    StartOfWeekMapper,
    WeekWindow,
    Window,
)
from tradewind.sdk.assets import AssetAlias, asset
from tradewind.sdk.exceptions import DagInvalid
from tradewind.sdk.execution.outlets import OutletEvents
from tradewind.sdk.partitions import WaitPolicy
from tradewind.sdk.serialize import dag_spec
from tradewind.store.specs import decode_spec, encode_spec
from tradewind.worker.partition_naming import mappers_with_code, named_partitions

RAIN, SNOW = Asset("rain", "s3://weather/rain"), Asset("snow", "s3://weather/snow")
DAILY = RollupMapper(upstream_mapper=StartOfDayMapper(), window=DayWindow())


def spec_of(schedule: Any, **given: Any) -> Any:
    with DAG("d", schedule=schedule, **given) as dag:
        pass
    return dag_spec(dag, "d.py")


@pytest.mark.parametrize(
    ("mapper", "key", "expected"),
    [
        (IdentityMapper(), "x", "x"),
        (FixedKeyMapper("all"), "x", "all"),
        (AllowedKeyMapper(["x"]), "x", "x"),
        (StartOfQuarterMapper(), "2024-03-13T10:42:15", "2024-Q1"),
        (ProductMapper(IdentityMapper(), StartOfHourMapper(), delimiter="/"), "us/2024-03-13T10:42:15",
         "us/2024-03-13T10"),
        (ChainMapper(StartOfHourMapper(), StartOfDayMapper(input_format="%Y-%m-%dT%H")), "2024-03-13T10:42:15",
         "2024-03-13"),
        (FanOutMapper(upstream_mapper=IdentityMapper(), window=SegmentWindow(["b", "a"]),
                      downstream_mapper=IdentityMapper()), "x", ["a", "b"]),
        (FanOutMapper(upstream_mapper=StartOfWeekMapper(), window=WeekWindow(direction=Window.Direction.BACKWARD)),
         "2024-03-13T00:00:00", [f"2024-03-{day:02}" for day in range(5, 12)]),
    ],
)  # fmt: skip
def test_a_mapper_says_in_a_test_what_the_engine_will_do(mapper: Any, key: str, expected: Any) -> None:
    assert mapper.to_downstream(key) == expected


def test_a_rollup_says_what_it_needs() -> None:
    assert len(DAILY.to_upstream("2024-03-13")) == 24
    least = RollupMapper(
        upstream_mapper=FixedKeyMapper("all"), window=SegmentWindow(["us", "eu"]), wait_policy=MinimumCount(-1)
    )
    assert (least.as_data()["least"], least.to_upstream("all")) == (-1, {"us", "eu"})
    assert list(DayWindow().to_upstream(datetime(2024, 3, 13)))[-1] == datetime(2024, 3, 13, 23)


def test_a_spec_holds_mappers_as_values_that_survive_storing() -> None:
    schedule = PartitionedAssetTimetable(
        assets=RAIN & Asset.ref(name="snow"),
        partition_mapper_config={RAIN: DAILY, Asset.ref(name="snow"): StartOfDayMapper(timezone="Asia/Seoul")},
        default_partition_mapper=IdentityMapper(max_downstream_keys=3),
    )
    spec = decode_spec(encode_spec(spec_of(schedule)))
    assert (spec.timetable.kind, spec.timetable.summary) == ("asset", "Partitioned Asset")
    assert spec.notices == ()
    partitions = Partitions(spec.partitions)
    rain, snow, other = (
        partitions.mapper(key) for key in (named(RAIN), named(Asset("snow", "file://x")), named(Asset("other")))
    )
    assert (rain.needs("2024-03-13") is not None, snow.data["timezone"], other.most) == (True, "Asia/Seoul", 3)
    assert spec.partitions["most"] == 1000


def test_the_configuration_says_for_how_many_partitions_an_event_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SCHEDULER__PARTITION_MAPPER_MAX_DOWNSTREAM_KEYS", "7")
    assert spec_of(PartitionedAssetTimetable(assets=RAIN)).partitions["most"] == 7


def named(item: Asset) -> Any:
    from tradewind.core.assets import AssetKey

    return AssetKey("asset", item.name, item.uri)


def test_without_mappers_keys_are_the_same() -> None:
    spec = spec_of(PartitionedAssetTimetable(assets=RAIN))
    assert spec.partitions["default"] == {"kind": "identity"}


class Own(PartitionMapper):
    def to_downstream(self, key: str) -> str:
        return key.removeprefix("eu::")


class OwnDays(StartOfDayMapper):
    pass


class OwnWindow(Window):
    def to_upstream(self, decoded_downstream: Any) -> Iterable[Any]:
        return ["a"]


class Halves(Window):
    """A day in two."""

    expected_decoded_type = datetime

    def to_upstream(self, decoded_downstream: datetime) -> Iterable[datetime]:
        return [decoded_downstream, decoded_downstream.replace(hour=12)]


class HalfDays(PartitionMapper):
    """`13.03. AM` is for `2024-03-13`."""

    expected_decoded_type = datetime

    def to_downstream(self, key: str) -> str:
        return datetime.strptime(f"2024 {key[:6]}", "%Y %d.%m.").strftime("%Y-%m-%d")

    def decode_downstream(self, downstream_key: str) -> datetime:
        return datetime.strptime(downstream_key, "%Y-%m-%d")

    def encode_upstream(self, decoded: datetime) -> str:
        return decoded.strftime("%d.%m. %p")

    def format(self, decoded: datetime) -> str:
        return decoded.strftime("%d.%m. %p")


class Most(WaitPolicy):
    """For more than half."""

    def is_satisfied(self, matched: int, expected: int) -> bool:
        return 2 * matched > expected


class Never(WaitPolicy):
    def is_satisfied(self, matched: int, expected: int) -> bool:
        return False


class ByKeys(WaitPolicy):
    def is_satisfied_by_keys(self, *, matched: Any, expected: Any) -> Any:
        return "us" in matched


class Relaxed(RollupMapper):
    """A rollup that spells the asset's keys in its own way."""

    def to_upstream(self, downstream_key: str) -> frozenset[str]:
        return frozenset(key[:10] for key in super().to_upstream(downstream_key))


class NextDay(StartOfDayMapper):
    """What it computes is made of what its parent does."""

    def to_downstream(self, key: str) -> str:
        return f"{super().to_downstream(key)}+1"


class Unsaid(PartitionMapper):
    is_rollup = True

    def to_downstream(self, key: str) -> str:
        return key


def made_of(mapper: Any, key: str) -> tuple[list[str], int]:
    """Of what the code of a rollup is heard to say that the partitions of an event are made."""
    mappers = mappers_with_code(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=mapper))
    assert mappers is not None
    (named_,) = named_partitions("d", mappers, [[1, RAIN.name, RAIN.uri, key]], 30.0)
    assert named_.error == ""
    (again,) = named_partitions("d", mappers, [[1, RAIN.name, RAIN.uri, key, named_.keys[0]]], 30.0)
    assert (again.keys, again.needs) == ([], {named_.keys[0]: named_.needs[named_.keys[0]]})
    return named_.needs[named_.keys[0]]


HALVES = ["13.03. AM", "13.03. PM"]


@pytest.mark.parametrize(
    ("mapper", "key", "needs", "least"),
    [
        (RollupMapper(upstream_mapper=HalfDays(), window=Halves()), "13.03. PM", HALVES, 2),
        (RollupMapper(upstream_mapper=HalfDays(), window=Halves(), wait_policy=MinimumCount(-1)), "13.03. PM", HALVES,
         1),
        (RollupMapper(upstream_mapper=StartOfDayMapper(), window=Halves()), "2024-03-13T10:42:15",
         ["2024-03-13T00:00:00", "2024-03-13T12:00:00"], 2),
        (RollupMapper(upstream_mapper=FixedKeyMapper("all"), window=SegmentWindow(["a", "b", "c"]), wait_policy=Most()),
         "b", ["a", "b", "c"], 2),
        (RollupMapper(upstream_mapper=ChainMapper(IdentityMapper(), Own()), window=SegmentWindow("a")), "eu::x", ["a"],
         1),
        (RollupMapper(upstream_mapper=FixedKeyMapper("x"), window=OwnWindow()), "y", ["a"], 1),
        (Relaxed(upstream_mapper=StartOfDayMapper(), window=DayWindow()), "2024-03-13T10:42:15", ["2024-03-13"], 1),
        (Relaxed(upstream_mapper=StartOfDayMapper(), window=DayWindow(), wait_policy=MinimumCount(5)),
         "2024-03-13T10:42:15", ["2024-03-13"], 5),
    ],
)  # fmt: skip
def test_a_rollup_over_code_of_an_authors_own_says_of_what_its_partitions_are_made(
    mapper: Any, key: str, needs: list[str], least: int
) -> None:
    assert made_of(mapper, key) == (needs, least)
    spec = spec_of(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=mapper))
    told = Partitions(decode_spec(encode_spec(spec)).partitions).mapper(named(RAIN))
    assert (told.has_to_be_asked, told.waits, told.needs("x")) == (True, True, None)


@pytest.mark.parametrize(
    ("mapper", "key", "expected"),
    [
        (FanOutMapper(upstream_mapper=StartOfDayMapper(), window=Halves(), downstream_mapper=HalfDays()),
         "2024-03-13T10:42:15", HALVES),
        (FanOutMapper(upstream_mapper=HalfDays(), window=DayWindow()), "13.03. AM",
         [f"2024-03-13T{hour:02}" for hour in range(24)]),
        (FanOutMapper(upstream_mapper=Own(), window=SegmentWindow(["b", "a"]), downstream_mapper=IdentityMapper()),
         "eu::x", ["a", "b"]),
    ],
)  # fmt: skip
def test_a_fan_out_over_code_of_an_authors_own_is_for_each_member(mapper: Any, key: str, expected: list[str]) -> None:
    assert asked(mapper, key) == [(expected, "")]
    assert mapper.to_downstream(key) == expected
    spec = spec_of(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=mapper))
    told = Partitions(spec.partitions).mapper(named(RAIN))
    assert (told.has_to_be_asked, told.waits) == (True, False)


def test_the_date_of_a_partition_is_known_without_code_where_its_key_is_written_without_it() -> None:
    for mapper, key, date in (
        (RollupMapper(upstream_mapper=StartOfDayMapper(), window=Halves()), "2024-03-13", datetime(2024, 3, 13)),
        (FanOutMapper(upstream_mapper=HalfDays(), window=DayWindow()), "2024-03-13T07", datetime(2024, 3, 13, 7)),
        (RollupMapper(upstream_mapper=HalfDays(), window=Halves()), "2024-03-13", None),
    ):
        spec = spec_of(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=mapper))
        found = Partitions(spec.partitions).mapper(named(RAIN)).date(key)
        assert (found.replace(tzinfo=None) if found else None) == date


def test_a_class_that_changes_nothing_is_its_parent_and_one_that_builds_on_it_is_code() -> None:
    spec = spec_of(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=OwnDays(timezone="Asia/Seoul")))
    assert spec.partitions["default"]["kind"] == "start_of"
    assert asked(NextDay(), "2024-03-13T10:42:15") == [(["2024-03-13+1"], "")]


def test_code_that_fails_or_is_never_content_makes_no_partition() -> None:
    words = SegmentWindow(["a", "b"])
    (found,) = asked(RollupMapper(upstream_mapper=FixedKeyMapper("x"), window=words, wait_policy=Never()), "a")
    assert found == ([], "Never is content with no number of 2")

    class Long(Window):
        def to_upstream(self, decoded_downstream: Any) -> Iterable[Any]:
            return itertools.repeat("a")

    class Odd(Window):
        def to_upstream(self, decoded_downstream: Any) -> Iterable[Any]:
            return [decoded_downstream, 5]

    (found,) = asked(RollupMapper(upstream_mapper=FixedKeyMapper("x"), window=Long()), "a")
    assert found == ([], "Long has more than 10000 members.")
    (found,) = asked(RollupMapper(upstream_mapper=Own(), window=Odd()), "a")
    assert "says 5, and a key has 1 to 250 characters" in found[1]


@pytest.mark.parametrize(
    ("mapper", "sentence"),
    [
        (RollupMapper(upstream_mapper=FixedKeyMapper("x"), window=SegmentWindow("a"), wait_policy=ByKeys()),
         "ByKeys decides by the keys that have come, and the scheduler runs no code"),
        (RollupMapper(upstream_mapper=FixedKeyMapper("x"), window=SegmentWindow("a"), wait_policy=WaitPolicy()),
         "WaitPolicy does not say when it is content; give it an is_satisfied"),
        (RollupMapper(upstream_mapper=FixedKeyMapper("x"), window=Window()),
         "Window does not say what its members are; give it a to_upstream"),
        (Unsaid(), r"Unsaid waits for more than one event \(is_rollup\), and does not say for which"),
        (PartitionMapper(), "PartitionMapper does not say what a key is for; give it a to_downstream"),
    ],
)  # fmt: skip
def test_what_says_too_little_or_cannot_be_asked_is_refused_in_one_sentence(mapper: Any, sentence: str) -> None:
    with pytest.raises(DagInvalid, match=f"^Dag 'd': {sentence}"):
        spec_of(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=mapper))


def test_an_answer_has_only_so_many_keys_and_the_rest_is_asked_for_next() -> None:
    class Many(Window):
        def to_upstream(self, decoded_downstream: Any) -> Iterable[Any]:
            return map(str, range(9_999))

    mapper = RollupMapper(upstream_mapper=Own(), window=Many())
    mappers = mappers_with_code(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=mapper))
    assert mappers is not None
    events = [[number, RAIN.name, RAIN.uri, str(number)] for number in range(30)]
    assert len(list(named_partitions("d", mappers, events, 60.0))) == 11


class Bad(PartitionMapper):
    """What it says comes from the key."""

    def __init__(self) -> None:
        pass

    def to_downstream(self, key: str) -> Any:
        return eval(key, {"exit": sys.exit, "forever": itertools.repeat, "sleep": time.sleep})


def asked(mapper: Any, *keys: str, seconds: float = 30.0) -> list[tuple[list[str], str]]:
    """What the code of a mapper is heard to say."""
    mappers = mappers_with_code(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=mapper))
    assert mappers is not None
    events = [[number, RAIN.name, RAIN.uri, key] for number, key in enumerate(keys)]
    found = list(named_partitions("d", mappers, events, seconds))
    assert [one.event for one in found] == list(range(len(found)))
    return [(one.keys, one.error) for one in found]


def test_a_mapper_of_an_authors_own_is_plain_values_for_the_engine_and_code_where_that_may_run() -> None:
    spec = spec_of(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=Own(max_downstream_keys=3)))
    assert spec.partitions["default"] == {"kind": "custom", "name": "Own", "most": 3}
    assert Partitions(spec.partitions).mapper(named(RAIN)).has_to_be_asked
    assert asked(Own(), "eu::1", "2") == [(["1"], ""), (["2"], "")]
    assert mappers_with_code(PartitionedAssetTimetable(assets=RAIN)) is None


def test_chains_and_products_may_have_parts_of_an_authors_own() -> None:
    product = ProductMapper(StartOfDayMapper(), ChainMapper(IdentityMapper(), Own()))
    spec = spec_of(PartitionedAssetTimetable(assets=RAIN, default_partition_mapper=product))
    assert spec.partitions["default"] == {"kind": "custom", "name": "Own"}
    (found,) = asked(product, "2024-03-13T10:42:15|eu::x")
    assert found == (["2024-03-13|x"], "")
    (found,) = asked(product, "no moment|x")
    assert "'no moment' is no moment" in found[1]


def test_what_goes_wrong_in_a_mapper_is_said_of_its_event_alone() -> None:
    found = asked(Bad(), "1 / 0", "'a'", "5", "exit(3)", "['a', '']", "'x' * 251", "['b', 'c']")
    assert [keys for keys, _ in found if keys] == [["a"], ["b", "c"]]
    for (_, error), text in zip(
        [one for one in found if one[1]],
        ["ZeroDivisionError", "TypeError", "SystemExit", "Bad says '', and a key has 1 to 250", "Bad says 'xxx"],
        strict=True,
    ):
        assert text in error


def test_a_mapper_that_takes_too_long_or_never_ends_stops_nobody_else_for_ever() -> None:
    assert len(asked(Bad(), "forever('a')")[0][0]) == 100_000
    assert asked(Bad(), "'a'", "sleep(60)", "'b'", seconds=0.3) == [
        (["a"], ""),
        ([], "its mapper took longer than 0.3 s"),
    ]


def test_a_policy_of_events_does_not_go_with_partitions() -> None:
    with pytest.raises(DagInvalid, match="does not go with PartitionedAssetTimetable"):
        spec_of(PartitionedAssetTimetable(assets=RAIN), tradewind_asset_policy="each")


def test_what_cannot_be_is_refused_where_it_is_written() -> None:
    for make in (
        lambda: RollupMapper(upstream_mapper=IdentityMapper(), window=DayWindow()),
        lambda: RollupMapper(upstream_mapper=StartOfDayMapper(), window=SegmentWindow(["a"])),
    ):
        with pytest.raises(TypeError, match="pair a window of moments"):
            make()
    for make_other in (
        lambda: FanOutMapper(upstream_mapper=StartOfHourMapper(), window=HourWindow()),
        lambda: MinimumCount(0),
        lambda: SegmentWindow([]),
        lambda: SegmentWindow(["a", ""]),
        lambda: FixedKeyMapper(""),
        lambda: IdentityMapper(max_downstream_keys=0),
    ):
        with pytest.raises(ValueError, match=r"."):
            make_other()


def test_timetables_say_whether_runs_have_partitions() -> None:
    assert spec_of(PartitionedAtRuntime()).timetable.partitioned_at_runtime
    hourly = spec_of(CronPartitionTimetable("@hourly", timezone="UTC")).timetable
    assert (hourly.partitioned_at_runtime, hourly.partition is not None) == (False, True)


def test_each_partition_that_a_task_names_is_an_update_of_its_own() -> None:
    events = OutletEvents([RAIN, SNOW])
    events[RAIN].add_partitions(["us", "eu"])
    events["rain"].add_partitions("us")
    events[RAIN].extra = {"rows": 3}
    assert [(update.name, update.partition_key, update.extra) for update in events.updates()] == [
        ("rain", "eu", b'{"rows": 3}'), ("rain", "us", b'{"rows": 3}'), ("snow", None, b"{}"),
    ]  # fmt: skip


def test_keys_that_cannot_be_kept_are_refused_in_the_task() -> None:
    events = OutletEvents([RAIN, AssetAlias("any")])
    for wrong in ("", "  ", "x" * 251, ["us", ""]):
        with pytest.raises(ValueError, match="1 to 250 characters"):
            events[RAIN].add_partitions(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="alias has no partitions"):
        events[AssetAlias("any")].add_partitions("us")


def test_the_function_of_an_asset_may_name_partitions_and_have_defaults() -> None:
    said: list[Any] = []

    @asset(schedule=PartitionedAtRuntime())
    def regions(self: Any, outlet_events: Any, rain: Any, limit: int = 3) -> None:
        outlet_events[self].add_partitions("us")
        said.append((rain, limit))

    task = regions.dag.get_task("regions")
    assert task.inlets == [Asset.ref(name="rain")]
    events = OutletEvents(task.outlets)
    task.python_callable(outlet_events=events)
    assert [update.partition_key for update in events.updates()] == ["us"]
    assert said == [(Asset.ref(name="rain"), 3)]
