"""What rights on Dags are decided by, as this process knows it: read once for all who listen."""

from __future__ import annotations

import time
from collections.abc import Collection

from sqlalchemy import Engine

from tradewind.core.access import DagFacts
from tradewind.store.reading.dags import facts_of_dags

KNOWN_SECONDS = 30.0
"""A file may move without another version of its Dag, and no event says so."""


class KnownFacts:
    """Facts by Dag. What is not known is learnt before it is asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[DagFacts | None, float]] = {}

    def of(self, dag_id: str) -> DagFacts | None:
        """None where there is no such Dag, or nobody has learnt of it."""
        return self._known.get(dag_id, (None, 0.0))[0]

    def unknown(self, dag_ids: Collection[str]) -> set[str]:
        """Those of which nothing is known, or nothing that is young enough."""
        fresh = time.monotonic() - KNOWN_SECONDS
        return {dag_id for dag_id in dag_ids if dag_id not in self._known or self._known[dag_id][1] < fresh}

    def learn(self, dag_ids: Collection[str]) -> None:
        """Read them; to be called in a thread."""
        now = time.monotonic()
        with self._engine.connect() as connection:
            found = facts_of_dags(connection, dag_ids)
        self._known.update({dag_id: (found.get(dag_id), now) for dag_id in dag_ids})

    def forget(self, dag_id: str = "") -> None:
        """It has changed; without a name, all may have."""
        if dag_id:
            self._known.pop(dag_id, None)
        else:
            self._known.clear()
