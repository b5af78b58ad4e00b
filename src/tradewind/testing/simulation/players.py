"""Playing many seeds, on several cores."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Iterable, Iterator

from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.simulation import Result, Simulation

CHUNK = 10
"""Seeds that a process takes at a time."""


def play(seeds: Iterable[int], processes: int = 1) -> Iterator[Result]:
    """Results as they come, in no order."""
    if processes <= 1:
        try:
            _set_up()
            for seed in seeds:
                yield _play_seed(seed)
        finally:
            gc.enable()
            gc.unfreeze()
        return
    with multiprocessing.get_context("spawn").Pool(processes, _set_up) as pool:
        yield from pool.imap_unordered(_play_seed, seeds, chunksize=CHUNK)


_database: Database | None = None


def _set_up() -> None:
    global _database
    _database = Database()
    # A simulation leaves cycles only when it is over: looking for them meanwhile costs an eighth of the time.
    gc.freeze()
    gc.disable()


def _play_seed(seed: int) -> Result:
    assert _database is not None
    result = Simulation(seed, _database).run()
    if seed % CHUNK == 0:
        gc.collect()
    return result
