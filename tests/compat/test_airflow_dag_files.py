"""Dag files as people have them: both generations, written for Airflow, read as they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import tradewind.compat as compat
from tradewind.core.dag import DagSpec
from tradewind.core.errors import TradewindError
from tradewind.testing.course_dags import CLASSIC, TASKFLOW

ROOT = Path(__file__).parents[2]
Parse = Callable[[Path], dict[str, DagSpec]]
ParseText = Callable[[str], dict[str, DagSpec]]


def edges(spec: DagSpec) -> set[tuple[str, str]]:
    return {(upstream, task.task_id) for task in spec.tasks.values() for upstream in task.upstream}


@pytest.mark.parametrize("text", [CLASSIC, TASKFLOW], ids=["classic", "taskflow"])
def test_a_pipeline_of_the_first_generation_keeps_its_edges_and_its_meaning(text: str, parse_text: ParseText) -> None:
    [spec] = parse_text(text).values()
    assert spec.dag_id == "example_dag"
    assert spec.generation == 2
    assert edges(spec) == {("extract_data", "transform_data"), ("transform_data", "load_data")}
    assert list(spec.tasks) == ["extract_data", "transform_data", "load_data"]


BUNDLED = {
    "bash_and_python": {("write", "count")},
    "branching": {("choose", "many"), ("choose", "few"), ("many", "report"), ("few", "report")},
    "hello": {("whom", "greet")},
    "sensors": {
        ("deliver", "tidy"),
        ("arrived", "complete"),
        ("complete", "answer"),
        ("answer", "report"),
        ("later", "report"),
        ("never", "report"),
        ("report", "tidy"),
    },
    "keeping_state": {("count", "load"), ("load", "convert")},
    "mapping": {("cities", "measure"), ("measure", "summary.total"), ("summary.total", "summary.publish")},
}


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_example_parses_without_old_spellings(name: str, parse_file: Parse) -> None:
    [spec] = parse_file(ROOT / "dags" / "examples" / f"{name}.py").values()
    assert edges(spec) == BUNDLED[name]
    assert spec.generation == 3
    assert compat.notices() == []


def test_the_example_of_all_schedules_has_a_dag_of_each_kind(parse_file: Parse) -> None:
    specs = parse_file(ROOT / "dags" / "examples" / "schedules.py")
    assert {name.removeprefix("schedule_"): spec.timetable.kind for name, spec in specs.items()} == {
        "every_night": "cron", "night_for_the_day": "cron", "each_hour": "cron", "month_end": "cron",
        "every_36_hours": "delta", "each_36_hours": "delta", "launches": "events", "only_once": "once",
        "without_end": "continuous", "on_request": "never",
    }  # fmt: skip
    assert compat.notices() == []


OLD_SPELLINGS = {
    "classic_operators": (
        {
            ("start", "extract"), ("extract", "choose"), ("choose", "load"), ("choose", "nothing"), ("load", "end"),
            ("nothing", "end"),
        },
        ["BashOperator", "DummyOperator", "BranchPythonOperator", "PythonOperator", "days_ago", "TriggerRule"],
    ),
    "taskflow_groups": (
        {("fetch", "checks.not_empty"), ("checks.not_empty", "done")},
        ["Dataset", "dag", "task", "Variable", "chain", "EmptyOperator", "TaskGroup"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OLD_SPELLINGS)
def test_an_example_of_the_first_generation_parses_with_a_notice_for_each_old_spelling(
    name: str, parse_file: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_REGION", "kr")
    [spec] = parse_file(ROOT / "examples" / "airflow2" / f"{name}.py").values()
    expected_edges, old = OLD_SPELLINGS[name]
    assert edges(spec) == expected_edges
    assert spec.generation == 2
    asked = [sentence.split("`")[1].split(" import ")[1] for _, _, sentence in compat.notices()]
    assert sorted(asked) == sorted(old)


PUBLISHED = {
    ("2.11", "airflow/example_dags"): (
        "example_bash_decorator example_bash_operator example_branch_datetime_operator "
        "example_branch_day_of_week_operator example_branch_labels example_branch_operator "
        "example_branch_operator_decorator example_branch_python_dop_operator_3 example_complex "
        "example_dag_decorator example_dataset_alias example_dataset_alias_with_no_taskflow example_datasets "
        "example_display_name example_dynamic_task_mapping "
        "example_dynamic_task_mapping_with_no_taskflow_operators example_external_task_marker_dag "
        "example_inlet_event_extra example_latest_only "
        "example_latest_only_with_trigger example_nested_branch_dag "
        "example_outlet_event_extra example_params_trigger_ui example_params_ui_tutorial "
        "example_passing_params_via_test_command example_python_decorator example_python_operator "
        "example_sensor_decorator example_sensors example_setup_teardown example_setup_teardown_taskflow "
        "example_short_circuit_decorator example_short_circuit_operator example_skip_dag example_sla_dag "
        "example_subdag_operator example_task_group example_task_group_decorator "
        "example_time_delta_sensor_async example_trigger_controller_dag example_trigger_target_dag "
        "example_workday_timetable example_xcom example_xcomargs tutorial tutorial_dag tutorial_objectstorage "
        "tutorial_taskflow_api tutorial_taskflow_api_virtualenv tutorial_taskflow_templates"
    ),
    ("3.3", "airflow/example_dags"): (
        "example_asset_alias example_asset_alias_with_no_taskflow example_asset_allow_teams "
        "example_asset_decorator example_asset_partition example_asset_state_store "
        "example_asset_with_watchers example_assets example_branch_labels "
        "example_branch_python_dop_operator_3 example_complex example_custom_weight example_dag_decorator "
        "example_display_name example_dynamic_task_mapping "
        "example_dynamic_task_mapping_with_no_taskflow_operators example_failed_dag example_inlet_event_extra "
        "example_latest_only_with_trigger "
        "example_nested_branch_dag example_outlet_event_extra example_params_trigger_ui "
        "example_params_ui_tutorial example_passing_params_via_test_command example_retry_policy "
        "example_setup_teardown example_setup_teardown_taskflow example_simplest_dag example_skip_dag "
        "example_task_group example_task_group_decorator example_task_state_store "
        "example_task_state_store_async example_task_state_store_mapped example_time_delta_sensor_async "
        "example_trigger_target_dag example_workday_timetable example_xcom example_xcomargs tutorial "
        "tutorial_dag tutorial_objectstorage tutorial_taskflow_api tutorial_taskflow_api_virtualenv "
        "tutorial_taskflow_templates"
    ),
    ("3.3", "airflow/providers/standard/example_dags"): (
        "example_bash_decorator example_bash_operator example_branch_datetime_operator "
        "example_branch_day_of_week_operator example_branch_operator example_branch_operator_decorator "
        "example_external_task_child_deferrable example_external_task_marker_dag "
        "example_external_task_parent_deferrable example_hitl_operator example_latest_only "
        "example_measurement_correction_decorator example_measurement_correction_operator "
        "example_python_decorator example_python_operator example_sensor_decorator example_sensors "
        "example_short_circuit_decorator example_short_circuit_operator example_trigger_controller_dag"
    ),
}
"""(release, folder in its wheels) -> example files there; the two that need the Kubernetes provider are left out."""
NOT_YET = {
    "2.11 example_subdag_operator": "SubDagOperator",
    "2.11 tutorial_objectstorage": "requests|ObjectStoragePath",
    "3.3 example_asset_partition": "AllowedKeyMapper",
    "3.3 tutorial_objectstorage": "requests|ObjectStoragePath",
}
"""`release file` -> what it needs and may not find; the sentence that its author reads names that."""

EXAMPLES = [(release, folder, name) for (release, folder), names in PUBLISHED.items() for name in names.split()]


@pytest.mark.parametrize(("release", "folder", "name"), EXAMPLES)
def test_a_published_example_parses_or_names_what_is_missing(
    release: str, folder: str, name: str, published: Callable[[str], Path], parse_file: Parse
) -> None:
    file = published(release) / folder / f"{name}.py"
    try:
        specs = parse_file(file)
    except (ImportError, TradewindError) as error:
        missing = NOT_YET.get(f"{release} {name}")
        if missing is None or not re.search(missing, str(error)):
            raise
        return
    assert specs
    assert all(spec.tasks for spec in specs.values())
