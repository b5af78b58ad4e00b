"""Dags as their versions have them, kept after they were read: a version never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from threading import Lock

from sqlalchemy import Connection

from tradewind.core.dag import DagSpec
from tradewind.core.errors import InvalidInput
from tradewind.store.reading.dags import encoded_specs, spec_of_version
from tradewind.store.specs import decode_spec

MOST = 256


class Specs:
    """The newest versions that somebody looked at. Raises InvalidInput for one that is stored damaged."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[str, DagSpec] = OrderedDict()
        self._lock = Lock()

    def of(self, connection: Connection, version: str) -> DagSpec:
        """The Dag as this version has it."""
        with self._lock:
            if (spec := self._kept.get(version)) is not None:
                self._kept.move_to_end(version)
                return spec
        spec = spec_of_version(connection, version)
        self._keep({version: spec})
        return spec

    def these(self, connection: Connection, versions: Collection[str]) -> dict[str, DagSpec]:
        """Several at once, by version. Those that are not stored, or damaged, are left out."""
        with self._lock:
            found = {version: self._kept[version] for version in versions if version in self._kept}
            for version in found:
                self._kept.move_to_end(version)
        missing = [version for version in versions if version not in found]
        fresh: dict[str, DagSpec] = {}
        for version, encoded in encoded_specs(connection, missing).items() if missing else ():
            try:
                fresh[version] = decode_spec(encoded)
            except InvalidInput:
                continue
        self._keep(fresh)
        return found | fresh

    def _keep(self, specs: Mapping[str, DagSpec]) -> None:
        with self._lock:
            self._kept.update(specs)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
