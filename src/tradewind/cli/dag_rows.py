"""Dags, runs and files as the rows that `tradewind dags` prints, under Airflow's field names."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tradewind.cli.app import iso
from tradewind.config import Settings

Row = Mapping[str, Any]
BUNDLE = "dags-folder"
"""Airflow's name for the one folder of Dag files."""


def _fileloc(row: Row, settings: Settings) -> str:
    return os.path.join(settings.core.dags_folder, row["file"])


def _tags(row: Row, settings: Settings) -> list[str]:
    return list(json.loads(row["tags"]))


def _stored(name: str) -> Callable[[Row, Settings], Any]:
    return lambda row, _: row[name]


def _flag(name: str) -> Callable[[Row, Settings], bool]:
    return lambda row, _: bool(row[name])


def _time(name: str) -> Callable[[Row, Settings], str | None]:
    return lambda row, _: iso(row[name])


COLUMNS: dict[str, Callable[[Row, Settings], Any]] = {
    "dag_id": _stored("dag_id"),
    "fileloc": _fileloc,
    "owners": _stored("owners"),
    "is_paused": _flag("is_paused"),
    "bundle_name": lambda row, _: BUNDLE,
    "bundle_version": lambda row, _: None,
    "relative_fileloc": _stored("file"),
    "is_stale": _flag("is_stale"),
    "tags": _tags,
    "description": _stored("description"),
    "timetable_summary": _stored("timetable_summary"),
    "max_active_tasks": _stored("max_active_tasks"),
    "max_active_runs": _stored("max_active_runs"),
    "last_parsed_time": _time("parsed_at"),
    "last_parse_duration": _stored("seconds"),
    "next_dagrun_logical_date": _time("next_logical_date"),
    "next_dagrun_data_interval_start": _time("next_interval_start"),
    "next_dagrun_data_interval_end": _time("next_interval_end"),
    "next_dagrun_run_after": _time("next_run_after"),
    "isolation": _stored("isolation"),
    "isolation_reason": _stored("isolation_reason"),
}
"""What `dags list --columns` can show."""

DEFAULT_COLUMNS = ("dag_id", "fileloc", "owners", "is_paused", "bundle_name", "bundle_version")


def details_of(row: Row, spec: Row, settings: Settings) -> dict[str, Any]:
    """Everything known about one Dag."""
    timetable = spec.get("timetable", {})
    return {
        **{name: column(row, settings) for name, column in COLUMNS.items()},
        "dag_display_name": spec.get("display_name") or row["dag_id"],
        "timetable_description": timetable.get("description", ""),
        "timezone": timetable.get("timezone", "UTC"),
        "start_date": _date(spec.get("start_date")),
        "end_date": _date(spec.get("end_date")),
        "catchup": spec.get("catchup", False),
        "max_consecutive_failed_dag_runs": spec.get("max_consecutive_failed_dag_runs", 0),
        "dag_run_timeout": spec.get("dagrun_timeout_seconds"),
        "is_paused_upon_creation": spec.get("is_paused_upon_creation"),
        "fail_fast": spec.get("fail_fast", False),
        "render_template_as_native_obj": spec.get("render_template_as_native_obj", False),
        "params": {name: param.get("value") for name, param in (spec.get("params") or {}).items()},
        "doc_md": spec.get("doc_md"),
        "task_count": len(spec.get("tasks", {})),
        "latest_dag_version": row["version_number"],
        "notices": list(spec.get("notices", ())),
    }


def _date(text: str | None) -> str | None:
    return text and datetime.fromisoformat(text).isoformat()


def import_error_rows(errors: Sequence[Row], settings: Settings) -> list[dict[str, Any]]:
    """File, line and sentence of each problem."""
    return [
        {
            "bundle_name": BUNDLE,
            "filepath": os.path.join(settings.core.dags_folder, error["file"]),
            "line": error["line"],
            "error": error["message"],
        }
        for error in errors
    ]


def report_rows(files: Sequence[Row], specs: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Import time and content of each Dag file, slowest first."""
    rows = []
    for file in sorted(files, key=lambda file: -file["seconds"]):
        ids = [dag_id for dag_id in json.loads(file["dag_ids"]) if dag_id in specs]
        rows.append(
            {
                "file": file["file"],
                "duration": str(timedelta(seconds=file["seconds"])),
                "dag_num": len(ids),
                "task_num": sum(len(specs[dag_id].get("tasks", {})) for dag_id in ids),
                "dags": ",".join(ids),
            }
        )
    return rows


def run_row(run: Row) -> dict[str, Any]:
    """A created run, whose times come as text or as microseconds (`…_us`)."""

    def time(name: str) -> str | None:
        return run[name] if name in run else iso(run.get(f"{name}_us"))

    return {
        "conf": run.get("conf") or {},
        "dag_id": run.get("dag_id"),
        "dag_run_id": run.get("run_id"),
        "data_interval_start": time("data_interval_start"),
        "data_interval_end": time("data_interval_end"),
        "end_date": time("end_date"),
        "logical_date": time("logical_date"),
        "partition_date": time("partition_date"),
        "partition_key": run.get("partition_key"),
        "run_after": time("run_after"),
        "run_type": run.get("run_type"),
        "start_date": time("start_date"),
        "state": run.get("state"),
        "triggering_user_name": run.get("triggering_user"),
    }
