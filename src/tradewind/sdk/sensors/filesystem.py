"""FileSensor: wait for a file."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import cached_property
from typing import Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.filesystem import FSHook, found_file
from tradewind.sdk.sensors.base import BaseSensorOperator, defers


class FileSensor(BaseSensorOperator):
    """Waits until `filepath` (a glob pattern, below the folder of `fs_conn_id`) names a file, or a folder with a file
    somewhere inside."""

    template_fields: Collection[str] = ("filepath", "fs_conn_id")
    ui_color = "#91818a"

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        fs_conn_id: str = "fs_default",
        recursive: bool = False,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filepath: Any = os.fspath(filepath) if isinstance(filepath, os.PathLike) else filepath
        self.fs_conn_id, self.recursive = fs_conn_id, recursive
        # With start_from_trigger it defers at once too, but from `execute`, where the path is rendered.
        self.deferrable = defers(start_from_trigger or deferrable, triggers="file")
        self.trigger_kwargs = trigger_kwargs

    @cached_property
    def hook(self) -> FSHook:
        return FSHook(self.fs_conn_id)

    @property
    def path(self) -> str:
        """The pattern below the connection's folder."""
        return os.path.join(self.hook.get_path(), self.filepath)

    def poke(self, context: Any) -> bool:
        self.log.info("Looking for the file %s", self.path)
        found = found_file(self.path, recursive=self.recursive)
        if found is not None:
            self.log.info("Found the file %s", found)
        return found is not None

    def execute(self, context: Any) -> Any:
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            from tradewind.sdk.triggers.file import FileTrigger

            trigger = FileTrigger(self.path, recursive=self.recursive, poke_interval=self.poke_interval)
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.deferral_timeout)
        return None

    def execute_complete(self, context: Any, event: bool | None = None) -> None:
        """Goes on when the trigger has fired."""
        if not event:
            raise AirflowException(f"The trigger of task {self.task_id!r} found no file {self.path}.")
        self.log.info("The file %s is there.", self.path)
