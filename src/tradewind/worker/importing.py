"""Importing one Dag file and saying what it defines, or what is wrong with it: one sentence with file and line."""

import codecs
import gc
import hashlib
import io
import linecache
import os
import re
import signal
import sys
import threading
import time
import traceback
import types
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

import msgspec

from tradewind.compat.notices import clear_notices, notices
from tradewind.sdk import registry
from tradewind.sdk.execution.tracebacks import author_traceback
from tradewind.sdk.serialize import dag_spec
from tradewind.wire.messages import ImportProblem, Parsed
from tradewind.worker.process import thread_names
from tradewind.worker.watching import Watcher

MOST_OUTPUT = 8192
USED_POOLS = re.compile(r"^(polars-\d|tokio-|async-executor-|grpc)")
"""Native threads that only use starts. A forked child would wait for them for ever."""


class ImportTimeout(BaseException):
    """The import took longer than it may. Not an Exception, so that the file's own handlers let it through."""


class LoadedFile:
    """A Dag file after its import: the Dags by id, and the report for the dag processor."""

    def __init__(self, path: str, dags: dict[str, Any], report: Parsed) -> None:
        self.path = path
        self.dags = dags
        self.report = report


def load_file(path: str, name: str, *, digest: str, parse_id: int, timeout_seconds: float) -> LoadedFile:
    """Import the file at `path`, known as `name`. Never raises for anything that the file does."""
    began = time.monotonic()
    report = Parsed(id=parse_id, file=name, digest=digest)
    watcher = Watcher(path)
    output = _Capped(MOST_OUTPUT)
    before = set(sys.modules)
    pid = os.getpid()
    clear_notices()
    dags: dict[str, Any] = {}
    sources: dict[str, ModuleType] = {}
    with registry.collect() as collection:
        streams = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = output
        sys.dont_write_bytecode = True
        try:
            with within(timeout_seconds), watcher.recording():
                for member, module in _import(path, name, report):
                    sources[member] = module
        finally:
            sys.stdout, sys.stderr = streams
            if os.getpid() != pid:
                os._exit(0)  # the file forked while it was imported: this copy is not the host
        found = [dag for module in sources.values() for dag in collection.dags(module)]
        if not sources:
            found = []
    _serialize(_once(found), dags, report, name)
    watcher.files |= set(_local_modules(before))
    report.watched = sorted(watcher.files)
    report.unwatchable = watcher.unwatchable
    report.output = output.getvalue()
    report.isolation, report.isolation_reason = _isolation()
    report.seconds = time.monotonic() - began
    gc.collect()
    return LoadedFile(path, dags, report)


def _once(dags: Iterable[Any]) -> list[Any]:
    return list({id(dag): dag for dag in dags}.values())


def _import(path: str, name: str, report: Parsed) -> Iterable[tuple[str, ModuleType]]:
    if path.endswith(".zip"):
        sys.path.insert(0, path)
        try:
            with zipfile.ZipFile(path) as archive:
                members = {n: archive.read(n) for n in archive.namelist() if n.endswith(".py") and "/" not in n}
        except (OSError, zipfile.BadZipFile) as error:
            report.problems.append(problem_of(error, path, name))
            return
        for member, source in members.items():
            try:
                yield member, _execute(source, f"{path}/{member}", f"{name}/{member}")
            except BaseException as error:
                report.problems.append(problem_of(error, f"{path}/{member}", f"{name}/{member}"))
        return
    try:
        with open(path, "rb") as file:
            source = file.read()
        yield name, _execute(source, path, name)
    except BaseException as error:
        report.problems.append(problem_of(error, path, name))


def _execute(source: bytes, path: str, name: str) -> ModuleType:
    """Run the source as a module of its own. No cached bytecode: an edit within the same second counts too."""
    stem = re.sub(r"\W", "_", os.path.basename(path).removesuffix(".py"))
    module = types.ModuleType(f"tradewind_dag_{hashlib.sha1(name.encode()).hexdigest()[:12]}_{stem}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    _refuse_what_is_no_text(source, path)
    code = compile(source, path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def _refuse_what_is_no_text(source: bytes, path: str) -> None:
    """Python says neither where a null byte is nor what it mostly means."""
    if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SyntaxError("the file is encoded as UTF-16; save it as UTF-8", (path, 1, None, None))
    place = source.find(b"\0")
    if place >= 0:
        line = source.count(b"\n", 0, place) + 1
        raise SyntaxError("the file holds a null byte, so it is no text; write it anew", (path, line, None, None))


@contextmanager
def within(timeout_seconds: float) -> Iterator[None]:
    """Author code that takes longer gets an ImportTimeout; what it does to signals is undone afterwards."""
    handlers = _guard_signals(timeout_seconds)
    try:
        yield
    finally:
        _restore_signals(handlers)


def _guard_signals(timeout_seconds: float) -> tuple[Any, ...]:
    def expire(number: int, frame: FrameType | None) -> None:
        raise ImportTimeout

    kept = tuple((number, signal.getsignal(number)) for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM))
    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, timeout_seconds)
    return kept


def _restore_signals(handlers: tuple[Any, ...]) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in handlers:
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)


# --- what is wrong -----------------------------------------------------------------------------------------------


def problem_of(error: BaseException, path: str, name: str) -> ImportProblem:
    """What an exception of author code says to the author of the file at `path`."""
    line = _line_of(error, path)
    where = f"{name}:{line}" if line else name
    kind = type(error).__name__
    match error:
        case ImportTimeout():
            kind, text = "ImportTimeout", "its import took longer than dagbag_import_timeout"
        case SystemExit(code=code):
            text = f"it calls sys.exit({code if code is not None else ''}) while it is imported"
        case SyntaxError(msg=msg, filename=file, lineno=number):
            other = f" in {os.path.basename(file)}, line {number}" if file and file != path else ""
            advice = "; save the file as UTF-8, or name its encoding in its first line" if "codec can't" in msg else ""
            text = f"syntax error{other}: {msg}{advice}"
        case ModuleNotFoundError(name=module) if module:
            text = f"module {module!r} is not installed and is no file beside the Dag"
        case _:
            text = f"{kind}: {error}" if str(error) else kind
    frames = author_traceback(error) if not isinstance(error, ImportTimeout) else ""
    return ImportProblem(
        file=name, line=line, kind=kind, message=f"{where}: {text}", traceback=_authors_part(frames, path)
    )


def _line_of(error: BaseException, path: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno or 1
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == path:
            line = number
    return line


def _authors_part(text: str, path: str) -> str:
    """The traceback from the file's own first frame on."""
    linecache.checkcache(path)
    _, mark, rest = text.partition(f'  File "{path}"')
    return f"Traceback (most recent call last):\n{mark}{rest}" if mark else text


# --- what it defines ---------------------------------------------------------------------------------------------


def _serialize(found: list[Any], dags: dict[str, Any], report: Parsed, name: str) -> None:
    said = tuple(f"{os.path.basename(file)}:{line}: {text}" for file, line, text in notices())
    _, reason = _isolation()
    if reason:
        said = (*said, f"Tasks run in processes of their own, not forked: {reason}.")
    for dag in found:
        if dag.dag_id in dags:
            message = f"{name}: Dag {dag.dag_id!r} is defined twice in this file; rename one of them."
            report.problems.append(ImportProblem(file=name, kind="DuplicateDagId", message=message, dag_id=dag.dag_id))
            continue
        try:
            spec = dag_spec(dag, name, isolation="fork", notices=said)
            report.specs.append(msgspec.json.encode(spec))
        except Exception as error:
            text = str(error) or type(error).__name__
            message = f"{name}: {text}" if name not in text else text
            report.problems.append(
                ImportProblem(file=name, kind=type(error).__name__, message=message, dag_id=dag.dag_id)
            )
            continue
        dags[dag.dag_id] = dag


def _isolation() -> tuple[str, str]:
    """Whether this process may still be forked after the import, and if not, why."""
    own = [t.name for t in threading.enumerate() if t is not threading.main_thread() and t.is_alive()]
    if own:
        return "spawn", f"the file started the thread {own[0]!r} while it was imported"
    pools = [name for name in thread_names() if USED_POOLS.match(name)]
    if pools:
        # One library may start several kinds of threads; the name that tells most comes first.
        pools.sort(key=lambda name: not name.startswith("polars"))
        library = "Polars" if pools[0].startswith("polars") else "a library with a thread pool"
        return "spawn", f"the file used {library} while it was imported (native thread {pools[0]!r})"
    return "fork", ""


def _local_modules(before: set[str]) -> Iterable[str]:
    """Source files of modules that came with the import and are not of an installed package."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and file.endswith(".py") and "site-packages" not in file and not file.startswith(sys.base_prefix):
            yield os.path.abspath(file)


class _Capped(io.StringIO):
    """Keeps the beginning of what is printed and forgets the rest."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._left = most

    def write(self, text: str) -> int:
        if self._left > 0:
            super().write(text[: self._left])
            self._left -= len(text)
        return len(text)

    def close(self) -> None:
        """A file may close its standard output; what it printed until then is still read."""
