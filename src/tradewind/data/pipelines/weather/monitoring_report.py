"""The HTML report of one look at the weather pipelines: the machine, the data, the model."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

from tradewind.data import charts
from tradewind.data.web_page import facts, page, table

Facts = dict[str, Any]


def render(due: datetime, found: dict[str, Facts]) -> str:
    """The page; a look that could not be taken says why."""
    sections = [
        ("", _headline(found)),
        ("System", _section(found["system_health"], _system)),
        ("Data of the last day", _section(found["data_quality"], _quality)),
        ("Model in production", _section(found["model_performance"], _model)),
    ]
    return page("Weather monitoring", f"{due:%Y-%m-%d %H:%M %Z}", sections)


def _headline(found: dict[str, Facts]) -> str:
    quality, model = found["data_quality"], found["model_performance"]
    problems = [name for name, look in found.items() if look["problem"]]
    mae = (model.get("model") or {}).get("mae")
    drifted = model.get("drifted")
    return facts(
        {
            "looks that failed": ", ".join(problems) or "none",
            "newest hour": _shown(quality.get("newest_age_hours"), " h old"),
            "quality of 100": _shown(quality.get("score")),
            "model's mean error": _shown(mae, " °C"),
            "drift": "–" if drifted is None else ", ".join(drifted) or "none",
        }
    )


def _section(look: Facts, draw: Any) -> str:
    problem = f'<p class="bad">{escape(look["problem"])}</p>' if look["problem"] else ""
    return problem + (str(draw(look)) if len(look) > 1 else "")


def _system(look: Facts) -> str:
    return table(("", ""), [(name.replace("_", " "), value) for name, value in look.items() if name != "problem"])


def _quality(look: Facts) -> str:
    if not look["newest"]:
        return ""
    hours = sorted(look["scores"])
    drawn = charts.lines([hour[11:16] for hour in hours], {"score": [look["scores"][hour] for hour in hours]})
    rows = [("newest hour", look["newest"]), ("missing", ", ".join(look["gaps"]) or "none"), ("lowest", look["lowest"])]
    return (charts.gauge(look["score"], 80) + drawn if hours else "") + table(("", ""), rows)


def _model(look: Facts) -> str:
    if look["version"] is None:
        return "<p>Nothing is in production yet.</p>"
    shown = f"<p>{escape(look['version'])}</p>"
    if look.get("told"):
        shown += f'<p class="bad">{escape(look["told"])}</p>'
    if look.get("model"):
        rows = [
            (f"{horizon} h", facts["forecasts"], _number(facts["mae"]), _number(held["mae"]), _number(facts["bias"]))
            for (horizon, facts), held in zip(
                look["model"]["horizons"].items(), look["persistence"]["horizons"].values(), strict=True
            )
        ]
        shown += table(("ahead", "forecasts", "mean error, °C", "persistence", "bias"), rows)
        shown += f"<p>Since {escape(look['since'])}; the evaluation gave {_shown(look['expected_mae'], ' °C')}.</p>"
    columns = [
        (one["column"], one["psi"], one["psi_limit"], one["ks"], one["ks_limit"], one["mean"], one["season_mean"])
        for one in look["columns"]
    ]
    bad = [n for n, one in enumerate(look["columns"]) if one["column"] in look["drifted"]]
    header = ("drift against the season", "PSI", "limit", "distance", "limit", "mean", "usual mean")
    return shown + (table(header, columns, bad=bad) if columns else "")


def _number(value: float | None) -> float | str:
    return "–" if value is None else value


def _shown(value: float | None, unit: str = "") -> str:
    return "–" if value is None else f"{value:.3g}{unit}"
