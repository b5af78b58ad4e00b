"""`@task.bash`: the function returns the command to run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from tradewind.sdk.callables import call
from tradewind.sdk.decorators.base import DecoratedOperator
from tradewind.sdk.operator import describe
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.types import NOTSET


class _BashDecoratedOperator(DecoratedOperator, BashOperator):
    template_fields: Collection[str] = (*DecoratedOperator.template_fields, *BashOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **BashOperator.template_fields_renderers,
    }
    custom_operator_name = "@task.bash"
    overwrite_rtif_after_execution = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, bash_command=NOTSET, **kwargs
        )

    def execute(self, context: Any) -> Any:
        command = call(self.python_callable, list(self.op_args), dict(self.op_kwargs), context)
        if not isinstance(command, str) or not command.strip():
            raise TypeError(
                f"{describe(self.task_id, self._dag)}: the returned value from the TaskFlow callable must be a "
                f"non-empty string, not {command!r}."
            )
        self.bash_command = self.render_template(command, context)
        return super().execute(context)
