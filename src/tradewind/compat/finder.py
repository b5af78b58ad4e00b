"""The meta-path finder that answers every import of `airflow…` in a process of ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from tradewind.compat import table
from tradewind.compat.errors import InstalledTooLate
from tradewind.compat.modules import AirflowModule

SCHEME = "tradewind-compat:"
"""What our packages have as their `__path__`: no folder, so that no other finder looks below them."""


def install() -> None:
    """Make `airflow` Tradewind's in this process. Calling it again changes nothing."""
    if installed():
        return
    present = sys.modules.get("airflow")
    if present is not None:
        raise InstalledTooLate(getattr(present, "__file__", None) or "an unknown place")
    sys.meta_path.insert(0, _FINDER)
    sys.path_hooks.append(_listing_for)


def installed() -> bool:
    return _FINDER in sys.meta_path


def uninstall() -> None:
    """Take Tradewind's names out of this process again, with every module that was imported under them."""
    if not installed():
        return
    sys.meta_path.remove(_FINDER)
    sys.path_hooks.remove(_listing_for)
    for entry in [entry for entry in list(sys.path_importer_cache) if entry.startswith(SCHEME)]:
        del sys.path_importer_cache[entry]
    for name in [name for name in list(sys.modules) if name == "airflow" or name.startswith("airflow.")]:
        del sys.modules[name]


class AirflowFinder(MetaPathFinder):
    """Finds our modules in the table and provider packages in the installed distributions, never the real `airflow`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "airflow" and not fullname.startswith("airflow."):
            return None
        if table.is_module(fullname):
            return _our_spec(fullname)
        if (provider := table.stand_in_root(fullname)) and not _is_installed(provider):
            return _our_spec(fullname) if table.is_stand_in(fullname) else None
        parent = fullname.rpartition(".")[0]
        if parent in table.OPEN_PACKAGES:
            # Read afresh: sys.path may have grown since the package was made.
            return PathFinder.find_spec(fullname, installed_folders(parent))
        return None


class AirflowLoader(Loader):
    """Makes a module whose names are looked up when they are asked for."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return AirflowModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is no code to run."""


class Listing:
    """What `pkgutil` asks for the modules below one of our packages."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        return None

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        for last in table.children(self.package):
            yield prefix + last, table.is_package(f"{self.package}.{last}")


def installed_folders(package: str) -> list[str]:
    """The folders of `package` in the installed distributions, found without importing any of them."""
    below = package.replace(".", os.sep)
    folders = (os.path.join(entry or os.curdir, below) for entry in sys.path)
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]


def _is_installed(provider: str) -> bool:
    """Whether an installed distribution brings this provider package."""
    parent = provider.rpartition(".")[0]
    return PathFinder.find_spec(provider, installed_folders(parent)) is not None


def _our_spec(fullname: str) -> ModuleSpec:
    spec = ModuleSpec(fullname, _LOADER, origin="tradewind", is_package=table.is_package(fullname))
    if spec.submodule_search_locations is not None:
        spec.submodule_search_locations = [SCHEME + fullname]
        if fullname in table.OPEN_PACKAGES:
            spec.submodule_search_locations += installed_folders(fullname)
    return spec


def _listing_for(entry: str) -> Listing:
    if not entry.startswith(SCHEME):
        raise ImportError(f"{entry} is no package of Tradewind's.")
    return Listing(entry.removeprefix(SCHEME))


_FINDER = AirflowFinder()
_LOADER = AirflowLoader()
