"""The HTML report of one run: where rows came from, what was lost and why, how good the rest is, what it says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tradewind.data import charts
from tradewind.data.files import write_text
from tradewind.data.pipelines.run import Run
from tradewind.data.web_page import facts, page, table


def render(
    path: Path,
    run: Run,
    steps: dict[str, dict[str, Any]],
    details: dict[str, Any],
    checks: dict[str, Any],
    days: Sequence[Sequence[Any]],
) -> None:
    """Write the report to `path`."""
    sections = [
        ("", _headline(steps)),
        ("Rows, step by step", _rows(steps)),
        ("Why rows were turned away", charts.bars(details["rejected"], colour=charts.COLOURS[1])),
        ("Examples", _examples(details["samples"])),
        ("Data quality", charts.gauge(checks["score"], checks["minimum"]) + _checks(checks["checks"])),
        ("Net revenue by year of shipping", _revenue(details["summary"])),
        ("Departures: mean delay and rain", _delays(days)),
    ]
    write_text(path, page("Large data ETL", f"Run {run.run_id}", sections))


def _headline(steps: dict[str, dict[str, Any]]) -> str:
    done = steps["transform"]
    return facts(
        {
            "rows read": f"{done['rows_in']:,}",
            "rows loaded": f"{steps['load']['lineitem_rows']:,}",
            "rows turned away": f"{done['rows_rejected']:,}",
            "quality of 100": f"{steps['quality']['score']:g}",
            "transform": f"{done['seconds']:.1f} s",
        }
    )


def _rows(steps: dict[str, dict[str, Any]]) -> str:
    rows: list[tuple[str, str, int]] = [("extract_files", "lineitem", steps["files"]["rows"])]
    for source in ("database", "api"):
        rows += [(f"extract_{source}", name, found["rows"]) for name, found in steps[source]["tables"].items()]
    done, loaded = steps["transform"], steps["load"]
    rows.append(("transform", "lineitem", done["rows_kept"]))
    rows.append(("transform", "flights with weather", done["flights_rows"]))
    rows.append(("load", "lineitem", loaded["lineitem_rows"]))
    rows.append(("load", "flights with weather", loaded["flights_weather_rows"]))
    return table(("step", "table", "rows"), rows)


def _examples(samples: dict[str, list[str]]) -> str:
    return table(("rule", "rows"), [(rule, "; ".join(keys[:5])) for rule, keys in samples.items() if keys])


def _checks(checks: list[dict[str, Any]]) -> str:
    rows = [
        (check["name"], "passed" if check["passed"] else "failed", check["bad"], check["detail"]) for check in checks
    ]
    return table(("check", "verdict", "bad", ""), rows, bad=[n for n, row in enumerate(rows) if row[1] == "failed"])


def _revenue(summary: list[dict[str, Any]]) -> str:
    years = sorted({row["year"] for row in summary if row["year"] is not None})
    flags = sorted({str(row["returnflag"]) for row in summary})
    net = {flag: [0.0] * len(years) for flag in flags}
    for row in summary:
        if row["year"] is not None:
            net[str(row["returnflag"])][years.index(row["year"])] += row["net"] or 0.0
    return charts.stacked_bars([str(year) for year in years], {f"return flag {flag}": net[flag] for flag in flags})


def _delays(days: Sequence[Sequence[Any]]) -> str:
    labels = [row[0] for row in days]
    series = {"mean departure delay, minutes": [row[1] for row in days]}
    rain = {"rain at departures, inches a day": [row[2] for row in days]}
    return charts.lines(labels, series) + charts.lines(labels, rain)
