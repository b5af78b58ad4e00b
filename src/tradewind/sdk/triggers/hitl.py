"""HITLTrigger: how a task that defers asks people, as in Airflow 3.1 and 3.2. No process runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal, TypedDict

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.execution.asking import HITLUser
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent


class HITLTriggerEventSuccessPayload(TypedDict, total=False):
    """What the operator is told that somebody, or the deadline, has chosen."""

    chosen_options: list[str]
    params_input: dict[str, Any]
    responded_by_user: HITLUser | None
    responded_at: datetime
    timedout: bool


class HITLTriggerEventFailurePayload(TypedDict):
    """What the operator is told when there is no answer."""

    error: str
    error_type: Literal["timeout", "unknown", "validation"]


class HITLTrigger(BaseTrigger):
    """A task that defers with this, after `upsert_hitl_detail`, waits for people as one that raises TaskAwaitingInput
    does."""

    asks_people = True

    def __init__(
        self,
        *,
        ti_id: Any,
        options: list[str],
        params: dict[str, dict[str, Any]],
        defaults: list[str] | None = None,
        multiple: bool = False,
        timeout_datetime: datetime | None,
        poke_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ti_id, self.options, self.params = ti_id, options, params
        self.defaults, self.multiple = defaults, multiple
        self.timeout_datetime, self.poke_interval = timeout_datetime, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("ti_id", "options", "params", "defaults", "multiple", "timeout_datetime", "poke_interval")
        path = "airflow.providers.standard.triggers.hitl.HITLTrigger"
        return path, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        raise AirflowException("A HITLTrigger is not run: a task that defers with it waits for people by itself.")
        yield TriggerEvent(None)  # a generator, as every trigger's run is
