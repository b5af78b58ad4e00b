"""Operators whose function runs in another interpreter: one that exists, or a virtual environment made for it.

Arguments and result cross by pickle (or cloudpickle, dill) in a folder that only this task can read.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

from tradewind.sdk.callables import determine_kwargs, merged_context, unwrapped
from tradewind.sdk.context_variables import context_variables
from tradewind.sdk.exceptions import AirflowException, AirflowSkipException, DeserializingResultError
from tradewind.sdk.operator import describe
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.skip import BranchMixIn
from tradewind.sdk.subprocess_hook import SubprocessHook
from tradewind.sdk.venvs import cached_venv, make_venv

SERIALIZERS = ("pickle", "cloudpickle", "dill")
_CROSSING = (
    "ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "run_id", "task_instance_key_str", "try_number",
    "map_index_template", "test_mode", "params", "logical_date", "execution_date", "data_interval_start",
    "data_interval_end", "prev_data_interval_start_success", "prev_data_interval_end_success", "templates_dict",
)  # fmt: skip

_SCRIPT = """import sys
import {serializer} as serializer

{source}

if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        given = serializer.load(file)
    virtualenv_string_args = []
    with open(sys.argv[3], encoding="utf-8") as file:
        virtualenv_string_args = [line.strip() for line in file]
    result = {name}(*given["args"], **given["kwargs"])
    with open(sys.argv[2], "wb") as file:
        serializer.dump(result, file)
"""


class _ForeignPythonOperator(PythonOperator):
    """What both ways have in common."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        use_dill: bool = False,
        string_args: Iterable[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: dict[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        where = describe(self.task_id, self._dag)
        function = unwrapped(python_callable)
        if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
            raise ValueError(f"{where}: {type(self).__name__} only supports functions for python_callable arg.")
        if use_dill:
            self.notices.append(f"{where}: use_dill= is now spelled serializer='dill'.")
            serializer = serializer or "dill"
        self.serializer = serializer or "pickle"
        if self.serializer not in SERIALIZERS:
            raise AirflowException(
                f"{where}: serializer is {serializer!r}; it must be one of {', '.join(SERIALIZERS)}."
            )
        self.string_args, self.expect_airflow = list(string_args or ()), expect_airflow
        codes: Any = skip_on_exit_code
        self.skip_on_exit_code: Container[int] = (
            codes if isinstance(codes, Container) else () if codes is None else (codes,)
        )
        self.env_vars, self.inherit_env = env_vars, inherit_env

    @cached_property
    def _processes(self) -> SubprocessHook:
        return SubprocessHook(self.log)

    def get_python_source(self) -> str:
        """The function's source without its decorators."""
        from tradewind.sdk.decorators.base import function_source

        return function_source(self.python_callable)

    def on_kill(self) -> None:
        self._processes.send_sigterm()

    def _run_in(self, python: str, folder: str, context: Any) -> Any:
        """The function's result, computed by another interpreter."""
        try:
            serializer = import_module(self.serializer)
        except ModuleNotFoundError:
            raise AirflowException(
                f"{describe(self.task_id, self._dag)}: serializer={self.serializer!r} needs that package beside "
                f"Tradewind too; run `pip install {self.serializer}` there, or use serializer='pickle'."
            ) from None
        paths = [os.path.join(folder, name) for name in ("script.in", "script.out", "string_args.txt", "script.py")]
        given, result, strings, script = paths
        with open(given, "wb") as file:
            serializer.dump({"args": list(self.op_args), "kwargs": self._crossing(context)}, file)
        Path(strings).write_text("\n".join(map(str, self.string_args)), encoding="utf-8")
        name = unwrapped(self.python_callable).__name__
        source = _SCRIPT.format(serializer=self.serializer, source=self.get_python_source(), name=name)
        Path(script).write_text(source, encoding="utf-8")
        base = dict(os.environ) if self.inherit_env else {}
        env = {**base, **(self.env_vars or {}), **context_variables(context)}
        ended = self._processes.run_command([python, script, given, result, strings], env=env)
        if ended.exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Process exited with code {ended.exit_code}. Skipping.")
        if ended.exit_code != 0:
            raise AirflowException(f"Process exited with code {ended.exit_code}: {ended.output}")
        try:
            with open(result, "rb") as file:
                return serializer.load(file)
        except Exception as error:
            raise DeserializingResultError(
                f"{describe(self.task_id, self._dag)}: the result cannot be read back here ({error}); return plain "
                "values, or have the same packages on both sides."
            ) from error

    def _crossing(self, context: Any) -> dict[str, Any]:
        """The function's keyword arguments; of the context only what the other side can read."""
        readable = {name: _plain(context[name]) for name in _CROSSING if name in context}
        known = merged_context(readable, self.op_kwargs)
        return {**determine_kwargs(self.python_callable, self.op_args, known), **self.op_kwargs}


class PythonVirtualenvOperator(_ForeignPythonOperator):
    """Makes a virtual environment with `requirements` and runs the function in it; `venv_cache_path` keeps it."""

    template_fields: Collection[str] = (
        "templates_dict", "op_args", "op_kwargs", "requirements", "index_urls", "index_urls_from_connection_ids",
        "venv_cache_path",
    )  # fmt: skip
    template_ext: Sequence[str] = (".txt",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        requirements: Iterable[str] | str | None = None,
        python_version: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: list[str] | None = None,
        index_urls: Collection[str] | str | None = None,
        index_urls_from_connection_ids: Collection[str] | str | None = None,
        venv_cache_path: os.PathLike[str] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        self.requirements: Any = requirements if isinstance(requirements, str) else list(requirements or ())
        self.python_version = None if python_version is None else str(python_version)
        self.system_site_packages = system_site_packages
        self.pip_install_options = list(pip_install_options or ())
        self.index_urls: Any = [index_urls] if isinstance(index_urls, str) else list(index_urls or ())
        connections = index_urls_from_connection_ids
        self.index_urls_from_connection_ids: Any = (
            [connections] if isinstance(connections, str) else list(connections or ())
        )
        self.venv_cache_path = venv_cache_path

    def execute_callable(self, context: Any) -> Any:
        lines = self.requirements.splitlines() if isinstance(self.requirements, str) else self.requirements
        wanted = [line for line in map(str, lines) if line.strip()]
        if self.serializer != "pickle":
            wanted.append(self.serializer)
        settings: dict[str, Any] = {
            "python": f"python{self.python_version}" if self.python_version else sys.executable,
            "requirements": wanted,
            "system_site_packages": self.system_site_packages,
            "pip_options": self.pip_install_options,
            "index_urls": [*self.index_urls, *self._connected_urls()],
        }
        run = self._processes.run_command
        with tempfile.TemporaryDirectory(prefix="tradewind_venv_") as folder:
            if self.venv_cache_path:
                python = cached_venv(run, os.fspath(self.venv_cache_path), **settings)
            else:
                python = make_venv(run, os.path.join(folder, "venv"), **settings)
            return self._run_in(python, folder, context)

    def _connected_urls(self) -> list[str]:
        from tradewind.sdk.connection import Connection

        return [Connection.get(conn_id).get_uri() for conn_id in self.index_urls_from_connection_ids]


class ExternalPythonOperator(_ForeignPythonOperator):
    """Runs the function in the interpreter at `python`."""

    template_fields: Collection[str] = ("templates_dict", "op_args", "op_kwargs", "python")

    def __init__(
        self, *, python: str, python_callable: Callable[..., Any], expect_pendulum: bool = False, **kwargs: Any
    ) -> None:
        if not python:
            raise ValueError("Python Path must be defined in ExternalPythonOperator")
        super().__init__(python_callable=python_callable, **kwargs)
        self.python, self.expect_pendulum = python, expect_pendulum

    def execute_callable(self, context: Any) -> Any:
        if not os.path.isfile(self.python):
            raise ValueError(f"{describe(self.task_id, self._dag)}: there is no interpreter at {self.python!r}.")
        with tempfile.TemporaryDirectory(prefix="tradewind_python_") as folder:
            return self._run_in(self.python, folder, context)


class BranchPythonVirtualenvOperator(PythonVirtualenvOperator, BranchMixIn):
    """The function returns the ids of the tasks or groups to follow."""

    def execute(self, context: Any) -> Any:
        return self.do_branch(context, super().execute(context))


class BranchExternalPythonOperator(ExternalPythonOperator, BranchMixIn):
    """The function returns the ids of the tasks or groups to follow."""

    def execute(self, context: Any) -> Any:
        return self.do_branch(context, super().execute(context))


def _plain(value: Any) -> Any:
    """A context value in a form that needs no package to read."""
    if isinstance(value, datetime):
        return datetime.fromisoformat(value.isoformat())
    if isinstance(value, Mapping):
        return dict(value)
    return value
