"""Small inputs shared by the data tests; each is made once a session."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tradewind.data.demo import inputs


@pytest.fixture(scope="session")
def demo_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw folder with the demo's inputs at scale 0.01."""
    raw = tmp_path_factory.mktemp("demo") / "raw"
    inputs.make_lineitem(raw, 0.01)
    inputs.make_database(raw)
    return raw


@pytest.fixture(scope="session")
def lineitem(demo_raw: Path) -> Path:
    return demo_raw / "lineitem.csv"


@pytest.fixture(scope="session")
def clean_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generator's own CSV, before it is made messy."""
    path = tmp_path_factory.mktemp("clean") / "lineitem.csv"
    with path.open("wb") as file:
        command = [inputs.generator(), "csv", "-s", "0.01", "-T", "lineitem", "--stdout", "--quiet"]
        subprocess.run(command, stdout=file, check=True)
    return path


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
