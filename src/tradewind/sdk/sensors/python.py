"""PythonSensor: wait until a function returns something true."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tradewind.sdk.callables import call
from tradewind.sdk.sensors.base import BaseSensorOperator, PokeReturnValue


class PythonSensor(BaseSensorOperator):
    """Calls `python_callable(*op_args, **op_kwargs)`; context values go to the parameters of their names."""

    template_fields: Collection[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = op_args or [], op_kwargs or {}
        self.templates_dict = templates_dict

    def poke(self, context: Any) -> PokeReturnValue:
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        found = call(self.python_callable, list(self.op_args), dict(self.op_kwargs), context)
        return found if isinstance(found, PokeReturnValue) else PokeReturnValue(bool(found))
