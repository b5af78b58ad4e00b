"""FSHook: where the files of a connection of type `fs` are; and whether there is one."""

from __future__ import annotations

import glob
import os
from typing import Any

from tradewind.sdk.exceptions import AirflowNotFoundException
from tradewind.sdk.hooks.base import BaseHook


class FSHook(BaseHook):
    """The folder of a connection: `path` of its extra, else the root. `fs_default` need not be defined."""

    conn_name_attr = "fs_conn_id"
    default_conn_name = "fs_default"
    conn_type = "fs"
    hook_name = "File (path)"

    def __init__(self, fs_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = fs_conn_id
        self.basepath = self._basepath()

    def get_conn(self) -> None:
        """There is nothing to connect to."""

    def get_path(self) -> str:
        """The folder."""
        return self.basepath

    def test_connection(self) -> tuple[bool, str]:
        """Whether the folder is there."""
        if os.path.isdir(self.basepath or os.sep):
            return True, f"The folder {self.basepath or os.sep} is there."
        return False, f"There is no folder {self.basepath}."

    def _basepath(self) -> str:
        try:
            connection = self.get_connection(self.conn_id)
        except AirflowNotFoundException:
            if self.conn_id != self.default_conn_name:
                raise
            return ""
        return str(connection.extra_dejson.get("path") or "")


def found_file(pattern: str, *, recursive: bool = False) -> str | None:
    """A file that `pattern` names, or one somewhere inside of a folder that it names; None when there is none."""
    for path in glob.iglob(pattern, recursive=recursive):
        if os.path.isfile(path):
            return path
        for folder, _, files in os.walk(path):
            if files:
                return os.path.join(folder, files[0])
    return None
