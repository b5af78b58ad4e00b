"""What Airflow's `process_utils`, `platform` and `timeout` give: users, environments, commands, a limit on time."""

from __future__ import annotations

import getpass
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tradewind.sdk.exceptions import AirflowTaskTimeout


def getuser() -> str:
    """The user this process runs as; its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


@contextmanager
def patch_environ(new_env_variables: Mapping[str, str]) -> Iterator[None]:
    """The environment with these variables set, put back afterwards."""
    before = {name: os.environ.get(name) for name in new_env_variables}
    os.environ.update(new_env_variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def execute_in_subprocess(cmd: list[str], cwd: str | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run a command, log what it writes, raise when it fails."""
    log = logging.getLogger("airflow.utils.process_utils")
    log.info("Executing cmd: %s", " ".join(cmd))
    with subprocess.Popen(
        cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd, env=env, text=True
    ) as process:
        for line in process.stdout or ():
            log.info("%s", line.rstrip())
        code = process.wait()
    if code:
        raise subprocess.CalledProcessError(code, cmd)


def is_venv_installed() -> bool:
    """Whether virtual environments can be made here."""
    return bool(shutil.which("virtualenv")) or importlib.util.find_spec("venv") is not None


class timeout:
    """Raises AirflowTaskTimeout in a `with` block that takes longer than `seconds`; main thread only."""

    def __init__(self, seconds: float = 1, error_message: str = "Timeout") -> None:
        self.seconds, self.error_message = seconds, f"{error_message}, PID: {os.getpid()}"

    def __enter__(self) -> timeout:
        self._before = signal.signal(signal.SIGALRM, self.handle_timeout)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def handle_timeout(self, signum: int, frame: Any) -> None:
        raise AirflowTaskTimeout(self.error_message)
