"""Task logs as text, and the plugin that names what was skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.cli.task_logs import last_lines
from tradewind.wire.logs import LogLine, encode_line

pytest_plugins = ["pytester"]

SKIPS = """
import pytest

def test_one(): pytest.skip("no browser here")
def test_two(): pytest.skip("no browser here")
@pytest.mark.xfail
def test_three(): assert False
def test_four(): pass
"""


def test_a_log_is_read_as_text_and_cannot_steer_the_terminal(tmp_path: Path) -> None:
    lines = [
        LogLine(t="2026-01-31T08:15:29.000001+00:00", l="info", m="first"),
        LogLine(t="2026-01-31T08:15:30.000001+00:00", l="info", m="\x1b[2Jsecond"),
        LogLine(t="2026-01-31T08:15:31.000001+00:00", l="error", m="bad", x="Traceback:\n  here"),
        LogLine(t="2026-01-31T08:15:31.000002+00:00", l="info", m="", event="exit", reason="bad"),
    ]
    log = tmp_path / "attempt=1.log"
    log.write_bytes(b"".join(map(encode_line, lines)) + b"{half a li")
    assert last_lines(log, 4) == ["08:15:30 ␛[2Jsecond", "08:15:31 ERROR bad", "    Traceback:", "      here"]
    assert last_lines(tmp_path / "none", 4) == []


def test_skipped_parts_are_counted_by_their_reason(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE", raising=False)
    pytester.makepyfile(SKIPS)
    result = pytester.runpytest_inprocess("-p", "tradewind.testing.pytest_requirements", "-p", "no:timeout")
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(["*2 skipped: these parts were not tested here*", "    2  no browser here"])


def test_with_require_all_a_skipped_part_is_a_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE", "all")
    pytester.makepyfile(SKIPS)
    pytester.makepyfile(test_file="import pytest\npytest.importorskip('no_such_module')\n")
    result = pytester.runpytest_inprocess("-p", "tradewind.testing.pytest_requirements", "-p", "no:timeout")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Skipped, and REQUIRE=all: could not import 'no_such_module'*"])
    result = pytester.runpytest_inprocess(
        "-p", "tradewind.testing.pytest_requirements", "-p", "no:timeout", "--ignore=test_file.py"
    )
    result.assert_outcomes(passed=1, failed=2, xfailed=1)
