"""What people are told of watchers: which assets they watch, and why one does not."""

from collections.abc import Iterable
from typing import Any

from tradewind.core.assets import keys_of, named_in
from tradewind.core.records import Watched


def watches(assets: Iterable[tuple[str, str, str]], condition: Any) -> bool:
    """Whether a watcher of these assets is one for a Dag with this condition."""
    named = set(named_in(condition))
    return any(not named.isdisjoint(keys_of(name, uri)) for name, uri, _ in assets)


def failure_of(watched: Watched) -> str:
    """Why a trigger does not watch now, in one phrase; empty for one that does, or that nothing has happened to."""
    if not watched.error:
        return ""
    of = ", ".join(name for name, _, _ in watched.assets)
    times = "" if watched.failures == 1 else f" {watched.failures} times in a row"
    again = f"it starts again at {watched.retry_at:%Y-%m-%d %H:%M:%S} UTC" if watched.retry_at else "it runs again"
    return f"The watcher {watched.name} of {of} has failed{times} ({watched.error}); {again}"
