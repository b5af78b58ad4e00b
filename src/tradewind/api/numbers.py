"""Numbers for what has a name of its own here, and an integer id in Airflow's API.

They follow from the name: 53 bits of a hash, so that JavaScript keeps them exact. So a number stays the same over
restarts and in a copy of the database, is the same again when what was deleted comes back, and needs no table that
somebody would have to keep true. Among a thousand names two have the same number with a probability of 1 to 10¹⁰;
whoever looks one up gets none of the two then, but an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import TypeVar

from tradewind.core.errors import AlreadyExists, NotFound

BITS = 53
Item = TypeVar("Item")


def number_of(kind: str, *names: str | int) -> int:
    """The number of what has these names."""
    digest = blake2b(json.dumps([kind, *names]).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - BITS)


def numbered(items: Iterable[Item], number: int, of: Callable[[Item], int], what: str) -> Item:
    """The item that has this number. Raises NotFound, or AlreadyExists where two have it."""
    found = [item for item in items if of(item) == number]
    if not found:
        raise NotFound(f"There is no {what} {number}.")
    if len(found) > 1:
        raise AlreadyExists(f"Several of the {what}s have the number {number}; name what you mean through the CLI.")
    return found[0]
