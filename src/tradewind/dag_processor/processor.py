"""DagProcessor: decides what to parse when, and turns what a code host found into the owner's inputs.

It does no waiting itself: `due` says what to parse now, `wake_at` when to ask again, `parsed` takes an answer. Reading
files is its only I/O.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from tradewind.core.dag import DagSpec
from tradewind.core.decisions import DropRows, Operation, PutRow, Record
from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import DagGone, DagLoaded
from tradewind.dag_processor.files import dag_files
from tradewind.scheduler.named_runs import partitions_named, runs_ahead
from tradewind.scheduler.owner import Rows
from tradewind.store import queries
from tradewind.store.specs import decode_spec, encode_spec, version_of
from tradewind.wire.messages import ImportProblem, Parse, Parsed

AGE_SECONDS = 300.0
"""A file is parsed again after this time even when nothing that it is known to read has changed."""

UNWATCHABLE_AGE_SECONDS = 30.0
"""The same for a file that looked at something whose change nobody announces."""

AT_ONCE = 2
"""Files that are parsed at the same time."""

MOST_SOURCE = 4 * 1024 * 1024

ONLY_FILE = "TRADEWIND_ONLY_FILE"
"""Environment variable of `tradewind run`: a JSON list of a folder and the one file in it that is to be known."""


@dataclass(slots=True)
class DagFile:
    """What is known of one file."""

    path: str
    wanted: bool = True
    """It is to be parsed as soon as there is room."""
    parsing: int = 0
    digest: str = ""
    parsed_at: float = 0.0
    unwatchable: bool = False
    watched: dict[str, tuple[int, int]] = field(default_factory=dict)
    stamp: tuple[int, int] = (0, 0)
    variables: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()
    dag_ids: tuple[str, ...] = ()
    failed: bool = False
    source: bytes = b""


class DagProcessor:
    """Keeps the Dags folder and the database saying the same."""

    def __init__(
        self,
        *,
        folder: Path,
        engine: Engine,
        clock: Callable[[], float],
        paused_at_creation: bool,
        timeout_seconds: float = 30.0,
        rescan_seconds: float = 30.0,
        unwatchable_age_seconds: float = UNWATCHABLE_AGE_SECONDS,
        at_once: int = AT_ONCE,
        ignore_syntax: str = "glob",
        safe_mode: bool = True,
        only: tuple[Path, str] | None = None,
    ) -> None:
        """With `only`, a folder and a file in it, nothing else is read and nothing is run by its schedule."""
        only = only or _only_file()
        self.folder = only[0] if only else folder
        self._only = only[1] if only else None
        self.files: dict[str, DagFile] = {}
        self.rescan_seconds = rescan_seconds
        self.first_scan_done = False
        self._engine = engine
        self._clock = clock
        self._paused = paused_at_creation
        self._timeout = timeout_seconds
        self._unwatchable_age = unwatchable_age_seconds
        self._at_once = at_once
        self._syntax = ignore_syntax
        self._safe_mode = safe_mode
        self._next_id = 0
        self._owners: dict[str, str] = {}
        """dag_id → the file that defines it."""
        with engine.connect() as connection:
            for path, row in queries.files_known(connection).items():
                try:
                    ids = tuple(msgspec.json.decode(row["dag_ids"], type=list[str]))
                except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError):
                    continue  # as if it had never been parsed: it is parsed anew
                self.files[path] = DagFile(path, digest=row["digest"], dag_ids=ids)
                self._owners.update(dict.fromkeys(ids, path))

    # --- what to parse ---

    def scan(self) -> list[Any]:
        """Look at the whole folder: new and changed files are wanted, vanished ones are gone (inputs say so)."""
        found = (
            {self._only}
            if self._only is not None
            else set(dag_files(self.folder, syntax=self._syntax, safe_mode=self._safe_mode))
        )
        for path in found:
            file = self.files.get(path)
            if file is None:
                self.files[path] = DagFile(path)
            elif file.stamp != _stamp(self.folder / path) or self._dependencies_changed(file):
                file.wanted = True
        gone = [path for path in self.files if path not in found]
        inputs: list[Any] = []
        for path in gone:
            inputs += self._forget(path)
        self.first_scan_done = True
        return inputs

    def changed(self, paths: Iterable[str]) -> list[Any]:
        """The file system says that these absolute paths changed."""
        changed = set(paths)
        rescan = False
        for path in changed:
            inside = os.path.relpath(path, self.folder)
            if inside in self.files and os.path.exists(path):
                self.files[inside].wanted = True
            else:
                rescan = True
        for file in self.files.values():
            if not changed.isdisjoint(file.watched):
                file.wanted = True
        return self.scan() if rescan else []

    def variable_changed(self, key: str) -> None:
        for file in self.files.values():
            if key in file.variables:
                file.wanted = True

    def connection_changed(self, conn_id: str) -> None:
        for file in self.files.values():
            if conn_id in file.connections:
                file.wanted = True

    def want(self, path: str | None = None) -> int:
        """Ask for a parse of one file, or of all; says of how many."""
        chosen = [f for f in self.files.values() if path in (None, f.path, str(self.folder / f.path))]
        for file in chosen:
            file.wanted = True
        return len(chosen)

    def due(self) -> list[Parse]:
        """Parse requests to send now: wanted files first, then the ones that have grown old."""
        now = self._clock()
        room = self._at_once - sum(bool(file.parsing) for file in self.files.values())
        requests = []
        for file in sorted(self.files.values(), key=lambda f: (not f.wanted, f.parsed_at, f.path)):
            if room <= 0:
                break
            if file.parsing or not (file.wanted or self._is_old(file, now)):
                continue
            request = self._request(file)
            if request is not None:
                requests.append(request)
                room -= 1
        return requests

    def _is_old(self, file: DagFile, now: float) -> bool:
        return now - file.parsed_at >= (self._unwatchable_age if file.unwatchable else AGE_SECONDS)

    def wake_at(self) -> float:
        """When the next file grows old, on the processor's clock."""
        ages = [f.parsed_at + (self._unwatchable_age if f.unwatchable else AGE_SECONDS) for f in self.files.values()]
        return min(ages, default=self._clock() + AGE_SECONDS)

    def _request(self, file: DagFile) -> Parse | None:
        path = self.folder / file.path
        aged, file.wanted = not file.wanted, False
        file.stamp = _stamp(path)
        try:
            file.source = path.read_bytes()
        except OSError:
            return None
        self._next_id += 1
        file.parsing = self._next_id
        return Parse(
            id=self._next_id,
            file=file.path,
            timeout_seconds=self._timeout,
            digest=sha256(file.source).hexdigest(),
            aged=aged,
        )

    def status(self) -> dict[str, Any]:
        """How many files there are, and how many of them were never parsed."""
        return {
            "files": len(self.files),
            "first_scan_done": self.first_scan_done,
            "unparsed": sum(1 for file in self.files.values() if not file.parsed_at),
        }

    def agent_lost(self) -> None:
        """Nobody is going to answer: what was being parsed is wanted again."""
        for file in self.files.values():
            if file.parsing:
                file.parsing, file.wanted = 0, True

    # --- what came out ---

    def parsed(self, answer: Parsed, now: datetime, refuses: Callable[[str], str] = lambda dag_id: "") -> list[Any]:
        """The owner's inputs that follow from a parse. A file with an error keeps its last good Dags. `refuses` says
        why a Dag is set aside, whatever its file says."""
        file = self.files.get(answer.file)
        if file is None or file.parsing != answer.id:
            return []
        file.parsing = 0
        file.parsed_at = self._clock()
        file.unwatchable = answer.unwatchable
        file.variables, file.connections = frozenset(answer.variables), frozenset(answer.connections)
        file.watched = {path: _stamp(Path(path)) for path in answer.watched}
        problems = list(answer.problems)
        loaded, defined = self._load(file, answer, problems, now)
        for news in loaded:
            if fault := refuses(news.spec.dag_id):
                dag_id = news.spec.dag_id
                problems.append(ImportProblem(file=file.path, kind="SetAside", message=fault, dag_id=dag_id))
        loaded = [news for news in loaded if not refuses(news.spec.dag_id)]
        broken = any(not problem.dag_id for problem in problems)
        gone = [] if broken else [d for d in file.dag_ids if d not in defined and self._owners.get(d) == file.path]
        kept = tuple(d for d in file.dag_ids if d not in gone)
        inputs: list[Any] = [*loaded, *self._gone(gone)]
        same = file.digest == answer.digest and not problems and not file.failed and kept == tuple(defined)
        file.dag_ids = tuple(dict.fromkeys((*kept, *defined)))
        healed = file.failed and not problems
        file.digest, file.failed = answer.digest, bool(problems)
        if inputs or not same:
            news = (Record("dag.import_healed", body={"file": file.path}),) if healed else ()
            inputs.append(Rows((*self._rows(file, answer, problems, now), *news)))
        return inputs

    def _load(
        self, file: DagFile, answer: Parsed, problems: list[ImportProblem], now: datetime
    ) -> tuple[list[DagLoaded], list[str]]:
        loaded, defined = [], []
        named = {}
        for runs in answer.named:
            try:
                named[runs.dag_id] = runs_ahead(runs, now)
            except (OverflowError, ValueError) as error:
                message = f"The timetable of Dag {runs.dag_id!r} names runs at moments that are none: {error}."
                problems.append(ImportProblem(file=file.path, kind="BadRuns", message=message, dag_id=runs.dag_id))
        for encoded in answer.specs:
            try:
                spec = decode_spec(encoded)
            except InvalidInput as error:
                problems.append(ImportProblem(file=file.path, kind="BadSpec", message=str(error)))
                continue
            other = self._owners.get(spec.dag_id, file.path)
            if other != file.path and other in self.files and spec.dag_id in self.files[other].dag_ids:
                problems.append(
                    ImportProblem(
                        file=file.path,
                        kind="DuplicateDagId",
                        dag_id=spec.dag_id,
                        message=(
                            f"Dag {spec.dag_id!r} is defined in {other} and again in {file.path}; rename one of them."
                        ),
                    )
                )
                continue
            self._owners[spec.dag_id] = file.path
            defined.append(spec.dag_id)
            if self._only is not None:
                spec = _never_due(spec)
                encoded = encode_spec(spec)
            version = version_of(spec, answer.digest)
            with self._engine.connect() as connection:
                number = queries.version_number(connection, spec.dag_id, version)
            loaded.append(
                DagLoaded(
                    spec=spec,
                    version=version,
                    encoded=encoded,
                    digest=answer.digest,
                    number=number,
                    isolation=answer.isolation,
                    isolation_reason=answer.isolation_reason,
                    paused_at_creation=self._paused,
                    ahead=named.get(spec.dag_id),
                    partitions=tuple(
                        partitions_named(said) for said in answer.partitions if said.dag_id == spec.dag_id
                    ),
                )
            )
        return loaded, defined

    def _rows(self, file: DagFile, answer: Parsed, problems: list[ImportProblem], now: datetime) -> Iterable[Operation]:
        yield PutRow("source", {"digest": answer.digest, "text": file.source[:MOST_SOURCE]})
        yield PutRow(
            "dag_file",
            {
                "file": file.path,
                "digest": answer.digest,
                "parsed_at": now,
                "seconds": answer.seconds,
                "isolation": answer.isolation,
                "isolation_reason": answer.isolation_reason,
                "dag_ids": list(file.dag_ids),
                "watched": answer.watched,
                "output": answer.output,
            },
        )
        yield DropRows("import_error", {"file": file.path})
        for position, problem in enumerate(problems):
            yield PutRow(
                "import_error",
                {
                    "file": file.path,
                    "position": position,
                    "dag_id": problem.dag_id,
                    "line": problem.line,
                    "kind": problem.kind,
                    "message": problem.message,
                    "traceback": problem.traceback,
                    "at": now,
                },
            )
        for problem in problems:
            body = {"file": file.path, "line": problem.line}
            yield Record("dag.import_failed", problem.dag_id, reason=problem.message, body=body)

    def _forget(self, path: str) -> list[Any]:
        file = self.files.pop(path)
        mine = [dag_id for dag_id in file.dag_ids if self._owners.get(dag_id) == path]
        rows = Rows((DropRows("dag_file", {"file": path}), DropRows("import_error", {"file": path})))
        return [*self._gone(mine), rows]

    def _gone(self, dag_ids: Iterable[str]) -> list[DagGone]:
        """These ids are free again: a file that wanted one of them may have it now."""
        out = []
        for dag_id in dag_ids:
            self._owners.pop(dag_id, None)
            out.append(DagGone(dag_id=dag_id))
            for file in self.files.values():
                if file.failed:
                    file.wanted = True
        return out

    def _dependencies_changed(self, file: DagFile) -> bool:
        return any(_stamp(Path(path)) != stamp for path, stamp in file.watched.items())

    def outside_folders(self) -> set[str]:
        """Folders, outside the Dags folder, of files that Dag files read. One file alone is not followed: the folder
        that it lies in may be anybody's home."""
        if self._only is not None:
            return set()
        root = str(self.folder)
        read = {os.path.dirname(path) for file in self.files.values() for path in file.watched}
        return {folder for folder in read if not (folder == root or folder.startswith(root + os.sep))}


def _only_file() -> tuple[Path, str] | None:
    text = os.environ.get(ONLY_FILE)
    if not text:
        return None
    folder, file = msgspec.json.decode(text, type=tuple[str, str])
    return Path(folder), file


def _never_due(spec: DagSpec) -> DagSpec:
    """The same Dag, whose schedule ended before time began; runs are created by hand alone."""
    tasks = {task_id: replace(task, end_date=None) for task_id, task in spec.tasks.items()}
    return replace(spec, end_date=datetime.min.replace(tzinfo=UTC), tasks=tasks)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
