"""BashOperator: run a command in bash; the last line that it writes is the result."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Container, Sequence
from functools import cached_property
from typing import Any

from tradewind.sdk.context_variables import context_variables
from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.operator import BaseOperator, describe
from tradewind.sdk.subprocess_hook import SubprocessHook
from tradewind.sdk.types import ArgNotSet

_LONGEST_ARGUMENT = 100_000
"""Linux takes 128 KiB in one argument; what is longer goes through a file."""


class BashOperator(BaseOperator):
    """Runs `bash_command`, or the script of that name when it ends in .sh or .bash. `env` replaces the environment
    unless `append_env`; an exit code among `skip_on_exit_code` skips the task, any other but 0 fails it."""

    template_fields: Collection[str] = ("bash_command", "env", "cwd")
    template_fields_renderers = {"bash_command": "bash", "env": "json"}
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    def __init__(
        self,
        *,
        bash_command: str | ArgNotSet,
        env: dict[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_exit_code: int | None = None,
        skip_on_exit_code: int | Container[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = lambda result: result,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.env, self.append_env, self.cwd = bash_command, env, append_env, cwd
        self.output_encoding, self.output_processor = output_encoding, output_processor
        if skip_exit_code is not None:
            self.notices.append(
                f"{describe(self.task_id, self._dag)}: skip_exit_code= is now called skip_on_exit_code=."
            )
            skip_on_exit_code = skip_exit_code
        codes: Any = skip_on_exit_code
        self.skip_on_exit_code: Container[int] = (
            codes if isinstance(codes, Container) else () if codes is None else (codes,)
        )

    @cached_property
    def subprocess_hook(self) -> SubprocessHook:
        """Runs the command; its output goes to this task's log."""
        return SubprocessHook(self.log)

    def get_env(self, context: Any) -> dict[str, str]:
        """The command's environment."""
        if self.env is None:
            env = dict(os.environ)
        else:
            env = {**os.environ, **self.env} if self.append_env else dict(self.env)
        return {**env, **context_variables(context)}

    def execute(self, context: Any) -> Any:
        where = describe(self.task_id, self._dag)
        if not isinstance(self.bash_command, str):
            raise AirflowException(f"{where}: bash_command must be a string, not {type(self.bash_command).__name__}.")
        if self.cwd is not None and not os.path.isdir(self.cwd):
            problem = "is not a directory" if os.path.exists(self.cwd) else "does not exist"
            raise AirflowException(f"{where}: the cwd {self.cwd!r} {problem}; create it first.")
        bash = shutil.which("bash") or "bash"
        with tempfile.TemporaryDirectory(prefix="tradewind_bash_") as folder:
            command = [bash, "-c", self.bash_command]
            if len(self.bash_command.encode()) > _LONGEST_ARGUMENT:
                script = os.path.join(folder, "script.sh")
                with open(script, "w", encoding="utf-8") as file:
                    file.write(self.bash_command)
                command = [bash, script]
            result = self.subprocess_hook.run_command(
                command, env=self.get_env(context), output_encoding=self.output_encoding, cwd=self.cwd or folder
            )
        if result.exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Bash command returned exit code {result.exit_code}. Skipping.")
        if result.exit_code != 0:
            raise AirflowException(
                f"Bash command failed. The command returned a non-zero exit code {result.exit_code}."
            )
        return self.output_processor(result.output)

    def on_kill(self) -> None:
        self.subprocess_hook.send_sigterm()
