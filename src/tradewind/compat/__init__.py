"""The names `airflow…` that Dag files import, served by Tradewind.

In a process that called `install()`, `airflow` and everything below it is Tradewind's, whether or not apache-airflow is
installed; only `airflow.providers.*` comes from the installed provider distributions. Names and aliases live here; what
they do lives in the SDK.
"""

from tradewind.compat.errors import InstalledTooLate, ProviderNotInstalled, UnsupportedAttribute, UnsupportedName
from tradewind.compat.finder import install, installed, uninstall
from tradewind.compat.notices import Notice, clear_notices, notices

__all__ = [
    "InstalledTooLate",
    "Notice",
    "ProviderNotInstalled",
    "UnsupportedAttribute",
    "UnsupportedName",
    "clear_notices",
    "install",
    "installed",
    "notices",
    "uninstall",
]
