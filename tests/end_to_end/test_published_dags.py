"""The example and tutorial Dags that Airflow 2.11 and 3.3 publish, run on a real installation, each once.

A Dag's run is expected to succeed with every task successful, but for what the tables below say. What a task chooses at
random, or by the clock, is checked by rule. Runs have a logical date, as the web interface gives them one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from tradewind.testing.installation import Installation
from tradewind.testing.published import put_examples
from tradewind.testing.servers import Unavailable

PARTITIONED = (
    "aggregate_regional_sales clean_and_combine_player_stats compute_player_odds daily_inference "
    "daily_team_a_rollup ingest_region_stats ingest_regional_sales ingest_team_a_player_stats "
    "live_region_player_stats monthly_team_a_rollup multi_region_player_stats "
    "player_odds_quality_check_wont_ever_to_trigger regional_stats_breakdown "
    "scatter_live_region_to_segments segment_region_stats_early_rollup segment_region_stats_rollup "
    "summarize_live_region_stats team_b_player_stats team_c_player_stats trailing_week_inference "
    "train_weekly_model"
)
"""The Dags of example_asset_partition.py."""

DAGS = {
    "2.11": (
        "conditional_dataset_and_time_based_timetable consume_1_and_2_with_dataset_expressions "
        "consume_1_or_2_with_dataset_expressions consume_1_or_both_2_and_3_with_dataset_expressions "
        "dataset_alias_example_alias_consumer dataset_alias_example_alias_consumer_with_no_taskflow "
        "dataset_alias_example_alias_producer dataset_alias_example_alias_producer_with_no_taskflow "
        "dataset_consumes_1 dataset_consumes_1_and_2 dataset_consumes_1_never_scheduled "
        "dataset_consumes_unknown_never_scheduled dataset_produces_1 dataset_produces_2 dataset_s3_bucket_consumer "
        "dataset_s3_bucket_consumer_with_no_taskflow dataset_s3_bucket_producer "
        "dataset_s3_bucket_producer_with_no_taskflow dataset_with_extra_by_context dataset_with_extra_by_yield "
        "dataset_with_extra_from_classic_operator example_bash_decorator example_bash_operator "
        "example_branch_datetime_operator example_branch_datetime_operator_2 example_branch_datetime_operator_3 "
        "example_branch_dop_operator_v3 example_branch_labels example_branch_operator "
        "example_branch_python_operator_decorator example_complex example_display_name "
        "example_dynamic_task_mapping example_dynamic_task_mapping_with_no_taskflow_operators "
        "example_nested_branch_dag example_params_trigger_ui example_params_ui_tutorial "
        "example_passing_params_via_test_command example_python_decorator example_python_operator "
        "example_sensor_decorator example_setup_teardown example_setup_teardown_taskflow "
        "example_short_circuit_decorator example_short_circuit_operator example_skip_dag example_sla_dag "
        "example_task_group example_task_group_decorator example_trigger_controller_dag example_trigger_target_dag "
        "example_weekday_branch_operator example_workday_timetable example_xcom example_xcom_args "
        "example_xcom_args_with_operators latest_only latest_only_with_trigger read_dataset_event tutorial "
        "tutorial_dag tutorial_taskflow_api tutorial_taskflow_templates example_external_task_marker_parent "
        "example_time_delta_sensor_async"
    ),
    "3.3": (
        "asset1_producer asset2_producer asset_alias_example_alias_consumer "
        "asset_alias_example_alias_consumer_with_no_taskflow asset_alias_example_alias_producer "
        "asset_alias_example_alias_producer_with_no_taskflow asset_consumes_1 asset_consumes_1_and_2 "
        "asset_consumes_1_never_scheduled asset_consumes_unknown_never_scheduled asset_produces_1 asset_produces_2 "
        "asset_s3_bucket_consumer asset_s3_bucket_consumer_with_no_taskflow asset_s3_bucket_producer "
        "asset_s3_bucket_producer_with_no_taskflow asset_with_extra_by_context asset_with_extra_by_yield "
        "asset_with_extra_from_classic_operator child_dag conditional_asset_and_time_based_timetable "
        "consume_1_and_2_with_asset_expressions consume_1_or_2_with_asset_expressions "
        "consume_1_or_both_2_and_3_with_asset_expressions consumes_asset_decorator example_bash_decorator "
        "example_bash_operator example_branch_datetime_operator example_branch_datetime_operator_2 "
        "example_branch_datetime_operator_3 example_branch_dop_operator_v3 example_branch_labels "
        "example_branch_operator example_branch_python_operator_decorator example_complex example_custom_weight "
        "example_dynamic_task_mapping example_task_group_mapping example_task_mapping_second_order "
        "example_display_name example_dynamic_task_mapping_with_no_taskflow_operators example_failed_dag "
        "example_measurement_correction_decorator example_measurement_correction_operator "
        "example_nested_branch_dag example_params_trigger_ui example_params_ui_tutorial "
        "example_passing_params_via_test_command example_python_decorator example_python_operator "
        "example_sensor_decorator example_setup_teardown example_setup_teardown_taskflow "
        "example_short_circuit_decorator example_short_circuit_operator example_simplest_dag example_skip_dag "
        "example_task_group example_task_group_decorator example_trigger_controller_dag example_trigger_target_dag "
        "example_weekday_branch_operator example_workday_timetable example_xcom example_xcom_args "
        "example_xcom_args_with_operators latest_only latest_only_with_trigger read_asset_event "
        "team_analytics_producer team_ml_consumer tutorial tutorial_dag tutorial_taskflow_api "
        "tutorial_taskflow_templates example_asset_with_watchers example_external_task_marker_parent "
        "example_time_delta_sensor_async example_hitl_operator example_asset_state_store_consumer "
        "example_asset_state_store_producer "
        "example_task_state_store example_task_state_store_async example_task_state_store_mapped "
        f"{PARTITIONED}"
    ),
}
"""Release -> the Dags that run here with nothing but PyPI."""

LEFT_OUT = {
    "example_dag_decorator": "asks a web service",
    "example_external_task": "creates a run of child_dag for a date that has one already, since this test runs both",
    "example_external_task_marker_child": "waits ten minutes for a group that the other Dag does not have",
    "example_retry_policy": "asks a web service",
    "example_sensors": "takes a minute, and ends by the day of the week",
    "read_asset_event_from_classic": "needs an earlier event of its inlet",
    "read_dataset_event_from_classic": "needs an earlier event of its inlet",
    "tutorial_taskflow_api_virtualenv": "needs the package dill",
}
"""Dags that parse and are not run, and why."""

SAMPLE = {
    "2.11": (
        "example_branch_labels example_dynamic_task_mapping example_latest_only_with_trigger example_nested_branch_dag "
        "example_outlet_event_extra example_setup_teardown_taskflow example_short_circuit_operator example_skip_dag "
        "example_xcomargs tutorial_taskflow_templates"
    ),
    "3.3": (
        "example_asset_partition example_bash_decorator example_bash_operator example_branch_datetime_operator "
        "example_custom_weight "
        "example_asset_state_store example_failed_dag example_hitl_operator example_latest_only "
        "example_params_ui_tutorial "
        "example_setup_teardown example_short_circuit_decorator example_trigger_controller_dag "
        "example_trigger_target_dag example_task_state_store example_task_state_store_async "
        "example_task_state_store_mapped "
        "example_workday_timetable example_xcom tutorial_dag tutorial_taskflow_templates"
    ),
}
"""Release -> the files that `make test` runs."""

CONF: dict[str, dict[str, Any]] = {
    "example_params_ui_tutorial": {"required_field": "given by the test"},
    "example_passing_params_via_test_command": {"foo": "bar"},
}
LOGICAL_DATE = "2025-01-08T12:00:00+00:00"
"""A Wednesday: an example sleeps for an hour at weekends."""

_SHORT = {"skipped": "false_1 false_2 task_4 task_6"}
EXPECTED: dict[str, dict[str, str]] = {
    "example_bash_decorator": {"skipped": "this_will_skip sleep_in"},
    "example_bash_operator": {"skipped": "this_will_skip run_this_last"},
    "example_branch_datetime_operator": {"skipped": "date_in_range"},
    "example_branch_datetime_operator_3": {"skipped": "date_in_range"},
    "example_branch_dop_operator_v3": {"skipped": "empty_task_2"},
    "example_failed_dag": {"failed": "fail_task"},
    "example_hitl_operator": {"skipped": "task_1 task_3"},
    "example_nested_branch_dag": {"skipped": "branch_2 false_1 false_2 false_3 join_2 true_2"},
    "example_short_circuit_decorator": _SHORT,
    "example_short_circuit_operator": _SHORT,
    "example_skip_dag": {"skipped": "skip_operator_1 skip_operator_2 all_success final_1"},
    # As published for 2.11: the first lists files of the working folder, where there are none, and the second reads
    # a template file that the release does not have.
    "2.11 example_bash_decorator": {"skipped": "this_will_skip sleep_in", "failed": "get_file_stats"},
    "2.11 tutorial_taskflow_templates": {"failed": "template_test"},
    # `example_task_state_store_async` ends as its own description says. On its release it fails: it calls `aget`, which
    # the SDK of that release does not have.
}
"""Dag (of one release) -> state -> tasks that end in it. All others succeed; a failed task is a failed run."""

ANSWERS: dict[str, dict[str, Any]] = {
    "wait_for_input": {"chosen_options": ["OK"], "params_input": {"information": "given by the test"}},
    "wait_for_option": {"chosen_options": ["option 2"]},
    "wait_for_multiple_options": {"chosen_options": ["option 4", "option 6"]},
    "valid_input_and_options": {"chosen_options": ["Approve"], "user": "admin"},
    "choose_a_branch_to_run": {"chosen_options": ["task_2"]},
}
"""What people answer to the tasks of example_hitl_operator; one of them takes its default instead."""

MAPPED = {
    "example_task_state_store_mapped": {"process_table": 3},
    "example_dynamic_task_mapping": {"add_one": 3},
    "example_dynamic_task_mapping_with_no_taskflow_operators": {"add_one": 3},
    "example_task_group_mapping": {"op.add_1": 3, "op.mul_2": 3},
    "example_task_mapping_second_order": {"times_2": 3, "add_10": 3},
    "example_params_trigger_ui": dict.fromkeys(
        ("generate_english_greeting", "generate_french_greeting", "generate_german_greeting"), 3
    ),
}
"""Dag -> its mapped tasks and into how many they expand."""

BRANCHES: dict[str, list[tuple[str, str]]] = {
    "example_branch_datetime_operator_2": [("datetime_branch", "date_in_range date_outside_range")],
    "example_branch_operator": [
        ("branching", "branch_a branch_b branch_c branch_d"),
        ("branching", "follow_a follow_b follow_c follow_d"),
        ("branching_ext_python", "ext_py_a ext_py_b ext_py_c ext_py_d"),
        ("branching_venv", "venv_a venv_b venv_c venv_d"),
    ],
    "example_weekday_branch_operator": [("make_choice", "branch_true branch_false")],
}
BRANCHES["example_branch_python_operator_decorator"] = [
    (chooser.replace("_venv", "_virtualenv"), options) for chooser, options in BRANCHES["example_branch_operator"]
]
"""Dag -> (task that chooses, the tasks of which exactly one is followed)."""

FILES_DAGS = {
    "example_asset_partition": PARTITIONED,
    "example_asset_state_store": "example_asset_state_store_consumer example_asset_state_store_producer",
    "example_branch_datetime_operator": "example_branch_datetime_operator example_branch_datetime_operator_2 "
    "example_branch_datetime_operator_3",
    "example_latest_only": "latest_only",
    "example_latest_only_with_trigger": "latest_only_with_trigger",
    "example_outlet_event_extra": "dataset_with_extra_by_context dataset_with_extra_by_yield "
    "dataset_with_extra_from_classic_operator",
    "example_xcomargs": "example_xcom_args example_xcom_args_with_operators",
}
"""File -> its Dags, where these are not one Dag of the file's name."""


@dataclass
class Played:
    """What was left when every run had ended."""

    known: set[str] = field(default_factory=set)
    import_errors: list[str] = field(default_factory=list)
    runs: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """dag_id -> run_id -> state."""
    tasks: dict[tuple[str, str], dict[tuple[str, int], str]] = field(default_factory=lambda: defaultdict(dict))
    tries: dict[tuple[str, str], int] = field(default_factory=dict)
    """(dag_id, task_id) -> the try that its last instance ended with."""
    kept: dict[tuple[str, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """(dag_id, task_id), or an asset's ("", name) -> key -> JSON of what is kept."""
    reasons: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    partitions: dict[str, list[str | None]] = field(default_factory=lambda: defaultdict(list))
    """dag_id -> partition of each run that assets made."""


RUN_ID = "published"


def play(release: str, files: frozenset[str], dags: list[str] | None, seconds: float) -> Iterator[Played]:
    """Put the files into one installation and trigger every Dag once."""
    with Installation() as installation:
        try:
            put_examples(release, installation.dags, files)
        except Unavailable as reason:
            pytest.skip(str(reason))
        paths = [path for path in installation.dags.glob("*.py") if b"airflow" in path.read_bytes().lower()]
        installation.start()
        installation.until(
            "all files are parsed", partial(_all_seen, installation, {path.name for path in paths}), seconds
        )
        played = Played(
            known={row["dag_id"] for row in installation.rows("SELECT dag_id FROM dag WHERE NOT is_stale")},
            import_errors=[row["message"] for row in installation.rows("SELECT message FROM import_error")],
        )
        for dag_id in sorted(played.known - LEFT_OUT.keys() if dags is None else dags):
            installation.trigger(dag_id, RUN_ID, logical_date=LOGICAL_DATE, conf=CONF.get(dag_id, {}))
        installation.until("all runs end", partial(_all_over, installation), seconds)
        for row in installation.rows("SELECT dag_id, run_id, run_type, state, partition_key FROM run"):
            played.runs[row["dag_id"]][row["run_id"]] = row["state"]
            if row["run_type"] == "asset_triggered":
                played.partitions[row["dag_id"]].append(row["partition_key"])
        sql = "SELECT r.dag_id, r.run_id, t.* FROM task_instance t JOIN run r ON r.number = t.run"
        for row in installation.rows(sql):
            key = row["dag_id"], row["run_id"]
            played.tasks[key][row["task_id"], row["map_index"]] = row["state"]
            if row["reason"]:
                played.reasons[row["dag_id"]].append(f"{row['task_id']} {row['state']}: {row['reason']}")
            played.tries[row["dag_id"], row["task_id"]] = row["try_number"]
        kept = "SELECT r.dag_id, s.* FROM task_state_store s JOIN run r ON r.number = s.run"
        for row in installation.rows(kept):
            played.kept[row["dag_id"], row["task_id"]][row["key"]] = bytes(row["value"]).decode()
        for row in installation.rows("SELECT name, key, value FROM asset_state_store"):
            played.kept["", row["name"]][row["key"]] = bytes(row["value"]).decode()
        yield played


def _all_seen(installation: Installation, names: set[str]) -> bool:
    seen = installation.rows("SELECT file FROM dag_file UNION SELECT file FROM import_error")
    return names <= {row["file"] for row in seen}


def _all_over(installation: Installation) -> bool:
    """The runs of the test, those that they triggered, and the scheduled ones of `latest_only`. Answers who asks."""
    waiting = "SELECT t.task_id FROM task_instance t JOIN run r ON r.number = t.run WHERE t.state = 'awaiting_input'"
    for row in installation.rows(f"{waiting} AND r.run_id = ?", RUN_ID):
        if answer := ANSWERS.get(row["task_id"]):
            names = {"dag_id": "example_hitl_operator", "run_id": RUN_ID, "task_id": row["task_id"]}
            installation.command("hitl.respond", **names, **answer)
    sql = (
        "SELECT 1 FROM run WHERE state NOT IN ('success', 'failed') "
        "AND (run_id = ? OR run_type = 'operator_triggered' OR dag_id LIKE 'latest_only%')"
    )
    return not installation.rows(sql, RUN_ID)


def check(played: Played, release: str, dag_id: str) -> None:
    """The run's state and the states of all its tasks are the expected ones."""
    expected = EXPECTED.get(f"{release} {dag_id}", EXPECTED.get(dag_id, {}))
    found = played.tasks[dag_id, RUN_ID]
    told = played.reasons[dag_id]
    assert found, f"{dag_id} has no run; {played.import_errors}"
    wanted = {task: state for state, tasks in expected.items() for task in tasks.split()}
    free = _check_branches(dag_id, found)
    differing = {
        key: state for key, state in found.items() if key[0] not in free and state != wanted.get(key[0], "success")
    }
    assert not differing, told
    assert wanted.keys() <= {task_id for task_id, _ in found}
    for task_id, length in MAPPED.get(dag_id, {}).items():
        assert [index for task, index in sorted(found) if task == task_id] == list(range(length))
    assert played.runs[dag_id][RUN_ID] == ("failed" if "failed" in expected else "success"), told


def _check_branches(dag_id: str, found: dict[tuple[str, int], str]) -> set[str]:
    """Of each branching exactly one way was taken; says which tasks that covers."""
    free: set[str] = set()
    for chooser, options in BRANCHES.get(dag_id, ()):
        states = sorted(found[option, -1] for option in options.split())
        assert found[chooser, -1] == "success"
        assert states == ["skipped"] * (len(states) - 1) + ["success"]
        free |= set(options.split())
    if dag_id == "example_weekday_branch_operator":
        # Its second choice is reached on every day but Monday, and is then the same as the first's.
        free |= {"make_weekend_choice", "branch_weekend", "branch_mid_week"}
    return free


# --- the sample ---------------------------------------------------------------------------------------------------


def _dags_of(files: str) -> list[str]:
    return [dag_id for file in files.split() for dag_id in FILES_DAGS.get(file, file).split()]


@pytest.fixture(scope="module", params=SAMPLE)
def sample(request: pytest.FixtureRequest) -> Iterator[tuple[str, Played]]:
    release = request.param
    for played in play(release, frozenset(SAMPLE[release].split()), _dags_of(SAMPLE[release]), 100.0):
        yield release, played


def test_a_sample_of_the_published_dags_ends_as_on_airflow(sample: tuple[str, Played]) -> None:
    release, played = sample
    assert played.import_errors == []
    for dag_id in _dags_of(SAMPLE[release]):
        check(played, release, dag_id)


def test_the_latest_run_of_a_schedule_is_not_skipped(sample: tuple[str, Played]) -> None:
    release, played = sample
    dag_id = {"2.11": "latest_only_with_trigger", "3.3": "latest_only"}[release]
    scheduled = {run_id: state for run_id, state in played.runs[dag_id].items() if run_id.startswith("scheduled__")}
    assert set(scheduled.values()) == {"success"}
    for run_id in scheduled:
        assert set(played.tasks[dag_id, run_id].values()) == {"success"}


def test_partitions_that_tasks_name_make_the_runs_that_airflow_would_make(sample: tuple[str, Played]) -> None:
    release, played = sample
    made = {dag_id: sorted(filter(None, keys)) for dag_id, keys in played.partitions.items() if any(keys)}
    regions, sales = ["apac", "eu", "us"], "2026-06-14"
    expected = {
        "aggregate_regional_sales": [f"{region}|{sales}" for region in regions],
        "scatter_live_region_to_segments": regions,
        "segment_region_stats_early_rollup": ["all_regions"],
        "segment_region_stats_rollup": ["all_regions"],
        "summarize_live_region_stats": ["us"],
    }
    assert made == ({} if release == "2.11" else expected)


def test_what_tasks_kept_served_their_next_try(sample: tuple[str, Played]) -> None:
    release, played = sample
    if release == "2.11":
        return
    # Each fails in its first try on purpose, after it has kept something.
    assert played.tries["example_task_state_store", "run_job"] == 2
    assert played.tries["example_task_state_store_async", "ingest_pages"] == 2
    job = played.kept["example_task_state_store", "run_job"]
    assert job["status"] == '"complete"'
    assert job["job_id"] in job["result"]
    assert played.kept["example_task_state_store_async", "ingest_pages"] == {
        "progress": '{"done": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "rows": 7800}'
    }
    assert played.kept["", "orders/daily"].keys() == {"watermark", "total_runs", "last_run_summary"}


# --- all of them --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def everything() -> Mapping[str, Played]:
    """Release -> what is left of all its Dags, played when it is first asked for."""
    return _Releases()


class _Releases(dict[str, Played]):
    def __init__(self) -> None:
        super().__init__()
        self._failed: dict[str, AssertionError] = {}

    def __missing__(self, release: str) -> Played:
        if release in self._failed:
            raise self._failed[release]
        try:
            [self[release]] = play(release, frozenset(), None, 600.0)
        except AssertionError as error:
            self._failed[release] = error
            raise
        return self[release]


@pytest.mark.heavy
@pytest.mark.timeout(1300)
@pytest.mark.parametrize(("release", "dag_id"), [(r, dag_id) for r, dags in DAGS.items() for dag_id in dags.split()])
def test_a_published_dag_ends_as_on_airflow(release: str, dag_id: str, everything: Mapping[str, Played]) -> None:
    check(everything[release], release, dag_id)


@pytest.mark.heavy
@pytest.mark.timeout(1300)
@pytest.mark.parametrize("release", DAGS)
def test_every_published_dag_that_parses_is_expected_or_left_out_with_a_reason(
    release: str, everything: Mapping[str, Played]
) -> None:
    assert everything[release].known - set(DAGS[release].split()) - LEFT_OUT.keys() == set()


@pytest.mark.heavy
@pytest.mark.timeout(1300)
@pytest.mark.parametrize("release", DAGS)
def test_a_dag_that_another_one_triggers_runs_with_its_conf(release: str, everything: Mapping[str, Played]) -> None:
    runs = everything[release].runs["example_trigger_target_dag"]
    triggered = [run_id for run_id in runs if run_id.startswith(("operator_triggered__", "manual__"))]
    assert triggered
    assert {runs[run_id] for run_id in triggered} == {"success"}
