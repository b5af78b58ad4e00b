"""Virtual environments for single tasks: made fresh, or kept in a folder by what is in them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tradewind.sdk.exceptions import AirflowException

Run = Callable[..., Any]
"""Runs a command and returns (exit code, last line)."""


def make_venv(
    run: Run,
    folder: str,
    *,
    python: str,
    requirements: Sequence[str] = (),
    system_site_packages: bool = True,
    pip_options: Sequence[str] = (),
    index_urls: Sequence[str] = (),
) -> str:
    """A new environment in `folder` with the requirements installed; returns its interpreter."""
    command = [python, "-m", "venv", folder]
    if system_site_packages:
        command.append("--system-site-packages")
    if not requirements:
        command.append("--without-pip")
    _checked(run(command), "make a virtual environment")
    interpreter = os.path.join(folder, "bin", "python")
    if requirements:
        listed = Path(folder, "requirements.txt")
        listed.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        sources = [f"{'--index-url' if n == 0 else '--extra-index-url'}={url}" for n, url in enumerate(index_urls)]
        install = [interpreter, "-m", "pip", "install", "--disable-pip-version-check", *pip_options, *sources]
        _checked(run([*install, "-r", str(listed)]), "install the requirements")
    return interpreter


def cached_venv(run: Run, cache: str, **settings: Any) -> str:
    """The interpreter of an environment with these settings, made on first use and kept in `cache`."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    folder, done = os.path.join(cache, f"venv-{digest}"), os.path.join(cache, f"venv-{digest}.done")
    os.makedirs(cache, exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(done):
            # Without the mark an earlier attempt died half-way.
            shutil.rmtree(folder, ignore_errors=True)
            make_venv(run, folder, **settings)
            Path(done).touch()
    return os.path.join(folder, "bin", "python")


def _checked(ended: Any, doing: str) -> None:
    if ended.exit_code != 0:
        raise AirflowException(f"Could not {doing}: exit code {ended.exit_code}, {ended.output}")
