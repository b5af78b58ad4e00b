"""Figures as a table: for the terminal, and as docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.figures import Figure

Line = tuple[str, ...]
COLUMNS = ("", "SQLite", "PostgreSQL", "budget", "Airflow (PostgreSQL)", "ratio")


def lines_of(row: str, figures: Iterable[Figure]) -> list[Line]:
    """One line for each thing that a row has measured, engines and databases side by side."""
    by_what: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        if figure.row == row:
            by_what.setdefault((figure.what, figure.unit), []).append(figure)
    return [_line(what, unit, found) for (what, unit), found in by_what.items()]


def _line(what: str, unit: str, figures: list[Figure]) -> Line:
    """Of figures that several sessions have, the newest is shown; the ratio is of the peer's own session."""
    found = {(figure.engine, figure.database): figure for figure in figures}
    sqlite = found.get(("tradewind", "sqlite"))
    postgres = found.get(("tradewind", "postgresql"))
    alone = found.get(("tradewind", ""))
    peer = next((figure for (engine, _), figure in found.items() if engine != "tradewind"), None)
    beside = [f for f in figures if peer and f.engine == "tradewind" and f.session == peer.session]
    ours = next((f for f in beside if f.database in ("postgresql", "")), None)
    budget = next((figure for figure in (sqlite, postgres, alone) if figure is not None), None)
    return (
        f"{what} ({unit})" if unit else what,
        _shown(sqlite or alone),
        _shown(postgres),
        "" if budget is None or budget.budget is None else ("≤ " if budget.better == "less" else "≥ ")
        + _number(budget.budget),
        _shown(peer),
        _ratio(ours, peer),
    )  # fmt: skip


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return ""
    mark = " ✗" if figure.within_budget is False and figure.engine == "tradewind" else ""
    return _number(figure.median) + mark


def _ratio(ours: Figure | None, peer: Figure | None) -> str:
    """How many times better ours is; below 1 it is worse."""
    if ours is None or peer is None or not ours.median or not peer.median:
        return ""
    factor = peer.median / ours.median if ours.better == "less" else ours.median / peer.median
    return f"{_number(factor)} ×"


def _number(value: float) -> str:
    if value and abs(value) < 1:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def as_text(titles: dict[str, str], figures: Sequence[Figure]) -> str:
    """The table for a terminal."""
    out: list[str] = []
    for row, title in titles.items():
        lines = lines_of(row, figures)
        if not lines:
            continue
        out += ["", title, _columns(COLUMNS), *map(_columns, lines)]
    return "\n".join(out)


def _columns(line: Line) -> str:
    first, *rest = line
    return f"  {first:<52.52}" + "".join(
        f"{text:>14}" if number < 3 else f"{text:>22}" for number, text in enumerate(rest)
    )


def as_page(titles: dict[str, str], sessions: Sequence[dict[str, Any]], figures: Sequence[Figure]) -> str:
    """docs/benchmarks.md."""
    parts = [_INTRODUCTION, *(_session(session) for session in sessions), ""]
    for row, title in titles.items():
        lines = lines_of(row, figures)
        if not lines:
            continue
        has_peer = any(line[4] for line in lines)
        width = 6 if has_peer else 4
        loads = [figure.load for figure in figures if figure.row == row]
        parts += [f"## {title}", ""]
        parts += [_markdown(COLUMNS[:width]), _markdown((":--", *["--:"] * (width - 1)))]
        parts += [_markdown(line[:width]) for line in lines]
        notes = sorted({figure.note for figure in figures if figure.row == row and figure.note})
        parts += [
            "",
            f"Load average when it began: {min(loads):.1f} to {max(loads):.1f}." + "".join(f" {n}" for n in notes),
        ]
        parts += [""]
    return "\n".join(parts).rstrip() + "\n"


_INTRODUCTION = """\
# Benchmarks

Written by `python benchmarks/run.py` (`make bench`, and `make bench PEERS=airflow` for the column beside it).
Each figure is a median; every single value is in the session's JSON file. ✗ marks what is outside its budget.
A ratio above 1 says how many times better Tradewind is: PostgreSQL against PostgreSQL, the same Dag files, and always
within one session, so where a newer session has measured Tradewind again, the ratio still is of the older one.

Gaps are taken by the task bodies themselves with CLOCK_MONOTONIC at their first and last line. CPU counts every process
of the tree. *Healthy* means that every component is up and `GET /api/v2/dags` answers 200. The load average stands
below each table: above the number of cores, others were using the machine, and every figure is slower than it can do.
Peers run with their own defaults: Airflow with LocalExecutor from `airflow standalone`.

## Sessions
"""


def _session(session: dict[str, Any]) -> str:
    machine = session["machine"]
    return (
        f"- {session['began']}: `{session['command']}` on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}, SQLite {machine['sqlite']}; "
        f"{machine['fsyncs_per_second']:,} fsyncs/s, {machine['sqlite_commits_per_second']:,} SQLite commits/s "
        f"(synchronous=FULL); Tradewind {session['version']}, load average {session['load']:.1f} at the start."
    )


def _markdown(line: Iterable[str]) -> str:
    return "| " + " | ".join(line) + " |"
