"""Bulk changes of what has a name and belongs to no Dag: connections, pools, variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from tradewind.api.call import Call
from tradewind.api.public.bulk import (
    BulkBody,
    BulkCreateAction,
    BulkUpdateAction,
    OnExistence,
    Results,
    may_change,
    may_create,
)
from tradewind.api.values import masked
from tradewind.core.access import Action, Need, Resource
from tradewind.store.reading.surroundings import names_of


@dataclass(frozen=True, slots=True)
class Named:
    """One kind of such things."""

    resource: Resource
    table: Table
    field: str
    """Which field of a body names it."""
    put: Callable[..., None]
    """Called with the call, a body, and `new=` or `only=` as `connection.set` and the like take them."""
    delete: Callable[[Call, str], Any]

    def change_all(self, call: Call, body: BulkBody[Any]) -> dict[str, Any]:
        """Apply the actions one after the other; what each did."""
        results = Results()
        for action in body.actions:
            with call.reading() as connection:
                existing = names_of(connection, self.table, {self._name(entity) for entity in action.entities})

            def change(entity: Any, action: Any = action, existing: set[str] = existing) -> str | None:
                return self._change(call, action, entity, self._name(entity) in existing)

            results.apply(action.action, action.entities, change)
        return results.answer()

    def _change(self, call: Call, action: Any, entity: Any, exists: bool) -> str | None:
        name = self._name(entity)
        what = f"{self.resource} {name!r}"
        if isinstance(action, BulkCreateAction):
            call.allow(Need(Action.CREATE, self.resource))
            if not may_create(what, exists, action.action_on_existence):
                return None
            self.put(call, entity, new=action.action_on_existence is not OnExistence.OVERWRITE)
        elif not may_change(what, exists, action.action_on_non_existence):
            return None
        elif isinstance(action, BulkUpdateAction):
            self.put(call, entity, only=masked(action.update_mask, entity, self.field))
        else:
            call.allow(Need(Action.DELETE, self.resource))
            self.delete(call, name)
        return name

    def _name(self, entity: Any) -> str:
        return entity if isinstance(entity, str) else str(getattr(entity, self.field))
