"""Versions of a model as objects under dated keys, and a pointer to the one in production.

    models/temperature/date=2026-01-06/version=20260106T0200Z-1f3c9a0b/model.skops, manifest.json, …
    models/temperature/production.json

A version exists once its manifest does, which is written last. The pointer is one small object, replaced as a whole:
whoever reads it sees the old version or the new one.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from tradewind.data.objects import NoSuchObject, ObjectStore
from tradewind.data.pipelines.weather.hours import as_json, digest
from tradewind.data.problems import DataProblem

log = logging.getLogger(__name__)

Facts = dict[str, Any]

_VERSION = re.compile(r"(\d{4})(\d{2})(\d{2})T\d{4}Z-[0-9a-f]{8}")


class UnknownVersion(DataProblem):
    """The registry has no such version."""


@dataclass(frozen=True)
class Production:
    """What is in production, and what was before it, the newest last."""

    version: str
    since: str
    earlier: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = field(default=())
    """Versions that a person took out of production; they are not deployed again by themselves."""


def version_name(due: datetime, content: str) -> str:
    """The version of a run; the same run from the same data has the same name."""
    return f"{due:%Y%m%dT%H%MZ}-{content[:8]}"


class ModelRegistry:
    """The versions of one model."""

    def __init__(self, store: ObjectStore, model: str = "temperature") -> None:
        self._store = store
        self.root = f"models/{model}"

    def __str__(self) -> str:
        return f"{self._store}/{self.root}"

    @property
    def pointer_key(self) -> str:
        return f"{self.root}/production.json"

    def key(self, version: str, name: str) -> str:
        """Where an object of a version is kept."""
        parts = _VERSION.fullmatch(version)
        if parts is None:
            raise UnknownVersion(f"{version!r} is no version; they look like 20260106T0200Z-1f3c9a0b.")
        return f"{self.root}/date={'-'.join(parts.groups())}/version={version}/{name}"

    def versions(self) -> list[str]:
        """All versions, the oldest first."""
        found = (key.split("/")[-2] for key in self._store.keys(self.root) if key.endswith("/manifest.json"))
        return sorted(name.removeprefix("version=") for name in found)

    def add(self, version: str, content: bytes, manifest: Facts) -> Facts:
        """Keep a version, in place of what may be there of it; gives its manifest."""
        manifest = {**manifest, "version": version, "sha256": digest(content), "bytes": len(content)}
        self._store.put(self.key(version, "model.skops"), content)
        self._store.put(self.key(version, "manifest.json"), as_json(manifest))
        return manifest

    def attach(self, version: str, name: str, content: bytes) -> str:
        """Keep something else with a version; gives its key."""
        key = self.key(version, name)
        self._store.put(key, content)
        return key

    def attached(self, version: str, name: str) -> bytes:
        return self._store.get(self.key(version, name))

    def manifest(self, version: str) -> Facts:
        key = self.key(version, "manifest.json")
        try:
            facts: Facts = json.loads(self._store.get(key))
        except NoSuchObject:
            raise UnknownVersion(f"{self} has no version {version}; it has {self._named()}.") from None
        except ValueError as error:
            raise DataProblem(f"{self._store}/{key} is no JSON ({error}); train again, or roll back.") from error
        return facts

    def read(self, version: str) -> tuple[Facts, bytes]:
        """A version's manifest and the content of its file, which is the one that was registered."""
        manifest = self.manifest(version)
        key = self.key(version, "model.skops")
        try:
            content = self._store.get(key)
        except NoSuchObject:
            raise DataProblem(f"{self._store}/{key} is gone; train again, or roll back.") from None
        if digest(content) != manifest.get("sha256"):
            raise DataProblem(f"{self._store}/{key} is not the file that was registered; train again, or roll back.")
        return manifest, content

    def production(self) -> Production | None:
        """What is in production; None before anything was."""
        try:
            content = self._store.get(self.pointer_key)
        except NoSuchObject:
            return None
        try:
            kept = json.loads(content)
            return Production(
                str(kept["version"]), str(kept["since"]), tuple(kept["earlier"]), tuple(kept.get("withdrawn", ()))
            )
        except (ValueError, KeyError, TypeError) as error:
            rollback = "python -m tradewind.data.pipelines.weather.rollback --to VERSION"
            message = f"{self._store}/{self.pointer_key} cannot be read ({error!r}); write it anew by `{rollback}`"
            raise DataProblem(f"{message}, where VERSION is {self._named()}.") from error

    def promote(self, version: str, now: datetime) -> Production:
        """Put a version into production."""
        self.manifest(version)
        before = self.production()
        if before is None:
            return self._point(Production(version, now.isoformat()))
        if before.version == version:
            return before
        earlier = (*(name for name in before.earlier if name != version), before.version)
        withdrawn = tuple(name for name in before.withdrawn if name != version)
        return self._point(Production(version, now.isoformat(), earlier, withdrawn))

    def roll_back(self, now: datetime, to: str | None = None) -> Production:
        """Put the version before (or `to`) into production; what was there is not deployed again by itself."""
        if to is not None:
            self.manifest(to)
            try:
                before = self.production()
            except DataProblem as error:
                log.warning("%s", error)
                before = None
        else:
            before = self.production()
        if before is None:
            if to is None:
                raise DataProblem(f"{self} has nothing in production, so there is nothing to roll back.")
            return self._point(Production(to, now.isoformat(), tuple(name for name in self.versions() if name < to)))
        if to is None and not before.earlier:
            raise DataProblem(f"{before.version} is the first version in production; there is none before it.")
        chosen = to or before.earlier[-1]
        if chosen == before.version:
            raise DataProblem(f"{chosen} is in production already.")
        self.manifest(chosen)
        earlier = before.earlier[: before.earlier.index(chosen)] if chosen in before.earlier else before.earlier
        withdrawn = (*(name for name in before.withdrawn if name not in (chosen, before.version)), before.version)
        return self._point(replace(before, version=chosen, since=now.isoformat(), earlier=earlier, withdrawn=withdrawn))

    def _point(self, production: Production) -> Production:
        self._store.put(self.pointer_key, as_json(asdict(production)))
        log.info("In production of %s: %s.", self, production.version)
        return production

    def _named(self) -> str:
        return ", ".join(self.versions()[-5:]) or "none"
