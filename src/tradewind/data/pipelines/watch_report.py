"""The HTML report of the monitoring Dag: what fires, how the machine and the data are, and how they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradewind.data import charts
from tradewind.data.files import write_text
from tradewind.data.web_page import facts, page, table

SHOWN = 168
"""Samples in a chart: a week of hourly runs."""


def render(
    path: Path,
    run_id: str,
    now: datetime,
    evaluated: Mapping[str, Any],
    descriptions: Mapping[str, str],
    history: Sequence[Mapping[str, Any]],
    minimum: float,
) -> None:
    """Write the report to `path`."""
    values, rows = evaluated["values"], history[-SHOWN:]
    labels = [datetime.fromtimestamp(row["time"], UTC).strftime("%d %H:%M") for row in rows]

    def lines(unit: str, **names: str) -> str:
        return charts.lines(
            labels, {title: [row["values"].get(name) for row in rows] for name, title in names.items()}, unit=unit
        )

    sections = [
        ("", _headline(values)),
        ("Rules", _rules(evaluated, descriptions)),
        ("Services", _services(values)),
        ("CPU, memory, disk", lines("%", cpu_percent="CPU", memory_percent="memory", disk_percent="disk")),
    ]
    if "quality_score" in values:
        quality = charts.gauge(values["quality_score"], minimum) + lines("", quality_score="quality score")
        sections.append(("Data quality", quality))
    sections.append(("Runs", lines("", failure_rate="failure rate") + lines(" s", duration_seconds="run time")))
    write_text(path, page("Pipeline monitoring", f"Run {run_id}, {now:%Y-%m-%d %H:%M} UTC", sections))


def _headline(values: Mapping[str, float]) -> str:
    shown = {
        "CPU": ("cpu_percent", "{:.0f} %"),
        "memory": ("memory_percent", "{:.0f} %"),
        "disk": ("disk_percent", "{:.0f} %"),
        "quality of 100": ("quality_score", "{:g}"),
        "newest run": ("duration_seconds", "{:.0f} s"),
        "age of its data": ("data_age_hours", "{:.1f} h"),
    }
    return facts({title: form.format(values[name]) for title, (name, form) in shown.items() if name in values})


def _rules(evaluated: Mapping[str, Any], descriptions: Mapping[str, str]) -> str:
    firing = set(evaluated["firing"])
    rows = [(name, "fires" if name in firing else "quiet", descriptions.get(name, "")) for name in evaluated["rules"]]
    return table(("rule", "now", ""), rows, bad=[n for n, row in enumerate(rows) if row[0] in firing])


def _services(values: Mapping[str, float]) -> str:
    rows = [
        (name.removeprefix("service_up."), "up" if up else "down")
        for name, up in values.items()
        if name.startswith("service_up.")
    ]
    if not rows:
        return "<p>None is named; set the parameter <code>services</code> or MONITORED_SERVICES.</p>"
    return table(("service", "now"), rows, bad=[n for n, row in enumerate(rows) if row[1] == "down"])
