"""Calling author functions: which context values a function asks for by the names of its parameters."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections import ChainMap
from collections.abc import Callable, Collection, Generator, Mapping
from types import CoroutineType, GeneratorType
from typing import Any

if sys.version_info >= (3, 14):
    from annotationlib import Format

    # Annotations may name what only a type checker imports.
    signature = functools.partial(inspect.signature, annotation_format=Format.FORWARDREF)
else:
    signature = inspect.signature

log = logging.getLogger("tradewind.task")

CONTEXT_NAMES = frozenset(
    """
    conf conn dag dag_run data_interval_end data_interval_start ds ds_nodash exception execution_date
    expanded_ti_count inlet_events inlets logical_date macros map_index_template next_ds next_ds_nodash
    next_execution_date outlet_events outlets params partition_date partition_key
    prev_data_interval_end_success prev_data_interval_start_success prev_ds prev_ds_nodash
    prev_end_date_success prev_execution_date prev_execution_date_success prev_start_date_success reason
    run_id task task_instance task_instance_key_str task_reschedule_count task_state_store asset_state_store
    templates_dict test_mode ti tomorrow_ds tomorrow_ds_nodash triggering_asset_events
    triggering_dataset_events try_number ts ts_nodash ts_nodash_with_tz var yesterday_ds yesterday_ds_nodash
    """.split()  # noqa: SIM905 - a list of seventy quoted words reads worse
)
"""Every name that a function may have as a parameter to be given it."""


def unwrapped(function: Any) -> Any:
    """The function under `functools.partial`s and `@wraps` decorators."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            return function


def parameters_of(func: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters of a callable, looked up once; none where it does not say."""
    try:
        return _parameters(func)
    except TypeError:  # it cannot be hashed
        return _parameters.__wrapped__(func)


@functools.lru_cache(maxsize=1024)
def _parameters(func: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    try:
        return tuple(signature(func).parameters.values())
    except (TypeError, ValueError):
        return ()


Names = tuple[tuple[str, ...], tuple[str, ...], bool]


def names_of(func: Callable[..., Any]) -> Names:
    """The parameters that may be given by position, those that may be given by name, and whether any name will do."""
    try:
        return _names(func)
    except TypeError:  # it cannot be hashed
        return _names.__wrapped__(func)


@functools.lru_cache(maxsize=1024)
def _names(func: Callable[..., Any]) -> Names:
    parameters = parameters_of(func)
    return (
        tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)),
        tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def _asks_for_more(func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a parameter is left that the context might fill."""
    positional, named, takes_any = names_of(func)
    return takes_any or bool(set(named).difference(positional[: len(args)], kwargs))


def determine_kwargs(func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Of `kwargs`, those that `func` takes beside the positional `args`: by name, or all when it has `**kwargs`."""
    positional, named, takes_any = names_of(func)
    given = positional[: len(args)]
    if takes_any:
        return {name: kwargs[name] for name in kwargs if name not in given}
    return {name: kwargs[name] for name in named if name in kwargs and name not in given}


def merged_context(context: Mapping[str, Any], *extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """The context with further values on top, still lazy where the context is."""
    return ChainMap({name: value for part in extra for name, value in part.items()}, context)  # type: ignore[arg-type]


def call(function: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any], context: Any) -> Any:
    """The result of `function(*args, **kwargs)` with the context values that it asks for; a coroutine is run, and so
    is a generator function, which yields facts about its outlets."""
    if _asks_for_more(function, args, kwargs):
        kwargs = {**determine_kwargs(function, args, merged_context(context, kwargs)), **kwargs}
    result = function(*args, **kwargs)
    if isinstance(result, CoroutineType):
        import asyncio

        return asyncio.run(result)
    if isinstance(result, GeneratorType) and inspect.isgeneratorfunction(unwrapped(function)):
        return _told_of_outlets(result, context)
    return result


def _told_of_outlets(told: Generator[Any, Any, Any], context: Any) -> Any:
    """Run a task's generator to its end: each Metadata goes to its outlet, and the `return` is the result."""
    from tradewind.sdk.assets import Metadata

    while True:
        try:
            fact = next(told)
        except StopIteration as end:
            return end.value
        if not isinstance(fact, Metadata):
            log.warning(
                "A task yields Metadata about its outlets; what it yields of type %s is ignored.", type(fact).__name__
            )
            continue
        events = context["outlet_events"]
        events[fact.asset].extra.update(fact.extra)
        if fact.alias is not None:
            events[fact.alias].add(fact.asset, extra=fact.extra)


def declares_outputs(function: Callable[..., Any]) -> bool:
    """Whether the return annotation is a dict or TypedDict: its keys become XComs of their own."""
    import collections.abc
    import typing

    try:
        annotation = typing.get_type_hints(unwrapped(function)).get("return")
    except Exception:  # an annotation that cannot be evaluated says nothing
        return False
    kind = typing.get_origin(annotation) or annotation
    return typing.is_typeddict(kind) or kind in (dict, collections.abc.Mapping, collections.abc.MutableMapping)
