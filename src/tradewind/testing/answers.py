"""What author code asks of the engine, answered from memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tradewind.core.errors import InvalidInput, NotCurrent, RunNotFound, TradewindError
from tradewind.core.inputs import AssetStoreChanged, CreateRun, TaskStoreChanged, XCom, XComPushed
from tradewind.core.records import DagRun, TaskKey
from tradewind.core.states import RUN_FINISHED, RunType
from tradewind.scheduler.asset_events import event_info
from tradewind.scheduler.facts import (
    check_asset_named,
    dag_facts,
    states_by_run,
    uri_named,
    wanted_partitions,
    wanted_runs,
)
from tradewind.scheduler.offers import run_info
from tradewind.scheduler.params import check_conf
from tradewind.scheduler.state_stores import asset_change, asset_named, task_change, task_value_kept
from tradewind.sdk.connection import Connection
from tradewind.sdk.execution.runtime import RuntimeRequestError
from tradewind.store.times import from_us, to_us
from tradewind.testing.world import Play
from tradewind.wire.messages import Message

XComRow = tuple[str, int, str, bytes]


class WaitsForItsOwnRun(TradewindError):
    """A task waits for a run that it has created, which in one process can only go on when the task has ended."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"Run {run_id!r} was created by this task and begins when the task has ended, so it cannot be waited for "
            "here; give wait_for_completion=False, or stand in for this task with outcomes=."
        )


class Answers:
    """The engine as author code sees it while a file is read: Variables and Connections, and no run."""

    def __init__(
        self, variables: Mapping[str, Any] | None = None, connections: Mapping[str, Any] | None = None
    ) -> None:
        self.variables = {key: _text(value) for key, value in (variables or {}).items()}
        self.connections = {name: _fields(name, value) for name, value in (connections or {}).items()}
        self._methods: dict[str, Callable[..., Any]] = {
            "variable.get": lambda key: self.variables.get(key),
            "variable.keys": lambda prefix="": sorted(key for key in self.variables if key.startswith(prefix)),
            "variable.set": self._set_variable,
            "variable.delete": lambda key: self.variables.pop(key, None) is not None,
            "connection.get": lambda conn_id: self.connections.get(conn_id),
        }

    @property
    def methods(self) -> frozenset[str]:
        """What can be asked."""
        return frozenset(self._methods)

    def request(self, method: str, **args: Any) -> Any:
        """The answer, or the refusal in a sentence."""
        answer = self._methods.get(method)
        try:
            if answer is None:
                raise InvalidInput(f"{method} can only be asked inside a running task.")
            return answer(**args)
        except TradewindError as refused:
            raise RuntimeRequestError(type(refused).__name__, str(refused)) from None

    def send(self, message: Message) -> None:
        """Progress and the like: nobody watches."""

    def _set_variable(self, key: str, value: Any, description: str | None = None) -> None:
        self.variables[key] = _text(value)


class RunAnswers(Answers):
    """The same inside tasks: runs, tasks and XComs are those of a play."""

    def __init__(
        self, play: Play, variables: Mapping[str, Any] | None = None, connections: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(variables, connections)
        self._play = play
        self.attempt = ""
        """The attempt that asks."""
        self._created: dict[int, str] = {}
        """Runs by number, and the attempt that created each."""
        self._methods |= {
            "dag.get": self._dag,
            "timetable.wanted": self._wanted,
            "partitions.wanted": lambda dag_ids: wanted_partitions(self._play.world, dag_ids),
            "xcom.pull": self._pull,
            "xcom.push": self._push,
            "run.get": self._run,
            "run.previous": self._previous,
            "run.count": lambda dag_id, states=None, **which: len(self._runs(dag_id, states=states, **which)),
            "run.create": self._create,
            "task.states": self._states,
            "task.count": self._count,
            # What must not be done twice (a mail goes out) is not done at all where Dags are only played.
            "callback.begin": lambda: "Dags are only played here",
            "asset.triggering": self._triggering,
            "asset.events": self._asset_events,
            "asset.named": lambda name: uri_named(self._play.world, name),
            "asset.through_alias": self._through_alias,
            "task_state_store.get": self._task_value,
            "task_state_store.set": self._keep_task_value,
            "task_state_store.delete": lambda key: self._keep(task_change(self.attempt, key)),
            "task_state_store.clear": lambda: self._keep(task_change(self.attempt)),
            "asset_state_store.get": self._asset_value,
            "asset_state_store.set": self._change_asset,
            "asset_state_store.delete": self._change_asset,
            "asset_state_store.clear": self._change_asset,
        }

    # --- state stores ---

    def _task_value(self, dag_id: str, run_id: str, task_id: str, map_index: int, key: str) -> bytes | None:
        for run in self._runs(dag_id, run_ids=[run_id]):
            row = self._play.task_state_store.get((TaskKey(run.number, task_id, map_index), key))
            if row is not None and (row["expires_at"] is None or row["expires_at"] > self._play.now):
                return bytes(row["value"])
        return None

    def _keep_task_value(self, key: str, value: bytes, retention_seconds: float | None = None) -> None:
        self._keep(task_value_kept(self.attempt, key, value, retention_seconds))

    def _asset_value(self, key: str, name: str = "", uri: str = "") -> bytes | None:
        row = self._play.asset_state_store.get((*asset_named(self._play.world.assets, name, uri), key))
        return None if row is None else bytes(row["value"])

    def _change_asset(self, name: str = "", uri: str = "", **change: Any) -> None:
        self._keep(asset_change(self._play.world.assets, self.attempt, name, uri, **change))

    def _keep(self, change: TaskStoreChanged | AssetStoreChanged) -> None:
        if not self._play.give(change):
            raise NotCurrent(change.attempt)

    # --- XComs ---

    def xcoms(
        self, run: int, task_ids: list[str] | None, key: str | None, map_indexes: list[int] | None = None
    ) -> list[XComRow]:
        """In the order of `task_ids`, then of map_index."""
        rows = [
            (at.task_id, at.map_index, name, xcom.value)
            for (at, name), xcom in self._play.xcoms.items()
            if at.run == run
            and (key is None or name == key)
            and (task_ids is None or at.task_id in task_ids)
            and (map_indexes is None or at.map_index in map_indexes)
        ]
        place = {task_id: number for number, task_id in enumerate(task_ids or ())}
        return sorted(rows, key=lambda row: (place.get(row[0], 0), row[0], row[1], row[2]))

    def _pull(
        self,
        dag_id: str,
        run_id: str,
        task_ids: list[str] | None = None,
        map_indexes: list[int] | None = None,
        key: str | None = "return_value",
        include_prior_dates: bool = False,
    ) -> list[list[Any]]:
        run: DagRun | None = self._named(dag_id, run_id)
        rows: list[XComRow] = []
        while run is not None and not (rows := self.xcoms(run.number, task_ids, key, map_indexes)):
            run = self._before(dag_id, _at_us(run)) if include_prior_dates else None
        return [list(row) for row in rows]

    def _push(
        self, dag_id: str, run_id: str, task_id: str, map_index: int, key: str, value: bytes, length: int | None = None
    ) -> None:
        run, xcom = self._named(dag_id, run_id), XCom(name=key, value=value, length=length)
        self._play.give(
            XComPushed(run=run.number, task_id=task_id, map_index=map_index, xcom=xcom, attempt=self.attempt)
        )

    # --- Dags and runs ---

    def _wanted(self, dag_ids: list[str]) -> dict[str, dict[str, Any]]:
        return wanted_runs(self._play.world, dag_ids)

    def _dag(self, dag_id: str) -> dict[str, Any] | None:
        return dag_facts(self._play.world, dag_id)

    def _run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        run = next(iter(self._runs(dag_id, run_ids=[run_id])), None)
        if run is not None and run.state not in RUN_FINISHED and self._created.get(run.number) == self.attempt:
            raise WaitsForItsOwnRun(run_id)
        return None if run is None else msgspec.structs.asdict(run_info(run))

    def _previous(
        self, dag_id: str, before_us: int, state: str | None = None, scheduled_only: bool = False
    ) -> dict[str, Any] | None:
        run = self._before(dag_id, before_us, state, scheduled_only=scheduled_only)
        return None if run is None else msgspec.structs.asdict(run_info(run))

    def _create(self, dag_id: str, **wish: Any) -> dict[str, Any]:
        logical, run_id = from_us(wish.get("logical_date_us")), wish.get("run_id") or None
        taken = [
            run.run_id
            for run in self._runs(dag_id)
            if run.run_id == run_id or (logical is not None and run.logical_date == logical)
        ]
        plan = self._play.world.plans.get(dag_id)
        if plan is not None:
            check_conf(dag_id, plan.spec.params, wish.get("conf") or {})
        run = self._play.give(
            CreateRun(
                dag_id=dag_id,
                run_type=RunType.OPERATOR_TRIGGERED,
                run_id=run_id,
                logical_date=logical,
                conf=wish.get("conf") or {},
                note=wish.get("note"),
                triggered_by="operator",
                taken_by=taken[0] if taken else "",
            )
        )
        self._created[run.number] = self.attempt
        return msgspec.structs.asdict(run_info(run))

    def _named(self, dag_id: str, run_id: str) -> DagRun:
        for run in self._runs(dag_id, run_ids=[run_id]):
            return run
        raise RunNotFound(dag_id, run_id)

    def _runs(
        self,
        dag_id: str,
        run_ids: list[str] | None = None,
        logical_dates_us: list[int] | None = None,
        states: list[str] | None = None,
    ) -> list[DagRun]:
        return [
            run
            for run in self._play.runs.values()
            if run.dag_id == dag_id
            and (run_ids is None or run.run_id in run_ids)
            and (logical_dates_us is None or to_us(run.logical_date) in logical_dates_us)
            and (states is None or run.state in states)
        ]

    def _before(
        self, dag_id: str, before_us: int, state: str | None = None, *, scheduled_only: bool = False
    ) -> DagRun | None:
        """The newest run before a moment, by logical date (run_after where there is none)."""
        runs = self._runs(dag_id, states=[state] if state else None)
        earlier = [run for run in runs if _at_us(run) < before_us]
        if scheduled_only:
            earlier = [run for run in earlier if run.run_type is RunType.SCHEDULED]
        return max(earlier, key=_at_us, default=None)

    # --- assets ---

    def _triggering(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        numbers = {run.number for run in self._runs(dag_id, run_ids=[run_id])}
        taken = sorted(event for run, event in self._play.asset_runs if run in numbers)
        return [msgspec.structs.asdict(event_info(self._play.asset_events[number])) for number in taken]

    def _asset_events(
        self,
        name: str = "",
        uri: str = "",
        alias: str = "",
        after_us: int | None = None,
        before_us: int | None = None,
        newest: int | None = None,
    ) -> list[dict[str, Any]]:
        check_asset_named(name, uri, alias)
        found = [
            event
            for event in map(event_info, self._play.asset_events.values())
            if name in ("", event.name)
            and uri in ("", event.uri)
            and (not alias or alias in event.aliases)
            and (after_us is None or event.at_us >= after_us)
            and (before_us is None or event.at_us <= before_us)
        ]
        return [
            msgspec.structs.asdict(event)
            for event in (found if newest is None else found[max(0, len(found) - newest) :])
        ]

    def _through_alias(self, alias: str) -> list[tuple[str, str]]:
        return sorted({(e.name, e.uri) for e in self._play.asset_events.values() if alias in e.aliases})

    # --- tasks ---

    def _states(self, map_index: int | None = None, **which: Any) -> dict[str, dict[str, str | None]]:
        return states_by_run(task for task in self._tasks(**which) if map_index in (None, task[2]))

    def _count(self, states: list[str] | None = None, **which: Any) -> int:
        return sum(states is None or state in states for *_, state in self._tasks(**which))

    def _tasks(self, dag_id: str, task_ids: list[str] | None = None, **which: Any) -> list[tuple[str, str, int, str]]:
        runs = {run.number: run.run_id for run in self._runs(dag_id, **which)}
        return [
            (runs[key.run], key.task_id, key.map_index, task.state.value)
            for key, task in sorted(self._play.tasks.items())
            if key.run in runs and (task_ids is None or key.task_id in task_ids)
        ]


def _at_us(run: DagRun) -> int:
    return to_us(run.logical_date or run.run_after)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _fields(conn_id: str, value: Any) -> dict[str, Any]:
    """A connection's fields from a URI, JSON text, a dict of fields, or a Connection."""
    match value:
        case str():
            found = Connection.from_text(value, conn_id)
        case Mapping():
            found = Connection.from_json(json.dumps(dict(value)), conn_id)
        case Connection():
            found = value
        case _:
            raise TypeError(f"Connection {conn_id!r} is a {type(value).__name__}; give a URI, a dict or a Connection.")
    names = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")
    return {"conn_id": conn_id, **{name: getattr(found, name) for name in names}}
