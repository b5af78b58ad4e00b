"""Parses Dag files as a code host does, and fetches the example Dags of published Airflow wheels."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tradewind.compat as compat
from tradewind.core.dag import DagSpec
from tradewind.testing.published import examples_of
from tradewind.testing.servers import Unavailable

Parse = Callable[[Path], dict[str, DagSpec]]


@pytest.fixture
def airflow_names() -> Iterator[None]:
    """`airflow` is Tradewind's for one test."""
    compat.install()
    compat.clear_notices()
    yield
    compat.uninstall()
    compat.clear_notices()


@pytest.fixture
def parse_file(airflow_names: None) -> Parse:
    return specs_of


@pytest.fixture
def parse_text(airflow_names: None, tmp_path: Path) -> Callable[[str], dict[str, DagSpec]]:
    def parse(text: str) -> dict[str, DagSpec]:
        file = tmp_path / "dag_under_test.py"
        file.write_text(text, encoding="utf-8")
        return specs_of(file)

    return parse


def specs_of(file: Path) -> dict[str, DagSpec]:
    """The DagSpecs of a file, by dag_id, made as a code host makes them."""
    from tradewind.sdk.registry import collect
    from tradewind.sdk.serialize import dag_spec

    name = f"unusual_prefix_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))
    try:
        with collect() as collection, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spec.loader.exec_module(module)
        return {dag.dag_id: dag_spec(dag, file.name) for dag in collection.dags(module)}
    finally:
        sys.path.remove(str(file.parent))
        del sys.modules[name]


@pytest.fixture
def published(airflow_names: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """The folder of an Airflow release's unpacked examples; skips when PyPI cannot be reached.

    Some examples import others as `airflow.example_dags…`; these are found in that folder too.
    """

    def unpacked(release: str) -> Path:
        try:
            folder = examples_of(release)
        except Unavailable as reason:
            pytest.skip(str(reason))
        examples = ModuleType("airflow.example_dags")
        examples.__path__ = [str(folder / "airflow" / "example_dags")]
        monkeypatch.setitem(sys.modules, examples.__name__, examples)
        return folder

    return unpacked
