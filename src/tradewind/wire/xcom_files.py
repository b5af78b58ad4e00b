"""Large XComs as files: what is stored in place of the value, and where the value lies.

A value above the limit goes to `FOLDER/run/task/map_index/sha256`, and its reference takes its place in messages and
rows. JSON never begins with `@`, so a reference cannot be mistaken for a value. The path belongs to one task instance:
its next try removes what the tries before it left, and nobody has to count references.
"""

import os
import shutil
from collections.abc import Container
from hashlib import sha256
from pathlib import Path
from re import compile as pattern

from tradewind.wire.log_files import safe_name
from tradewind.wire.messages import Offer

_MARK = b"@"
_reference = pattern(rb"@(\d+/[^/]+/-?\d+/[0-9a-f]{64}) (\d+)").fullmatch


class XComFileLost(Exception):
    """The file that holds a value is not there any more, or is damaged."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(
            f"The value is in the file {path}, which {problem}; clear the task that left it, so that it runs again."
        )
        self.path = path


class XComFiles:
    """The folder of one installation. `inline_bytes`: the largest value that stays in its row; negative: all do."""

    def __init__(self, folder: str | Path, inline_bytes: int) -> None:
        self.folder = str(folder)
        self.inline_bytes = inline_bytes

    def store(self, value: bytes, *, run: int, task_id: str, map_index: int) -> bytes:
        """What to put into the row: the value itself, or the reference to its file, which is on the disk by then."""
        if self.inline_bytes < 0 or len(value) <= self.inline_bytes:
            return value
        name = f"{self._instance(run, task_id, map_index)}/{sha256(value).hexdigest()}"
        self._write(f"{self.folder}/{name}", value)
        return b"%s%s %d" % (_MARK, name.encode(), len(value))

    def read(self, stored: bytes) -> bytes:
        """The value that a row, offer or answer stands for. Raises XComFileLost."""
        if not stored.startswith(_MARK):
            return stored
        found = _reference(stored)
        if found is None:
            raise XComFileLost(stored[:200].decode(errors="replace"), "is no path of an XCom")
        path = f"{self.folder}/{found[1].decode()}"
        try:
            value = self._load(path)
        except OSError as error:
            raise XComFileLost(path, f"cannot be read ({error.strerror})") from None
        if len(value) != int(found[2]) or sha256(value).hexdigest() != path.rpartition("/")[2]:
            raise XComFileLost(path, "has been changed since it was written")
        return value

    @staticmethod
    def size_of(stored: bytes) -> int:
        """How many bytes the value has, without reading it."""
        found = _reference(stored) if stored.startswith(_MARK) else None
        return int(found[2]) if found else len(stored)

    def forget_instance(self, run: int, task_id: str, map_index: int) -> None:
        """Remove what earlier tries of this task instance left; their rows went with the commit that began this one."""
        self._remove(f"{self.folder}/{self._instance(run, task_id, map_index)}")

    def forget_earlier_tries(self, offer: Offer) -> None:
        """Before a try begins: what the tries before it left. Their rows were dropped when this one was given out."""
        if offer.try_number > 1 and offer.leg == 0:
            self.forget_instance(offer.run.number, offer.task_id, offer.map_index)

    def forget_runs(self, *, before: int, but: Container[int]) -> None:
        """Remove the files of runs with a number below `before` that exist no longer."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return
        for name in names:
            if name.isdecimal() and int(name) < before and int(name) not in but:
                self._remove(f"{self.folder}/{name}")

    @staticmethod
    def _instance(run: int, task_id: str, map_index: int) -> str:
        return f"{run}/{safe_name(task_id)}/{map_index}"

    # --- the disk; a simulation has another ---

    def _load(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def _remove(self, folder: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    def _write(self, path: str, value: bytes) -> None:
        """Whole and durable, or an OSError and nothing: the row that will refer to it is durable too."""
        folder, new = os.path.dirname(path), f"{path}.{os.getpid()}.new"
        _make_folders(folder)
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except OSError:
            if os.path.exists(new):
                os.unlink(new)
            raise
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def _make_folders(folder: str) -> None:
    """The folder and those above it that are missing, for this user alone: `makedirs` is strict with the last only."""
    if not os.path.isdir(folder):
        _make_folders(os.path.dirname(folder))
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise
