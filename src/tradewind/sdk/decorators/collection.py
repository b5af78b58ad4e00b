"""`task`: the decorator, and its variants as attributes. A variant's module is imported when it is first used."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tradewind.sdk.decorators.base import TaskFactory, task_decorator_factory
from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.task_group import TaskGroupFactory

_OPERATORS = {
    "python": "plain:_PythonDecoratedOperator",
    "branch": "plain:_BranchPythonDecoratedOperator",
    "short_circuit": "plain:_ShortCircuitDecoratedOperator",
    "virtualenv": "virtualenv:_PythonVirtualenvDecoratedOperator",
    "external_python": "virtualenv:_PythonExternalDecoratedOperator",
    "branch_virtualenv": "virtualenv:_BranchPythonVirtualenvDecoratedOperator",
    "branch_external_python": "virtualenv:_BranchExternalPythonDecoratedOperator",
    "bash": "bash:_BashDecoratedOperator",
    "sensor": "sensor:DecoratedSensorOperator",
}


class TaskDecoratorCollection:
    """`@task`, `@task.branch`, `@task.bash` … and those that installed providers bring, such as `@task.docker`."""

    def __call__(self, python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        return self.python(python_callable, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        decorator = _own(name) if name in _OPERATORS else _provided(name)
        if decorator is None:
            raise AttributeError(
                f"@task.{name} is unknown; there are {', '.join(sorted([*_OPERATORS, 'run_if', 'skip_if']))} and "
                "those of installed providers (`pip install --no-deps apache-airflow-providers-NAME`)."
            )
        self.__dict__[name] = decorator
        return decorator

    @staticmethod
    def run_if(condition: Callable[[Any], bool], skip_message: str | None = None) -> Callable[[Any], Any]:
        """The task is skipped unless `condition(context)` holds."""
        return lambda decorated: _with_condition(decorated, lambda context: bool(condition(context)), skip_message)

    @staticmethod
    def skip_if(condition: Callable[[Any], bool], skip_message: str | None = None) -> Callable[[Any], Any]:
        """The task is skipped if `condition(context)` holds."""
        return lambda decorated: _with_condition(decorated, lambda context: not condition(context), skip_message)


task = TaskDecoratorCollection()


def setup(func: Any) -> TaskFactory:
    """Marks a function or `@task` as a setup task."""
    return _as_task(func, "setup")._copy(is_setup=True)


def teardown(_func: Any = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Marks a function or `@task` as a teardown task; its failure fails the run only if asked to."""

    def decorate(func: Any) -> TaskFactory:
        return _as_task(func, "teardown")._copy(is_teardown=True, on_failure_fail_dagrun=on_failure_fail_dagrun)

    return decorate if _func is None else decorate(_func)


def result(t: Any) -> Any:
    """Marks the task whose return value is the run's result."""
    return t


def _as_task(func: Any, what: str) -> TaskFactory:
    if isinstance(func, TaskGroupFactory):
        raise AirflowException(f"Task groups cannot be marked as {what}; mark the tasks inside.")
    made: TaskFactory = func if isinstance(func, TaskFactory) else task.python(func)
    return made


def _with_condition(decorated: Any, runs: Callable[[Any], bool], message: str | None) -> TaskFactory:
    if not isinstance(decorated, TaskFactory):
        raise TypeError("run_if and skip_if go above @task, and decorate what it returns.")
    before = decorated.kwargs.get("pre_execute")

    def pre_execute(context: Any) -> None:
        if not runs(context):
            raise AirflowSkipException(message or f"Skipped by condition of {decorated._name}.")
        if before is not None:
            before(context)

    return decorated._copy(kwargs={**decorated.kwargs, "pre_execute": pre_execute})


def _own(name: str) -> Any:
    module, _, cls = _OPERATORS[name].partition(":")

    def decorator(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        operator = getattr(import_module(f"tradewind.sdk.decorators.{module}"), cls)
        return task_decorator_factory(python_callable, decorated_operator_class=operator, **kwargs)

    decorator.__name__ = decorator.__qualname__ = f"task.{name}"
    return decorator


@functools.cache
def _provided(name: str) -> Any:
    """The decorator of this name that an installed provider declares."""
    from importlib.metadata import entry_points

    for entry in entry_points(group="apache_airflow_provider"):
        for declared in entry.load()().get("task-decorators", ()):
            if declared["name"] == name:
                module, _, attribute = declared["class-name"].rpartition(".")
                return getattr(import_module(module), attribute)
    return None
