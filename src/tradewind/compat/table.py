"""Which names Airflow has, where Tradewind keeps each of them, and how an author writes it today.

`names.json` holds the facts: every module of Airflow 2.11 and 3.3 that a Dag or provider may import, with its names; a
name that is an old spelling carries its modern one. `targets.py` says where Tradewind keeps a name.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from tradewind.compat import targets

OPEN_PACKAGES = frozenset({"airflow.providers", "airflow.providers.apache", "airflow.providers.common"})
"""Packages of ours whose other children come from installed distributions."""

STAND_IN_ROOTS = frozenset(
    ".".join(module.split(".")[: 4 if ".".join(module.split(".")[:3]) in OPEN_PACKAGES else 3])
    for module in targets.STAND_IN
)
"""Provider packages of which ours takes the place while they are not installed."""


def modules() -> tuple[str, ...]:
    """Every module that is ours to serve, sorted."""
    return tuple(sorted({*_facts(), *targets.IN_MODULE, *OPEN_PACKAGES, *_stand_ins()}))


def stand_in_root(module: str) -> str:
    """The provider package that `module` is part of, if ours takes its place while it is not installed; else ""."""
    return next((root for root in STAND_IN_ROOTS if f"{module}.".startswith(f"{root}.")), "")


def is_stand_in(module: str) -> bool:
    """Whether ours has that module of a provider that is not installed."""
    return module in _stand_ins()


def is_module(module: str) -> bool:
    return module in _facts() or module in targets.IN_MODULE or module in OPEN_PACKAGES


def is_package(module: str) -> bool:
    return module in OPEN_PACKAGES or module in _children()


def children(module: str) -> tuple[str, ...]:
    """The last parts of the modules directly below `module`, sorted."""
    return _children().get(module, ())


def names(module: str) -> tuple[str, ...]:
    """Every name that `module` offers here, sorted."""
    known = {*_facts().get(module, ()), *_own(module)}
    return tuple(sorted(name for name in known if target_of(module, name)))


def target_of(module: str, name: str) -> str | None:
    """Where `module.name` is kept, as "package.module:Name" ("package.module:" is the module itself)."""
    own = _own(module)
    if name in own:
        return own[name]
    facts = _facts().get(module, {})
    if name not in facts:
        return None
    if found := _by_name().get(name):
        return found
    modern = facts[name]
    if modern.startswith("airflow.providers.") and not is_module(modern.partition(":")[0]):
        return modern
    return None


def is_known(module: str, name: str) -> bool:
    """Whether Airflow has that name there, supported here or not."""
    return name in _facts().get(module, ())


def modern_of(module: str, name: str) -> str:
    """How an author writes that name today, fit for "write …"; empty when the spelling is the modern one."""
    modern = targets.MODERN.get((module, name)) or _facts().get(module, {}).get(name, "")
    home, _, modern_name = modern.partition(":")
    return f"`from {home} import {modern_name}`" if modern_name else modern


def _own(module: str) -> dict[str, str]:
    return targets.IN_MODULE.get(module) or targets.STAND_IN.get(module, {})


@cache
def _stand_ins() -> frozenset[str]:
    """The modules that stand in, with the packages above them."""
    found = set(targets.STAND_IN)
    for module in targets.STAND_IN:
        parts = module.split(".")
        found |= {".".join(parts[:length]) for length in range(3, len(parts))}
    return frozenset(name for name in found if stand_in_root(name))


@cache
def _facts() -> dict[str, dict[str, str]]:
    return dict(json.loads(files("tradewind.compat").joinpath("names.json").read_text(encoding="utf-8")))


@cache
def _by_name() -> dict[str, str]:
    found = {name: f"{module}:{name}" for module, names in targets.NAMES.items() for name in names.split()}
    return found | targets.RENAMED


@cache
def _children() -> dict[str, tuple[str, ...]]:
    below: dict[str, set[str]] = {}
    for module in modules():
        parent, _, last = module.rpartition(".")
        below.setdefault(parent, set()).add(last)
    return {parent: tuple(sorted(parts)) for parent, parts in below.items() if parent}
