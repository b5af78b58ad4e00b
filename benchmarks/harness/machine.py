"""The machine that figures were taken on, and how many durable commits a second it can make."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any


def machine_facts(folder: Path) -> dict[str, Any]:
    """Processor, memory, system, and commits a second on the file system of this folder."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "fsyncs_per_second": round(fsyncs_per_second(folder)),
        "sqlite_commits_per_second": round(sqlite_commits_per_second(folder)),
    }


def fsyncs_per_second(folder: Path, seconds: float = 1.0) -> float:
    """Appends of 4 KiB, each followed by fsync."""
    with tempfile.TemporaryFile(dir=folder) as file:
        count, began = 0, time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            os.write(file.fileno(), b"x" * 4096)
            os.fsync(file.fileno())
            count += 1
    return count / (now - began)


def sqlite_commits_per_second(folder: Path, seconds: float = 1.0) -> float:
    """One-row transactions in WAL mode with synchronous=FULL."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        connection = sqlite3.connect(f"{place}/commits.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (x INTEGER)")
        count, began = 0, time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            connection.execute("INSERT INTO t VALUES (1)")
            count += 1
        connection.close()
    return count / (now - began)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
