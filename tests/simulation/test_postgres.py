"""The same seeds on a real PostgreSQL: the same engine, the same faults, another database behind the same store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tradewind.testing.servers import PostgresServer
from tradewind.testing.simulation.database import Database, PostgresDatabase
from tradewind.testing.simulation.simulation import Simulation

SEEDS = range(20)


@pytest.fixture(scope="module")
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresDatabase]:
    made = PostgresDatabase(postgres_server.new_database())
    yield made
    made.close()


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_nothing_breaks_on_postgresql(postgres: PostgresDatabase) -> None:
    broken = [f"{seed}: {told}" for seed in SEEDS if (told := Simulation(seed, postgres).run().broken)]
    assert broken == []


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_seed_is_played_alike_on_both_databases(postgres: PostgresDatabase) -> None:
    sqlite = Database()
    try:
        for seed in (3, 7, 13):
            on_sqlite, on_postgres = Simulation(seed, sqlite).run(), Simulation(seed, postgres).run()
            assert (on_sqlite.played, on_sqlite.trace) == (on_postgres.played, on_postgres.trace), f"seed {seed}"
    finally:
        sqlite.close()
