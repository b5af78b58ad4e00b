"""Task logs as text: JSON lines become what a person reads."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tradewind.cli.app import printable
from tradewind.wire.logs import LogLine, decode_line


def log_file(logs: Path, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int) -> Path:
    """The log of one try; it need not exist."""
    from tradewind.wire.log_files import log_path

    return log_path(logs, dag_id, run_id, task_id, map_index, try_number)


def last_lines(path: Path, most: int) -> list[str]:
    """The last lines of a log as text; empty when there is no log."""
    try:
        data = path.read_bytes()[-(1 << 18) :]
    except OSError:
        return []
    return [line for raw in data.splitlines() for line in text_of(raw)][-most:]


def text_of(raw: bytes) -> Iterator[str]:
    """The text of one line of a log file: time, level if it matters, message; then the traceback."""
    try:
        line = decode_line(raw)
    except msgspec.DecodeError:
        return
    if line.event != "exit" or line.l != "info":
        level = "" if line.l in ("info", "debug") or line.n == "stderr" else f"{line.l.upper()} "
        yield printable(f"{_clock(line)} {level}{line.m}")
    for trace in line.x.splitlines():
        yield printable(f"    {trace}")


def _clock(line: LogLine) -> str:
    """`08:15:30` of an ISO time."""
    return line.t[11:19]
