"""What `tradewind.data` offers is there, and costs nothing until it is asked for."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

import tradewind.data


def test_every_name_is_there_and_none_is_a_module_of_the_same_name() -> None:
    pytest.importorskip("pyarrow")
    for name in tradewind.data.__all__:
        assert not isinstance(getattr(tradewind.data, name), types.ModuleType), name


def test_importing_the_toolkit_imports_no_heavy_library_and_no_engine() -> None:
    code = "import sys, tradewind.data as d; print(sorted(m for m in sys.modules if m.split('.')[0] in sys.argv[1:]"
    code += " or m.startswith('tradewind.') and not m.startswith('tradewind.data')))"
    heavy = ["pandas", "polars", "duckdb", "pyarrow", "numpy", "deltalake", "adbc_driver_manager", "airflow", "asyncio"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
