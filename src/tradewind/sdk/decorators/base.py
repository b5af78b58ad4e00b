"""What every decorated task shares: from a function to an operator, to its result, to a mapped task."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from tradewind.sdk.arguments import Surroundings, surroundings
from tradewind.sdk.callables import CONTEXT_NAMES, declares_outputs, signature, unwrapped
from tradewind.sdk.expand_input import DictOfLists, ExpandInput, ListOfDicts
from tradewind.sdk.mapped import MappedOperator, refuse_repeated
from tradewind.sdk.operator import BaseOperator, describe
from tradewind.sdk.task_group import unique_id
from tradewind.sdk.xcom_arg import PlainXComArg


class DecoratedOperator(BaseOperator):
    """Base of operators made from a function. Its arguments are checked against the function's when it is created."""

    template_fields: Collection[str] = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers = {"op_args": "py", "op_kwargs": "py", "templates_dict": "json"}
    shallow_copy_attrs: Sequence[str] = ("python_callable",)
    custom_operator_name: ClassVar[str] = "@task"
    _decorated = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        kwargs_to_upstream: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        where: Surroundings = self.__dict__.get("_surroundings") or surroundings(kwargs)
        if not where.detached:
            task_id = unique_id(task_id, where.group, where.dag.used_ids if where.dag is not None else set())
        op_args, op_kwargs = op_args or [], op_kwargs or {}
        check_arguments(python_callable, op_args, op_kwargs, describe(task_id, where.dag))
        super().__init__(task_id=task_id, **(kwargs_to_upstream or {}), **kwargs)
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = op_args, op_kwargs
        self.templates_dict = getattr(self, "templates_dict", None)

    def execute(self, context: Any) -> Any:
        return super().execute(context)

    def get_python_source(self) -> str:
        """The function's source without its decorators."""
        return function_source(self.python_callable)


class TaskFactory:
    """A function under `@task`: a call makes a task and returns a reference to its result."""

    is_task_decorator = True

    def __init__(
        self,
        function: Callable[..., Any],
        operator_class: type[BaseOperator],
        kwargs: dict[str, Any],
        *,
        multiple_outputs: bool | None = None,
        is_setup: bool = False,
        is_teardown: bool = False,
        on_failure_fail_dagrun: bool = False,
    ) -> None:
        if isinstance(function, (classmethod, staticmethod)) or not callable(function):
            raise TypeError(f"@task decorates functions, not {type(function).__name__}; put it below @staticmethod.")
        if isinstance(function, TaskFactory):
            raise TypeError(f"{function.function.__name__!r} is already a @task; decorate it once.")
        self.function: Callable[..., Any] = function
        self.operator_class, self.kwargs = operator_class, kwargs
        self.multiple_outputs = multiple_outputs
        self.is_setup, self.is_teardown, self.on_failure_fail_dagrun = is_setup, is_teardown, on_failure_fail_dagrun
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> PlainXComArg:
        settings = {**self._settings(), "op_args": args, "op_kwargs": kwargs}
        if self.is_teardown:
            settings.setdefault("trigger_rule", "all_done_setup_success")
        return self._finished(self.operator_class(**settings))

    def override(self, **kwargs: Any) -> TaskFactory:
        """The same with other settings, such as task_id or retries."""
        outputs = kwargs.pop("multiple_outputs", self.multiple_outputs)
        return self._copy(kwargs={**self.kwargs, **kwargs}, multiple_outputs=outputs)

    def partial(self, **kwargs: Any) -> TaskFactory:
        """The same with some of the function's arguments given, for `expand`."""
        self._check_names("partial", kwargs)
        given = dict(self.kwargs.get("op_kwargs", {}))
        refuse_repeated(kwargs, given, self._where())
        return self._copy(kwargs={**self.kwargs, "op_kwargs": {**given, **kwargs}})

    def expand(self, **map_kwargs: Any) -> PlainXComArg:
        """One instance for each combination of the lists."""
        self._check_names("expand", map_kwargs)
        refuse_repeated(map_kwargs, self.kwargs.get("op_kwargs", {}), self._where())
        return self._mapped(DictOfLists(map_kwargs, self._where()))

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> PlainXComArg:
        """One instance for each dict of arguments."""
        return self._mapped(ListOfDicts(kwargs, self._where()))

    def _mapped(self, expand_input: ExpandInput) -> PlainXComArg:
        settings = self._settings()
        if self.is_teardown:
            settings.setdefault("trigger_rule", "all_done_setup_success")
        settings.setdefault("op_kwargs", {})
        given = {*settings["op_kwargs"], *expand_input.names}
        if isinstance(expand_input, DictOfLists):
            check_arguments(self.function, (), dict.fromkeys(given), self._where())
        where = surroundings(settings)
        used = where.dag.used_ids if where.dag is not None else set()
        settings["task_id"] = unique_id(settings["task_id"], where.group, used)
        return self._finished(MappedOperator(self.operator_class, settings, expand_input, where, into="op_kwargs"))

    def _settings(self) -> dict[str, Any]:
        outputs = self.multiple_outputs
        settings = {
            "task_id": self._name,
            "python_callable": self.function,
            "multiple_outputs": declares_outputs(self.function) if outputs is None else outputs,
            **self.kwargs,
        }
        settings.setdefault("doc_md", inspect.getdoc(self.function))
        return settings

    def _finished(self, task: Any) -> PlainXComArg:
        task.is_setup, task.is_teardown = self.is_setup, self.is_teardown
        task.on_failure_fail_dagrun = self.on_failure_fail_dagrun
        return PlainXComArg(operator=task)

    def _check_names(self, method: str, kwargs: Mapping[str, Any]) -> None:
        parameters = signature(self.function).parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return
        if unknown := [name for name in kwargs if name not in parameters]:
            raise TypeError(
                f"{self._where()}: {method}() got an unexpected keyword argument {', '.join(map(repr, unknown))}; "
                f"{self._name}() takes {', '.join(parameters) or 'none'}."
            )

    @property
    def _name(self) -> str:
        return str(unwrapped(self.function).__name__)

    def _where(self) -> str:
        return describe(self.kwargs.get("task_id", self._name), surroundings(self.kwargs).dag)

    def _copy(self, **changes: Any) -> TaskFactory:
        settings = {
            "kwargs": self.kwargs, "multiple_outputs": self.multiple_outputs, "is_setup": self.is_setup,
            "is_teardown": self.is_teardown, "on_failure_fail_dagrun": self.on_failure_fail_dagrun, **changes,
        }  # fmt: skip
        return TaskFactory(self.function, self.operator_class, **settings)

    def __repr__(self) -> str:
        return f"<@task {self._name}>"


def task_decorator_factory(
    python_callable: Callable[..., Any] | None = None,
    *,
    multiple_outputs: bool | None = None,
    decorated_operator_class: type[BaseOperator],
    **kwargs: Any,
) -> Any:
    """What a decorator such as `@task.docker` returns: with a function a task factory, without one a decorator."""

    def decorate(function: Callable[..., Any]) -> TaskFactory:
        return TaskFactory(function, decorated_operator_class, kwargs, multiple_outputs=multiple_outputs)

    if python_callable is None:
        return decorate
    if not callable(python_callable):
        raise TypeError("@task takes keyword arguments only.")
    return decorate(python_callable)


def get_unique_task_id(task_id: str, dag: Any = None, task_group: Any = None) -> str:
    """`task_id`, with `__1`, `__2` … behind it when it is taken."""
    where = surroundings({"dag": dag, "task_group": task_group})
    return unique_id(task_id, where.group, where.dag.used_ids if where.dag is not None else set())


def check_arguments(function: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any], where: str) -> None:
    """Raise unless the function can be called like this; context values come by themselves."""
    called = signature(function)
    name = getattr(function, "__name__", str(function))
    try:
        given = called.bind_partial(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"{where}: {name}() {error}.") from None
    missing = [
        parameter.name
        for parameter in called.parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and parameter.default is parameter.empty
        and parameter.name not in given
        and parameter.name not in CONTEXT_NAMES
    ]
    if missing:
        raise TypeError(f"{where}: {name}() is missing the argument {', '.join(map(repr, missing))}.")


def function_source(function: Callable[..., Any]) -> str:
    """The source of a function, at no indentation and without decorators."""
    import ast

    source = textwrap.dedent(inspect.getsource(unwrapped(function)))
    node = ast.parse(source).body[0]
    lines = source.splitlines()
    return "\n".join(lines[node.lineno - 1 :]) + "\n"
