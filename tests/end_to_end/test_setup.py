"""`make setup` from nothing, on machines that have and lack what it can use, without a network."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("cat", "dirname", "env", "ls", "make", "mkdir", "rm", "sh", "touch", "awk", "sed")

pytestmark = [
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs make and a shell"),
    pytest.mark.skipif(importlib.util.find_spec("ensurepip") is None, reason="needs a Python with ensurepip"),
]

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """\
import zipfile

INFO = "tradewind-0.dist-info"
METADATA = "Metadata-Version: 2.1\\nName: tradewind\\nVersion: 0\\nProvides-Extra: demo\\n"

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "tradewind-0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("tiny/__init__.py", "def main(): print('it runs')")
        wheel.writestr("tiny/tests/__init__.py", "")
        wheel.writestr(f"{INFO}/METADATA", METADATA)
        wheel.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{INFO}/entry_points.txt", "[console_scripts]\\ntradewind = tiny:main\\n")
        wheel.writestr(f"{INFO}/RECORD", "")
    return name
"""


class Machine:
    """A checkout with the real recipes, and a PATH that holds only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.tools = folder / "bin"
        self.venv = self.checkout / ".venv"
        self.settings: dict[str, str] = {}
        (self.checkout / "scripts").mkdir(parents=True)
        (self.checkout / "src").mkdir()
        self.tools.mkdir()
        shutil.copy(ROOT / "Makefile", self.checkout)
        shutil.copy(ROOT / "scripts" / "setup_env.sh", self.checkout / "scripts")
        (self.checkout / "pyproject.toml").write_text(PYPROJECT)
        (self.checkout / "backend.py").write_text(BACKEND)
        for name in TOOLS:
            (self.tools / name).symlink_to(str(shutil.which(name)))
        self.tool("python3", f'exec {sys.executable} "$@"')

    def tool(self, name: str, script: str) -> None:
        (self.tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.tools / name).chmod(0o755)

    def without_ensurepip(self) -> None:
        hidden = self.tools / "hidden"
        hidden.mkdir()
        (hidden / "ensurepip.py").write_text("raise ImportError")
        self.settings["PYTHONPATH"] = str(hidden)

    @staticmethod
    def makes_venv(first: str) -> str:
        """A script that makes an environment in the folder it is given last, if `first` is what it is given first."""
        make = f'{sys.executable} -m venv --without-pip "$folder"'
        return f'if [ "$1" = {first} ]; then for folder; do :; done; {make}; fi'

    def setup(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`make setup`, with an index that answers nothing."""
        environment = {"PATH": str(self.tools), "HOME": str(self.tools), "PIP_NO_INDEX": "1", **self.settings}
        return self._run("make", "setup", *words, environment=environment)

    def run(self, name: str, *words: str) -> str:
        return self._run(str(self.venv / "bin" / name), *words, environment=dict(os.environ)).stdout

    def _run(self, *words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=self.checkout, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """Nothing is set up yet."""
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = Machine(tmp_path_factory.mktemp("prepared"))
    done = machine.setup()
    assert done.returncode == 0, done.stdout + done.stderr
    return machine


@pytest.fixture
def ready(prepared: Machine) -> Iterator[Machine]:
    """A machine that is set up; a test that damages it has it repaired."""
    yield prepared
    assert prepared.run("tradewind") == "it runs\n"
    assert prepared.run("pip", "--version").startswith("pip ")


def test_python_and_make_are_enough(ready: Machine) -> None:
    assert "Name: tradewind" in ready.run("pip", "show", "tradewind")
    tiny = next(ready.venv.glob("lib/*/site-packages/tiny"))
    assert (tiny / "__pycache__").is_dir()
    assert not (tiny / "tests" / "__pycache__").exists(), "nobody imports the packages' own tests"


def test_a_second_setup_has_nothing_to_do(ready: Machine) -> None:
    assert "Nothing to be done" in ready.setup().stdout


def test_a_setup_that_was_cut_off_begins_afresh(ready: Machine) -> None:
    for name in (".unfinished", "half"):
        (ready.venv / name).touch()
    assert ready.setup().returncode == 0
    assert not list(ready.venv.glob("half")) + list(ready.venv.glob(".unfinished"))


def test_an_environment_whose_python_is_gone_is_made_again(ready: Machine) -> None:
    (ready.venv / "bin" / "python").unlink()
    assert ready.setup().returncode == 0


def test_a_pip_that_lacks_a_part_is_installed_again(ready: Machine) -> None:
    next(ready.venv.glob("lib/*/site-packages/pip/__main__.py")).unlink()
    (ready.venv / ".demo").unlink()
    assert ready.setup().returncode == 0


def test_what_cannot_be_installed_leaves_the_environment_as_it_was(ready: Machine) -> None:
    (ready.checkout / "pyproject.toml").write_text("broken")
    assert ready.setup().returncode != 0
    assert ready.run("tradewind") == "it runs\n"
    (ready.venv / "kept").touch()
    (ready.checkout / "pyproject.toml").write_text(PYPROJECT)
    assert ready.setup().returncode == 0
    assert (ready.venv / "kept").exists()


def test_where_uv_fails_pip_goes_on(ready: Machine) -> None:
    ready.tool("uv", "echo 'no route' >&2; exit 2")
    (ready.venv / ".demo").unlink()
    done = ready.setup()
    (ready.tools / "uv").unlink()
    assert done.returncode == 0
    assert "no route" in done.stderr


def test_a_setup_waits_for_the_one_in_another_terminal(bare: Machine) -> None:
    if not shutil.which("flock"):
        pytest.skip("needs flock")
    (bare.tools / "flock").symlink_to(str(shutil.which("flock")))
    bare.tool("uv", bare.makes_venv("venv"))
    scripts = os.open(bare.checkout / "scripts", os.O_RDONLY)
    try:
        fcntl.flock(scripts, fcntl.LOCK_EX)
        with ThreadPoolExecutor() as pool:
            second = pool.submit(bare.setup)
            time.sleep(0.5)
            assert not bare.venv.exists()
            fcntl.flock(scripts, fcntl.LOCK_UN)
            assert second.result().returncode == 0
    finally:
        os.close(scripts)


def test_uv_is_used_where_there_is_one(bare: Machine) -> None:
    bare.without_ensurepip()
    bare.tool("uv", f'echo "$*" >> {bare.checkout}/uv.log; {bare.makes_venv("venv")}')
    done = bare.setup()
    assert done.returncode == 0, done.stdout + done.stderr
    made, installed = (bare.checkout / "uv.log").read_text().splitlines()
    assert made.startswith("venv ")
    assert installed.endswith("pip --editable .[demo]")


def test_without_ensurepip_virtualenv_makes_the_environment(bare: Machine) -> None:
    bare.without_ensurepip()
    bare.tool("virtualenv", bare.makes_venv("--quiet"))
    bare.setup()
    assert (bare.venv / "bin" / "python").exists()


def test_without_ensurepip_the_line_to_install_it_is_said(bare: Machine) -> None:
    bare.without_ensurepip()
    done = bare.setup()
    assert done.returncode != 0
    assert f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in done.stderr


def test_an_unfit_python_is_refused(bare: Machine) -> None:
    done = bare.setup("PYTHON=no-such-python")
    assert done.returncode != 0
    assert "Tradewind needs Python 3.11 to 3.14, and none was found" in done.stderr


def test_a_folder_that_is_no_environment_is_left_alone(bare: Machine) -> None:
    precious = bare.checkout / "precious"
    precious.mkdir()
    (precious / "work").touch()
    done = bare.setup(f"VENV={precious}")
    assert done.returncode != 0
    assert f"{precious} is no environment; remove it, or name another place" in done.stderr
    assert (precious / "work").exists()
