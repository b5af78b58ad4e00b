"""Dags as their versions have them, kept after they were read: a version never changes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from sqlalchemy import Connection

from tradewind.core.dag import DagSpec
from tradewind.store.reading.dags import spec_of_version

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
        with self._lock:
            self._kept[version] = spec
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return spec
