"""What an operator itself says in its task's log, without the logging module's way around."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

Listener = Callable[[str, str, str], None]
"""Takes level, text and the name of the logger."""

_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Take the notes of this process from now on; None: leave them to logging."""
    global _listener
    _listener = listener


def logger_name_of(task: Any) -> str:
    """The name of an operator's logger: its `logger_name`, else its class."""
    return task._logger_name or f"{type(task).__module__}.{type(task).__qualname__}"


def note(task: Any, text: str, *args: object) -> None:
    """A line at level info, as `task.log.info` writes it. Every attempt says something of this kind, and a record of
    the logging module is the most costly part of saying it; a logger that somebody has set up is honoured."""
    name = logger_name_of(task)
    if _listener is None or name in logging.Logger.manager.loggerDict:
        logging.getLogger(name).info(text, *args)
        return
    try:
        said = text % args if args else text
    except Exception as error:
        said = f"{text} [its arguments do not fit: {error}]"
    _listener("info", said, name)
