"""Which files of a Dags folder may define Dags: Python files and zips, less what `.airflowignore` names."""

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pathspec import PathSpec

IGNORE_FILE = ".airflowignore"
ALWAYS_IGNORED = frozenset({"__pycache__", ".git", ".venv", "node_modules", ".ipynb_checkpoints"})
MOST_FILES = 100_000
Ignore = Callable[[str, bool], bool]


def dag_files(folder: Path, *, syntax: str = "glob", safe_mode: bool = True) -> Iterator[str]:
    """Paths relative to `folder`, with `/`, sorted within each folder. Symlink loops are entered once.

    With `safe_mode` a file counts only when it mentions both a Dag and Airflow or Tradewind, as Airflow does it.
    """
    yield from _walk(folder, "", [], syntax, safe_mode, set())


def _walk(
    root: Path, inside: str, ignores: list[tuple[str, Ignore]], syntax: str, safe_mode: bool, seen: set[str]
) -> Iterator[str]:
    here = root / inside
    real = os.path.realpath(here)
    if real in seen or len(seen) > MOST_FILES:
        return
    seen.add(real)
    try:
        entries = sorted(os.scandir(here), key=lambda entry: entry.name)
    except OSError:
        return
    own = _read_ignore(here / IGNORE_FILE, syntax)
    ignores = [*ignores, (inside, own)] if own else ignores
    for entry in entries:
        path = f"{inside}/{entry.name}" if inside else entry.name
        try:
            path.encode()
            is_folder = entry.is_dir()
        except (UnicodeEncodeError, OSError):
            continue
        if entry.name in ALWAYS_IGNORED or _ignored(path, is_folder, ignores):
            continue
        if is_folder:
            yield from _walk(root, path, ignores, syntax, safe_mode, seen)
        elif _may_define_dags(root / path, safe_mode):
            yield path


def _ignored(path: str, is_folder: bool, ignores: list[tuple[str, Ignore]]) -> bool:
    return any(ignore(path[len(base) :].lstrip("/"), is_folder) for base, ignore in ignores)


def _read_ignore(path: Path, syntax: str) -> Ignore | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    if syntax == "regexp":
        patterns = [_pattern(line.split("#")[0].strip()) for line in lines if line.split("#")[0].strip()]
        return lambda name, is_folder: any(p.search(name) for p in patterns if p)
    spec = PathSpec.from_lines("gitignore", lines)
    return lambda name, is_folder: spec.match_file(f"{name}/" if is_folder else name)


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:
        return None


def _may_define_dags(path: Path, safe_mode: bool) -> bool:
    name = path.name
    if name.endswith(".py"):
        return not safe_mode or _mentions_dags(_start_of(path))
    if name.endswith(".zip"):
        return bool(zip_members(path, safe_mode=safe_mode))
    return False


def zip_members(path: Path, *, safe_mode: bool = True) -> list[str]:
    """Python files at the top level of a zip that may define Dags. A broken zip has none."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".py") and "/" not in name]
            return [name for name in names if not safe_mode or _mentions_dags(archive.read(name))]
    except (OSError, zipfile.BadZipFile, RuntimeError):
        return []


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1 << 20)
    except OSError:
        return b""


def _mentions_dags(source: bytes) -> bool:
    text = source.lower().replace(b"\0", b"")  # in UTF-16 too, so that its author hears that UTF-8 is wanted
    return b"dag" in text and (b"airflow" in text or b"tradewind" in text or b"asset" in text)
