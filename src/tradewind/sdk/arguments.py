"""How an operator gets its arguments: the Dag's and the groups' default_args fill what the author left out.

A subclass's own arguments are filled as well: `class Copy(BaseOperator): def __init__(self, bucket, **kwargs)` finds
`bucket` in default_args although BaseOperator has never heard of it.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABCMeta
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradewind.sdk.callables import signature
from tradewind.sdk.registry import DagContext, TaskGroupContext

if TYPE_CHECKING:
    from tradewind.sdk.dag import DAG
    from tradewind.sdk.task_group import TaskGroup


@dataclass
class Surroundings:
    """Where a task is being created. A detached one belongs to a Dag without being added to it."""

    dag: DAG | None
    group: TaskGroup | None
    default_args: dict[str, Any]
    detached: bool = False


class OperatorMeta(ABCMeta):
    """Fills default_args into every constructor of an operator class, its own and its parents'."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> OperatorMeta:
        cls = super().__new__(mcs, name, bases, namespace, **kwargs)
        if "__init__" in namespace:
            cls.__init__ = fills_in_defaults(namespace["__init__"])  # type: ignore[misc]
        return cls

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args:
            raise TypeError(f"{cls.__name__}: use keyword arguments when creating operators.")
        return construct(cls, kwargs, surroundings(kwargs))


def surroundings(kwargs: Mapping[str, Any]) -> Surroundings:
    """The Dag, group and default_args that apply to a task with these arguments, created here and now."""
    dag, group = kwargs.get("dag"), kwargs.get("task_group")
    if dag is None:
        dag = group.dag if group is not None else DagContext.get_current()
    if group is None and dag is not None:
        group = TaskGroupContext.get_current(dag)
    defaults = {**inherited_defaults(dag, group), **(kwargs.get("default_args") or {})}
    return Surroundings(dag, group, defaults)


def inherited_defaults(dag: DAG | None, group: TaskGroup | None) -> dict[str, Any]:
    """default_args of the Dag, overridden by its groups from the outside in."""
    merged = dict(dag.default_args) if dag is not None else {}
    for part in reversed(list(group.lineage())) if group is not None else ():
        merged.update(part.default_args)
    return merged


def construct(cls: type, kwargs: Mapping[str, Any], where: Surroundings) -> Any:
    """A new operator of this class."""
    task = cls.__new__(cls)  # type: ignore[call-overload]
    task.__dict__["_surroundings"] = where
    task.__init__(**kwargs)
    if "task_id" not in task.__dict__:
        raise RuntimeError(f"{cls.__name__}.__init__ must call super().__init__(**kwargs).")
    task.finish_construction()
    return task


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Every argument that this operator class takes, its parents' included where it passes **kwargs on."""
    found: dict[str, inspect.Parameter] = {}
    for klass in cls.__mro__:
        if "__init__" not in vars(klass) or klass is object:
            continue
        own = signature(vars(klass)["__init__"]).parameters
        for name, parameter in list(own.items())[1:]:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                found.setdefault(name, parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own.values()):
            break
    return found


def fills_in_defaults(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor whose arguments, where the author left them out, are taken from default_args."""
    own = [
        parameter
        for parameter in list(signature(init).parameters.values())[1:]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    names = [parameter.name for parameter in own]
    required = [parameter.name for parameter in own if parameter.default is parameter.empty]

    @functools.wraps(init)
    def filled(self: Any, *args: Any, **kwargs: Any) -> None:
        where: Surroundings | None = self.__dict__.get("_surroundings")
        given = set(names[: len(args)]) | kwargs.keys()
        if where is not None:
            for name in names:
                if name not in given and name in where.default_args:
                    kwargs[name] = where.default_args[name]
        missing = [name for name in required if name not in given and name not in kwargs]
        if missing:
            task = kwargs.get("task_id")
            named = f"{type(self).__name__}(task_id={task!r})" if task else type(self).__name__
            raise TypeError(f"{named} is missing the argument {', '.join(map(repr, missing))}.")
        init(self, *args, **kwargs)

    return filled
