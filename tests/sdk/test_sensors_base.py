"""What all sensors share: limits over all looks of one try, back-off, and what errors mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from execution_attempts import DAY, attempt

from tradewind.sdk import DAG, BaseSensorOperator, PokeReturnValue
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from tradewind.sdk.execution.moments import microseconds


class Looks(BaseSensorOperator):
    def __init__(self, answers: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.answers = answers

    def poke(self, context: Any) -> Any:
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def looks(*answers: Any, **kwargs: Any) -> DAG:
    with DAG("d", schedule=None, start_date=DAY) as dag:
        Looks(task_id="s", answers=list(answers), **{"poke_interval": 0, **kwargs})
    return dag


def ago(seconds: float) -> int:
    return microseconds(datetime.now(UTC)) - int(seconds * 1_000_000)


RESCHEDULE = {"mode": "reschedule", "poke_interval": 30}


@pytest.mark.parametrize(
    ("error", "plain", "soft", "never", "silent"),
    [
        (AirflowSkipException("x"), "skipped", "skipped", "skipped", "skipped"),
        (AirflowFailException("x"), "failed_for_good", "skipped", "skipped", "failed_for_good"),
        (AirflowSensorTimeout("x"), "failed_for_good", "skipped", "failed_for_good", "failed_for_good"),
        (AirflowTaskTimeout("x"), "failed", "skipped", "failed", "failed"),
        (ValueError("x"), "failed", "failed", "skipped", "success"),
        (AirflowException("x"), "failed", "failed", "skipped", "success"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_an_error_of_a_look_means(error: Any, plain: str, soft: str, never: str, silent: str) -> None:
    ends = [
        attempt(looks(error, True, **options), "s").outcome
        for options in ({}, {"soft_fail": True}, {"never_fail": True}, {"silent_fail": True})
    ]
    assert ends == [plain, soft, never, silent]


def test_a_timeout_fails_for_good_or_skips_and_never_fail_does_not_help() -> None:
    assert attempt(looks(False, timeout=0), "s", max_tries=3).outcome == "failed_for_good"
    assert attempt(looks(False, timeout=0, soft_fail=True), "s").outcome == "skipped"
    assert attempt(looks(False, timeout=0, never_fail=True), "s").outcome == "failed_for_good"


def test_the_limit_counts_over_all_reschedules_of_a_try() -> None:
    sensor = looks(False, timeout=100, **RESCHEDULE)
    assert attempt(sensor, "s").outcome == "rescheduled"
    assert attempt(sensor, "s", leg=1, first_start_us=ago(90)).outcome == "rescheduled"
    assert attempt(sensor, "s", leg=2, first_start_us=ago(110)).outcome == "failed_for_good"


def test_a_new_try_counts_afresh() -> None:
    sensor = looks(False, timeout=100, **RESCHEDULE)
    assert attempt(sensor, "s", try_number=2, leg=0, first_start_us=None).outcome == "rescheduled"


def test_a_reschedule_names_the_time_of_the_next_look() -> None:
    before = microseconds(datetime.now(UTC))
    report = attempt(looks(False, **RESCHEDULE), "s")
    assert report.reschedule_us is not None
    assert 0 <= report.reschedule_us - before - 30_000_000 < 25_000_000


def test_a_value_is_left_by_the_look_that_is_done() -> None:
    report = attempt(looks(False, PokeReturnValue(False, "no"), PokeReturnValue(True, "yes")), "s")
    assert (report.outcome, report.value) == ("success", b'"yes"')


class TestBackOff:
    def waits(self, count: int, **options: Any) -> list[float]:
        [task] = looks(False, exponential_backoff=True, **options).tasks
        started = datetime(2024, 3, 5, tzinfo=UTC)
        return [task._wait_seconds({}, number, started, 1e9) for number in range(1, count + 1)]

    def test_waits_double_with_a_jitter_of_at_most_as_much_again(self) -> None:
        for number, wait in enumerate(self.waits(12, poke_interval=60), start=1):
            least = int(60 * 2 ** (number - 2))
            assert least <= wait < 2 * least

    def test_waits_are_the_same_for_the_same_look_of_the_same_sensor(self) -> None:
        assert self.waits(5, poke_interval=60) == self.waits(5, poke_interval=60)

    def test_waits_are_no_longer_than_max_wait(self) -> None:
        assert max(self.waits(30, poke_interval=60, max_wait=timedelta(minutes=5))) == 300.0

    def test_a_wait_is_no_longer_than_what_is_left_of_the_limit(self) -> None:
        [task] = looks(False, exponential_backoff=True, poke_interval=60).tasks
        assert task._wait_seconds({}, 20, datetime(2024, 3, 5, tzinfo=UTC), 12.0) == 13.0

    def test_a_rescheduled_sensor_goes_on_with_longer_waits(self) -> None:
        sensor = looks(False, exponential_backoff=True, timeout=100_000, **RESCHEDULE)
        early, late = attempt(sensor, "s"), attempt(sensor, "s", leg=7, first_start_us=ago(3000))
        now = microseconds(datetime.now(UTC))
        assert early.reschedule_us is not None
        assert late.reschedule_us is not None
        assert early.reschedule_us - now < 60_000_000
        assert late.reschedule_us - now > 600_000_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "deferred"}, "must be 'poke' or 'reschedule'"),
        ({"poke_interval": -1}, "poke_interval must be a non-negative number"),
        ({"timeout": "soon"}, "timeout must be a non-negative number"),
        ({"max_wait": -5}, "max_wait must be a non-negative number"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: Any, words: str) -> None:
    with pytest.raises(AirflowException, match=words):
        looks(True, **options)


def test_a_sensor_in_mode_poke_keeps_looking_without_a_reschedule() -> None:
    try:
        report = attempt(looks(False, False, False, True, mode="poke"), "s")
    except AirflowRescheduleException:
        pytest.fail("it rescheduled itself")
    assert report.outcome == "success"
