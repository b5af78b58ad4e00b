"""Triggers that wait for another Dag: a run of it, or tasks of a run."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Collection
from typing import Any

from tradewind.sdk.execution.runtime import ask
from tradewind.sdk.external import Awaited, Verdict, look_async
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent


class WorkflowTrigger(BaseTrigger):
    """Fires with {"status": "success"}, "failed" or "skipped" when the runs or tasks have come to that."""

    def __init__(
        self,
        external_dag_id: str,
        run_ids: list[str] | None = None,
        execution_dates: list[dt.datetime] | None = None,
        logical_dates: list[dt.datetime] | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        failed_states: Collection[str] | None = None,
        skipped_states: Collection[str] | None = None,
        allowed_states: Collection[str] | None = None,
        poke_interval: float = 2.0,
        soft_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.external_dag_id, self.run_ids = external_dag_id, run_ids
        self.logical_dates = logical_dates if logical_dates is not None else execution_dates
        self.external_task_ids, self.external_task_group_id = external_task_ids, external_task_group_id
        self.allowed_states, self.failed_states, self.skipped_states = allowed_states, failed_states, skipped_states
        self.poke_interval, self.soft_fail = poke_interval, soft_fail

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {
            "external_dag_id": self.external_dag_id, "run_ids": self.run_ids, "logical_dates": self.logical_dates,
            "external_task_ids": _listed(self.external_task_ids),
            "external_task_group_id": self.external_task_group_id,
            "allowed_states": _listed(self.allowed_states), "failed_states": _listed(self.failed_states),
            "skipped_states": _listed(self.skipped_states), "poke_interval": self.poke_interval,
            "soft_fail": self.soft_fail,
        }  # fmt: skip
        return f"{__name__}.WorkflowTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        awaited = Awaited(
            dag_id=self.external_dag_id,
            run_ids=None if self.run_ids is None else tuple(self.run_ids),
            logical_dates=None if self.logical_dates is None else tuple(self.logical_dates),
            task_ids=tuple(self.external_task_ids) if self.external_task_ids else None,
            group_id=self.external_task_group_id,
            allowed=_states(self.allowed_states) or frozenset({"success"}),
            failed=_states(self.failed_states),
            skipped=_states(self.skipped_states),
        )
        while (verdict := await look_async(awaited)) is Verdict.OPEN:
            self.log.info("Waiting for %s; looking again in %s s", self.external_dag_id, self.poke_interval)
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent({"status": verdict.value})


class DagStateTrigger(BaseTrigger):
    """Fires when all the runs are in one of `states`, with this trigger's path and arguments and the runs' states."""

    def __init__(
        self,
        dag_id: str,
        states: Collection[str],
        run_ids: list[str] | None = None,
        execution_dates: list[dt.datetime] | None = None,
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()
        self.dag_id, self.states, self.run_ids = dag_id, [str(state) for state in states], run_ids
        self.execution_dates, self.poll_interval = execution_dates, poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {
            "dag_id": self.dag_id, "states": self.states, "run_ids": self.run_ids,
            "execution_dates": self.execution_dates, "poll_interval": self.poll_interval,
        }  # fmt: skip
        return f"{__name__}.DagStateTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        awaited = Awaited(
            dag_id=self.dag_id,
            run_ids=None if self.run_ids is None else tuple(self.run_ids),
            logical_dates=None if self.execution_dates is None else tuple(self.execution_dates),
            allowed=_states(self.states),
        )
        while await look_async(awaited) is not Verdict.ALLOWED:
            await asyncio.sleep(self.poll_interval)
        path, kwargs = self.serialize()
        states = {run_id: await self._state_of(run_id) for run_id in self.run_ids or ()}
        yield TriggerEvent((path, {**kwargs, **states}))

    async def _state_of(self, run_id: str) -> str | None:
        run = await ask("run.get", dag_id=self.dag_id, run_id=run_id)
        return str(run["state"]) if run else None


def _states(states: Collection[str] | None) -> frozenset[str]:
    return frozenset(str(state) for state in states or ())


def _listed(values: Collection[str] | None) -> list[str] | None:
    return None if values is None else [str(value) for value in values]
