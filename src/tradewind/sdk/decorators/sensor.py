"""`@task.sensor`: the function says whether what is waited for has come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tradewind.sdk.decorators.base import DecoratedOperator
from tradewind.sdk.sensors.python import PythonSensor


class DecoratedSensorOperator(DecoratedOperator, PythonSensor):
    """A PythonSensor around a function."""

    template_fields: Collection[str] = ("op_args", "op_kwargs")
    custom_operator_name = "@task.sensor"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["multiple_outputs"] = False
        arguments: dict[str, Any] = {"python_callable": python_callable, "op_args": op_args, "op_kwargs": op_kwargs}
        super().__init__(kwargs_to_upstream=arguments, **arguments, **kwargs)
