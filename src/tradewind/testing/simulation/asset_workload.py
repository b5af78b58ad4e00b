"""Assets drawn into a workload: who updates them, whom they start, and what people do about them meanwhile.

Everything follows from a generator of its own, so that the rest of a workload is the same with and without assets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from tradewind.core.assets import POLICIES
from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.testing.builders import dag, every
from tradewind.testing.simulation.asset_parts import PARTITIONS, WHOLE, Announce, asset, family_of, uri_of
from tradewind.testing.simulation.asset_reference import leaves
from tradewind.testing.simulation.workload import (
    BEGIN,
    PERIOD,
    SECOND,
    Action,
    Clear,
    Edit,
    Mark,
    Pause,
    Trigger,
    Workload,
)

CHANCE = 0.25
"""How many of the workloads have assets."""
ALIASES = ("al0", "al1")
IDENTITY = {"kind": "identity"}
_QUARTER = {
    "kind": "start_of", "unit": "quarter", "timezone": "UTC", "input_format": "%Y-%m", "output_format": "%Y-Q{quarter}",
}  # fmt: skip
_MONTH = {
    "kind": "start_of", "unit": "month", "timezone": "UTC", "input_format": "%Y-%m", "output_format": "%Y-%m",
}  # fmt: skip
_DAY = {
    "kind": "start_of", "unit": "day", "timezone": "UTC", "input_format": "%Y-%m-%dT%H", "output_format": "%Y-%m-%d",
}  # fmt: skip
_MONTHS_OF_A_QUARTER = {"kind": "quarter", "backward": False}
_EVERYWHERE = {
    "kind": "rollup", "upstream": {"kind": "fixed", "key": "everywhere"},
    "window": {"kind": "segments", "segments": list(PARTITIONS["word"])},
}  # fmt: skip
_QUARTERLY = {"kind": "rollup", "upstream": _QUARTER, "window": _MONTHS_OF_A_QUARTER}
_SPREAD = {"kind": "fan_out", "upstream": _QUARTER, "window": _MONTHS_OF_A_QUARTER, "downstream": _MONTH}
_MONTH_OF_A_DAY = {**_MONTH, "input_format": "%Y-%m-%d"}
_PAIR = {"kind": "product", "delimiter": "|", "mappers": [{"kind": "allowed", "keys": ["us", "eu"]}, _QUARTER]}
_SPREAD_TO_TWO = {"kind": "chain", "mappers": [_SPREAD, _QUARTER]}
MAPPERS: dict[str, list[dict[str, Any]]] = {
    "word": [IDENTITY, {"kind": "allowed", "keys": ["asia", "us"]}, _EVERYWHERE, {**_EVERYWHERE, "least": 2}],
    "month": [IDENTITY, _QUARTER, _QUARTERLY, _SPREAD, {**_SPREAD, "most": 2}, _SPREAD_TO_TWO],
    "hour": [IDENTITY, _DAY, _DAY, {"kind": "chain", "mappers": [_DAY, _MONTH_OF_A_DAY]}],
    "pair": [IDENTITY, _PAIR, _PAIR, {"kind": "chain", "mappers": [_PAIR, {"kind": "fixed", "key": "all pairs"}]}],
}
"""Which mappers have a place for the partitions of each family."""


def with_assets(workload: Workload, rng: Random, chance: float = CHANCE) -> Workload:
    """The workload with assets, or now and then (by `chance`) as it is."""
    if rng.random() >= chance:
        return workload
    consumers = _draw_consumers(rng)
    wanted = [outlet for spec in consumers for leaf in leaves(spec.assets) for outlet in _outlets_for(leaf)]
    dags = tuple(_updating(rng, spec, wanted) for spec in workload.dags)
    actions: list[Action] = []
    if not any(_makers(spec) for spec in dags) or rng.random() < 0.6:
        maker, triggers = _draw_maker(rng, wanted)
        dags, actions = (*dags, maker), [*triggers]
    for n, spec in enumerate(consumers):
        if rng.random() < 0.2:
            actions.append(Trigger(at=_moment(rng), dag_id=spec.dag_id, run_id=f"by_hand_{n}"))
    actions += [announce for _ in range(rng.randint(0, 3)) for announce in _draw_announcements(rng, wanted)]
    runs = [a for a in (*workload.actions, *actions) if isinstance(a, Trigger)]
    actions += [action for _ in range(rng.choice([0, 1, 1, 2])) for action in _draw_repeat(rng, dags, runs)]
    actions += [_draw_change(rng, rng.choice(consumers)) for _ in range(rng.choice([0, 0, 1, 1, 2, 3]))]
    together = sorted((*workload.actions, *actions), key=lambda action: action.at)
    return replace(workload, dags=(*dags, *consumers), actions=tuple(together))


def has_assets(workload: Workload) -> bool:
    """Whether any Dag waits for assets."""
    return any(spec.assets for spec in workload.dags)


# --- who updates -------------------------------------------------------------------------------------------------


def _outlets_for(leaf: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """What updates that which a condition names; nothing for what consuming Dags update."""
    match leaf:
        case {"asset": {"name": str(name)}} if name in WHOLE or family_of(name):
            return [asset(name)]
        case {"asset_ref": {"name": str(name)}}:
            return [asset(name), {"asset_ref": {"uri": uri_of(name)}}]
        case {"asset_ref": {"uri": str(uri)}}:
            return [asset(uri.removeprefix(uri_of(""))), {"asset_ref": {"uri": uri}}]
        case {"alias": {"name": str(name)}}:
            return [{"alias": {"name": name, "group": "asset"}}]
        case _:
            return ()


def _updating(rng: Random, spec: DagSpec, wanted: list[dict[str, Any]], chance: float = 0.3) -> DagSpec:
    able = [name for name, each in spec.tasks.items() if not (each.never_sent or each.is_setup or each.is_teardown)]
    chosen = [name for name in able if rng.random() < chance]
    tasks = {n: _with_outlets(rng, t, wanted) if n in chosen else t for n, t in spec.tasks.items()}
    return replace(spec, tasks=tasks)


def _with_outlets(rng: Random, each: TaskSpec, wanted: list[dict[str, Any]]) -> TaskSpec:
    outlets = [_draw_outlet(rng, wanted) for _ in range(rng.choice([1, 1, 2, 3]))]
    return replace(each, extra={**each.extra, "outlets": outlets})


def _draw_outlet(rng: Random, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    if wanted and rng.random() < 0.75:
        return rng.choice(wanted)
    dice = rng.random()
    if dice < 0.4:
        return asset(rng.choice(WHOLE))
    if dice < 0.7:
        return asset(f"{rng.choice([*PARTITIONS])}{rng.randint(0, 1)}")
    if dice < 0.85:
        return {"alias": {"name": rng.choice(ALIASES), "group": "asset"}}
    name = rng.choice(WHOLE)
    return {"asset_ref": {"name": name} if rng.random() < 0.5 else {"uri": uri_of(name)}}


def _makers(spec: DagSpec) -> list[str]:
    return [name for name, each in spec.tasks.items() if each.extra.get("outlets")]


def _draw_maker(rng: Random, wanted: list[dict[str, Any]]) -> tuple[DagSpec, list[Trigger]]:
    """A Dag that is there to update, and its runs, some of them within moments."""
    retries: dict[str, Any] = {"retries": rng.choice([0, 1, 3]), "retry_delay_seconds": rng.choice([0.5, 5.0])}
    spec = _updating(
        rng, dag(rng.choice(["make", "make >> more", "[make, more]"]), dag_id="m0", **retries), wanted, 1.0
    )
    at, triggers = _moment(rng), list[Trigger]()
    for n in range(rng.randint(2, 5)):
        triggers.append(Trigger(at=at, dag_id="m0", run_id=f"m{n}"))
        at += SECOND * round(rng.choice([0.01, 0.3, 3, 30]) * rng.uniform(1, 2), 3)
    return spec, triggers


# --- whom they start ---------------------------------------------------------------------------------------------


def _draw_consumers(rng: Random) -> tuple[DagSpec, ...]:
    """Dags that wait for assets. What one of them updates, only those after it wait for: there is no circle."""
    found: list[DagSpec] = []
    own: list[str] = []
    for n in range(rng.choice([1, 2, 2, 3])):
        given: dict[str, Any] = {
            "max_active_runs": rng.choice([1, 1, 2, 16]), "retries": rng.choice([0, 1, 2]),
            "retry_delay_seconds": rng.choice([0.5, 5.0]),
        }  # fmt: skip
        if rng.random() < 0.15:
            start, end = BEGIN, BEGIN + rng.randint(0, 1) * PERIOD
            given |= {"timetable": every(minutes=5), "catchup": True, "start_date": start, "end_date": end}
        spec = dag(rng.choice(["use", "use", "use >> then", "[use, then]"]), dag_id=f"c{n}", **given)
        if rng.random() < 0.4:
            name = f"y{n}"
            last = [*spec.tasks][-1]
            updating = replace(spec.tasks[last], extra={"outlets": [asset(name)]})
            spec = replace(spec, tasks={**spec.tasks, last: updating})
        # One that updates what it read would start itself: it names what came before it only.
        found.append(replace(spec, **_draw_wants(rng, own, partitioned="timetable" not in given)))
        own += [f"y{n}"] if _makers(spec) else []
    return tuple(found)


def _draw_wants(rng: Random, own: list[str], *, partitioned: bool = True) -> dict[str, Any]:
    """The fields of a DagSpec that say what it waits for. `own` are assets that consuming Dags update."""
    policy = rng.choice(POLICIES)
    if partitioned and rng.random() < 0.45:
        family = rng.choice([*PARTITIONS])
        names = rng.choice([[f"{family}0"], [f"{family}1"], [f"{family}0", f"{family}1"]])
        names += [name for name in own if rng.random() < 0.3]
        mappers = [[asset(name), rng.choice(MAPPERS[family_of(name) or "word"])] for name in names[1:]]
        partitions = {"default": rng.choice(MAPPERS[family]), "mappers": mappers, "most": rng.choice([2, 1000, 1000])}
        condition = _joined(rng, [asset(name) for name in names])
        return {"assets": condition, "asset_policy": policy, "partitions": partitions}
    parts = [asset(name) for name in (*WHOLE, *WHOLE, *own, *own)]
    parts += [{"alias": {"name": alias}} for alias in ALIASES]
    parts += [{"asset_ref": {"name": "x0"}}, {"asset_ref": {"uri": uri_of("x1")}}, asset("word0")]
    chosen = [rng.choice(parts) for _ in range(rng.choice([1, 1, 2, 2, 3]))]
    return {"assets": _joined(rng, chosen), "asset_policy": policy, "partitions": {}}


def _joined(rng: Random, parts: list[dict[str, Any]]) -> dict[str, Any]:
    if len(parts) == 1:
        return parts[0]
    how = rng.choice(["all", "any"])
    if len(parts) > 2 and rng.random() < 0.6:
        return {how: [parts[0], {"any" if how == "all" else "all": parts[1:]}]}
    return {how: parts}


# --- what people do ----------------------------------------------------------------------------------------------


def _moment(rng: Random) -> timedelta:
    return SECOND * round(rng.uniform(0, rng.choice([2, 20, 100])), 3)


def _draw_announcements(rng: Random, wanted: list[dict[str, Any]]) -> list[Announce]:
    """Somebody says that one asset was updated, at times again and again, at times one partition after the other."""
    at, step = _moment(rng), SECOND * round(rng.choice([0.01, 0.5, 10]), 3)
    outlet = _draw_outlet(rng, wanted)
    name = outlet["asset"]["name"] if "asset" in outlet else rng.choice(WHOLE)
    both = {"name": name, "uri": uri_of(name)}
    if family := family_of(name):
        keys = [*rng.sample(PARTITIONS[family], rng.randint(1, 3)), rng.choice(PARTITIONS[family])]
        return [Announce(at=at + n * step, **both, partition=key) for n, key in enumerate(keys)]
    names = rng.choice([both, both, {"name": name}, {"uri": uri_of(name)}])
    return [Announce(at=at + n * step, **names) for n in range(rng.choice([1, 1, 3]))]


def _draw_repeat(rng: Random, dags: tuple[DagSpec, ...], runs: list[Trigger]) -> list[Action]:
    """A task that updates is cleared, perhaps twice, or marked: what it updated stays, and it may update again."""
    makers = {spec.dag_id: names for spec in dags if (names := _makers(spec))}
    able = [run for run in runs if run.dag_id in makers]
    if not able:
        return []
    run = rng.choice(able)
    name = rng.choice(makers[run.dag_id])
    at = run.at + SECOND * round(rng.uniform(0.05, rng.choice([1, 5, 40])), 3)
    if rng.random() < 0.2:
        state = rng.choice(["success", "failed"])
        return [Mark(at=at, dag_id=run.dag_id, run_id=run.run_id, state=state, task_id=name)]
    step = SECOND * round(rng.uniform(0.2, 20), 3)
    count = rng.choice([1, 1, 2])
    return [Clear(at=at + n * step, dag_id=run.dag_id, run_id=run.run_id, tasks=(name,)) for n in range(count)]


def _draw_change(rng: Random, spec: DagSpec) -> Action:
    """A consuming Dag is paused for a while, or waits for something else from now on."""
    at = _moment(rng)
    if rng.random() < 0.4:
        return Pause(at=at, until=at + SECOND * round(rng.uniform(0.5, 60), 3), dag_id=spec.dag_id)
    match rng.randrange(4):
        case 0:
            consumes: dict[str, Any] = {"asset_policy": rng.choice(POLICIES)}
        case 1:
            consumes = {"assets": _with_one_less(spec.assets)}
        case 2:
            consumes = {"max_active_runs": rng.choice([1, 3])}
        case _:
            consumes = _draw_wants(rng, [], partitioned=spec.timetable.kind == "never")
    return Edit(at=at, dag_id=spec.dag_id, consumes=consumes)


def _with_one_less(condition: Any) -> dict[str, Any]:
    """The condition without its first part; without the only one nothing is left."""
    for how in ("all", "any"):
        if len(parts := condition.get(how, ())) > 1:
            return parts[1] if len(parts) == 2 else {how: parts[1:]}
    return {}
