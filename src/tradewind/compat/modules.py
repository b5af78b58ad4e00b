"""A module of the names `airflow…`: empty when made, each name looked up when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from opcode import opmap
from types import FrameType, ModuleType
from typing import Any

from tradewind.compat import notices, table
from tradewind.compat.errors import ProviderNotInstalled, UnsupportedAttribute, UnsupportedName

_IMPORT_FROM = opmap["IMPORT_FROM"]


class AirflowModule(ModuleType):
    """What `import airflow.x` gives."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Airflow's {name}, served by Tradewind.")
        self.__all__ = list(table.names(name))

    def __getattr__(self, name: str) -> Any:
        where = self.__name__
        target = table.target_of(where, name)
        if target is not None:
            return self._named(name, target)
        if name in table.children(where):
            return importlib.import_module(f"{where}.{name}")
        if table.is_known(where, name):
            raise _unsupported(f"{where}.{name}", notices.asker())
        # The import system asks for `__path__` and its like, while the asker may be in the middle of a `from … import`.
        if table.is_stand_in(where) and not name.startswith("__") and _is_from_import(notices.asker()):
            raise ProviderNotInstalled(f"{where}.{name}", where)
        raise AttributeError(f"module {where!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing `airflow.decorators.task_group` must not hide the decorator of the same name in its package.
        if isinstance(value, AirflowModule) and table.target_of(self.__name__, name):
            return
        super().__setattr__(name, value)

    def __dir__(self) -> Iterable[str]:
        return sorted({*vars(self), *self.__all__, *table.children(self.__name__)})

    def _named(self, name: str, target: str) -> Any:
        found = _resolved(target, f"{self.__name__}.{name}")
        if table.modern_of(self.__name__, name):
            # Not kept in the module, so that every place that uses the old spelling gets its notice.
            notices.record(self.__name__, name, notices.asker())
        else:
            vars(self)[name] = found
        return found


def _resolved(target: str, spelling: str) -> Any:
    home, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(home)
    except ModuleNotFoundError as error:
        if home.startswith("airflow.providers.") and f"{home}.".startswith(f"{error.name}."):
            raise ProviderNotInstalled(spelling, home) from None
        raise
    for part in filter(None, attribute.split(".")):
        found = getattr(found, part)
    return found


def _unsupported(name: str, frame: FrameType) -> UnsupportedName | UnsupportedAttribute:
    """`from … import` hides an AttributeError behind its own sentence and lets an ImportError through."""
    kind = UnsupportedName if _is_from_import(frame) else UnsupportedAttribute
    return kind(name, frame.f_code.co_filename, frame.f_lineno)


def _is_from_import(frame: FrameType) -> bool:
    return frame.f_code.co_code[frame.f_lasti] == _IMPORT_FROM
