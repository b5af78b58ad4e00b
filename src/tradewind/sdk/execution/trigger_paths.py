"""Triggers as data: the path and arguments of one, and the object that they make. Used where author code runs."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.execution import xcom_codec
from tradewind.sdk.execution.xcom_errors import XComEncodeError

DAG_FILE_PREFIX = "tradewind_dag_"
"""Modules of this prefix are Dag files as a code host has imported them; no other process knows that name."""


class CannotDefer(TradewindError):
    """A task wants to wait in a way that cannot be done."""


class UnusableTrigger(TradewindError):
    """A trigger's class cannot be found, or does not take its arguments."""


def path_and_kwargs(trigger: Any) -> tuple[str, bytes]:
    """What the triggerer makes this trigger from. Raises CannotDefer when it could not."""
    if not callable(getattr(trigger, "serialize", None)):
        raise CannotDefer(f"{type(trigger).__name__} is no trigger: it has no serialize(); defer with a BaseTrigger.")
    said = trigger.serialize()
    if not (isinstance(said, (tuple, list)) and len(said) == 2 and isinstance(said[0], str)):
        raise CannotDefer(
            f"{type(trigger).__name__}.serialize() gave {said!r}; it must give the dotted path of the class and a dict."
        )
    return _importable(said[0]), encoded(said[1], said[0])


def encoded(kwargs: Any, whose: str) -> bytes:
    """Arguments as JSON. Raises CannotDefer when they cannot be."""
    try:
        return xcom_codec.encode(dict(kwargs or {}))
    except XComEncodeError as error:
        raise CannotDefer(f"The arguments of {whose} cannot be kept while it waits: {error}") from None


def class_of(classpath: str) -> Any:
    """The class of that path; imports its module. Raises UnusableTrigger."""
    parts = classpath.replace(":", ".").split(".")
    for cut in range(len(parts) - 1, 0, -1):
        home = ".".join(parts[:cut])
        try:
            found: Any = importlib.import_module(home)
        except ModuleNotFoundError as error:
            if error.name and f"{home}.".startswith(f"{error.name}."):
                continue
            raise
        try:
            for part in parts[cut:]:
                found = getattr(found, part)
        except AttributeError as error:
            raise UnusableTrigger(f"There is no trigger {classpath}: {error}.") from None
        if not (isinstance(found, type) and issubclass(found, _base())):
            raise UnusableTrigger(f"{classpath} is no trigger; its class has to derive from BaseTrigger.")
        # What it keeps among its arguments comes back as itself.
        xcom_codec.know_types_of([vars(sys.modules[home])])
        return found
    raise UnusableTrigger(
        f"The trigger {classpath} cannot be imported: there is no module {'.'.join(parts[:-1])!r} here; put the class "
        "in a module beside the Dag file, or install the package that brings it."
    )


def _base() -> type:
    from tradewind.sdk.triggers.base import BaseTrigger  # which imports this package

    return BaseTrigger


def made_from(kind: Any, classpath: str, kwargs: bytes) -> Any:
    """The trigger of that class. Raises UnusableTrigger when it does not take the arguments."""
    arguments = xcom_codec.decode(kwargs) if kwargs else {}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise UnusableTrigger(
            f"The trigger {classpath} cannot be made of what its serialize() said ({error}); the two must fit."
        ) from error


def _importable(classpath: str) -> str:
    """A class of the Dag file itself gets the name under which another process can import the file."""
    home, _, rest = classpath.partition(".")
    if "<locals>" in classpath:
        raise CannotDefer(f"The trigger {classpath} is defined inside a function; define it in a module.")
    if not home.startswith(DAG_FILE_PREFIX):
        return classpath
    file = os.path.abspath(getattr(sys.modules.get(home), "__file__", None) or "")
    for folder in sys.path:
        below = os.path.relpath(file, folder or os.curdir).removesuffix(".py")
        name = below.replace(os.sep, ".")
        if not below.startswith(os.pardir) and all(part.isidentifier() for part in name.split(".")):
            return f"{name}.{rest}"
    raise CannotDefer(
        f"The trigger {rest} is defined in the Dag file {os.path.basename(file)}, which no other process can import; "
        "put it in a module beside the file."
    )
