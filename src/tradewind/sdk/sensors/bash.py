"""BashSensor: wait until a command succeeds."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from functools import cached_property
from typing import Any

from tradewind.sdk.exceptions import AirflowFailException
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.subprocess_hook import SubprocessHook


class BashSensor(BaseSensorOperator):
    """Waits until `bash_command` exits with 0. With `retry_exit_code` only that code means "not yet"; any other fails
    the task."""

    template_fields: Collection[str] = ("bash_command", "env")

    def __init__(
        self,
        *,
        bash_command: str,
        env: dict[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.env, self.output_encoding = bash_command, env, output_encoding
        self.retry_exit_code = retry_exit_code

    @cached_property
    def subprocess_hook(self) -> SubprocessHook:
        """Runs the command; its output goes to this task's log."""
        return SubprocessHook(self.log)

    def poke(self, context: Any) -> bool:
        with tempfile.TemporaryDirectory(prefix="tradewind_bash_") as folder:
            result = self.subprocess_hook.run_command(
                ["bash", "-c", self.bash_command],
                env=dict(os.environ) if self.env is None else self.env,
                output_encoding=self.output_encoding,
                cwd=folder,
            )
        if result.exit_code == 0:
            return True
        if self.retry_exit_code is not None and result.exit_code != self.retry_exit_code:
            raise AirflowFailException(
                f"The command exited with {result.exit_code}; only {self.retry_exit_code} (retry_exit_code) means "
                "that it is to be run again."
            )
        return False

    def on_kill(self) -> None:
        self.subprocess_hook.send_sigterm()
