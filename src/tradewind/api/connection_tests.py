"""Tests of connections: the looking is done by a process of its own that cannot outlast its time, two at most."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tradewind.api.call import TooMuch
from tradewind.config import Settings

SECONDS = 15.0
AT_ONCE = 2
_turns = threading.BoundedSemaphore(AT_ONCE)
_OURS = ("AIRFLOW", "TRADEWIND")
"""Names of variables that the process is not given: settings, keys, other connections."""


def may_reach(settings: Settings) -> bool:
    """Whether an administrator lets this machine connect to what callers name."""
    return settings.core.test_connection.strip().lower() == "enabled"


def outcome_of(connection: Mapping[str, Any], seconds: float = SECONDS) -> tuple[bool, str]:
    """Whether what these fields name is reached, and a sentence. Raises TooMuch while others are tested."""
    if not _turns.acquire(blocking=False):
        raise TooMuch(f"{AT_ONCE} connections are being tested already; try again when one is done.", int(SECONDS))
    try:
        return _outcome(connection, seconds)
    finally:
        _turns.release()


def _outcome(connection: Mapping[str, Any], seconds: float) -> tuple[bool, str]:
    environment = {name: text for name, text in os.environ.items() if not name.upper().startswith(_OURS)}
    with tempfile.TemporaryDirectory(prefix="tw-test-") as folder:
        child = subprocess.Popen(
            [sys.executable, "-m", "tradewind.worker.connection_test"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        try:
            said, _ = child.communicate(json.dumps(dict(connection)).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            return False, f"It did not answer within {seconds:g} s."
        finally:
            with suppress(ProcessLookupError):  # also what a driver left behind
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
    try:
        answer = json.loads(said)
        return bool(answer["status"]), str(answer["message"])
    except (ValueError, KeyError, TypeError):
        return False, f"The test broke off (exit code {child.returncode})."
