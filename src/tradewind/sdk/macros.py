"""What templates call `macros`: dates as text, and the modules that templates use most."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import random
from types import SimpleNamespace
from typing import Any

__all__ = [
    "datetime", "datetime_diff_for_humans", "ds_add", "ds_format", "ds_format_locale", "json", "random", "time",
    "timedelta", "uuid",
]  # fmt: skip


def ds_add(ds: str, days: int) -> str:
    """The day `days` after (or, negative, before) `ds`, as YYYY-MM-DD."""
    day = datetime.strptime(str(ds), "%Y-%m-%d")
    return (day + timedelta(days=days)).strftime("%Y-%m-%d") if days else str(ds)


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """A date in one strptime format, written in another."""
    return datetime.strptime(str(ds), input_format).strftime(output_format)


def ds_format_locale(ds: str, input_format: str, output_format: str, locale: Any = None) -> str:
    """A date in one strptime format, written in a Babel format and language; needs the package `babel`."""
    try:
        from babel import Locale  # type: ignore[import-not-found]
        from babel.dates import LC_TIME, format_datetime  # type: ignore[import-not-found]
    except ImportError:
        raise ImportError("macros.ds_format_locale needs the package `babel`; install it or use ds_format.") from None
    return str(
        format_datetime(datetime.strptime(str(ds), input_format), output_format, None, locale or Locale(LC_TIME))
    )


def datetime_diff_for_humans(dt: Any, since: datetime | None = None) -> str:
    """How long ago `dt` was, or how far from `since` it is, in words: "2 days ago", "5 minutes before"."""
    import pendulum

    moment = pendulum.instance(dt)
    return str(moment.diff_for_humans(pendulum.instance(since) if since is not None else None))


def add_plugin(name: str, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Let templates call a plugin's functions as `macros.<name>.<function>`."""
    globals()[name] = SimpleNamespace(**functions)


def __getattr__(name: str) -> Any:
    if name in ("yaml", "dateutil"):
        import importlib

        module = importlib.import_module(name)
        if name == "dateutil":
            for part in ("parser", "relativedelta", "rrule", "tz"):
                importlib.import_module(f"dateutil.{part}")
        return module
    raise AttributeError(f"macros has no {name!r}; a plugin may add it, or pass it as a user_defined_macro of the Dag.")
