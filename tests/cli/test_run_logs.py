"""Task logs as text."""

from __future__ import annotations

from pathlib import Path

from tradewind.cli.task_logs import last_lines
from tradewind.wire.logs import LogLine, encode_line


def test_a_log_is_read_as_text_and_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """S12"""
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
