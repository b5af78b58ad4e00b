"""Reports of longer attempts on disk, from the end of the attempt until its commit.

A task that took an hour must not be repeated because the agent died in the second after it. The child writes its
report before it sends it; the agent removes it when the scheduler has committed it; a new agent sends what it finds.
"""

import os
from pathlib import Path

import msgspec

from tradewind.wire.messages import Finished

WORTH_KEEPING_US = 1_000_000
"""Shorter attempts are cheaper to repeat than to keep."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Finished)


def keep(folder: str, report: Finished) -> None:
    """Write the report durably, if its attempt was long enough. A full disk loses the copy, not the attempt."""
    if not folder or report.start_us is None or (report.end_us or 0) - report.start_us < WORTH_KEEPING_US:
        return
    path = Path(folder) / report.attempt
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(_encoder.encode(report))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        pass


def forget(folder: str, attempt: str) -> None:
    """The report is committed."""
    if folder:
        Path(folder, attempt).unlink(missing_ok=True)


def kept(folder: str) -> list[Finished]:
    """What an earlier agent could not deliver. A file that cannot be read is removed: its attempt counts as lost."""
    reports = []
    for path in sorted(Path(folder).glob("*")) if folder else ():
        try:
            reports.append(_decoder.decode(path.read_bytes()))
        except (OSError, msgspec.DecodeError):
            path.unlink(missing_ok=True)
    return reports
