"""The small functions that Airflow keeps under `airflow.utils`, asked for by the names people know."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pendulum
import pytest

from tradewind.sdk import compat_helpers as helpers
from tradewind.sdk import compat_processes, compat_settings, compat_times
from tradewind.sdk.exceptions import AirflowTaskTimeout


def test_days_ago_is_midnight_in_utc() -> None:
    expected = pendulum.now("UTC").start_of("day").subtract(days=3)
    assert compat_times.days_ago(3) == expected
    assert compat_times.days_ago(3, hour=5) == expected.add(hours=5)


def test_date_range_steps_by_duration_or_cron() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=day) for day in range(3)]
    assert compat_times.date_range(start, num=3, delta=timedelta(days=1)) == days
    assert compat_times.date_range(start, end_date=days[-1], delta="@daily") == days
    assert compat_times.date_range(days[-1], num=-3, delta=timedelta(days=1)) == days


def test_a_duration_reads_in_its_units() -> None:
    assert compat_times.td_format(timedelta(days=1, seconds=3661)) == "1d:1h:1M:1s"
    assert compat_times.td_format(0.5) == "<1s"
    assert compat_times.td_format(None) is None


def test_prune_dict_drops_nothing_or_emptiness_at_every_depth() -> None:
    value = {"a": None, "b": 0, "c": {"d": None}, "e": [None, 1, ""]}
    assert helpers.prune_dict(value) == {"b": 0, "c": {}, "e": [1, ""]}
    assert helpers.prune_dict(value, mode="truthy") == {"e": [1]}


def test_merge_dicts_merges_what_is_inside_and_lets_the_second_win() -> None:
    assert helpers.merge_dicts({"a": {"x": 1, "y": 1}, "b": 1}, {"a": {"y": 2}, "b": 2}) == {
        "a": {"x": 1, "y": 2},
        "b": 2,
    }


def test_chunks_leave_nothing_out() -> None:
    assert list(helpers.chunks([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    with pytest.raises(ValueError, match="positive"):
        list(helpers.chunks([1], 0))


def test_exactly_one_and_at_most_one_count_what_is_true() -> None:
    assert helpers.exactly_one(None, "a", 0)
    assert not helpers.exactly_one("a", "b")
    assert helpers.at_most_one(None, 0)
    assert not helpers.at_most_one(1, 2)


def test_a_name_is_imported_from_its_dotted_path() -> None:
    assert helpers.import_string("datetime.datetime") is datetime
    with pytest.raises(ImportError, match='does not define a "nope"'):
        helpers.import_string("datetime.nope")


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("TW_A", "before")
    with compat_processes.patch_environ({"TW_A": "within", "TW_B": "new"}):
        assert (os.environ["TW_A"], os.environ["TW_B"]) == ("within", "new")
    assert (os.environ["TW_A"], "TW_B" in os.environ) == ("before", False)


def test_a_block_that_takes_too_long_is_left() -> None:
    with pytest.raises(AirflowTaskTimeout, match="slow"), compat_processes.timeout(0.02, "slow"):
        time.sleep(5)


def test_week_days_are_read_from_names_and_members() -> None:
    assert helpers.WeekDay.validate_week_day(["monday", helpers.WeekDay.SUNDAY]) == {1, 7}
    with pytest.raises(AttributeError, match="Invalid week day 'noday'"):
        helpers.WeekDay.get_weekday_number("noday")


def test_addresses_are_split_at_commas_and_semicolons() -> None:
    assert helpers.get_email_address_list("a@x.org, b@x.org;c@x.org") == ["a@x.org", "b@x.org", "c@x.org"]


def test_the_home_folder_is_the_configured_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_HOME", "/srv/flows")
    assert compat_settings.get_airflow_home() == "/srv/flows"


def test_a_plugin_without_a_name_is_refused() -> None:
    class Nameless(compat_settings.AirflowPlugin):
        pass

    with pytest.raises(ValueError, match="Nameless has no name"):
        Nameless.validate()
