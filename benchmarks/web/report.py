"""The figures of the web UI: a table for the terminal, and the section of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.figures import Figure, figure_from_json, quantile
from harness.report import _number as number

HEADING = "## The web UI"


def ui_section(page: str) -> str:
    """What a page has of it: an empty line, the heading and all behind it; nothing where there is none."""
    _, heading, text = page.partition(f"\n{HEADING}\n")
    return heading + text


def without_ui_section(page: str) -> str:
    """The page up to that heading."""
    return page.partition(f"\n{HEADING}\n")[0]


def as_text(titles: dict[str, str], figures: Sequence[Figure], troubles: dict[str, str]) -> str:
    out: list[str] = []
    for name, title in titles.items():
        its = [one for one in figures if one.row == name]
        if its or name in troubles:
            out += ["", f"{name}: {title}"]
            out += [f"  {_what(one):<66.66}{_shown(one):>12}{_p95(one):>12}{_limit(one):>12}" for one in its]
        if name in troubles:
            out.append(f"  not measured further: {troubles[name]}")
    return "\n".join(out)


def as_section(sessions: Sequence[dict[str, Any]], titles: dict[str, str], unmeasured: dict[str, str]) -> str:
    """From its heading to its end. Of a goal that several sessions have, the last one's figures are shown."""
    parts = [
        HEADING, "",
        "Written by `python benchmarks/ui.py` (`make bench-ui`). Debian's Chromium, headless, 1440 × 900, signed in",
        "over the loopback, before an installation on SQLite; ✗ is outside its limit. Where the load average is above",
        "the number of cores, others used the machine: every figure is slower then than it can do, and CPU is nearer",
        "to the truth.",
        "", *(_described(number, session) for number, session in enumerate(sessions, 1)), "",
    ]  # fmt: skip
    for name, title in titles.items():
        having = [n for n, session in enumerate(sessions, 1) if any(one["row"] == name for one in session["figures"])]
        shown = sessions[having[-1] - 1] if having else sessions[-1]
        its = [figure_from_json(one) for one in shown["figures"] if one["row"] == name]
        trouble = shown["troubles"].get(name, "")
        if its:
            parts += [f"### {title}", "", "|  | median | p95 | limit |", "| :-- | --: | --: | --: |"]
            parts += [f"| {_what(one)} | {_shown(one)} | {_p95(one)} | {_limit(one)} |" for one in its]
            parts += ["", f"Session {having[-1]}, load average {its[0].load:.1f} when it began.", *_notes(its), ""]
        if trouble:
            parts += [*([] if its else [f"### {title}", ""]), f"Not measured{' further' if its else ''}: {trouble}", ""]
    parts += ["### Not measured here", "", *(f"- {name}: {why}" for name, why in unmeasured.items()), ""]
    return "\n".join(parts).rstrip() + "\n"


def _described(number: int, session: dict[str, Any]) -> str:
    machine, sizes = session["machine"], session["sizes"]
    return (
        f"{number}. {session['began']}: `{session['command']}` on {machine['processor']}, {machine['cores']} cores, "
        f"load average {session['load']:.1f} at the start and {session['load_end']:.1f} at the end; "
        f"{sizes['dags']:,} Dags with {sizes['runs_each']} runs each, `wide` with {sizes['wide_tasks']} tasks × "
        f"{sizes['wide_runs']} runs, `deep` with {sizes['deep_levels']} levels, `graph` with {sizes['graph_tasks']:,} "
        f"tasks, a run of {sizes['mapped']:,} mapped instances, a log of {sizes['log_lines']:,} lines, "
        f"{session['instances']:,} task instances; the median of {session['repeat']}."
    )


def _notes(figures: Iterable[Figure]) -> list[str]:
    return [f"{one.what}: {one.note}." for one in figures if one.note and one.budget is not None]


def _what(one: Figure) -> str:
    return f"{one.what} ({one.unit})" if one.unit else one.what


def _shown(one: Figure) -> str:
    return number(one.median) + (" ✗" if one.within_budget is False else "")


def _p95(one: Figure) -> str:
    return number(quantile(one.values, 0.95)) if len(one.values) > 1 else ""


def _limit(one: Figure) -> str:
    return "" if one.budget is None else ("≤ " if one.better == "less" else "≥ ") + number(one.budget)
