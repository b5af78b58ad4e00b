"""Pytest plugin: says at the end which parts were skipped and why; with REQUIRE=all a skipped part is a failure.

pytest -p tradewind.testing.pytest_requirements
"""

import os
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest


def requires_all() -> bool:
    """Whether nothing may be skipped."""
    return os.environ.get("REQUIRE", "") == "all"


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why something was skipped, without the place."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
    return text.removeprefix("Skipped: ").strip() or "no reason given"


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    # With its name: of the files that workers of pytest-xdist cannot collect, equal texts would be told once.
    report.longrepr = f"{report.nodeid}: Skipped, and REQUIRE=all: {reason_of(report)}"
    report.outcome = "failed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test; one that is expected to fail is none."""
    report = yield
    if requires_all() and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file that skips itself, as `importorskip` does."""
    report = yield
    if requires_all() and report.skipped:
        _fail(report)
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for each reason, with the number of tests (or files) that were skipped for it."""
    skipped = [report for report in terminalreporter.stats.get("skipped", ()) if not hasattr(report, "wasxfail")]
    if not skipped:
        return
    counts = Counter(map(reason_of, skipped))
    terminalreporter.write_sep("=", f"{len(skipped)} skipped: these parts were not tested here")
    for reason, count in counts.most_common():
        terminalreporter.write_line(f"{count:5}  {reason}")
