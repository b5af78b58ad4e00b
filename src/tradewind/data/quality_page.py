"""The HTML report of a quality check: the score, and each rule with what was found."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tradewind.data import charts
from tradewind.data.files import write_text
from tradewind.data.quality import QualityResult
from tradewind.data.web_page import facts, page, table


def quality_page(result: QualityResult, title: str, *, minimum: float = 80, now: datetime | None = None) -> str:
    """One page that needs nothing else: style inside, nothing fetched."""
    moment = (now or datetime.now(UTC)).isoformat(sep=" ", timespec="seconds")
    headline = facts(
        {
            "of 100": f"{result.score:g}",
            "rules": str(len(result.checks)),
            "broken": str(len(result.failed)),
            "rows": f"{max((check.rows for check in result.checks), default=0):,}",
        }
    )
    rows = [
        (
            check.name,
            "kept" if check.passed else "broken, required" if check.required else "broken",
            check.bad,
            f"{100 * check.allowed:g} %",
            check.detail,
        )
        for check in result.checks
    ]
    broken = [n for n, check in enumerate(result.checks) if not check.passed]
    rules = table(("rule", "", "bad", "allowed", "found"), rows, bad=broken)
    return page(title, f"Checked {moment}", [("", headline + charts.gauge(result.score, minimum)), ("Rules", rules)])


def write_quality_page(
    result: QualityResult, path: str | Path, title: str, *, minimum: float = 80, now: datetime | None = None
) -> Path:
    """Write the page, as a whole, and give its path."""
    destination = Path(path)
    write_text(destination, quality_page(result, title, minimum=minimum, now=now))
    return destination
