"""What the scheduler holds and asks of Dags that have nothing to do, and that they are no less themselves for it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from tradewind.core.plan import Plan
from tradewind.core.plans import AT_HAND, Packing, Plans
from tradewind.core.world import World
from tradewind.store.loader import load_world
from tradewind.store.specs import decode_spec, encode_spec, pack_spec, unpack_spec, version_of
from tradewind.testing.builders import dag, every
from tradewind.testing.scheduler_stage import START, Stage
from tradewind.testing.simulation.database import Database

FEW, MANY = 100, 600


def idle(number: int) -> Any:
    begins = START + timedelta(days=400)
    return dag(
        "extract >> [clean, audit] >> load >> report", dag_id=f"idle_{number:05}", timetable=every(days=1),
        start_date=begins, tasks={"load": {"retries": 3, "pool": "small"}},
    )  # fmt: skip


@pytest.fixture
def stage() -> Iterator[Stage]:
    database = Database()
    yield Stage(database)
    database.close()


def add(stage: Stage, first: int, last: int) -> None:
    for number in range(first, last):
        stage.load(idle(number))


def load(stage: Stage) -> World:
    return load_world(stage.scheduler.engine, parallelism=32, next_run_number=1, now=stage.now())


def held_by(stage: Stage) -> int:
    """Bytes that a World of what is stored holds."""
    gc.collect()
    tracemalloc.start()
    try:
        world = load(stage)
        gc.collect()
        found = tracemalloc.get_traced_memory()[0]
        assert len(world.dags) == len(world.plans) > 0
        return found
    finally:
        tracemalloc.stop()


def test_an_idle_dag_costs_little_memory(stage: Stage) -> None:
    add(stage, 0, FEW)
    load(stage)  # what is made once, whatever there is to load
    few = held_by(stage)
    add(stage, FEW, MANY)
    many = held_by(stage)
    each = (many - few) / (MANY - FEW)
    assert each < 1600, f"{each:.0f} bytes"


def test_idle_dags_are_loaded_by_few_queries(stage: Stage) -> None:
    asked: list[str] = []
    add(stage, 0, FEW)
    event.listen(stage.scheduler.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    load(stage)
    few = len(asked)
    add(stage, FEW, 3 * FEW)
    del asked[:]
    load(stage)
    assert len(asked) == few


def test_an_idle_dag_is_what_was_stored_and_starts_its_run_when_it_is_due(stage: Stage) -> None:
    add(stage, 0, AT_HAND + 50)
    world = load(stage)
    for number in (0, 1, AT_HAND + 49):
        plan = world.plans[f"idle_{number:05}"]
        assert plan.spec == decode_spec(encode_spec(idle(number)))
        assert plan.version == world.dags[plan.spec.dag_id].version
    stage.wait(401 * 86_400.0)
    stage.play()
    assert len(stage.scheduler.world.open_runs) == AT_HAND + 50
    stage.check()


def test_a_parse_that_finds_nothing_new_unpacks_nothing(stage: Stage) -> None:
    add(stage, 0, 3)
    unpacked: list[bytes] = []

    def unpack(packed: bytes) -> Any:
        unpacked.append(packed)
        return unpack_spec(packed)

    world = stage.scheduler.world
    world.plans = Plans(Packing(pack_spec, unpack))
    for number in range(3):
        spec = idle(number)
        encoded = encode_spec(spec)
        world.plans.put(Plan(spec, version_of(spec, "digest")), encoded)
    world.plans._recent.clear()
    gc.collect()
    for number in range(3):
        stage.load(idle(number))
    assert unpacked == []


# --- plans ---------------------------------------------------------------------------------------------------------


def packed_plans(count: int) -> tuple[Plans, list[bytes]]:
    unpacked: list[bytes] = []

    def unpack(packed: bytes) -> Any:
        unpacked.append(packed)
        return unpack_spec(packed)

    plans = Plans(Packing(pack_spec, unpack))
    for number in range(count):
        plans.put(Plan(idle(number), f"v{number}"), encode_spec(idle(number)))
    return plans, unpacked


def test_a_plan_is_unpacked_once_and_stays_while_somebody_holds_it_or_asks_for_it() -> None:
    plans, unpacked = packed_plans(AT_HAND + 10)
    held = plans["idle_00000"]
    assert plans["idle_00000"] is held
    assert len(unpacked) == 1
    for _ in plans.values():
        pass
    assert plans["idle_00000"] is held, "a run holds it"
    others = len(unpacked)
    del held
    for number in range(10, AT_HAND + 10):
        plans[f"idle_{number:05}"]
    gc.collect()
    assert plans["idle_00000"].version == "v0"
    assert len(unpacked) > others


def test_versions_are_known_without_a_look_and_what_was_dropped_is_gone() -> None:
    plans, unpacked = packed_plans(AT_HAND + 2)
    assert [plans.version(f"idle_{n:05}") for n in (0, 1)] == ["v0", "v1"]
    assert (plans.version("other"), plans.get("other"), "idle_00001" in plans) == (None, None, True)
    plans.drop("idle_00001")
    assert ("idle_00001" in plans, len(plans), unpacked) == (False, AT_HAND + 1, [])


def test_a_plan_without_stored_bytes_stays_as_it_is() -> None:
    plans, _ = packed_plans(0)
    plan = Plan(idle(1), "v")
    plans.put(plan)
    assert plans["idle_00001"] is plan


def test_packed_specs_are_small_and_come_back_as_they_were() -> None:
    encoded = encode_spec(idle(7))
    packed = pack_spec(encoded)
    assert unpack_spec(packed) == decode_spec(encoded)
    assert len(packed) * 10 < len(encoded)
