"""Small inputs shared by the data tests; each is made once a session."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tradewind.data.demo import inputs


@pytest.fixture(scope="session")
def lineitem(demo_raw: Path) -> Path:
    return demo_raw / "lineitem.csv"


@pytest.fixture(scope="session")
def clean_csv(make_once: Callable[..., Path]) -> Path:
    """The generator's own CSV, before it is made messy."""

    def fill(folder: Path) -> None:
        with (folder / "lineitem.csv").open("wb") as file:
            command = [inputs.generator(), "csv", "-s", "0.01", "-T", "lineitem", "--stdout", "--quiet"]
            subprocess.run(command, stdout=file, check=True)

    return make_once("clean", fill) / "lineitem.csv"


@pytest.fixture
def first_rows(lineitem: Path, tmp_path: Path) -> Path:
    """The header and the first 3,000 rows, to be spoiled."""
    path = tmp_path / "lineitem.csv"
    with lineitem.open("rb") as file:
        path.write_bytes(b"".join(file.readline() for _ in range(3001)))
    return path


@pytest.fixture
def data_root(demo_raw: Path, tmp_path: Path) -> Path:
    """A data folder of its own, with the demo's inputs in raw/."""
    root = tmp_path / "data"
    (root / "raw").mkdir(parents=True)
    for name in ("lineitem.csv", "flights.db"):
        shutil.copyfile(demo_raw / name, root / "raw" / name)
    return root
