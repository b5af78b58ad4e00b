"""Writes the Grafana dashboards in `monitoring/grafana/dashboards` from what is said here; `--check` only compares."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "monitoring" / "grafana" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "tradewind-prometheus"}
WIDTH = 24
DAG = 'dag_id=~"$dag"'
RATE = "$__rate_interval"
ENDED = "tradewind_task_instances_finished_total"
ERRORS = "tradewind_data_processing_errors_total"
NONE = "or on() vector(0)"


@dataclass(frozen=True)
class Panel:
    """What one panel shows: queries by what their series are called (Grafana's `{{label}}`)."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    text: str = ""
    red_from: float | None = None
    red_below: float | None = None


def quantile(of: str, by: str, share: float) -> str:
    """A quantile of a histogram of ours."""
    return f"histogram_quantile({share}, sum by (le{by}) (rate({of}_bucket{{{DAG}}}[{RATE}])))"


OVERVIEW = [
    Panel("Components", {"{{component}}": "tradewind_up"}, kind="stat", width=6, red_below=1),
    Panel("Workers", {"connected": "sum(tradewind_worker_up)"}, kind="stat", width=3, red_below=1),
    Panel("Live runs", {"runs": "tradewind_scheduler_live_runs"}, kind="stat", width=3),
    Panel("Running tasks", {"tasks": 'tradewind_live_task_instances{state="running"}'}, kind="stat", width=3),
    Panel(
        "Deadlines missed", {"missed": "sum(increase(tradewind_deadlines_missed_total[$__range]))"}, kind="stat",
        width=3, red_from=1,
    ),
    Panel("Import errors", {"problems": "tradewind_import_errors"}, kind="stat", width=3, red_from=1),
    Panel(
        "Attempts lost", {"lost": "increase(tradewind_attempts_lost_total[$__range])"}, kind="stat", width=3, red_from=1
    ),
]  # fmt: skip

DAGS = [
    Panel(
        "Runs by how they ended",
        {"{{dag_id}} {{state}}":
            f"sum by (dag_id, state) (increase(tradewind_runs_finished_total{{{DAG}}}[$__range]))"},
        kind="bargauge",
    ),
    Panel(
        "Success rate of tasks",
        {"{{dag_id}}.{{task_id}}":
            f'sum by (dag_id, task_id) ({ENDED}{{{DAG}, state="success"}})'
            f' / (sum by (dag_id, task_id) ({ENDED}{{{DAG}, state=~"success|failed"}}) > 0)'},
        unit="percentunit", kind="bargauge", red_below=0.9,
        text="Since the scheduler started. 1 is 100 %.",
    ),
    Panel(
        "Failure rate of runs, last hour",
        {"{{dag_id}}":
            f'sum by (dag_id) (increase(tradewind_runs_finished_total{{{DAG}, state="failed"}}[1h]))'
            f" / sum by (dag_id) (increase(tradewind_runs_finished_total{{{DAG}}}[1h]))"},
        unit="percentunit", red_from=0.1,
    ),
    Panel("Live runs by Dag", {"{{dag_id}} {{state}}": f"tradewind_live_runs{{{DAG}}} {NONE}"}),
    Panel(
        "Task run time",
        {"median {{dag_id}}": quantile("tradewind_task_duration_seconds", ", dag_id", 0.5),
         "95 % {{dag_id}}": quantile("tradewind_task_duration_seconds", ", dag_id", 0.95)},
        unit="s",
    ),
    Panel(
        "Distribution of task run time",
        {"{{le}}": f"sum by (le) (increase(tradewind_task_duration_seconds_bucket{{{DAG}}}[{RATE}]))"},
        kind="heatmap", unit="s",
    ),
    Panel(
        "Run time",
        {"mean {{dag_id}}":
            f"sum by (dag_id) (rate(tradewind_run_duration_seconds_sum{{{DAG}}}[{RATE}]))"
            f" / sum by (dag_id) (rate(tradewind_run_duration_seconds_count{{{DAG}}}[{RATE}]))"},
        unit="s", red_from=3600,
    ),
    Panel(
        "Late tasks", {"{{dag_id}}.{{task_id}}": f"tradewind_late_task_instances{{{DAG}}} > 0 {NONE}"},
        text="They take twice what is usual, or longer.", red_from=1,
    ),
    Panel("Retries", {"{{dag_id}}": f"sum by (dag_id) (increase(tradewind_task_retries_total{{{DAG}}}[{RATE}]))"}),
]  # fmt: skip

ENGINE = [
    Panel(
        "Delays of tasks, 95 %",
        {"waits for a slot": quantile("tradewind_task_scheduling_delay_seconds", "", 0.95),
         "starts": quantile("tradewind_task_queue_delay_seconds", "", 0.95)},
        unit="s",
    ),
    Panel("Delay of runs, 95 %", {"start": quantile("tradewind_run_start_delay_seconds", "", 0.95)}, unit="s"),
    Panel("Unfinished tasks", {"{{state}}": "tradewind_live_task_instances"}),
    Panel(
        "Pools", {"{{pool}} used": "tradewind_pool_used_slots", "{{pool}} waiting": "tradewind_pool_waiting_tasks",
                  "{{pool}} slots": "tradewind_pool_slots"},
    ),
    Panel("Slots of workers", {"{{worker}} {{kind}}": "tradewind_worker_slots"}),
    Panel("Memory of tasks", {"{{worker}}": "tradewind_worker_task_memory_bytes"}, unit="bytes"),
    Panel(
        "Code hosts and children that stand by",
        {"{{worker}} hosts": "tradewind_code_hosts", "{{worker}} children": "tradewind_code_host_children_ready"},
    ),
    Panel(
        "Triggers", {"wanted": "tradewind_triggers", "running": "tradewind_triggers_running",
                     "asset watchers": "tradewind_asset_watchers"},
    ),
    Panel(
        "Commits, 99 %",
        {"commit": f"histogram_quantile(0.99, sum by (le) (rate(tradewind_commit_seconds_bucket[{RATE}])))",
         "database answers": "tradewind_database_answer_seconds",
         "waits for the database": "tradewind_database_pending_commit_seconds"},
        unit="s",
    ),
    Panel("Events", {"{{topic}}": f"rate(tradewind_events_total[{RATE}])"}, unit="ops"),
    Panel("Scheduler, CPU", {"busy": f"rate(tradewind_scheduler_busy_seconds_total[{RATE}])"}, unit="percentunit"),
    Panel(
        "What waits", {"inputs": "tradewind_scheduler_inbox_size", "ready tasks": "tradewind_scheduler_ready_tasks",
                       "bytes to peers": "tradewind_scheduler_outbox_bytes"},
    ),
]  # fmt: skip

DATA = [
    Panel(
        "Records an hour",
        {"{{dag_id}} {{data_source}}":
            f"sum by (dag_id, data_source) (rate(tradewind_data_records_processed_total{{{DAG}}}[{RATE}])) * 3600"},
    ),
    Panel(
        "Quality score", {"{{dag_id}} {{data_source}}": f"tradewind_data_quality_score{{{DAG}}}"}, red_below=80,
    ),
    Panel(
        "Processing time",
        {"{{dag_id}} {{data_source}}":
            f"sum by (dag_id, data_source) (rate(tradewind_data_processing_seconds_sum{{{DAG}}}[{RATE}]))"
            f" / sum by (dag_id, data_source) (rate(tradewind_data_processing_seconds_count{{{DAG}}}[{RATE}]))"},
        unit="s",
    ),
    Panel("Services", {"{{service}}": "tradewind_data_service_up"}, kind="stat", red_below=1),
    Panel(
        "Errors while processing",
        {"{{dag_id}} {{error}}": f"sum by (dag_id, error) (increase({ERRORS}{{{DAG}}}[$__range])) {NONE}"},
        red_from=1,
    ),
    Panel(
        "Alert notices",
        {"{{rule}} {{status}}":
            f"sum by (rule, status) (increase(tradewind_data_alert_notices_total[$__range])) {NONE}"},
    ),
]  # fmt: skip

MACHINE = [
    Panel(
        "CPU",
        {"scheduler's machine": f"rate(tradewind_machine_cpu_busy_seconds_total[{RATE}])"
                                f" / rate(tradewind_machine_cpu_seconds_total[{RATE}])",
         "{{worker}}": "tradewind_data_cpu_usage_ratio"},
        unit="percentunit",
    ),
    Panel(
        "Memory",
        {"scheduler's machine": "tradewind_machine_memory_used_bytes / tradewind_machine_memory_size_bytes",
         "{{worker}}": "tradewind_data_memory_usage_ratio"},
        unit="percentunit", red_from=0.9,
    ),
    Panel(
        "Disk",
        {"scheduler's machine": "tradewind_machine_disk_usage_ratio",
         "{{worker}} {{path}}": "tradewind_data_disk_usage_ratio"},
        unit="percentunit", red_from=0.9,
    ),
]  # fmt: skip

ROWS = {"Overview": OVERVIEW, "Dags and tasks": DAGS, "Data": DATA, "Machine": MACHINE, "Engine": ENGINE}


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": "tradewind",
        "title": "Tradewind",
        "tags": ["tradewind"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "dag", "label": "Dag", "type": "query", "datasource": SOURCE, "multi": True,
                    "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "refresh": 2,
                    "query": {"query": "label_values(tradewind_runs_finished_total, dag_id)", "refId": "dag"},
                }
            ]
        },
        "panels": list(_panels()),
    }  # fmt: skip


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for title, panels in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": _place(0, top, WIDTH, 1),
        }
        left, top = 0, top + 1
        tall = 4 if title == "Overview" else 8
        for panel in panels:
            if left + panel.width > WIDTH:
                left, top = 0, top + tall
            number += 1
            yield _panel(number, panel, _place(left, top, panel.width, tall))
            left += panel.width
        top += tall


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    once = panel.kind in ("stat", "bargauge")
    targets = [
        {
            "refId": chr(ord("A") + position), "datasource": SOURCE, "expr": expression, "legendFormat": name,
            "instant": once, "range": not once, **({"format": "heatmap"} if panel.kind == "heatmap" else {}),
        }
        for position, (name, expression) in enumerate(panel.queries.items())
    ]  # fmt: skip
    return {
        "id": number, "type": panel.kind, "title": panel.title, "description": panel.text, "datasource": SOURCE,
        "gridPos": place, "targets": targets, "options": _options(panel),
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, **_thresholds(panel)}, "overrides": []},
    }  # fmt: skip


def _options(panel: Panel) -> dict[str, Any]:
    match panel.kind:
        case "stat":
            return {
                "reduceOptions": {"calcs": ["lastNotNull"]},
                "colorMode": "background",
                "textMode": "value_and_name",
            }
        case "bargauge":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}, "orientation": "horizontal", "displayMode": "basic"}
        case "heatmap":
            return {"calculate": False, "yAxis": {"unit": panel.unit}}
        case _:
            return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}


def _thresholds(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    if panel.red_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.red_below}]
    style = {"custom": {"thresholdsStyle": {"mode": "line"}}} if panel.kind == "timeseries" and len(steps) > 1 else {}
    return {"thresholds": {"mode": "absolute", "steps": steps}, **style}


def text() -> str:
    return json.dumps(dashboard(), indent=2) + "\n"


def main() -> int:
    path = FOLDER / "tradewind.json"
    if "--check" in sys.argv[1:]:
        if not path.exists() or path.read_text() != text():
            print(
                f"{path} is not what scripts/dashboards.py makes; run `python scripts/dashboards.py`.", file=sys.stderr
            )
            return 1
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
