"""The names `airflow…` for the length of a block, in a process where they may be somebody else's outside of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from tradewind import compat

_ours: dict[str, ModuleType] = {}
"""What was imported under these names in earlier blocks: a class keeps its identity from one to the next."""


@contextmanager
def airflow_names() -> Iterator[None]:
    """Inside, `airflow` is Tradewind's. An apache-airflow that was imported before is put aside, and comes back."""
    if compat.installed():
        yield
        return
    theirs = _take_out()
    compat.install()
    sys.modules.update(_ours)
    try:
        yield
    finally:
        _ours.update(_take_out())
        compat.uninstall()
        sys.modules.update(theirs)


def _take_out() -> dict[str, ModuleType]:
    names = [name for name in list(sys.modules) if name == "airflow" or name.startswith("airflow.")]
    return {name: sys.modules.pop(name) for name in names}
