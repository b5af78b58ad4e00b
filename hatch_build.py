"""Puts the built web UI into the wheel and the source distribution, so that nobody who installs one needs Node."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "scripts"))
import build_ui


class WebUi(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node as a package, where a UI has to be built and there is no npm that can."""
        needs = self.target_name in ("wheel", "sdist") and not _is_left_out() and not build_ui.is_current()
        return [build_ui.NODE_PACKAGE] if needs and build_ui.find_npm() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the UI where it is not current. An editable install has none: `make ui` builds it in place."""
        if version == "editable" or _is_left_out():
            return
        if not build_ui.is_current():
            build_ui.build()
        # The folder is not in git, and a pattern has effect only for files that are there by now.
        build_data["artifacts"].append("/src/tradewind/ui_dist/**")


def _is_left_out() -> bool:
    return os.environ.get("TRADEWIND_NO_UI") == "1"
