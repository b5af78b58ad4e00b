"""BaseBranchOperator: choose which of the downstream tasks go on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.skip import BranchMixIn, SkipMixin

__all__ = ["BaseBranchOperator", "BranchMixIn", "SkipMixin"]


class BaseBranchOperator(BaseOperator, BranchMixIn):
    """Subclasses implement `choose_branch(context)`: the task or group ids to follow, or None to skip them all."""

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        """The branches to follow."""
        raise NotImplementedError(f"{type(self).__name__} has no choose_branch(context) method.")

    def execute(self, context: Any) -> Any:
        return self.do_branch(context, self.choose_branch(context))
