"""How an attempt ends, for everything that a task can do."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from execution_attempts import DAY, FakeRuntime, attempt, clock, offer, run_info, value_of

from tradewind.sdk.dag import DAG
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
    TaskDeferred,
)
from tradewind.sdk.execution import prepare, run_attempt, run_callback
from tradewind.sdk.execution.interrupts import StopOnRequest
from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.xcom_codec import decode
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator


def python_dag(function, **kwargs) -> DAG:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=function, **kwargs)
    return dag


def raising(error: BaseException):
    def function():
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError("no"), "failed"),
        (AirflowException("no"), "failed"),
        (SystemExit(0), "failed"),
        (SystemExit(3), "failed"),
        (KeyboardInterrupt(), "failed"),
        (AirflowTaskTimeout("late"), "failed"),
        (AirflowFailException("never"), "failed_for_good"),
        (AirflowSensorTimeout("late"), "failed_for_good"),
        (AirflowTaskTerminated("stop"), "failed_for_good"),
        (AirflowSkipException("not today"), "skipped"),
        (AirflowRescheduleException(DAY), "rescheduled"),
        (TaskDeferred(trigger=object(), method_name="go_on"), "failed_for_good"),
        (DownstreamTasksSkipped(tasks=["a", ("b", 2)]), "success"),
    ],
)
def test_what_a_task_raises_decides_its_outcome(error: BaseException, outcome: str) -> None:
    assert attempt(python_dag(raising(error)), "t").outcome == outcome


def test_the_error_is_one_line_with_type_and_text() -> None:
    report = attempt(python_dag(raising(ValueError("first\nsecond"))), "t")
    assert report.error == "ValueError: first second"


def test_a_reschedule_carries_its_date_and_skipped_tasks_their_names() -> None:
    assert attempt(python_dag(raising(AirflowRescheduleException(DAY))), "t").reschedule_us == microseconds(DAY)
    assert attempt(python_dag(raising(DownstreamTasksSkipped(tasks=["a", ("b", 2)]))), "t").skip == ["a", "b[2]"]


def test_a_result_is_kept_with_its_length() -> None:
    report = attempt(python_dag(lambda: {"a": 1, "b": 2}), "t")
    assert value_of(report) == {"a": 1, "b": 2}
    assert report.length == 2
    assert attempt(python_dag(lambda: "text"), "t").length is None


@pytest.mark.parametrize("kwargs", [{"python_callable": lambda: None}, {"do_xcom_push": False}])
def test_nothing_is_kept_of_none_or_without_xcom_push(kwargs) -> None:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", **{"python_callable": lambda: 1, **kwargs})
    report = attempt(dag, "t")
    assert (report.outcome, report.value) == ("success", None)


def test_each_of_multiple_outputs_says_how_long_it_is() -> None:
    report = attempt(python_dag(lambda: {"a": 1, "b": [2, 3]}, multiple_outputs=True), "t")
    assert {xcom.key: xcom.length for xcom in report.xcoms} == {"a": None, "b": 2}


def test_multiple_outputs_become_xcoms_of_their_own() -> None:
    report = attempt(python_dag(lambda: {"a": 1, "b": [2]}, multiple_outputs=True), "t")
    assert {x.key: decode(x.value) for x in report.xcoms} == {"a": 1, "b": [2]}
    assert value_of(report) == {"a": 1, "b": [2]}


@pytest.mark.parametrize(("result", "word"), [([1], "list"), ({1: 2}, "int")])
def test_multiple_outputs_of_another_shape_fail_with_a_sentence(result, word: str) -> None:
    report = attempt(python_dag(lambda: result, multiple_outputs=True), "t")
    assert report.outcome == "failed"
    assert "'t' has multiple_outputs" in report.error
    assert word in report.error


def test_a_result_that_is_not_json_fails_with_task_type_and_advice() -> None:
    report = attempt(python_dag(lambda: {"a": [object()]}), "t")
    assert report.outcome == "failed"
    assert "'t'" in report.error
    assert "builtins.object at ['a'][0]" in report.error
    assert "return JSON values" in report.error


def test_start_is_told_after_rendering_and_before_execute() -> None:
    order = []

    class Probe(BaseOperator):
        template_fields = ("text",)

        def __init__(self, *, text, **kwargs):
            super().__init__(**kwargs)
            self.text = text

        def pre_execute(self, context):
            order.append("pre_execute")

        def execute(self, context):
            order.append(self.text)

        def post_execute(self, context, result=None):
            order.append("post_execute")

    with DAG("d", schedule=None) as dag:
        Probe(task_id="t", text="{{ ds }}", on_execute_callback=lambda context: order.append("on_execute"))
    starts: list[int] = []
    on_started = lambda us: (order.append("started"), starts.append(us))  # noqa: E731
    report = run_attempt(prepare(dag), offer("t"), FakeRuntime(), on_started, clock())
    assert order == ["started", "pre_execute", "on_execute", "2024-03-05", "post_execute"]
    assert report.start_us == starts[0] < report.end_us


def test_a_task_that_is_not_in_the_file_any_more_fails_with_its_name() -> None:
    report = attempt(python_dag(lambda: 1), "gone")
    assert report.outcome == "failed"
    assert "has no task 'gone'" in report.error


# --- callbacks and retries -----------------------------------------------------------------------------------------


def seen_by_callbacks(function, **fields) -> list[str]:
    seen: list[str] = []

    def note(event):
        return lambda context: seen.append(f"{event} {context['ti'].state} {type(context.get('exception')).__name__}")

    events = ("on_success", "on_failure", "on_retry", "on_skipped")
    attempt(python_dag(function, **{f"{event}_callback": [note(event)] for event in events}), "t", **fields)
    return seen


def test_each_end_calls_its_own_callback() -> None:
    assert seen_by_callbacks(lambda: 1) == ["on_success success NoneType"]
    assert seen_by_callbacks(raising(AirflowSkipException())) == ["on_skipped skipped NoneType"]
    assert seen_by_callbacks(raising(ValueError())) == ["on_failure failed ValueError"]
    assert seen_by_callbacks(raising(ValueError()), max_tries=1) == ["on_retry up_for_retry ValueError"]
    assert seen_by_callbacks(raising(ValueError()), max_tries=1, try_number=2) == ["on_failure failed ValueError"]
    assert seen_by_callbacks(raising(AirflowFailException()), max_tries=5) == ["on_failure failed AirflowFailException"]
    assert seen_by_callbacks(raising(AirflowRescheduleException(DAY))) == []


def test_a_callback_that_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    called = []
    dag = python_dag(lambda: 1, on_success_callback=[raising(RuntimeError("oops")), lambda context: called.append(1)])
    dag.get_task("t").on_success_callback[0] = lambda context: 1 / 0
    assert attempt(dag, "t").outcome == "success"
    assert called == [1]
    assert "ZeroDivisionError" in caplog.text


def policy(action: str, delay: timedelta | None = None):
    return SimpleNamespace(evaluate=lambda *a: SimpleNamespace(action=action, retry_delay=delay, reason=None))


@pytest.mark.parametrize(
    ("action", "delay", "outcome", "seconds"),
    [
        ("fail", None, "failed_for_good", None),
        ("retry", timedelta(minutes=2), "failed", 120.0),
        ("default", None, "failed", None),
    ],
)
def test_a_retry_policy_decides(action, delay, outcome: str, seconds: float | None) -> None:
    dag = python_dag(raising(ValueError()), retries=3, retry_policy=policy(action, delay))
    report = attempt(dag, "t", max_tries=3)
    assert (report.outcome, report.retry_delay_seconds) == (outcome, seconds)


def test_a_retry_policy_that_raises_leaves_the_usual_rule() -> None:
    broken = SimpleNamespace(evaluate=raising(RuntimeError("oops")))
    report = attempt(python_dag(raising(ValueError("x")), retry_policy=broken), "t", max_tries=1)
    assert (report.outcome, report.error) == ("failed", "ValueError: x")


@pytest.mark.parametrize("event", ["on_success", "on_failure"])
def test_a_dag_callback_gets_reason_and_run(event: str) -> None:
    seen = []
    with DAG("d", schedule=None, **{f"{event}_callback": lambda context: seen.append(context)}) as dag:
        PythonOperator(task_id="t", python_callable=lambda: 1)
    order = offer("", callback=f"dag:{event}", reason="task_failure", run=run_info(state="failed"))
    report = run_callback(prepare(dag), order, FakeRuntime())
    assert report.outcome == "success", report.error
    (context,) = seen
    assert (context["reason"], context["run_id"], context["dag"]) == ("task_failure", order.run.run_id, dag)
    assert context["dag_run"].state == "failed"


def test_a_task_callback_can_be_run_for_a_lost_attempt_and_its_failure_is_reported() -> None:
    dag = python_dag(lambda: 1, on_failure_callback=lambda context: {}[context["exception"]])
    order = offer("t", callback="task:on_failure", reason="its worker vanished")
    report = run_callback(prepare(dag), order, FakeRuntime())
    assert (report.outcome, report.error) == ("failed", "KeyError: 'its worker vanished'")


# --- skipping what follows -------------------------------------------------------------------------------------------


def test_branches_and_short_circuits_report_what_they_skip() -> None:
    with DAG("d", schedule=None) as dag:
        branch = BranchPythonOperator(task_id="branch", python_callable=lambda: "a")
        stop = ShortCircuitOperator(task_id="stop", python_callable=lambda: False)
        a, b = (PythonOperator(task_id=name, python_callable=lambda: 1) for name in "ab")
        branch >> [a, b]
        b >> stop >> PythonOperator(task_id="c", python_callable=lambda: 1)
    assert attempt(dag, "branch").skip == ["b"]
    assert attempt(dag, "stop").skip == ["c"]


# --- time limits and stopping ----------------------------------------------------------------------------------------


class Sleeper(BaseOperator):
    killed = 0

    def execute(self, context) -> None:
        time.sleep(5)

    def on_kill(self) -> None:
        type(self).killed += 1


def sleeping_dag(**kwargs) -> DAG:
    Sleeper.killed = 0
    with DAG("d", schedule=None) as dag:
        Sleeper(task_id="t", **kwargs)
    return dag


def test_a_task_is_stopped_at_its_execution_timeout() -> None:
    report = attempt(sleeping_dag(execution_timeout=timedelta(seconds=0.05)), "t")
    assert report.outcome == "failed"
    assert report.error.startswith("AirflowTaskTimeout: Task 't' ran longer than")
    assert Sleeper.killed == 1
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_sigterm_calls_on_kill_and_ends_the_attempt_as_cancelled() -> None:
    before = signal.getsignal(signal.SIGTERM)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    report = attempt(sleeping_dag(), "t")
    assert (report.outcome, report.error) == ("cancelled", "The attempt was stopped on request.")
    assert Sleeper.killed == 1
    assert signal.getsignal(signal.SIGTERM) == before


def test_author_code_cannot_swallow_a_stop() -> None:
    def stubborn():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        except BaseException:
            return "done all the same"

    report = attempt(python_dag(stubborn), "t")
    assert (report.outcome, report.value) == ("cancelled", None)


def test_the_traceback_in_the_log_has_only_the_authors_frames(caplog: pytest.LogCaptureFixture) -> None:
    def fails():
        raise ValueError("x")

    attempt(python_dag(fails), "t")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert 'in fails\n    raise ValueError("x")' in record.author_trace
    assert "tradewind/sdk" not in record.author_trace


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # a worker of pytest-xdist has a thread
def test_what_a_task_forks_dies_of_a_sigterm_at_any_moment_and_leaves_the_attempt_alone() -> None:
    asked: list[str] = []
    with StopOnRequest(lambda: asked.append("on_kill")) as stop:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            os.kill(pid, signal.SIGTERM)  # before its interpreter is set up
            _, status = os.waitpid(pid, 0)
            assert os.WTERMSIG(status) == signal.SIGTERM
    assert not asked
    assert not stop.requested
