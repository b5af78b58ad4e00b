"""One agent of a name: a second one beside it would kill the first one's processes as its own predecessor's."""

import fcntl
import os
import time
from pathlib import Path

from tradewind.core.errors import TradewindError

PATIENCE_SECONDS = 3.0
"""How long a predecessor that has just been stopped may take to be gone."""


class WorkerRunsAlready(TradewindError):
    """Another process serves under this name."""

    def __init__(self, name: str, pid: str) -> None:
        super().__init__(
            f"A worker named {name!r} runs already in this home{f' (pid {pid})' if pid else ''}; stop it, or give this "
            "one another name (`tradewind worker -n NAME`)."
        )
        self.name = name
        self.pid = pid


class OnlyOne:
    """The right to be the worker of a name, held until this process ends. Raises WorkerRunsAlready.

    A record lock: it is gone with its process, however that ends, and no forked process keeps it alive.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"worker-{name}.lock"
        # Closing it would give the lock up.
        self._file = open(path, "a+", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._take():
            if time.monotonic() > deadline:
                self._file.seek(0)
                pid = self._file.read().strip()
                self._file.close()
                raise WorkerRunsAlready(name, pid)
            time.sleep(0.05)
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def _take(self) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Let another take the name."""
        self._file.close()
