"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tradewind.data.problems import DiskFull


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; renamed to `path` on success, removed on failure.

    Unfinished files that an earlier writer of the same path left behind are removed first. Should that writer still
    be alive, it can then no longer finish over the newer one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{_glob_escape(path.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:12]}.tmp"
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(_full(path.parent, path.name)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file, durably and whole."""
    with replacing(path) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, durably and whole."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def place(source: Path, destination: Path) -> None:
    """Give a finished file a second name without copying it where the file system allows."""
    with replacing(destination) as temporary:
        try:
            os.link(source, temporary)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            shutil.copyfile(source, temporary)


def require_space(folder: Path, need: int, purpose: str) -> None:
    """Raise `DiskFull` unless `folder` has room for `need` bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    have = shutil.disk_usage(folder).free
    if have < need:
        raise DiskFull(f"{purpose} needs {human(need)} in {folder}, which has {human(have)} free; make room there.")


def human(size: float) -> str:
    """A number of bytes for people: `766 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit in ("bytes", "kB", "MB") else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _full(folder: Path, name: str) -> str:
    return f"The disk of {folder} is full, so {name} could not be written; make room and try again."


def _glob_escape(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
