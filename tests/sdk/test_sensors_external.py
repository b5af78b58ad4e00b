"""ExternalTaskSensor, its trigger, and TriggerDagRun's: other Dags as the engine's answers show them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from execution_attempts import DAY, FakeRuntime, attempt, rendered, run_info

from tradewind.core.dag import TaskSpec
from tradewind.sdk import DAG
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowSkipException,
    DuplicateStateError,
    ExternalTaskFailedError,
)
from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.runtime import runtime_installed
from tradewind.sdk.execution.trigger_paths import class_of, made_from, path_and_kwargs
from tradewind.sdk.sensors.external_task import ExternalDagLink, ExternalTaskMarker, ExternalTaskSensor
from tradewind.sdk.serialize import dag_spec
from tradewind.sdk.triggers.external_task import DagStateTrigger, WorkflowTrigger

DATE = microseconds(DAY)


class OtherDag(FakeRuntime):
    """An engine that knows the runs of one other Dag: {logical date: (run state, {task: state})}."""

    def __init__(self, runs: dict[datetime, tuple[str, dict[str, str | None]]], **facts: Any) -> None:
        self.runs = {microseconds(date): run for date, run in runs.items()}
        facts = {"dag_id": "other", "is_stale": False, "task_ids": ["a", "b"], "groups": {"g": ["a", "b"]}, **facts}
        super().__init__(run_count=self.count, task_states=self.states, dag_get=lambda dag_id: facts, run_get=self.run)

    def _chosen(self, dates: Any, run_ids: Any) -> dict[int, Any]:
        return {
            date: run
            for date, run in self.runs.items()
            if (dates is None or date in dates) and (run_ids is None or f"r{date}" in run_ids)
        }

    def count(self, dag_id: str, logical_dates_us: Any = None, run_ids: Any = None, states: Any = None) -> int:
        return sum(state in states for state, _ in self._chosen(logical_dates_us, run_ids).values())

    def states(self, dag_id: str, logical_dates_us: Any = None, run_ids: Any = None, task_ids: Any = None) -> Any:
        return {
            f"r{date}": {name: state for name, state in tasks.items() if name.split("_")[0] in task_ids}
            for date, (_, tasks) in self._chosen(logical_dates_us, run_ids).items()
        }

    def run(self, dag_id: str, run_id: str) -> Any:
        return {"state": self.runs[int(run_id[1:])][0]}


def outcome(runtime: FakeRuntime, **options: Any) -> str:
    """How a sensor ends that looks once: `open` when it would look again."""
    with DAG("d", schedule=None) as dag:
        ExternalTaskSensor(task_id="s", external_dag_id="other", mode="reschedule", **options)
    report = attempt(dag, "s", runtime)
    return "open" if report.outcome == "rescheduled" else report.error or report.outcome


# --- whole runs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "expected"), [("success", "success"), ("running", "open"), ("failed", "open")])
def test_the_run_of_the_same_date_is_waited_for(state: str, expected: str) -> None:
    assert outcome(OtherDag({DAY: (state, {})})) == expected
    assert outcome(OtherDag({DAY + timedelta(days=1): (state, {})})) == "open"


def test_states_may_fail_or_skip() -> None:
    failed = OtherDag({DAY: ("failed", {})})
    assert outcome(failed, failed_states=["failed"]).startswith("ExternalDagFailedError: Dag 'other' is in one of")
    assert outcome(failed, failed_states=["failed"], soft_fail=True).startswith("AirflowSkipException")
    assert outcome(failed, skipped_states=["failed"]).startswith("AirflowSkipException")
    assert outcome(failed, allowed_states=["success", "failed"]) == "success"


def test_a_delta_goes_back_and_a_function_gives_any_dates() -> None:
    yesterday, before = DAY - timedelta(days=1), DAY - timedelta(days=2)
    runtime = OtherDag({yesterday: ("success", {}), before: ("success", {})})
    assert outcome(runtime, execution_delta=timedelta(days=1)) == "success"
    assert outcome(runtime, execution_date_fn=lambda date: date - timedelta(days=2)) == "success"
    assert outcome(runtime, execution_date_fn=lambda date, ds: [yesterday, before] if ds == "2024-03-05" else []) == (
        "success"
    )
    assert outcome(runtime, execution_date_fn=lambda date: [date, yesterday]) == "open"


def test_a_run_without_a_date_waits_for_that_of_its_time() -> None:
    at = DAY + timedelta(days=1)  # the run_after of the fake's runs
    with DAG("d", schedule=None) as dag:
        ExternalTaskSensor(task_id="s", external_dag_id="other", mode="reschedule")
    assert attempt(dag, "s", OtherDag({at: ("success", {})}), run=run_info(day=None)).outcome == "success"


# --- tasks -------------------------------------------------------------------------------------------------------


def test_every_task_must_be_allowed() -> None:
    runtime = OtherDag({DAY: ("running", {"a": "success", "b": "running"})})
    assert outcome(runtime, external_task_id="a") == "success"
    assert outcome(runtime, external_task_id="b") == "open"
    assert outcome(runtime, external_task_ids=["a", "b"]) == "open"
    assert outcome(runtime, external_task_ids=["a", "b"], allowed_states=["success", "running"]) == "success"


def test_every_instance_of_a_mapped_task_must_be_allowed() -> None:
    assert outcome(OtherDag({DAY: ("running", {"a_0": "success", "a_1": None})}), external_task_id="a") == "open"
    done = OtherDag({DAY: ("running", {"a_0": "success", "a_1": "success"})})
    assert outcome(done, external_task_id="a") == "success"


def test_one_failed_or_skipped_task_is_enough() -> None:
    runtime = OtherDag({DAY: ("running", {"a": "failed", "b": "running"})})
    ids = {"external_task_ids": ["a", "b"]}
    assert outcome(runtime, **ids, failed_states=["failed"]).startswith("ExternalTaskFailedError")
    assert outcome(runtime, **ids, failed_states=["failed"], soft_fail=True).startswith("AirflowSkipException")
    assert outcome(runtime, **ids, skipped_states=["failed"]).startswith("AirflowSkipException")
    assert outcome(runtime, **ids) == "open"


def test_a_group_is_all_its_tasks() -> None:
    group = {"external_task_group_id": "g", "failed_states": ["failed"]}
    assert outcome(OtherDag({DAY: ("running", {"a": "success", "b": "running"})}), **group) == "open"
    assert outcome(OtherDag({DAY: ("running", {"a": "success", "b": "success"})}), **group) == "success"
    failed = outcome(OtherDag({DAY: ("running", {"a": "success", "b": "failed"})}), **group)
    assert failed.startswith("ExternalTaskGroupFailedError")
    assert outcome(OtherDag({DAY: ("running", {"a": "success"})}), external_task_group_id="unknown") == "open"


def test_existence_is_checked_when_asked_for() -> None:
    there = OtherDag({DAY: ("success", {"a": "success", "b": "success"})})
    assert outcome(there, check_existence=True, external_task_id="a") == "success"
    assert "has no task 'zzz'" in outcome(there, check_existence=True, external_task_ids=["a", "zzz"])
    assert "has no task group 'zzz'" in outcome(there, check_existence=True, external_task_group_id="zzz")
    assert outcome(OtherDag({}, is_stale=True), check_existence=True).startswith("ExternalDagDeletedError")
    unknown = FakeRuntime(dag_get=None)
    assert outcome(unknown, check_existence=True) == (
        "ExternalDagNotFoundError: The external Dag 'other' does not exist."
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"execution_delta": timedelta(1), "execution_date_fn": lambda date: date}, "execution_delta or"),
        ({"external_task_id": "a", "external_task_ids": ["b"]}, "external_task_id or external_task_ids"),
        ({"external_task_id": "a", "external_task_group_id": "g"}, "external_task_group_id or task ids"),
        ({"external_task_ids": ["a", "a"]}, "names a task twice"),
        ({"allowed_states": ["done"]}, "'done' is no state of a run"),
        ({"external_task_id": "a", "allowed_states": ["done"]}, "'done' is no state of a task"),
        ({"failed_states": ["skipped"]}, "'skipped' is no state of a run"),
        ({"failed_states": ["success"]}, "stands twice"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ExternalTaskSensor(task_id="s", external_dag_id="other", **options)


def test_a_state_that_stands_twice_has_its_own_error() -> None:
    with pytest.raises(DuplicateStateError):
        ExternalTaskSensor(task_id="s", external_dag_id="other", skipped_states=["failed"], failed_states=["failed"])


# --- deferred ----------------------------------------------------------------------------------------------------


def fired(trigger: Any, runtime: FakeRuntime) -> Any:
    """The payload of a trigger that is made again from what it serializes to."""
    classpath, kwargs = path_and_kwargs(trigger)

    async def first() -> Any:
        async for event in made_from(class_of(classpath), classpath, kwargs).run():
            return event.payload
        return None

    with runtime_installed(runtime):
        return asyncio.run(first())


def sensor(**options: Any) -> ExternalTaskSensor:
    return ExternalTaskSensor(task_id="s", external_dag_id="other", deferrable=True, poll_interval=0.01, **options)


@pytest.mark.parametrize("kind", [{}, {"external_task_ids": ["a", "b"]}, {"external_task_group_id": "g"}])
@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
def test_deferred_it_comes_to_the_same(kind: Any, state: str) -> None:
    later = OtherDag({DAY: ("failed" if state == "skipped" else state, {"a": "success", "b": state})})
    states = (
        {"failed_states": ["failed"]} if state != "skipped" else {"skipped_states": ["failed" if not kind else state]}
    )
    with DAG("d", schedule=None) as dag:
        waiting = sensor(**kind, **states)
    report = attempt(dag, "s", OtherDag({DAY: ("running", {"a": "running", "b": "running"})}))
    assert report.outcome == "deferred"
    assert report.defer is not None
    trigger = made_from(class_of(report.defer.classpath), "", report.defer.kwargs)
    event = fired(trigger, later)
    assert event == {"status": state}
    if state == "success":
        waiting.execute_complete({}, event)
    else:
        with pytest.raises(AirflowSkipException if state == "skipped" else AirflowException):
            waiting.execute_complete({}, event)


def test_deferred_a_failure_is_a_skip_with_soft_fail() -> None:
    with pytest.raises(ExternalTaskFailedError):
        sensor(external_task_id="a").execute_complete({}, {"status": "failed"})
    with pytest.raises(AirflowSkipException):
        sensor(external_task_id="a", soft_fail=True).execute_complete({}, {"status": "failed"})
    with pytest.raises(AirflowException, match="no status"):
        sensor().execute_complete({}, {"status": "odd"})


def test_a_trigger_asks_again_until_it_has_come() -> None:
    class Slow(OtherDag):
        looks = 0

        def count(self, **args: Any) -> int:
            self.looks += 1
            return super().count(**args) if self.looks > 3 else 0

    runtime = Slow({DAY: ("success", {})})
    assert fired(WorkflowTrigger("other", logical_dates=[DAY], poke_interval=0.01), runtime) == {"status": "success"}
    assert runtime.looks == 4


def test_a_trigger_may_wait_for_runs_by_their_ids() -> None:
    runtime = OtherDag({DAY: ("success", {"a": "success"})})
    by_id = WorkflowTrigger("other", run_ids=[f"r{DATE}"], external_task_ids=["a"], poke_interval=0.01)
    assert fired(by_id, runtime) == {"status": "success"}
    path, facts = fired(DagStateTrigger("other", ["success"], run_ids=[f"r{DATE}"], poll_interval=0.01), runtime)
    assert path.endswith("DagStateTrigger")
    assert facts[f"r{DATE}"] == "success"


# --- the marker --------------------------------------------------------------------------------------------------


def test_a_marker_renders_its_date_and_checks_its_depth() -> None:
    with DAG("d", schedule=None, start_date=DAY) as dag:
        marker = ExternalTaskMarker(task_id="s", external_dag_id="other", external_task_id="a")
    report = attempt(dag, "s")
    assert report.rendered is not None
    assert b"2024-03-05T00:00:00+00:00" in report.rendered
    assert ExternalDagLink().get_link(marker, ti_key=None).endswith("/dags/other")
    with pytest.raises(ValueError, match="at least 1"):
        ExternalTaskMarker(task_id="s", external_dag_id="o", external_task_id="a", recursion_depth=0)
    fixed = ExternalTaskMarker(
        task_id="s", external_dag_id="o", external_task_id="a", execution_date=datetime(2024, 1, 1, tzinfo=UTC)
    )
    assert fixed.logical_date == "2024-01-01T00:00:00+00:00"


def marked(**marker: Any) -> TaskSpec:
    with DAG("d", schedule=None, start_date=DAY) as dag:
        ExternalTaskMarker(task_id="m", **{"external_dag_id": "o", "external_task_id": "a", **marker})
    return dag_spec(dag, "d.py").tasks["m"]


def test_what_a_marker_names_is_known_to_the_scheduler_without_running_it() -> None:
    spec = marked(recursion_depth=3)
    fixed = {"external_dag_id": "o", "external_task_id": "a", "logical_date": ""}
    assert spec.extra["marker"] == {**fixed, "recursion_depth": 3, "rendered": []}
    assert spec.never_sent
    dated = marked(execution_date=datetime(2024, 1, 1, tzinfo=UTC))
    assert dated.extra["marker"]["logical_date"] == "2024-01-01T00:00:00+00:00"
    assert dated.never_sent


@pytest.mark.parametrize(
    "templates",
    [
        {"logical_date": "{{ macros.ds_add(ds, 1) }}"},
        {"external_dag_id": "{{ params.x }}", "external_task_id": "{% if ds %}a{% endif %}"},
    ],
)
def test_a_marker_with_templates_runs_so_that_they_are_rendered(templates: dict[str, str]) -> None:
    spec = marked(**templates)
    assert spec.extra["marker"]["rendered"] == list(templates)
    assert not spec.extra["marker"].keys() & templates.keys()
    assert not spec.never_sent


def test_of_a_mapped_marker_only_the_depth_is_known_before() -> None:
    with DAG("d", schedule=None, start_date=DAY) as dag:
        ExternalTaskMarker.partial(task_id="m", external_dag_id="o", recursion_depth=4).expand(
            external_task_id=["a", "b"]
        )
    spec = dag_spec(dag, "d.py").tasks["m"]
    names = ["external_dag_id", "external_task_id", "logical_date"]
    assert spec.extra["marker"] == {"recursion_depth": 4, "rendered": names}
    assert not spec.never_sent
    assert rendered(attempt(dag, "m", map_index=1)) == {
        "external_dag_id": "o", "external_task_id": "b", "logical_date": "2024-03-05T00:00:00+00:00",
    }  # fmt: skip


def test_a_task_of_another_kind_marks_nothing() -> None:
    with DAG("d", schedule=None, start_date=DAY) as dag:
        ExternalTaskSensor(task_id="s", external_dag_id="o")
    assert "marker" not in dag_spec(dag, "d.py").tasks["s"].extra
