"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tradewind.data.problems import DiskFull, Overtaken

UNFINISHED_SECONDS = 24 * 3600.0
"""What another machine has not written to for so long is left over."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; renamed to `path` on success, removed on failure.

    Of several runs at once each writes a file of its own, whole; `path` is of the last to finish. What writers that
    died left behind is removed first, and so is what an earlier try of the same task has not finished: should that
    try still be alive, it raises `Overtaken` instead of finishing over the newer one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = _writer()
    for leftover in path.parent.glob(f".{_glob_escape(path.name)}.*.tmp"):
        if _is_left_over(leftover, writer):
            leftover.unlink(missing_ok=True)
    temporary = path.parent / f".{path.name}.{writer}-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:12]}.tmp"
    try:
        yield temporary
        if not temporary.exists():
            raise Overtaken(f"{path} is written by a newer try of this task; what this one wrote is dropped.")
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


def _host() -> str:
    return "".join(char if char.isalnum() else "_" for char in socket.gethostname())[:32]


def _writer() -> str:
    """The same for each try of a task of a run; outside tasks empty."""
    names = [os.environ.get(f"AIRFLOW_CTX_{name}", "") for name in ("DAG_ID", "DAG_RUN_ID", "TASK_ID")]
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:12] if all(names) else ""


def _is_left_over(unfinished: Path, writer: str) -> bool:
    """Whether nobody should finish this file: an earlier try of this task began it, its process is gone, or, where that
    was another machine's, it has not been written to for a day."""
    theirs, host, pid, *_ = *unfinished.name.removesuffix(".tmp").rpartition(".")[2].split("-"), "", "", ""
    if writer and theirs == writer:
        return True
    try:
        if host == _host() and pid.isdecimal():
            os.kill(int(pid), 0)
            return False
        return time.time() - unfinished.stat().st_mtime > UNFINISHED_SECONDS
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's process, or it has just been finished
        return False


def _glob_escape(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
