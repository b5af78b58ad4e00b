"""Lists that are made in memory, because no table has them: ordered, filtered and paged as those of the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tradewind.core.errors import InvalidInput
from tradewind.store.paging import Page

Item = TypeVar("Item")
Keys = Mapping[str, Callable[[Item], Any]]
"""What a list can be ordered by, by the name that a caller says."""


def part_of(items: Sequence[Item], page: Page, sortable: Keys[Item], default: str) -> list[Item]:
    """The items of one page. Raises InvalidInput, which names the order that cannot be."""
    ordered = list(items)
    for name in reversed(page.order_by or (default,)):
        bare = name.removeprefix("-")
        key = sortable.get(bare)
        if key is None:
            raise InvalidInput(f"order_by {bare[:60]!r} is unknown; choose {', '.join(sorted(sortable))}.")
        # As in the database's lists: what has no value comes last, also descending.
        valued = [item for item in ordered if key(item) is not None]
        empty = [item for item in ordered if key(item) is None]
        ordered = sorted(valued, key=key, reverse=name.startswith("-")) + empty
    return ordered[page.offset : page.offset + page.limit]


def like(text: str, pattern: str) -> bool:
    """Whether a text holds the pattern as LIKE has it (`%`, `_`), or any of several with `|` between them.

    Upper and lower case are the same. Parts between `%` are looked for one after the other, so no pattern is slow.
    """
    return any(_holds(text, part.strip()) for part in pattern.split("|") if part.strip())


def _holds(text: str, pattern: str) -> bool:
    at = 0
    for piece in filter(None, pattern.split("%")):
        found = re.compile(
            "".join("." if letter == "_" else re.escape(letter) for letter in piece), re.I | re.S
        ).search(text, at)
        if found is None:
            return False
        at = found.end()
    return True
