"""From what stands as `schedule=` in a Dag to the TimetableSpec that the scheduler reads."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from dateutil.relativedelta import MO, relativedelta

from tradewind.core.errors import TradewindError
from tradewind.core.timetables import DueRun, Restriction, TimetableSpec, next_run
from tradewind.core.timetables.partitions import partition_of
from tradewind.sdk.timetables import (
    AssetOrTimeSchedule,
    AssetTriggeredTimetable,
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronPartitionTimetable,
    CronTriggerTimetable,
    DagRunInfo,
    DataInterval,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    EventsTimetable,
    InvalidSchedule,
    MultipleCronTriggerTimetable,
    NullTimetable,
    OnceTimetable,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    TimeRestriction,
    Timetable,
    cron_spec,
    timetable_spec,
)

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def spec_of(schedule: Any, **more: Any) -> TimetableSpec:
    return timetable_spec(schedule, **{"timezone": "UTC", "dag_id": "etl", **more})


@pytest.mark.parametrize(
    ("preset", "expression"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@quarterly", "0 0 1 */3 *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        (" @Daily ", "0 0 * * *"),
    ],
)
def test_a_preset_is_its_cron_expression(preset: str, expression: str) -> None:
    assert cron_spec(preset) == cron_spec(expression)
    assert spec_of(preset).summary == expression


def test_a_cron_expression_becomes_sets_of_fields() -> None:
    spec = cron_spec("*/20 9-17/4 1,15 JAN-MAR MON-WED")
    assert spec.minutes == (0, 20, 40)
    assert spec.hours == (9, 13, 17)
    assert spec.days == (1, 15)
    assert spec.months == (1, 2, 3)
    assert spec.weekdays == (1, 2, 3)
    assert spec.seconds == (0,)
    assert (spec.any_day, spec.any_weekday) == (False, False)


def test_stars_are_every_value() -> None:
    spec = cron_spec("* * * * *")
    assert spec.minutes == tuple(range(60))
    assert spec.hours == tuple(range(24))
    assert (spec.any_day, spec.any_weekday) == (True, True)


@pytest.mark.parametrize(
    ("expression", "fields"),
    [
        ("0 0 L * *", {"last_day": True, "days": (), "any_day": False}),
        ("0 0 1,L * *", {"last_day": True, "days": (1,)}),
        ("0 0 * * MON#2", {"nth_weekdays": ((1, 2),), "weekdays": (), "any_weekday": False}),
        ("0 0 * * L5", {"nth_weekdays": ((5, -1),)}),
        ("0 0 * * 7", {"weekdays": (0,)}),
        ("0 0 * * FRI-MON", {"weekdays": (0, 1, 5, 6)}),
        ("0 0 ? * *", {"any_day": True}),
        ("0 0 * * * 5,35", {"seconds": (5, 35)}),
        ("0 0 1 1 * 0 2030-2032", {"years": (2030, 2031, 2032)}),
        ("0 0 1-20 * MON#2", {"any_day": True, "nth_weekdays": ((1, 2),)}),
    ],
)
def test_the_special_spellings_are_kept(expression: str, fields: dict[str, Any]) -> None:
    spec = cron_spec(expression)
    assert {name: getattr(spec, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("schedule", "part"),
    [
        ("0 0 32 * *", "day of month '32'"),
        ("61 * * * *", "minute '61'"),
        ("* * * * XYZ", "day of week 'XYZ'"),
        ("*/0 * * * *", "minute '*/0'"),
        ("0 0 * *", "4 fields"),
        ("every day", "2 fields"),
        ("", "0 fields"),
        ("@fortnightly", "no preset"),
        ("H H * * *", "H or R"),
        ("R(0-9) * * * *", "H or R"),
        ("0 0 * * 1,3#2", "day of week '1,3#2'"),
        ("* " * 2000, "longer than"),
        ("None", "without quotes"),
        (5, "of type int"),
        (timedelta(0), "lead forward"),
        (timedelta(hours=-1), "lead forward"),
        (relativedelta(day=1), "point in time"),
        (relativedelta(weekday=MO), "point in time"),
        ([1, 2], "of type list"),
    ],
)
def test_a_schedule_that_says_no_time_is_refused_by_dag_name_and_reason(schedule: Any, part: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        spec_of(schedule)
    text = str(caught.value)
    assert text.startswith("Dag 'etl' has schedule ")
    assert part in text
    assert text.endswith(".")
    assert "\n" not in text
    assert isinstance(caught.value, TradewindError)


def test_an_unknown_timezone_is_refused() -> None:
    with pytest.raises(InvalidSchedule, match=r"timezone 'Mars/Phobos' is unknown"):
        spec_of("@daily", timezone="Mars/Phobos")


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Asia/Seoul", "Asia/Seoul"),
        ("utc", "UTC"),
        ("+09:00", "+09:00"),
        (pendulum.timezone("Europe/Berlin"), "Europe/Berlin"),
        (pendulum.timezone("UTC"), "UTC"),
        (pendulum.FixedTimezone(9 * 3600), "+09:00"),
        (ZoneInfo("Asia/Tokyo"), "Asia/Tokyo"),
        (UTC, "UTC"),
        (timezone(timedelta(hours=-3, minutes=-30)), "-03:30"),
    ],
)
def test_a_timezone_may_be_a_name_or_an_object(zone: Any, name: str) -> None:
    assert CronTriggerTimetable("@daily", timezone=zone).spec().timezone == name


@pytest.mark.parametrize(
    ("schedule", "kind", "summary"),
    [
        (None, "never", "None"),
        ("@once", "once", "@once"),
        ("@continuous", "continuous", "@continuous"),
        ("0 6 * * *", "cron", "0 6 * * *"),
        (timedelta(days=1), "delta", "1 day, 0:00:00"),
        (relativedelta(months=1), "delta", "relativedelta(months=+1)"),
    ],
)
def test_every_plain_schedule_has_its_kind(schedule: Any, kind: str, summary: str) -> None:
    spec = spec_of(schedule)
    assert (spec.kind, spec.summary) == (kind, summary)


def test_the_words_say_what_they_mean_to_people() -> None:
    assert spec_of(None).description == "Never, external triggers only"
    assert spec_of("@once").description == "Once, as soon as possible"
    assert spec_of("@continuous").active_runs_limit == 1


@pytest.mark.parametrize("schedule", ["@daily", timedelta(hours=1), relativedelta(months=2)])
@pytest.mark.parametrize(
    ("generation", "create", "spans"),
    [(3, False, False), (3, True, True), (2, False, True), (2, True, True)],
)
def test_generation_and_setting_decide_between_trigger_and_data_interval(
    schedule: Any, generation: int, create: bool, spans: bool
) -> None:
    assert spec_of(schedule, generation=generation, create_data_intervals=create).data_interval is spans


def test_deltas_have_a_setting_of_their_own_that_leaves_cron_alone() -> None:
    assert spec_of(timedelta(hours=1), create_delta_data_intervals=True).data_interval
    assert spec_of(relativedelta(months=2), create_delta_data_intervals=True).data_interval
    assert not spec_of("@daily", create_delta_data_intervals=True).data_interval


def test_the_zone_of_the_dag_is_the_zone_of_its_cron() -> None:
    assert spec_of("0 9 * * *", timezone="Asia/Seoul").timezone == "Asia/Seoul"


def test_a_relativedelta_is_months_and_elapsed_time() -> None:
    spec = spec_of(relativedelta(years=1, months=2, weeks=1, hours=3))
    assert (spec.delta_months, spec.delta_seconds) == (14, 7 * 86400.0 + 3 * 3600)


def test_a_cron_trigger_keeps_its_window_and_its_haste() -> None:
    spec = CronTriggerTimetable(
        "@daily", timezone="UTC", interval=timedelta(days=1), run_immediately=timedelta(minutes=7)
    ).spec()
    assert (spec.window_seconds, spec.run_immediately, spec.data_interval) == (86400.0, 420.0, False)
    assert CronTriggerTimetable("@daily", "UTC", run_immediately=True).spec().run_immediately is True
    assert CronTriggerTimetable("@daily", "UTC", run_immediately=None).spec().run_immediately is False
    assert CronTriggerTimetable("@daily", "UTC", interval=relativedelta(months=1)).spec().window_months == 1


def test_the_older_name_of_the_expression_still_works() -> None:
    assert CronTriggerTimetable(cron="@daily", timezone="UTC") == CronTriggerTimetable("0 0 * * *", "UTC")
    assert CronDataIntervalTimetable(cron="@daily", timezone="UTC").spec().data_interval
    with pytest.raises(TypeError, match="needs one cron expression"):
        CronTriggerTimetable(timezone="UTC")


def test_several_crons_are_one_timetable() -> None:
    spec = MultipleCronTriggerTimetable("0 3 * * *", "@hourly", timezone="Asia/Seoul").spec()
    assert [cron.expression for cron in spec.crons] == ["0 3 * * *", "0 * * * *"]
    assert spec.summary == "0 3 * * *, 0 * * * *"
    with pytest.raises(ValueError, match="at least one"):
        MultipleCronTriggerTimetable(timezone="UTC")


def test_delta_timetables_say_whether_they_cover_a_span() -> None:
    assert DeltaDataIntervalTimetable(timedelta(hours=1)).spec().data_interval
    trigger = DeltaTriggerTimetable(timedelta(hours=1), interval=timedelta(hours=2)).spec()
    assert (trigger.data_interval, trigger.delta_seconds, trigger.window_seconds) == (False, 3600.0, 7200.0)


def test_events_are_sorted_instants_without_duplicates() -> None:
    later, earlier = pendulum.datetime(2024, 5, 1, tz="Asia/Seoul"), datetime(2024, 1, 1)
    timetable = EventsTimetable([later, earlier, later], restrict_to_events=True)
    spec = timetable.spec()
    assert spec.events == (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 4, 30, 15, tzinfo=UTC))
    assert spec.restrict_to_events
    assert spec.summary == "3 events"
    assert EventsTimetable([], description="Matches").spec().summary == "Matches"


class Asset:
    __module__ = "tradewind.sdk.assets"


@pytest.mark.parametrize("schedule", [Asset(), [Asset(), Asset()], (Asset(),), AssetTriggeredTimetable([Asset()])])
def test_assets_are_a_schedule(schedule: Any) -> None:
    assert spec_of(schedule).kind == "asset"


def test_assets_beside_a_timetable_keep_its_moments() -> None:
    asset = Asset()
    schedule = AssetOrTimeSchedule(timetable=CronTriggerTimetable("@daily", "UTC"), assets=asset)
    spec = spec_of(schedule)
    assert (spec.kind, spec.summary) == ("cron", "Asset or 0 0 * * *")
    assert schedule.asset_condition is asset
    assert AssetOrTimeSchedule(timetable=NullTimetable(), datasets=[asset]).asset_condition == [asset]
    with pytest.raises(TypeError, match="assets="):
        AssetOrTimeSchedule(timetable=NullTimetable())


class Workdays(Timetable):
    description = "After each workday"

    def next_dagrun_info(self, *, last_automated_data_interval: Any, restriction: Any) -> DagRunInfo | None:
        return DagRunInfo.exact(NOON)


class LateCron(CronTriggerTimetable):
    def next_dagrun_info(self, *, last_automated_data_interval: Any, restriction: Any) -> DagRunInfo | None:
        return None


@pytest.mark.parametrize("timetable", [Workdays(), LateCron("@daily", "UTC")])
def test_a_timetable_with_its_own_next_run_is_custom(timetable: Timetable) -> None:
    spec = spec_of(timetable)
    assert spec.kind == "custom"
    assert spec.custom == f"{__name__}.{type(timetable).__name__}"
    assert next_run(spec, None, Restriction(None, None, False), NOON) is None


def test_a_subclass_that_only_fixes_arguments_is_not_custom() -> None:
    class Nightly(CronTriggerTimetable):
        def __init__(self) -> None:
            super().__init__("0 2 * * *", "Asia/Seoul")

    assert spec_of(Nightly()) == CronTriggerTimetable("0 2 * * *", "Asia/Seoul").spec()


def test_a_bad_expression_inside_a_timetable_names_the_dag() -> None:
    with pytest.raises(InvalidSchedule, match=r"Dag 'etl' has schedule '0 25 \* \* \*', whose hour '25'"):
        spec_of(CronDataIntervalTimetable("0 25 * * *", timezone="UTC"))


def test_timetables_that_say_the_same_are_equal() -> None:
    assert CronTriggerTimetable("@daily", "UTC") == CronTriggerTimetable("0 0 * * *", timezone=pendulum.UTC)
    assert hash(OnceTimetable()) == hash(OnceTimetable())
    assert OnceTimetable() != NullTimetable()
    assert repr(ContinuousTimetable()) == "<ContinuousTimetable @continuous>"


def test_a_custom_timetable_may_build_on_a_known_one() -> None:
    daily = CronDataIntervalTimetable("@daily", timezone="UTC")
    last = DataInterval(NOON - timedelta(days=3), NOON - timedelta(days=2, hours=12))
    info = daily.next_dagrun_info(
        last_automated_data_interval=last, restriction=TimeRestriction(None, None, catchup=True)
    )
    assert info is not None
    assert info.data_interval is not None
    assert info.logical_date == pendulum.datetime(2024, 2, 28)
    assert info.run_after == info.data_interval.start.add(days=1)  # type: ignore[attr-defined]
    assert daily.infer_manual_data_interval(run_after=NOON).end == pendulum.datetime(2024, 3, 1)


def test_a_run_info_knows_its_logical_date() -> None:
    assert DagRunInfo.exact(NOON).logical_date == NOON
    assert DagRunInfo.interval(NOON, NOON + timedelta(hours=1)).run_after == NOON + timedelta(hours=1)
    assert DagRunInfo(NOON, None).logical_date is None


def test_a_spec_of_each_kind_is_due_when_it_should_be() -> None:
    restriction = Restriction(datetime(2024, 1, 1, tzinfo=UTC), None, True)
    first = {
        name: run.run_after.isoformat() if (run := next_run(spec_of(schedule), None, restriction, NOON)) else None
        for name, schedule in {"cron": "@daily", "delta": timedelta(hours=6), "once": "@once", "never": None}.items()
    }
    start = "2024-01-01T00:00:00+00:00"
    assert first == {"cron": start, "delta": start, "once": start, "never": None}
    assert isinstance(next_run(spec_of("@continuous"), None, restriction, NOON), DueRun)


def test_importing_timetables_loads_neither_croniter_nor_pendulum() -> None:
    code = "import sys, tradewind.sdk.timetables; print({'croniter', 'pendulum', 'dateutil'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("offset", "date", "key"),
    [
        (None, "2024-03-01T00:00:00+00:00", "2024-03-01T09:00"),
        (-1, "2024-02-29T00:00:00+00:00", "2024-02-29T09:00"),
        (2, "2024-03-03T00:00:00+00:00", "2024-03-03T09:00"),
        (timedelta(hours=-9), "2024-02-29T15:00:00+00:00", "2024-03-01T00:00"),
        (relativedelta(months=-1), "2024-02-01T00:00:00+00:00", "2024-02-01T09:00"),
    ],
)
def test_a_partitioned_cron_says_which_partition_a_run_is_for(offset: Any, date: str, key: str) -> None:
    timetable = CronPartitionTimetable(
        "0 9 * * *", timezone="Asia/Seoul", run_offset=offset, key_format="%Y-%m-%dT%H:%M"
    )
    found = partition_of(timetable.spec(), datetime(2024, 3, 1, tzinfo=UTC))
    assert found is not None
    assert (found[0].isoformat(), found[1]) == (date, key)
    assert (timetable.spec().kind, timetable.partitioned) == ("cron", True)


def test_other_schedules_have_no_partitions() -> None:
    assert partition_of(spec_of("@daily"), NOON) is None
    assert spec_of(PartitionedAtRuntime()).kind == "never"
    assert spec_of(PartitionedAssetTimetable(Asset())).kind == "asset"


def test_a_known_timetable_takes_pendulums_moments() -> None:
    info = CronTriggerTimetable("@daily", "UTC").next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(pendulum.datetime(2024, 1, 1, 5), None, catchup=True),
    )
    assert info is not None
    assert info.run_after == pendulum.datetime(2024, 1, 2)


def test_a_timetable_that_names_its_runs_itself_is_custom() -> None:
    class Named(CronTriggerTimetable):
        def generate_run_id(self, **given: Any) -> str:
            return "mine"

    assert spec_of(Named("@daily")).kind == "custom"


def test_what_clock_changes_do_may_be_chosen() -> None:
    for timetable in (
        CronTriggerTimetable("30 2 * * *", "Europe/Berlin", gap="skip", fold="second"),
        MultipleCronTriggerTimetable("30 2 * * *", timezone="Europe/Berlin", gap="skip", fold="second"),
        CronDataIntervalTimetable("30 2 * * *", "Europe/Berlin", gap="skip", fold="second"),
    ):
        assert (timetable.spec().gap, timetable.spec().fold) == ("skip", "second")
    assert (spec_of("@daily").gap, spec_of("@daily").fold) == ("shift", "first")
    with pytest.raises(InvalidSchedule, match="gap='later'; use 'shift' or 'skip'"):
        CronTriggerTimetable("@daily", "UTC", gap="later").spec()
