"""Playing many seeds, on several cores."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator

from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.simulation import Result, Simulation

CHUNK = 10
"""Seeds that a process takes at a time."""


def play(seeds: Iterable[int], processes: int = 1) -> Iterator[Result]:
    """Results as they come, in no order."""
    if processes <= 1:
        database = Database()
        for seed in seeds:
            yield Simulation(seed, database).run()
        return
    with multiprocessing.get_context("spawn").Pool(processes, _set_up) as pool:
        yield from pool.imap_unordered(_play_seed, seeds, chunksize=CHUNK)


_database: Database | None = None


def _set_up() -> None:
    global _database
    _database = Database()


def _play_seed(seed: int) -> Result:
    assert _database is not None
    return Simulation(seed, _database).run()
