"""Unix sockets at paths of any length."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 100
"""The kernel takes 107 bytes; a little room is left for what others append."""


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """An address for a unix socket at this path; a path too long for the kernel goes through a folder descriptor."""
    if len(os.fsencode(path)) < LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
