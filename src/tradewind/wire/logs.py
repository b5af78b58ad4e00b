"""Log lines of an attempt: one JSON object a line, in one file per attempt, written while it runs."""

import msgspec


class LogLine(msgspec.Struct, omit_defaults=True):
    """One line of a task's log.

    `t` UTC time in ISO 8601 with microseconds; `l` level (debug, info, warning, error, critical); `m` text, already
    masked; `n` logger name, or `stdout` / `stderr`; `f` file:line of the call; `x` a traceback; `event` is `exit` on
    the last line, whose `reason` says how the attempt ended.
    """

    t: str
    l: str  # noqa: E741
    m: str
    n: str = ""
    f: str = ""
    x: str = ""
    event: str = ""
    reason: str = ""


_encoder = msgspec.json.Encoder()


def encode_line(line: LogLine) -> bytes:
    """The line as UTF-8 JSON with its newline."""
    return _encoder.encode(line) + b"\n"


decode_line = msgspec.json.Decoder(LogLine).decode
