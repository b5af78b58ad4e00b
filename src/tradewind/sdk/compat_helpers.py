"""Small pure functions that Airflow keeps under `airflow.utils` and that Dag files and providers call."""

from __future__ import annotations

import functools
import importlib
import logging
import pkgutil
import random
import re
import string
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping, Sequence
from enum import IntEnum
from hashlib import md5 as _md5
from types import ModuleType
from typing import Any, TypeVar

from tradewind.sdk.types import is_arg_set

T = TypeVar("T")

KEY_REGEX = re.compile(r"^[\w.-]+$")
GROUP_KEY_REGEX = re.compile(r"^[\w-]+$")
CAMELCASE_TO_SNAKE_CASE_REGEX = re.compile(r"(?!^)([A-Z]+)")
ANSI_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[@-Z\\-_]")
XCOM_RETURN_KEY = "return_value"


class WeekDay(IntEnum):
    """Days as `isoweekday` numbers them."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7

    @classmethod
    def get_weekday_number(cls, week_day_str: str) -> int:
        """The number of a day given by its English name."""
        name = week_day_str.strip().upper()
        if name not in cls.__members__:
            raise AttributeError(f"Invalid week day {week_day_str!r}; use one of {', '.join(cls.__members__)}.")
        return int(cls[name])

    @classmethod
    def convert(cls, day: str | WeekDay) -> int:
        return int(day) if isinstance(day, WeekDay) else cls.get_weekday_number(day)

    @classmethod
    def validate_week_day(cls, week_day: str | WeekDay | Iterable[str | WeekDay]) -> set[int]:
        """The numbers of one day or of several, given as names or members."""
        if not isinstance(week_day, (str, WeekDay, set, list, tuple, dict)):
            raise TypeError(f"week_day is {type(week_day).__name__}; give a day name, a WeekDay or several of them.")
        days = [week_day] if isinstance(week_day, (str, WeekDay)) else week_day
        return {cls.convert(day) for day in days}


class LoggingMixin:
    """Gives a class a logger of its own as `self.log`."""

    _log: logging.Logger | None = None
    _logger_name: str | None = None

    def __init__(self, context: Any = None) -> None:
        self._log = None

    @classmethod
    def logger(cls) -> logging.Logger:
        return logging.getLogger(cls._logger_name or f"{cls.__module__}.{cls.__name__}")

    @property
    def log(self) -> logging.Logger:
        if self._log is None:
            self._log = type(self).logger()
        return self._log


def remove_escape_codes(text: str) -> str:
    """`text` without terminal colours."""
    return ANSI_ESCAPE.sub("", text)


def validate_key(k: str, max_length: int = 250) -> None:
    """Raise unless `k` can be a dag_id or task_id."""
    _check_key(k, max_length, KEY_REGEX, "alphanumeric characters, dashes, dots and underscores")


def validate_group_key(k: str, max_length: int = 200) -> None:
    """Raise unless `k` can be a group_id."""
    _check_key(k, max_length, GROUP_KEY_REGEX, "alphanumeric characters, dashes and underscores")


def _check_key(key: str, max_length: int, allowed: re.Pattern[str], words: str) -> None:
    if not isinstance(key, str):
        raise TypeError(f"The key is {type(key).__name__} ({key!r}); it has to be a string.")
    if len(key) > max_length:
        raise ValueError(f"The key {key!r} has {len(key)} characters; at most {max_length} are possible.")
    if not allowed.match(key):
        raise ValueError(f"The key {key!r} has to be made of {words} exclusively.")


def is_container(obj: Any) -> bool:
    """Whether it can be iterated and is not text."""
    return hasattr(obj, "__iter__") and not isinstance(obj, str)


def as_tuple(obj: Any) -> tuple[Any, ...]:
    return tuple(obj) if is_container(obj) else (obj,)


def chunks(items: list[T], chunk_size: int) -> Generator[list[T], None, None]:
    """Lists of at most `chunk_size` items, in order."""
    if chunk_size <= 0:
        raise ValueError(f"chunk_size is {chunk_size}; it has to be a positive number.")
    for start in range(0, len(items), chunk_size):
        yield items[start : start + chunk_size]


def reduce_in_chunks(fn: Callable[[T, list[Any]], T], iterable: list[Any], initializer: T, chunk_size: int = 0) -> T:
    """Fold `fn` over the chunks of a list; all at once when `chunk_size` is 0."""
    if not iterable:
        return initializer
    return functools.reduce(fn, chunks(iterable, chunk_size or len(iterable)), initializer)


def as_flattened_list(iterable: Iterable[Iterable[T]]) -> list[T]:
    return [item for inner in iterable for item in inner]


def partition(pred: Callable[[T], bool], iterable: Iterable[T]) -> tuple[Iterable[T], Iterable[T]]:
    """The items for which `pred` is false, then those for which it is true."""
    items = list(iterable)
    return (item for item in items if not pred(item)), (item for item in items if pred(item))


def merge_dicts(dict1: dict[Any, Any], dict2: dict[Any, Any]) -> dict[Any, Any]:
    """Both, where the second wins, and dicts inside are merged in turn."""
    merged = dict1.copy()
    for key, value in dict2.items():
        inner = merged.get(key)
        merged[key] = merge_dicts(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def prune_dict(val: Any, mode: str = "strict") -> Any:
    """Without what is None (`strict`) or empty (`truthy`), at every depth of dicts and lists."""
    if mode not in ("strict", "truthy"):
        raise ValueError(f"mode is {mode!r}; it has to be 'strict' or 'truthy'.")

    def dropped(value: Any) -> bool:
        return value is None if mode == "strict" else not value

    if isinstance(val, dict):
        pairs = {key: prune_dict(value, mode) for key, value in val.items() if not dropped(value)}
        return {key: value for key, value in pairs.items() if not dropped(value)}
    if isinstance(val, list):
        items = [prune_dict(value, mode) for value in val if not dropped(value)]
        return [value for value in items if not dropped(value)]
    return val


def exactly_one(*args: Any) -> bool:
    """Whether one argument, and no other, is true."""
    if any(is_container(arg) for arg in args):
        raise ValueError("exactly_one takes the values one by one, not in a list; unpack it with `*`.")
    return sum(map(bool, args)) == 1


def at_most_one(*args: Any) -> bool:
    """Whether at most one argument was given: what is NOTSET or false does not count."""
    return sum(is_arg_set(arg) and bool(arg) for arg in args) <= 1


def convert_camel_to_snake(camel_str: str) -> str:
    return CAMELCASE_TO_SNAKE_CASE_REGEX.sub(r"_\1", camel_str).lower()


def parse_template_string(template_string: str) -> tuple[str | None, Any]:
    """The text itself when it has no Jinja in it, else the Jinja template."""
    if "{{" not in template_string:
        return template_string, None
    import jinja2

    return None, jinja2.Template(template_string)


def to_boolean(astring: str | None) -> bool:
    return astring is not None and str(astring).lower() in ("true", "t", "yes", "y", "1", "on")


def get_random_string(length: int = 8, choices: str = string.ascii_letters + string.digits) -> str:
    return "".join(random.choices(choices, k=length))


def import_string(dotted_path: str) -> Any:
    """What a path such as `package.module.Name` names."""
    module, _, name = dotted_path.rpartition(".")
    if not module:
        raise ImportError(f"{dotted_path} doesn't look like a module path")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError as error:
        raise ImportError(f'Module "{module}" does not define a "{name}" attribute/class') from error


def qualname(o: Any, use_qualname: bool = False, exclude_module: bool = False) -> str:
    """The dotted name of a class, function or object's class."""
    named = o if hasattr(o, "__qualname__") or hasattr(o, "__name__") else type(o)
    name: str = getattr(named, "__qualname__" if use_qualname or exclude_module else "__name__", type(o).__name__)
    module = getattr(named, "__module__", None)
    return name if exclude_module or not module or module == "builtins" else f"{module}.{name}"


def is_valid_dotpath(path: str) -> bool:
    return isinstance(path, str) and all(part.isidentifier() for part in path.split("."))


def iter_namespace(ns: ModuleType) -> Iterator[pkgutil.ModuleInfo]:
    """The modules directly below a package."""
    return pkgutil.iter_modules(ns.__path__, ns.__name__ + ".")


def md5(data: bytes = b"") -> Any:
    """An MD5 that is allowed where MD5 is banned for security, since it only names things."""
    return _md5(data, usedforsecurity=False)


def apply_defaults(func: T) -> T:
    """The function as it is: operators take `default_args` without a decorator."""
    return func


def add_deprecated_classes(module_imports: Mapping[str, Mapping[str, str]], package: str) -> None:
    """Let modules of `package` serve names, and modules of their own, that live elsewhere now."""
    import sys

    for module_name, imports in module_imports.items():
        full = module_name if module_name.startswith(package) else f"{package}.{module_name}"
        module = sys.modules.setdefault(full, ModuleType(full))
        module.__dict__["__getattr__"] = functools.partial(_forwarded, full, dict(imports))


def _forwarded(module: str, imports: MutableMapping[str, str], name: str) -> Any:
    target = imports.get(name) or (f"{imports['*']}.{name}" if "*" in imports else None)
    if target is None or name.startswith("__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warnings.warn(f"{module}.{name} is deprecated; use {target}.", DeprecationWarning, stacklevel=3)
    return import_string(target)


def get_email_address_list(addresses: str | Iterable[str]) -> list[str]:
    """Addresses from a text with commas or semicolons, or from a collection."""
    if isinstance(addresses, str):
        return [address for address in re.split(r"\s*[,;]\s*", addresses.strip()) if address]
    if isinstance(addresses, Iterable):
        found: Sequence[Any] = list(addresses)
        if all(isinstance(address, str) for address in found):
            return list(found)
    raise TypeError(f"Addresses are {type(addresses).__name__}; give a text or a collection of texts.")
