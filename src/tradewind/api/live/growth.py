"""Says when logs grow that somebody looks at: the kernel tells, and nothing is read or asked.

Linux alone tells in this way, and only of what is written on this machine. On other systems, in folders that other
machines write to as well, and where the kernel watches too much already, the files are looked at five times a second
instead, while somebody follows them.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import struct
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from anyio import to_thread

MODIFY, CREATE, ONLY_FOLDERS, NO_LINKS = 0x2, 0x100, 0x01000000, 0x02000000
MOVED_HERE = 0x80
_EVENT = struct.Struct("iIII")
LOOK_SECONDS = 0.2
MOUNTS = Path("/proc/self/mountinfo")
FROM_AFAR = re.compile(r"nfs|cifs|smb|9p|ceph|fuse|gluster|lustre|afs|virtiofs|vboxsf|prl_fs|ocfs2|gfs")
"""How the types of file systems begin that others may write to: of their writing the kernel here says nothing."""


class Growth:
    """Files by a name of the caller's. A file that is not there yet is told of when it comes."""

    def __init__(self, root: Path, grew: Callable[[str], None]) -> None:
        """The files lie below `root`, which need not be there yet. `grew` is given the name of one that has grown."""
        self._above, self._grew = root.parent, grew
        self._files: dict[str, Path] = {}
        self._names: dict[int, set[str]] = defaultdict(set)
        """By watch, whose files lie in its folder, or will lie below it."""
        self._folders: dict[int, Path] = {}
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._is_local = self._libc is not None and not is_from_afar(root)
        self._fd = -1
        self._sizes: dict[str, tuple[Path, int]] = {}
        """Files that are looked at, and how long they were."""
        self._looking: asyncio.Task[None] | None = None

    def watch(self, name: str, file: Path) -> None:
        """Say from now on when this file grows."""
        if name in self._files or name in self._sizes:
            return
        if not self._is_told():
            self._sizes[name] = (file, _size(file))
            if self._looking is None or self._looking.done():
                self._looking = asyncio.ensure_future(self._look())
            return
        self._files[name] = file
        self._place(name)

    def _is_told(self) -> bool:
        """Whether the kernel tells."""
        if self._fd < 0 and self._libc is not None and self._is_local:
            self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if self._fd >= 0:
                asyncio.get_running_loop().add_reader(self._fd, self._read)
        return self._fd >= 0

    async def _look(self) -> None:
        while self._sizes:
            await asyncio.sleep(LOOK_SECONDS)
            files = {name: file for name, (file, _) in self._sizes.items()}
            for name, size in (await to_thread.run_sync(_sizes, files)).items():
                if name in self._sizes and self._sizes[name] != (files[name], size):
                    self._sizes[name] = (files[name], size)
                    self._grew(name)

    def forget(self, name: str) -> None:
        """Nobody looks at it any more."""
        self._sizes.pop(name, None)
        if self._files.pop(name, None) is not None:
            for watch in [watch for watch, names in self._names.items() if name in names]:
                self._leave(watch, name)

    def close(self) -> None:
        self._sizes.clear()
        if self._looking is not None:
            self._looking.cancel()
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._files.clear()
            self._names.clear()
            self._folders.clear()

    def _place(self, name: str) -> None:
        """Look at the file's folder, or at the deepest one above it that there is."""
        wanted = self._files[name].parent
        while True:
            folder = wanted
            while (watch := self._watch(folder)) < 0 and folder != self._above:
                folder = folder.parent
            if watch < 0:
                return
            self._folders[watch] = folder
            self._names[watch].add(name)
            if folder == wanted or not self._next(folder, wanted).is_dir():
                return
            self._leave(watch, name)  # it came in between: look there

    def _next(self, folder: Path, wanted: Path) -> Path:
        return folder / wanted.relative_to(folder).parts[0]

    def _watch(self, folder: Path) -> int:
        assert self._libc is not None
        what = MODIFY | CREATE | MOVED_HERE | ONLY_FOLDERS | NO_LINKS
        return int(self._libc.inotify_add_watch(self._fd, os.fsencode(folder), what))

    def _leave(self, watch: int, name: str) -> None:
        self._names[watch].discard(name)
        if not self._names[watch]:
            del self._names[watch], self._folders[watch]
            assert self._libc is not None
            self._libc.inotify_rm_watch(self._fd, watch)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:
            return
        told: set[tuple[int, str]] = set()
        at = 0
        while at < len(data):
            watch, _, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            told.add((watch, os.fsdecode(data[at - length : at].rstrip(b"\0"))))
        for watch, entry in told:
            self._tell(watch, entry)

    def _tell(self, watch: int, entry: str) -> None:
        folder = self._folders.get(watch)
        for name in list(self._names.get(watch, ())):
            file = self._files[name]
            if folder == file.parent:
                if file.name == entry:
                    self._grew(name)
            elif folder is not None and self._next(folder, file.parent).name == entry:
                self._leave(watch, name)
                self._place(name)
                if file.exists():
                    self._grew(name)


def is_from_afar(folder: Path) -> bool:
    """Whether other machines may write to this folder, as far as its file system says."""
    try:
        mounts = [line.split(" - ") for line in MOUNTS.read_text("utf-8", "surrogateescape").splitlines()]
    except OSError:
        return False
    place = Path(os.path.realpath(folder))
    found = (Path("/"), "")
    for before, after in mounts:
        point = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), before.split()[4]))
        if place.is_relative_to(point) and len(point.parts) >= len(found[0].parts):
            found = (point, after.split()[0])
    return FROM_AFAR.match(found[1]) is not None


def _sizes(files: dict[str, Path]) -> dict[str, int]:
    return {name: _size(file) for name, file in files.items()}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1
