"""`conf` as author code reads it, with the values that the engine found in its own configuration files."""

from __future__ import annotations

from collections.abc import Mapping

from tradewind.sdk.configuration import DEFAULTS, Configuration, conf

__all__ = ["Configuration", "conf", "set_config"]


def set_config(values: Mapping[str, Mapping[str, object]]) -> None:
    """Tell this process what the installation is configured to: `{section: {key: value}}`. The environment and a
    configuration file still go first; what nobody says keeps its default."""
    for section, keys in values.items():
        for key, value in keys.items():
            DEFAULTS[section.lower(), key.lower()] = "" if value is None else str(value)
