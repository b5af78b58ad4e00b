"""What a running attempt may ask of the engine, and the one place where that is plugged in."""

from __future__ import annotations

from typing import Any, Protocol

from tradewind.core.errors import TradewindError
from tradewind.wire.messages import Message


class Runtime(Protocol):
    """The way from author code to the engine: questions that wait for an answer, and messages that do not."""

    def request(self, method: str, **args: Any) -> Any:
        """The engine's answer; `tradewind.wire.messages.METHODS` names methods and arguments. Raises
        RuntimeRequestError when the engine refuses or cannot be reached."""
        ...

    def send(self, message: Message) -> None:
        """Tell the engine something without waiting."""
        ...


class RuntimeRequestError(TradewindError):
    """The engine refused a request. `kind` names the class of the problem, `text` is a sentence."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


class NoRuntime(TradewindError):
    """Author code asked the engine for something where no engine is."""


_SUBJECTS = {
    "variable": ("Variable {key!r}", "set TRADEWIND_VAR_{KEY} or AIRFLOW_VAR_{KEY}, or ask for it inside a task"),
    "connection": (
        "Connection {conn_id!r}",
        "set TRADEWIND_CONN_{CONN_ID} or AIRFLOW_CONN_{CONN_ID}, or ask for it inside a task",
    ),
    "xcom": ("An XCom", "call it inside a running task"),
    "task_state_store": ("The task state store", "use it inside a running task"),
    "asset_state_store": ("The asset state store", "use it inside a running task"),
}


class _Nobody:
    """The runtime of a process in which nothing runs."""

    def request(self, method: str, **args: Any) -> Any:
        subject, advice = _SUBJECTS.get(method.partition(".")[0], (f"`{method}`", "call it inside a running task"))
        words = {**args, **{name.upper(): str(value).upper() for name, value in args.items()}}
        try:
            subject, advice = subject.format_map(words), advice.format_map(words)
        except KeyError:
            subject, advice = f"`{method}`", "call it inside a running task"
        raise NoRuntime(f"{subject} was asked for outside a task or Dag parsing; {advice}.")

    def send(self, message: Message) -> None:
        """Nobody listens."""


# A plain global, not a context variable: threads that a task starts ask the same engine.
_current: Runtime = _Nobody()


def current_runtime() -> Runtime:
    """The engine of this process; one that refuses everything with advice where there is none."""
    return _current


def set_runtime(runtime: Runtime | None) -> None:
    """Plug the engine in, for the whole process; None unplugs it."""
    global _current
    _current = runtime if runtime is not None else _Nobody()


async def ask(method: str, **args: Any) -> Any:
    """As `current_runtime().request`, from code that runs in an event loop: the loop goes on meanwhile. An engine that
    can answer without a thread says so by an `ask` of its own."""
    runtime = current_runtime()
    own = getattr(runtime, "ask", None)
    if own is not None:
        return await own(method, **args)
    import asyncio

    return await asyncio.to_thread(runtime.request, method, **args)


class runtime_installed:
    """`runtime` for the length of a block, then the one before. A class, because every attempt enters one: a generator
    would touch a dozen pages more."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __enter__(self) -> None:
        self._before = current_runtime()
        set_runtime(self._runtime)

    def __exit__(self, *_: object) -> None:
        set_runtime(self._before)
