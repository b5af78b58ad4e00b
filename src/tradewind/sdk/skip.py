"""Which tasks a branch, a short circuit or a task of the author's own decides to skip.

The decision is left on the context: `context["tradewind_skip"]` lists `task_id` or `task_id[map_index]`, and travels
to the scheduler with the report that the task has finished.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.node import Task
from tradewind.sdk.task_group import TaskGroup

_log = logging.getLogger(__name__)

XCOM_SKIPMIXIN_KEY = "skipmixin_key"
XCOM_SKIPMIXIN_SKIPPED = "skipped"
XCOM_SKIPMIXIN_FOLLOWED = "followed"


def skip_tasks(context: Any, tasks: Iterable[Any]) -> None:
    """Decide that these tasks of the context's run are skipped."""
    map_index = getattr(context.get("ti"), "map_index", -1)
    suffix = f"[{map_index}]" if isinstance(map_index, int) and map_index >= 0 else ""
    decided: list[str] = context["tradewind_skip"]
    for task in tasks:
        name = f"{getattr(task, 'task_id', task)}{suffix}"
        if name not in decided:
            decided.append(name)


def not_followed(task: Any, branch_task_ids: str | Iterable[str] | None) -> list[Task]:
    """The direct downstream of `task` that is neither a followed branch nor reachable from one."""
    followed = _followed_ids(task, branch_task_ids)
    dag = task.dag
    for task_id in list(followed):
        followed |= dag.get_task(task_id).get_flat_relative_ids(upstream=False)
    return [after for after in task.downstream_list if after.task_id not in followed]


def below_short_circuit(task: Any, *, ignore_downstream_trigger_rules: bool) -> list[Task]:
    """What a short circuit skips: everything after it, or only what follows directly; never a teardown."""
    after = task.get_flat_relatives(upstream=False) if ignore_downstream_trigger_rules else task.downstream_list
    return [each for each in after if not each.is_teardown]


class SkipMixin:
    """For operators that skip some of what follows them."""

    def skip(self, ti: Any, tasks: Iterable[Any], *_: Any, **__: Any) -> None:
        """Decide that these tasks are skipped."""
        tasks = list(tasks)
        if tasks:
            skip_tasks(_context_of(ti), tasks)

    def skip_all_except(self, ti: Any, branch_task_ids: str | Iterable[str] | None) -> None:
        """Decide that of the direct downstream only these branches, and what they lead to, go on."""
        context = _context_of(ti)
        task = self if isinstance(self, Task) else context["task"]
        skipped = not_followed(task, branch_task_ids)
        _log.info("Following %s; skipping %s", branch_task_ids, [each.task_id for each in skipped])
        skip_tasks(context, skipped)


class BranchMixIn(SkipMixin):
    """For operators that choose between branches."""

    def do_branch(self, context: Any, branches_to_execute: str | Iterable[str] | None) -> Any:
        """Skip every branch but these; returns them."""
        chosen = branches_to_execute
        if chosen is not None and not isinstance(chosen, (str, list, tuple, set, frozenset)):
            raise AirflowException(
                f"'branch_task_ids' must be either None, a task ID, or an Iterable of IDs, not {type(chosen).__name__}."
            )
        self.skip_all_except(context, chosen)
        return chosen


def _followed_ids(task: Any, branch_task_ids: str | Iterable[str] | None) -> set[str]:
    wanted = [branch_task_ids] if isinstance(branch_task_ids, str) else list(branch_task_ids or ())
    groups = task.dag.task_group_dict
    followed: set[str] = set()
    known_ids = task.dag.task_dict.keys() | {name for name in groups if name is not None}
    wrong = [name for name in wanted if not isinstance(name, str) or name not in known_ids]
    if wrong:
        known = ", ".join(sorted(task.downstream_task_ids)) or "none"
        raise AirflowException(
            f"'branch_task_ids' must contain only valid task_ids. Task {task.task_id!r} of Dag {task.dag_id!r} "
            f"returned {', '.join(map(repr, wrong))}; its downstream tasks are: {known}."
        )
    for name in wanted:
        group: TaskGroup | None = groups.get(name)
        followed |= {root.task_id for root in group.roots} if group is not None else {name}
    return followed


def _context_of(ti: Any) -> Any:
    """The template context, from itself or from the task instance that Airflow's signature passes."""
    if hasattr(ti, "get_template_context"):
        return ti.get_template_context()
    return ti
