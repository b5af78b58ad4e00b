"""Assets in drawn workloads: varied, the same for everybody, reducible part by part, and apart from what was there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.testing.builders import dag, task
from tradewind.testing.simulation.asset_parts import Announce, asset, updates_of
from tradewind.testing.simulation.asset_reference import leaves
from tradewind.testing.simulation.asset_workload import has_assets, with_assets
from tradewind.testing.simulation.jobs_workload import have_jobs, jobs_of
from tradewind.testing.simulation.own_code import with_code
from tradewind.testing.simulation.person import command_of
from tradewind.testing.simulation.simulation import drawn_for
from tradewind.testing.simulation.workload import Clear, Edit, Item, Pause, Trigger, Workload, draw_workload

PLAIN = [draw_workload(Random(seed), 4) for seed in range(150)]
DRAWN = [with_assets(workload, Random(seed), chance=1.0) for seed, workload in enumerate(PLAIN)]

SHOW = """
from random import Random
from tradewind.testing.simulation.asset_workload import with_assets
from tradewind.testing.simulation.workload import draw_workload
for seed in range(30):
    workload = with_assets(draw_workload(Random(seed), 4), Random(seed), chance=1.0)
    print(workload)
    print([workload.outcome(d.dag_id, "r0", t, 0, 1) for d in workload.dags for t in d.tasks])
"""


def test_a_seed_says_everything_whatever_the_interpreter_hashes_with() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", SHOW], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert texts.pop().count(b"Workload(") == 30


def test_of_the_seeds_without_jobs_a_quarter_have_assets_and_the_others_are_as_they_were() -> None:
    drawn = {seed: drawn_for(seed) for seed in range(270) if not have_jobs(jobs_of(seed))}
    assert 35 <= sum(map(has_assets, drawn.values())) <= 65
    for seed, workload in drawn.items():
        if not has_assets(workload):
            plain = draw_workload(Random(f"{seed}/workload"))
            assert repr(workload) == repr(with_code(plain, Random(f"{seed}/code")))


def test_what_was_drawn_before_keeps_its_runs_its_settings_and_its_ends() -> None:
    for before, after in zip(PLAIN, DRAWN, strict=True):
        assert all(action in after.actions for action in before.actions)
        for old, new in zip(before.dags, after.dags, strict=False):
            assert replace(new, tasks=old.tasks) == old
            assert [replace(t, extra={}) for t in new.tasks.values()] == [
                replace(t, extra={}) for t in old.tasks.values()
            ]
            for name in old.tasks:
                key = (old.dag_id, "r0", name, 0, 1)
                assert replace(after.outcome(*key), updates=()) == replace(before.outcome(*key), updates=())


def consumers(workload: Workload) -> list[DagSpec]:
    return [spec for spec in workload.dags if spec.assets]


def any_consumer(test: Callable[[DagSpec], object]) -> Callable[[Workload], bool]:
    return lambda workload: any(test(spec) for spec in consumers(workload))


def any_outlet(kind: str) -> Callable[[Workload], bool]:
    return lambda workload: any(
        kind in outlet for spec in workload.dags for t in spec.tasks.values() for outlet in t.extra.get("outlets", ())
    )


def any_maker(test: Callable[[TaskSpec], object]) -> Callable[[Workload], bool]:
    return lambda workload: any(
        test(t) for spec in workload.dags for t in spec.tasks.values() if t.extra.get("outlets")
    )


def any_action(kind: type, test: Callable[[Any], object]) -> Callable[[Workload], bool]:
    return lambda workload: any(isinstance(action, kind) and test(action) for action in workload.actions)


def mappers(spec: DagSpec) -> list[dict[str, Any]]:
    return [spec.partitions["default"], *(m for _, m in spec.partitions["mappers"])] if spec.partitions else []


def any_mapper(kind: str) -> Callable[[Workload], bool]:
    return any_consumer(lambda spec: any(kind == mapper["kind"] for mapper in mappers(spec)))


def clears_a_maker(workload: Workload) -> bool:
    makers = {(d.dag_id, t.task_id) for d in workload.dags for t in d.tasks.values() if t.extra.get("outlets")}
    return any((a.dag_id, t) in makers for a in workload.actions if isinstance(a, Clear) for t in a.tasks)


MAPPER_KINDS = ("identity", "allowed", "start_of", "rollup", "fan_out", "chain", "product")

FEATURES: dict[str, Callable[[Workload], object]] = {
    **{f"policy {p}": any_consumer(lambda s, p=p: s.asset_policy == p) for p in ("each", "coalesce", "latest")},
    **{f"condition {how}": any_consumer(lambda s, how=how: how in s.assets) for how in ("all", "any", "asset")},
    **{f"outlet {kind}": any_outlet(kind) for kind in ("asset", "asset_ref", "alias")},
    **{f"mapper {kind}": any_mapper(kind) for kind in MAPPER_KINDS},
    "nested condition": any_consumer(lambda s: "any" in str(s.assets.get("all", ""))),
    "waits for an alias": any_consumer(lambda s: "alias" in str(s.assets)),
    "waits for a reference": any_consumer(lambda s: "asset_ref" in str(s.assets)),
    "assets or time": any_consumer(lambda s: s.timetable.kind == "delta"),
    "one run at a time": any_consumer(lambda s: s.max_active_runs == 1),
    "several partitioned assets": any_consumer(lambda s: s.partitions and len([*leaves(s.assets)]) > 1),
    "enough is less than all": any_consumer(lambda s: any("least" in m for m in mappers(s))),
    "more partitions than allowed": any_consumer(lambda s: s.partitions and s.partitions["most"] == 2),
    "a chain": any_consumer(lambda s: "'y0'" in str(s.assets)),
    "a mapped maker": any_maker(lambda t: t.map),
    "a maker that defers": any_maker(lambda t: "defers" in t.extra),
    "a maker with retries": any_maker(lambda t: t.retries),
    "said by name": any_action(Announce, lambda a: a.name and not a.uri),
    "said by uri": any_action(Announce, lambda a: a.uri and not a.name),
    "said of a partition": any_action(Announce, lambda a: a.partition),
    "a maker is cleared": clears_a_maker,
    "a consumer is paused": any_action(Pause, lambda a: a.dag_id.startswith("c")),
    "a consumer is run by hand": any_action(Trigger, lambda a: a.dag_id.startswith("c")),
    "other policy": any_action(Edit, lambda a: a.consumes and [*a.consumes] == ["asset_policy"]),
    "an asset is dropped": any_action(Edit, lambda a: a.consumes and [*a.consumes] == ["assets"]),
    "nothing starts it any more": any_action(Edit, lambda a: a.consumes and a.consumes.get("assets") == {}),
    "other partitions": any_action(Edit, lambda a: a.consumes and a.consumes.get("partitions")),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_some_seed_has_it(feature: str) -> None:
    assert any(FEATURES[feature](workload) for workload in DRAWN)


def test_nobody_waits_for_what_follows_from_its_own_runs() -> None:
    for workload in DRAWN:
        after = {spec.dag_id: n for n, spec in enumerate(workload.dags)}
        made_by = {f"y{n}": f"c{n}" for n in range(4)}
        for spec in consumers(workload):
            for leaf in leaves(spec.assets):
                maker = made_by.get(leaf.get("asset", {}).get("name", ""))
                assert maker is None or after[maker] < after[spec.dag_id]


def test_what_a_try_updates_follows_from_its_names_and_its_outlets() -> None:
    spec = task("make", extra={"outlets": [asset("x0"), asset("word1"), {"asset_ref": {"uri": "s3://x1"}},
                                           {"alias": {"name": "al0"}}]})  # fmt: skip
    low = updates_of(spec, -1, lambda *names: 0.3)
    assert [(u.name, u.uri, u.alias, u.partition) for u in low] == [
        ("x0", "s3://x0", "", None), ("word1", "s3://word1", "", "us"), ("", "s3://x1", "", None),
        ("x0", "s3://x0", "al0", None), ("x1", "s3://x1", "al0", None), ("x2", "s3://x2", "al0", None),
    ]  # fmt: skip
    assert [u.partition for u in updates_of(spec, 0, lambda *names: 0.9) if u.name == "word1"] == ["asia", "us"]
    assert [u.partition for u in updates_of(spec, 0, lambda *names: 0.05) if u.name == "word1"] == ["none of these"]
    assert updates_of(spec, 4, lambda *names: 0.3) == ()


def test_an_edit_of_a_maker_does_not_change_what_its_tries_update() -> None:
    spec = dag("make", tasks={"make": {"extra": {"outlets": [asset("x0")]}}})
    edited = Workload(
        key="k", trouble=0.01, dags=(spec,), actions=(Edit(at=PLAIN[0].actions[0].at, dag_id="etl", retries=2),)
    )
    plain = replace(edited, actions=())
    key = ("etl", "r0", "make", -1, 1)
    assert edited.outcome(*key).updates == plain.outcome(*key).updates != ()


def test_what_somebody_says_becomes_a_command() -> None:
    said = Announce(at=PLAIN[0].actions[0].at, uri="s3://x0", partition="us")
    assert command_of(said) == (
        "asset.event",
        {"name": "", "uri": "s3://x0", "partition_key": "us", "extra": {"said_at": said.said_at}},
    )


def test_every_part_can_be_left_out_until_nothing_is_left() -> None:
    for workload in DRAWN[:40]:
        items = workload.items()
        for item in items:
            smaller = workload.without(item)
            assert item not in smaller.items()
            assert len(smaller.items()) < len(items), item
        left = workload
        while items := left.items():
            left = left.without(items[-1])
        assert left.dags == left.actions == ()


def test_outlets_can_be_left_out_alone() -> None:
    extra = {"mode": "reschedule", "outlets": [asset("x0")]}
    workload = Workload(key="k", trouble=0.01, dags=(dag("look", tasks={"look": {"extra": extra}}),))
    item = Item(dag_id="etl", task_id="look", setting="outlets")
    assert item in workload.items()
    assert workload.without(item).dags[0].tasks["look"].extra == {"mode": "reschedule"}
