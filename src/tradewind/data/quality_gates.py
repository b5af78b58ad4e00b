"""The gate before a load: check, quarantine, report, and stop when the data are not good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradewind.data.problems import BadSetting
from tradewind.data.quality_engines import check, quarantine
from tradewind.data.quality_page import write_quality_page
from tradewind.data.quality_rules import Rule, rules_from


def quality_gate(
    data: Any,
    rules: Sequence[Rule | Mapping[str, Any]],
    *,
    minimum: float = 80,
    report: str | Path | None = None,
    good: str | Path | None = None,
    quarantined: str | Path | None = None,
    title: str = "Data quality",
) -> dict[str, Any]:
    """Check the data, and raise `QualityGateFailed` when they are not good enough.

    The report and the quarantine are written before that, so that somebody can see why. The score is of the data as
    they came; `good` has the rows that broke no row-wise rule. Gives the score, the broken rules, and the counts.
    """
    if (good is None) != (quarantined is None):
        raise BadSetting("Give both good= and quarantined=, or neither: a row goes to one of them.")
    known = [rule if isinstance(rule, Rule) else rules_from([rule])[0] for rule in rules]
    result = check(data, known)
    found: dict[str, Any] = {"score": result.score, "broken": [broken.name for broken in result.failed]}
    if good is not None and quarantined is not None:
        found["good_rows"], found["quarantined_rows"] = quarantine(data, known, good=good, bad=quarantined)
    if report is not None:
        found["report"] = str(write_quality_page(result, report, title, minimum=minimum))
    result.gate(minimum)
    return found
