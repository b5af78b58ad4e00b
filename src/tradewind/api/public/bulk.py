"""Several changes in one call: `{"actions": [{"action": "create", "entities": […]}, …]}`.

Each entity is a command of its own, so one that is refused says why and leaves the others as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from tradewind.api.errors import AlreadyExists, NotFound, status_of
from tradewind.api.link import SchedulerAway
from tradewind.api.models import Answer, Body
from tradewind.core.errors import TradewindError


class OnExistence(StrEnum):
    """What becomes of a create for which there is one already."""

    FAIL = "fail"
    SKIP = "skip"
    OVERWRITE = "overwrite"


class OnAbsence(StrEnum):
    """What becomes of an update or a delete for which there is none."""

    FAIL = "fail"
    SKIP = "skip"


class BulkActionResponse(Answer):
    """What one kind of action did: the names of those that were changed, and why others were not."""

    success: list[str] = []
    errors: list[dict[str, Any]] = []


class BulkResponse(Answer):
    create: BulkActionResponse | None = None
    update: BulkActionResponse | None = None
    delete: BulkActionResponse | None = None


Entity = TypeVar("Entity")


class BulkCreateAction(Body, Generic[Entity]):
    action: Literal["create"]
    entities: list[Entity]
    action_on_existence: OnExistence = OnExistence.FAIL


class BulkUpdateAction(Body, Generic[Entity]):
    action: Literal["update"]
    entities: list[Entity]
    update_mask: list[str] | None = None
    action_on_non_existence: OnAbsence = OnAbsence.FAIL


class BulkDeleteAction(Body, Generic[Entity]):
    action: Literal["delete"]
    entities: list[str | Entity]
    action_on_non_existence: OnAbsence = OnAbsence.FAIL


class BulkBody(Body, Generic[Entity]):
    """Actions, applied one after the other."""

    actions: list[
        Annotated[
            BulkCreateAction[Entity] | BulkUpdateAction[Entity] | BulkDeleteAction[Entity],
            Field(discriminator="action"),
        ]
    ]


class Results:
    """Collects what a bulk call did."""

    def __init__(self) -> None:
        self._by_action: dict[str, dict[str, list[Any]]] = {}

    def apply(self, action: str, entities: Iterable[Any], change: Callable[[Any], str | None]) -> None:
        """Change each entity; `change` gives its name, or None where it was left out as the caller wished."""
        found = self._by_action.setdefault(action, {"success": [], "errors": []})
        for entity in entities:
            try:
                name = change(entity)
            except SchedulerAway:
                raise
            except TradewindError as error:
                found["errors"].append({"error": str(error), "status_code": status_of(error)})
            else:
                if name is not None:
                    found["success"].append(name)

    def answer(self) -> dict[str, Any]:
        return dict(self._by_action)


def may_create(name: str, exists: bool, wish: OnExistence) -> bool:
    """Whether to go on with a create. Raises AlreadyExists."""
    if exists and wish is OnExistence.FAIL:
        raise AlreadyExists(f"{name} exists already; choose another name, or action_on_existence overwrite or skip.")
    return not (exists and wish is OnExistence.SKIP)


def may_change(name: str, exists: bool, wish: OnAbsence) -> bool:
    """Whether to go on with an update or a delete. Raises NotFound."""
    if not exists and wish is OnAbsence.FAIL:
        raise NotFound(f"There is no {name}; choose action_on_non_existence skip to pass over it.")
    return exists
