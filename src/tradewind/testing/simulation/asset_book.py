"""The book of assets: what the event log and the rows say about them, held against the reference model (I1 and I13).

It reads what each commit has added. An update is there exactly when an attempt's success was recorded in the same
commit, or somebody asked for it; each run of an asset is made when its events are enough, and takes them in the commit
that makes it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tradewind.core.dag import DagSpec
from tradewind.testing.simulation.asset_parts import Announce, Updated, uri_of
from tradewind.testing.simulation.asset_reference import Consumer, Event, Rules, Unlawful, leaves
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.workload import RunKey, Trigger, Workload

if TYPE_CHECKING:
    from tradewind.testing.simulation.simulation import Simulation

_NEW_FACTS = (
    'SELECT seq, name, dag_id, run_id, task_id, map_index, try_number, "after", reason, body FROM event '
    "WHERE seq > ? ORDER BY seq"
)
_EVENT = (
    "SELECT id, name, uri, aliases, extra, dag_id, run_id, task_id, map_index, actor, partition_key FROM asset_event "
    "WHERE number = ?"
)
_Try = tuple[str, str, str, int, int]
"""dag_id, run_id, task_id, map_index and try_number."""


class AssetBook:
    """What has happened so far. Raises Broken the moment that something is not as it has to be."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._rows = sim.database.rows
        self._last = 0
        self._consumers: dict[str, Consumer] = {}
        self._newest = 0
        """The number of the newest update."""
        self._together: tuple[str, list[Event]] = "", []
        """What came from one attempt or command, and whoever it is for has not heard of yet."""
        self._fresh: set[str] = set()
        """Dags for which something was updated just now."""
        self._taken: set[tuple[int, int]] = set()
        """Runs, and the updates that they were made for."""
        self.specs: dict[str, DagSpec] = {}
        """The Dags as they were loaded last."""
        self._unfit: set[tuple[str, int]] = set()
        """Dags, and the updates that were noted to be for none of their partitions."""
        self._success: dict[_Try, list[Updated]] = {}
        self._updated: dict[_Try, list[Updated]] = {}

    def read(self) -> None:
        """Take in what was committed since."""
        for seq, name, dag_id, run_id, task_id, map_index, try_number, after, reason, body in self._rows(
            _NEW_FACTS, self._last
        ):
            self._last = seq
            if name == "asset.updated":
                self._updates(json.loads(body)["number"])
                continue
            if name == "partition.unfit":
                self._unfit.add((dag_id, json.loads(body)["number"]))
                continue
            self._tell()
            if name.startswith("dag.") or (name == "run.moved" and after != "running"):
                self._check_at_once()
            match name:
                case "dag.version":
                    self._changed(dag_id, self._sim.versions[json.loads(body)["version"]])
                case "dag.paused" | "dag.unpaused":
                    self._consumers[dag_id].is_paused = name == "dag.paused"
                case "run.created":
                    self._made(RunKey(dag_id, run_id), reason)
                case "run.moved" if after in ("success", "failed"):
                    self._consumers[dag_id].open.discard(run_id)
                case "run.moved":
                    self._consumers[dag_id].open.add(run_id)
                case "task.moved" if after == "success" and not reason:
                    updates = self._sim.workload.outcome(dag_id, run_id, task_id, map_index, try_number).updates
                    if updates:
                        self._success[dag_id, run_id, task_id, map_index, try_number] = list(updates)
        self._tell()
        self._check_at_once()
        self._check_successes()
        self._name_partitions()
        self._check_what_waits()
        unfit = {(dag_id, number) for dag_id, consumer in self._consumers.items() for number in consumer.unfit}
        if unfit != self._unfit:
            raise Broken(f"I13: noted or not, against the model, as for no partition: {sorted(unfit ^ self._unfit)}")

    # --- what happened ---

    def _changed(self, dag_id: str, spec: DagSpec) -> None:
        rules = Rules(spec.assets, spec.asset_policy, spec.partitions, spec.max_active_runs)
        self.specs[dag_id] = spec
        if dag_id in self._consumers:
            self._consumers[dag_id].change(rules)
        else:
            self._consumers[dag_id] = Consumer(rules)

    def _updates(self, number: int) -> None:
        if number != self._newest + 1:
            raise Broken(f"I13: asset event {number} follows {self._newest}")
        self._newest = number
        found = self._rows(_EVENT, number)
        if not found:
            raise Broken(f"I13: asset event {number} is in the event log, and not in the ledger")
        id, name, uri, aliases, extra, dag_id, run_id, task_id, map_index, actor, partition = found[0]
        self._check_identity(number, name, uri)
        source = id.rpartition(".")[0]
        if source != self._together[0]:
            self._tell()
            self._check_at_once()
        through = tuple(json.loads(aliases))
        self._together = source, [*self._together[1], Event(number, name, uri, frozenset(through), partition)]
        if actor:
            return
        if self._sim.ledger.ends.get(source) != "success":
            raise Broken(f"I13: attempt {source} updated {name}, and is {self._sim.ledger.ends.get(source)}")
        (tries,) = self._rows("SELECT try_number FROM attempt WHERE id = ? AND state = 'success'", source) or [()]
        if not tries:
            raise Broken(f"I13: attempt {source} updated {name}, and is no success in the database")
        key = dag_id, run_id, task_id, map_index, tries[0]
        told = Updated(name=name, uri=uri, extra=bytes(extra), alias="".join(through), partition=partition)
        self._updated.setdefault(key, []).append(told)

    def _check_identity(self, number: int, name: str, uri: str) -> None:
        """A name alone or a uri alone stands for the asset that some Dag names by both now, where one does."""
        if uri == uri_of(name):
            return
        wanted = [leaf for consumer in self._consumers.values() for leaf in leaves(consumer.rules.condition)]
        named = {leaf["asset"]["name"] for leaf in (*wanted, *self._outlets()) if "asset" in leaf}
        if name != uri or name in (*named, *map(uri_of, named)):
            raise Broken(f"I13: asset event {number} is of {name!r} with uri {uri!r}")

    def _outlets(self) -> list[Any]:
        tasks = (task for spec in self.specs.values() for task in spec.tasks.values())
        return [outlet for task in tasks for outlet in task.extra.get("outlets", ())]

    def _tell(self) -> None:
        """What one source has updated reaches everybody together."""
        for event in self._together[1]:
            self._fresh |= {dag_id for dag_id, consumer in self._consumers.items() if consumer.hear(event)}
        self._together = "", []

    def _made(self, key: RunKey, reason: str) -> None:
        ((number, kind, partition),) = self._rows(
            "SELECT number, run_type, partition_key FROM run WHERE dag_id = ? AND run_id = ?", *key
        )
        events = {event for (event,) in self._rows("SELECT event FROM asset_run WHERE run = ?", number)}
        consumer = self._consumers[key.dag_id]
        if (kind == "asset_triggered") is not (reason == "asset") or bool(events) is not (reason == "asset"):
            raise Broken(f"I13: {key} is {kind}, was made by {reason or 'nobody'} and took {sorted(events)}")
        if reason == "asset":
            consumer.name(events)  # in the commit before, at the latest
            try:
                consumer.take(key.run_id, events, partition)
            except Unlawful as problem:
                raise Broken(f"I1: {key.dag_id}: {problem}") from problem
            self._taken |= {(number, event) for event in events}
        consumer.open.add(key.run_id)

    def _name_partitions(self) -> None:
        """The code of a mapper has been asked about what is in the place for that no more."""
        unnamed = {
            tuple(row) for row in self._rows("SELECT dag_id, event FROM partition_queue WHERE \"partition\" = ''")
        }
        for dag_id, consumer in self._consumers.items():
            consumer.name({event.number for event in consumer.unnamed if (dag_id, event.number) not in unnamed})

    # --- what must hold ---

    def _check_at_once(self) -> None:
        """Whoever an update is for, and may have a run, has got it in the same turn."""
        for dag_id in sorted(self._fresh):
            if self._consumers[dag_id].is_due():
                raise Broken(f"I1: {dag_id} got no run for what was updated: {self._waits(dag_id)}")
        self._fresh.clear()

    def _check_successes(self) -> None:
        """One commit records a success and what it updated."""
        for key in sorted(self._success.keys() | self._updated.keys()):
            expected, found = self._success.get(key, []), self._updated.get(key, [])
            if len(expected) != len(found) or not all(map(self._is_as_reported, expected, found, [key] * len(found))):
                raise Broken(f"I13: try {key} was to update {expected}, and updated {found}")
        self._success, self._updated = {}, {}

    def _is_as_reported(self, reported: Updated, found: Updated, key: _Try) -> bool:
        query = "SELECT partition_key FROM run WHERE dag_id = ? AND run_id = ?"
        partition = self._rows(query, *key[:2])[0][0] if reported.partition is None else reported.partition
        same_names = all(said in ("", kept) for said, kept in ((reported.name, found.name), (reported.uri, found.uri)))
        rest = (reported.extra, reported.alias, partition)
        return same_names and rest == (found.extra, found.alias, found.partition)

    def _check_what_waits(self) -> None:
        """What waits for a run is what the rows say: nothing is taken without its run, and no run without what it is
        for, whatever dies in between."""
        for table, column, expected in (
            ("asset_queue", "''", {(d, "", e.number) for d, c in self._consumers.items() for e in c.waiting}),
            ("partition_queue", '"partition"', {
                (d, key, e.number) for d, c in self._consumers.items()
                for key, events in ((("", c.unnamed)), *c.gathered.items()) for e in events
            }),
        ):  # fmt: skip
            found = {tuple(row) for row in self._rows(f"SELECT dag_id, {column}, event FROM {table}")}
            if found != expected:
                raise Broken(
                    f"I13: {table} has {sorted(found - expected)} too many and lacks {sorted(expected - found)}"
                )

    def due(self) -> list[str]:
        """Dags that must get a run now."""
        return sorted(dag_id for dag_id, consumer in self._consumers.items() if consumer.is_due())

    def finish(self) -> None:
        """The end: nothing due is left, and whatever somebody said was updated has been, once."""
        self.read()
        if due := self.due():
            raise Broken(f"I2: {due[0]} never got its run for {self._waits(due[0])}")
        taken = {tuple(row) for row in self._rows("SELECT run, event FROM asset_run")}
        if taken != self._taken:
            raise Broken(f"I13: runs and their asset events changed later: {sorted(taken ^ self._taken)}")
        through = {(alias, number) for number, aliases in self._rows("SELECT number, aliases FROM asset_event")
                   for alias in json.loads(aliases)}  # fmt: skip
        if through != {tuple(row) for row in self._rows("SELECT alias, event FROM asset_event_alias")}:
            raise Broken("I13: which events came through which alias differs from the events themselves")
        self._check_announcements()

    def _check_announcements(self) -> None:
        actions = self._sim.workload.actions
        said = Counter(action.said_at for action in actions if isinstance(action, Announce))
        rows = self._rows("SELECT extra FROM asset_event WHERE actor <> '' AND substr(actor, 1, 8) <> 'watcher '")
        found = Counter(json.loads(bytes(extra))["said_at"] for (extra,) in rows)
        if found != said:
            raise Broken(f"I13: somebody said {sorted(said.elements())}, the ledger has {sorted(found.elements())}")

    def _waits(self, dag_id: str) -> str:
        consumer = self._consumers[dag_id]
        return f"{[(e.number, e.name) for e in consumer.waiting]} {consumer.gathered or ''}".strip()


def with_runs_of_assets(workload: Workload, runs: Iterable[RunKey]) -> Workload:
    """The workload as if somebody had asked for the runs that assets have made: these end as such runs do."""
    made = (Trigger(at=timedelta(0), dag_id=key.dag_id, run_id=key.run_id) for key in runs if is_of_assets(key))
    return replace(workload, actions=(*workload.actions, *made))


def is_of_assets(key: RunKey) -> bool:
    """Whether a run's name says that assets made it."""
    return key.run_id.startswith("asset_triggered__")
