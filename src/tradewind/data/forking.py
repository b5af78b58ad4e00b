"""Many values through one function in forked processes, whose results come back as Arrow."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tradewind.data.problems import DataError

DONE, FAILED, CANNOT_SEND = b"r", b"e", b"u"
EXACT_AS_FLOAT = 2**53


class Unsendable(DataError):
    """The results are not values that a column can hold, so they stay in the process that made them."""


class ChildFailed(DataError):
    """A child process raised something that cannot be raised again here, or was killed."""


def can_fork() -> bool:
    return hasattr(os, "fork") and sys.platform != "darwin"


def in_processes(function: Callable[[Any], Any], values: Sequence[Any], workers: int) -> list[Any]:
    """`[function(value) for value in values]`, shared out between `workers` children of this process.

    The children are forked: the function may be a lambda or a closure, and the values are not copied. The first
    error by the order of the values is raised, as without processes.
    """
    size = -(-len(values) // workers)
    children: list[tuple[int, int]] = []
    try:
        for start in range(0, len(values), size):
            children.append(_start(function, values[start : start + size], [reader for _, reader in children]))
        answers = [_answer(reader) for _, reader in children]
    except BaseException:
        for process, _ in children:
            os.kill(process, 9)
        raise
    finally:
        for process, reader in children:
            os.close(reader)
            os.waitpid(process, 0)
    results: list[Any] = []
    for number, (kind, content) in enumerate(answers):
        if kind == FAILED:
            # Called again here, so that its own error is raised, and not a description of it.
            value = values[number * size + int(content)]
            function(value)
            raise ChildFailed(f"{_named(function)} failed for {value!r} in a process, but not when tried again.")
        results += _result(kind, content)
    return results


def _start(function: Callable[[Any], Any], values: Sequence[Any], readers: list[int]) -> tuple[int, int]:
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python warns of locks that other threads may hold; a child here only calls the function and writes.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    status = 1
    try:
        for descriptor in (reader, *readers):
            os.close(descriptor)
        kind, content = _outcome(function, values)
        with os.fdopen(writer, "wb") as answer:
            answer.write(kind)
            answer.write(content)
        status = 0
    finally:
        # Nothing of the parent's may run here: no exit handlers, no test runner.
        os._exit(status)


def _outcome(function: Callable[[Any], Any], values: Sequence[Any]) -> tuple[bytes, bytes]:
    import pyarrow as pa

    results = []
    for number, value in enumerate(values):
        try:
            results.append(function(value))
        except Exception:
            return FAILED, str(number).encode()
    try:
        array = pa.array(results)
        if not _is_faithful(array.type, results):
            return CANNOT_SEND, b"the function gives values of several types"
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        return CANNOT_SEND, str(error).split("\n")[0].encode()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("r", array.type)])) as writer:
        writer.write_batch(pa.record_batch([array], names=["r"]))
    return DONE, sink.getvalue().to_pybytes()


def _is_faithful(kind: Any, results: Sequence[Any]) -> bool:
    """Whether the values come back as they are: Arrow makes lists of tuples, floats of whole numbers among floats."""
    import pyarrow.types as types

    if types.is_floating(kind):
        return all(not isinstance(value, int) or abs(value) <= EXACT_AS_FLOAT for value in results)
    return not types.is_nested(kind)


def _answer(reader: int) -> tuple[bytes, bytes]:
    parts = []
    while part := os.read(reader, 1 << 20):
        parts.append(part)
    content = b"".join(parts)
    return content[:1], content[1:]


def _result(kind: bytes, content: bytes) -> list[Any]:
    import pyarrow as pa

    if kind == DONE:
        values: list[Any] = pa.ipc.open_stream(content).read_all().column(0).to_pylist()
        return values
    if kind == CANNOT_SEND:
        raise Unsendable(content.decode())
    raise ChildFailed("A process of parallel_transform was killed; lower MAX_WORKERS if memory ran out.")


def _named(function: Callable[[Any], Any]) -> str:
    return getattr(function, "__qualname__", repr(function))
