"""What went wrong last with notices that wait for their receiver: their deliveries say it in logs of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from tradewind.api.log_reading import opened
from tradewind.store.times import to_us
from tradewind.wire.log_files import alert_log_path
from tradewind.wire.logs import decode_line

MOST_READ = 60
"""Of more deliveries it is not looked up: who waits for so many knows from the first ones what is wrong."""
TAIL = 8_192
"""Bytes at the end of a log that are looked at."""
_again = re.compile(r"(.+) It is tried again in (\d{1,6}) s\.", re.S).fullmatch


def last_tries(root: Path, deliveries: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, int]]:
    """Of each of these (notice, channel) what went wrong last, and when it is tried again. Those that say nothing are
    left out: they have not been tried yet, or on another machine."""
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for _, (key, channel) in zip(range(MOST_READ), deliveries, strict=False):
        file = opened(root, alert_log_path(root, f"alert:{key}:{channel}"))
        if file is not None and (last := _last(file)) is not None:
            found[key, channel] = last
    return found


def _last(file: int) -> tuple[str, int] | None:
    with os.fdopen(file, "rb") as log:
        log.seek(max(0, os.fstat(file).st_size - TAIL))
        lines = log.read(TAIL).splitlines()
    for raw in reversed(lines):
        try:
            line = decode_line(raw)
            said = _again(line.m)
            if said:
                return said[1], to_us(datetime.fromisoformat(line.t) + timedelta(seconds=int(said[2])))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError, OverflowError):
            continue
    return None
