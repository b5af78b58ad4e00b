"""Typed settings, read once from environment, `tradewind.toml` and `airflow.cfg`; what each key means and came from.

`table` is the list of settings; `sources` reads text from the places; `settings` turns it into values; `lint` explains
what in a configuration has no effect. Nothing here starts or opens anything but configuration files.
"""

from tradewind.config.settings import Settings, load_settings
from tradewind.config.sources import ConfigError, find_home

__all__ = ["ConfigError", "Settings", "find_home", "load_settings"]
