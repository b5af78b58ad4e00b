"""Operators that call a Python function: plainly, to choose a branch, or to stop what follows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from tradewind.sdk.callables import call
from tradewind.sdk.execution.notes import note
from tradewind.sdk.operator import BaseOperator, describe
from tradewind.sdk.skip import BranchMixIn, SkipMixin, below_short_circuit, skip_tasks


class PythonOperator(BaseOperator):
    """Calls `python_callable(*op_args, **op_kwargs)`; context values go to the parameters of their names."""

    template_fields: Collection[str] = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers = {"templates_dict": "json", "op_args": "py", "op_kwargs": "py"}
    ui_color = "#ffefeb"
    shallow_copy_attrs: Sequence[str] = ("python_callable", "op_kwargs")
    ignored_arguments: ClassVar[Mapping[str, str]] = {
        "provide_context": "is not needed any more: a function gets the context values that its parameters name."
    }

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise TypeError(
                f"{describe(self.task_id, self._dag)}: `python_callable` param must be callable, "
                f"not {type(python_callable).__name__}."
            )
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = op_args or (), op_kwargs or {}
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = templates_exts
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Any) -> Any:
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        result = self.execute_callable(context)
        if self.show_return_value_in_logs:
            note(self, "Done. Returned value was: %s", result)
        else:
            note(self, "Done. Returned value not shown")
        return result

    def execute_callable(self, context: Any) -> Any:
        """Call the function."""
        return call(self.python_callable, list(self.op_args), dict(self.op_kwargs), context)


class BranchPythonOperator(PythonOperator, BranchMixIn):
    """The function returns the ids of the tasks or groups to follow, or None to skip them all."""

    def execute(self, context: Any) -> Any:
        return self.do_branch(context, super().execute(context))


class ShortCircuitOperator(PythonOperator, SkipMixin):
    """Skips what follows when the function returns something false; with `ignore_downstream_trigger_rules=False` only
    what follows directly."""

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Any) -> Any:
        condition = super().execute(context)
        if condition:
            self.log.info("The condition is true; what follows goes on.")
            return condition
        skipped = below_short_circuit(self, ignore_downstream_trigger_rules=self.ignore_downstream_trigger_rules)
        self.log.info("The condition is false; skipping %s", [task.task_id for task in skipped])
        skip_tasks(context, skipped)
        return condition


def get_current_context() -> Any:
    """The context of the task that is running."""
    from tradewind.sdk.context import get_current_context as current

    return current()


_ELSEWHERE = (
    "PythonVirtualenvOperator", "ExternalPythonOperator", "BranchPythonVirtualenvOperator",
    "BranchExternalPythonOperator",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    # The operators that need another interpreter bring tempfile and subprocess; most Dags do not.
    if name in _ELSEWHERE:
        from tradewind.sdk.operators import virtualenv

        return getattr(virtualenv, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [  # noqa: F822 - some are found by __getattr__
    "BranchExternalPythonOperator", "BranchPythonOperator", "BranchPythonVirtualenvOperator",
    "ExternalPythonOperator", "PythonOperator", "PythonVirtualenvOperator", "ShortCircuitOperator",
    "get_current_context",
]  # fmt: skip
