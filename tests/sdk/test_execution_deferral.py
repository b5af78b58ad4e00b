"""A task that defers: what its report carries, and how it goes on with an event, a timeout or a failure."""

from __future__ import annotations

import sys
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import triggers_under_test as given
from execution_attempts import FakeRuntime, attempt, clock, offer, value_of

from tradewind.sdk import DAG, BaseOperator, BaseSensorOperator
from tradewind.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout, TaskDeferred
from tradewind.sdk.execution import prepare, run_attempt
from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.xcom_codec import decode, encode
from tradewind.sdk.triggers.base import BaseTrigger, StartTriggerArgs, TaskFailedEvent, TriggerEvent
from tradewind.sdk.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger
from tradewind.wire.messages import Finished


class Waits(BaseOperator):
    template_fields = ("name",)

    def __init__(self, trigger: Any = None, name: str = "x", again: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger, self.name, self.again = trigger, name, again
        self.timeout: timedelta | None = None

    def execute(self, context: Any) -> None:
        self.defer(
            trigger=self.trigger or given.Says(self.name), method_name="go_on", kwargs={"number": 5},
            timeout=self.timeout,
        )  # fmt: skip

    def go_on(self, context: Any, number: int, event: Any = None) -> Any:
        if self.again and number == 5:
            self.defer(trigger=given.Says("second"), method_name="go_on", kwargs={"number": 6})
        return [self.name, number, event]


def dag_of(trigger: Any = None, timeout: timedelta | None = None, **kwargs: Any) -> DAG:
    with DAG("d", schedule=None) as dag:
        task = Waits(trigger=trigger, task_id="t", **kwargs)
        task.timeout = timeout
    return dag


def here(dag: DAG, runtime: FakeRuntime | None = None, **fields: Any) -> Finished:
    """The report of an attempt that waits for triggers in its own process."""
    return run_attempt(
        prepare(dag), offer("t", **fields), runtime or FakeRuntime(), lambda _: None, clock(), triggers_here=True
    )


# --- deferring ---------------------------------------------------------------------------------------------------


def test_the_report_carries_trigger_method_and_timeout() -> None:
    report = attempt(dag_of(name="{{ ds }}", timeout=timedelta(minutes=2)), "t")
    assert (report.outcome, report.error) == ("deferred", "")
    assert report.defer is not None
    assert report.defer.classpath == "triggers_under_test.Says"
    assert decode(report.defer.kwargs) == {"name": "2024-03-05"}
    assert (report.defer.method, decode(report.defer.method_kwargs)) == ("go_on", {"number": 5})
    assert report.defer.timeout_seconds == 120


def test_what_it_had_returned_before_is_not_kept_and_no_callback_is_called() -> None:
    called = []
    with DAG("d", schedule=None) as dag:
        Waits(
            task_id="t", on_success_callback=called.append, on_failure_callback=called.append,
            on_skipped_callback=called.append,
        )  # fmt: skip
    report = attempt(dag, "t")
    assert (report.value, report.xcoms, called) == (None, [], [])


def test_types_survive_among_the_arguments() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    report = attempt(dag_of(given.Says("x", at=at, span=timedelta(hours=1), pair=(1, 2))), "t")
    assert report.defer is not None
    assert decode(report.defer.kwargs) == {"name": "x", "at": at, "span": timedelta(hours=1), "pair": (1, 2)}


@pytest.mark.parametrize("end", [False, True])
def test_a_plain_moment_says_so_since_it_needs_no_triggerer(end: bool) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    report = attempt(dag_of(DateTimeTrigger(at, end_from_trigger=end)), "t")
    assert report.defer is not None
    assert report.defer.at_us == microseconds(at)
    assert decode(report.defer.at_event) == at
    assert report.defer.at_ends == ("success" if end else "")


def test_a_delta_is_a_plain_moment_too_and_other_triggers_are_not() -> None:
    report = attempt(dag_of(TimeDeltaTrigger(timedelta(hours=1))), "t")
    assert report.defer is not None
    assert report.defer.classpath == "tradewind.sdk.triggers.temporal.DateTimeTrigger"
    assert report.defer.at_us is not None

    class Later(DateTimeTrigger):
        async def run(self):
            yield TriggerEvent("own")

    assert Later(datetime(2030, 1, 1, tzinfo=UTC)).fires_at is None
    plain = attempt(dag_of(), "t").defer
    assert plain is not None
    assert plain.at_us is None


class SerializesBadly(BaseTrigger):
    def serialize(self) -> Any:
        return "only.a.path"

    async def run(self):
        yield TriggerEvent()


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (object(), "object is no trigger"),
        (SerializesBadly(), "must give the dotted path of the class and a dict"),
        (given.Says("x", value=object()), "cannot be kept while it waits"),
    ],
    ids=["no trigger", "bad serialize", "bad argument"],
)
def test_a_trigger_that_cannot_be_sent_fails_the_task_for_good(trigger: Any, words: str) -> None:
    report = attempt(dag_of(trigger), "t", max_tries=3)
    assert report.outcome == "failed_for_good"
    assert report.defer is None
    assert "Task 't' could not defer" in report.error
    assert words in report.error


def test_a_trigger_of_the_dag_file_itself_gets_a_name_that_others_can_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "team").mkdir()
    source = (
        "from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent\n"
        "class Mine(BaseTrigger):\n"
        "    def serialize(self): return f'{__name__}.Mine', {}\n"
        "    async def run(self): yield TriggerEvent(1)\n"
    )

    def loaded(name: str) -> Any:
        file = tmp_path / "team" / name
        file.write_text(source)
        module = types.ModuleType("tradewind_dag_0123_flow")
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(source, str(file), "exec"), module.__dict__)
        return module.Mine()

    mine = loaded("flow.py")
    refused = attempt(dag_of(mine), "t")
    assert "which no other process can import" in refused.error
    monkeypatch.syspath_prepend(tmp_path)
    report = attempt(dag_of(mine), "t")
    assert report.defer is not None
    assert report.defer.classpath == "team.flow.Mine"
    assert "no other process can import" in attempt(dag_of(loaded("my-flow.py")), "t").error


def test_an_operator_may_begin_with_its_trigger() -> None:
    class Begins(BaseOperator):
        start_from_trigger = True
        start_trigger_args = StartTriggerArgs(
            trigger_cls="triggers_under_test.Says", trigger_kwargs={"name": "{{ ds }}"}, next_method="go_on",
            next_kwargs={"number": 1}, timeout=timedelta(seconds=9),
        )  # fmt: skip

        def execute(self, context: Any) -> None:
            raise AssertionError("it is not executed")

        def go_on(self, context: Any, number: int, event: Any) -> Any:
            return [number, event]

    with DAG("d", schedule=None) as dag:
        Begins(task_id="t")
    defer = attempt(dag, "t").defer
    assert defer is not None
    assert (defer.classpath, decode(defer.kwargs)) == ("triggers_under_test.Says", {"name": "2024-03-05"})
    assert (defer.method, decode(defer.method_kwargs), defer.timeout_seconds) == ("go_on", {"number": 1}, 9.0)
    resumed = attempt(dag, "t", resume_method=defer.method, resume_kwargs=defer.method_kwargs, event=b'"e"')
    assert value_of(resumed) == [1, "e"]


# --- going on ----------------------------------------------------------------------------------------------------

RESUMED = {"resume_method": "go_on", "resume_kwargs": encode({"number": 5}), "leg": 1}


def test_it_goes_on_in_its_method_with_the_event_and_rendered_fields() -> None:
    report = attempt(dag_of(name="{{ ds }}"), "t", **RESUMED, event=encode({"rows": 3}))
    assert value_of(report) == ["2024-03-05", 5, {"rows": 3}]


def test_it_may_defer_again() -> None:
    report = attempt(dag_of(again=True), "t", **RESUMED, event=b"1")
    assert report.outcome == "deferred"
    assert report.defer is not None
    assert decode(report.defer.method_kwargs) == {"number": 6}


def test_a_timeout_and_a_failure_are_raised_where_it_would_go_on() -> None:
    late = attempt(dag_of(), "t", **RESUMED, resume_error="timeout")
    assert (late.outcome, late.error) == ("failed", "TaskDeferralTimeout: Trigger timeout")
    broken = attempt(dag_of(), "t", **RESUMED, resume_error="failure", event=encode("Traceback …"))
    assert (broken.outcome, broken.error) == ("failed", "TaskDeferralError: Trigger failure: Traceback …")


def test_an_operator_may_make_something_of_a_failure() -> None:
    class Forgives(Waits):
        def resume_execution(self, next_method: str, next_kwargs: Any, context: Any) -> Any:
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except (TaskDeferralTimeout, TaskDeferralError) as error:
                return type(error).__name__

    with DAG("d", schedule=None) as dag:
        Forgives(task_id="t")
    assert value_of(attempt(dag, "t", **RESUMED, resume_error="timeout")) == "TaskDeferralTimeout"
    assert value_of(attempt(dag, "t", **RESUMED, resume_error="failure")) == "TaskDeferralError"


class DeferringSensor(BaseSensorOperator):
    def go_on(self, context: Any, number: int, event: Any = None) -> Any:
        raise ValueError("an error of another kind")


@pytest.mark.parametrize(
    ("soft", "error", "outcome"),
    [
        (False, "timeout", "failed_for_good"),
        (True, "timeout", "skipped"),
        (False, "failure", "failed"),
        (True, "failure", "skipped"),
        (True, "", "failed"),
    ],
)
def test_a_sensor_treats_them_as_its_own_timeout_and_failure(soft: bool, error: str, outcome: str) -> None:
    with DAG("d", schedule=None) as dag:
        DeferringSensor(task_id="t", soft_fail=soft)
    assert attempt(dag, "t", **RESUMED, resume_error=error).outcome == outcome


def test_a_method_that_is_gone_is_named() -> None:
    assert "no attribute 'gone'" in attempt(dag_of(), "t", resume_method="gone", resume_kwargs=b"{}").error


def test_hooks_and_callbacks_run_around_the_method_as_around_execute() -> None:
    said: list[str] = []
    with DAG("d", schedule=None) as dag:
        Waits(
            task_id="t",
            pre_execute=lambda context: said.append("pre"),
            on_execute_callback=lambda context: said.append("on_execute"),
            post_execute=lambda context, result: said.append(f"post {result[1]}"),
            on_success_callback=lambda context: said.append("on_success"),
        )
    attempt(dag, "t", **RESUMED, event=b"1")
    assert said == ["pre", "on_execute", "post 5", "on_success"]


def test_execution_timeout_counts_from_the_first_start() -> None:
    with DAG("d", schedule=None) as dag:
        Waits(task_id="t", execution_timeout=timedelta(hours=1))
    now = clock()()
    in_time = attempt(dag, "t", **RESUMED, event=b"1", first_start_us=now - 3_000_000_000)
    assert in_time.outcome == "success"
    late = attempt(dag, "t", **RESUMED, event=b"1", first_start_us=now - 3_700_000_000)
    assert (late.outcome, late.error.partition(":")[0]) == ("failed", "AirflowTaskTimeout")


# --- in one process ----------------------------------------------------------------------------------------------


def test_without_a_triggerer_the_trigger_is_waited_for_in_the_process() -> None:
    assert value_of(here(dag_of(name="{{ ds }}"))) == ["2024-03-05", 5, "2024-03-05"]
    assert value_of(here(dag_of(again=True))) == ["x", 6, "second"]


def test_in_one_process_timeouts_and_failures_are_the_same() -> None:
    late = here(dag_of(given.Sleeps("x"), timeout=timedelta(milliseconds=10)))
    assert late.error == "TaskDeferralTimeout: Trigger timeout"
    assert here(dag_of(given.Raises("x"))).error == "TaskDeferralError: Trigger failure: ValueError: x is broken"
    assert here(dag_of(given.SaysNothing("x"))).error.startswith("TaskDeferralError: Trigger failure: ")
    refused = here(dag_of(given.Says("x", value=object())))
    assert "cannot be kept while it waits" in refused.error


class EndsAsFailed(given.Named):
    async def run(self):
        yield TaskFailedEvent()


def test_in_one_process_a_trigger_may_end_the_task() -> None:
    runtime = FakeRuntime()
    assert here(dag_of(given.Ends("succeeds")), runtime).outcome == "success"
    [(method, pushed)] = runtime.asked
    assert (method, pushed["key"], decode(pushed["value"])) == ("xcom.push", "rows", 3)
    assert here(dag_of(given.Ends("skips"))).outcome == "skipped"
    assert here(dag_of(EndsAsFailed("x"))).outcome == "failed"


def test_a_timeout_must_be_a_timedelta() -> None:
    with pytest.raises(ValueError, match="must be a timedelta"):
        TaskDeferred(trigger=given.Says(), method_name="x", timeout=5)
