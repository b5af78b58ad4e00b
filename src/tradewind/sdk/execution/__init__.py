"""What happens inside the process that runs one attempt of a task: context, templates, values, callbacks, log.

The worker calls `prepare` once per Dag, then `run_attempt` for each offer. No scheduling, no sockets, no database: the
engine is reached through the `Runtime` that the worker plugs in.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.sdk.execution.callback import run_callback
    from tradewind.sdk.execution.logs import AttemptLog
    from tradewind.sdk.execution.masking import Masker, mask_secret, masker, redact
    from tradewind.sdk.execution.prepared import PreparedDag, PreparedTask, prepare
    from tradewind.sdk.execution.run import run_attempt
    from tradewind.sdk.execution.runtime import (
        NoRuntime,
        Runtime,
        RuntimeRequestError,
        current_runtime,
        set_runtime,
    )
    from tradewind.sdk.execution.xcom_errors import XComDecodeError, XComEncodeError

_HOMES = {
    "callback": ("run_callback",),
    "logs": ("AttemptLog",),
    "masking": ("Masker", "mask_secret", "masker", "redact"),
    "prepared": ("PreparedDag", "PreparedTask", "prepare"),
    "run": ("run_attempt",),
    "runtime": ("NoRuntime", "Runtime", "RuntimeRequestError", "current_runtime", "set_runtime"),
    "xcom_errors": ("XComDecodeError", "XComEncodeError"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AttemptLog", "Masker", "NoRuntime", "PreparedDag", "PreparedTask", "Runtime", "RuntimeRequestError",
    "XComDecodeError", "XComEncodeError", "current_runtime", "mask_secret", "masker", "prepare",
    "redact", "run_attempt", "run_callback", "set_runtime",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Author code that asks for a Variable must not load what only a worker needs.
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
