"""What a Dag file looked at while it was imported, so that a change of it is a change of the Dag.

CPython reports every file opened, folder listed, socket connected, process started through audit hooks. A hook cannot
be taken out again, so there is one in a process, however many files it imports, and outside an import it does nothing.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager

_UNWATCHABLE = frozenset(
    {"socket.connect", "sqlite3.connect", "subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork"}
)
_IGNORED_SUFFIXES = (".pyc", ".so", ".pyi")


class Watcher:
    """Collects while `recording`. `files`: absolute paths of files read and folders listed."""

    def __init__(self, own_file: str) -> None:
        self.files: set[str] = set()
        self.unwatchable = False
        self._own = own_file
        paths = sysconfig.get_paths()
        fixed = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
        fixed |= {path for path in sys.path if "site-packages" in path or "dist-packages" in path}
        fixed |= {sys.prefix, sys.base_prefix, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}
        system = ("/proc", "/dev", "/sys", "/etc", "/usr", "/lib")
        self._libraries = tuple(os.path.realpath(path) + os.sep for path in fixed) + tuple(p + "/" for p in system)

    @contextmanager
    def recording(self) -> Iterator[None]:
        _Hook.install()
        before, _Hook.watcher = _Hook.watcher, self
        try:
            yield
        finally:
            _Hook.watcher = before

    def heard(self, event: str, args: tuple[object, ...]) -> None:
        """Something has happened that CPython tells of."""
        if event == "open":
            mode = args[1]
            if mode is None or "r" in str(mode):
                self._saw(args[0])
        elif event == "os.scandir":
            self._saw(args[0])
        elif event == "os.listdir":
            # The import system lists the folders of sys.path all the time.
            if args[0] not in sys.path:
                self._saw(args[0])
        elif event in _UNWATCHABLE:
            self.unwatchable = True

    def _saw(self, path: object) -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, (str, os.PathLike)):
            return
        full = os.path.abspath(path)
        if full != self._own and not full.endswith(_IGNORED_SUFFIXES) and not full.startswith(self._libraries):
            self.files.add(full)


class _Hook:
    """This process's audit hook, and who listens to it."""

    watcher: Watcher | None = None
    _installed = False

    @classmethod
    def install(cls) -> None:
        if not cls._installed:
            cls._installed = True
            sys.addaudithook(cls._heard)

    @classmethod
    def _heard(cls, event: str, args: tuple[object, ...]) -> None:
        if cls.watcher is not None:
            cls.watcher.heard(event, args)
