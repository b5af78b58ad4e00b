"""`@task` and its variants, `@task_group`, `@setup`, `@teardown`."""

from __future__ import annotations

from tradewind.sdk.dag import dag
from tradewind.sdk.decorators.collection import TaskDecoratorCollection, setup, task, teardown
from tradewind.sdk.task_group import task_group

__all__ = ["TaskDecoratorCollection", "dag", "setup", "task", "task_group", "teardown"]
