"""Airflow's own clients of its REST APIs, fetched from PyPI once and imported one release at a time.

Both releases are one package, so that neither is installed: each lies in a folder of its own.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tradewind.testing.fetching import fetched

RELEASES = {"2.10": "apache-airflow-client==2.10.0", "3.3": "apache-airflow-client==3.3.2"}
PACKAGE = "airflow_client"


def client_of(release: str) -> Path:
    """The folder from which a release's client can be imported; raises Unavailable when PyPI cannot be reached."""
    return fetched(f"tradewind-airflow-clients/{release}", [RELEASES[release]])


@contextmanager
def imported(release: str) -> Iterator[ModuleType]:
    """The client of a release as `airflow_client.client`, forgotten again afterwards. Raises Unavailable."""
    folder = str(client_of(release))
    _forget()
    sys.path.insert(0, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it is warned of is not ours to mend
            yield importlib.import_module(f"{PACKAGE}.client")
    finally:
        sys.path.remove(folder)
        _forget()


def _forget() -> None:
    # A copy: threads of others may import meanwhile.
    for name in [name for name in list(sys.modules) if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]
