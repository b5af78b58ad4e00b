"""EmptyOperator: a task that does nothing; without callbacks, inlets and outlets it needs no worker either."""

from __future__ import annotations

from typing import Any, ClassVar

from tradewind.sdk.operator import BaseOperator


class EmptyOperator(BaseOperator):
    """Does nothing, for joining and naming branches."""

    ui_color = "#e8f7e4"
    inherits_from_empty_operator: ClassVar[bool] = True

    def execute(self, context: Any) -> None:
        return None


DummyOperator = EmptyOperator
