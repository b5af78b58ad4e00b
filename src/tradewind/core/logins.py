"""What an account may be called, and how long somebody who guesses wrong has to wait. Values alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tradewind.core.errors import InvalidInput

LONGEST_NAME = 250
LONGEST_TEXT = 250
_NAME = re.compile(r"[^\x00-\x20\x7f:/]+", re.ASCII)

FREE = {"account": 5, "address": 20}
"""Wrong guesses that cost nothing yet."""
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
"""Long enough to make guessing hopeless, short enough that nobody is kept out of their own account for long."""
FORGOTTEN_AFTER = timedelta(minutes=15)
"""So long after the last wait, counting begins anew."""


def wait_after(failures: int, kind: str) -> timedelta:
    """How long to wait after so many failures in a row; `kind` is `account` or `address`."""
    beyond = failures - FREE[kind]
    if beyond < 0:
        return timedelta(0)
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << min(beyond, 20)))


def checked_username(name: Any) -> str:
    """A name for an account. Raises InvalidInput.

    Without spaces, colons (where Basic authentication ends a name) and slashes (where a path does).
    """
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or not _NAME.fullmatch(name):
        raise InvalidInput(f"username {str(name)!r:.60} must be 1 to {LONGEST_NAME} characters without space, : and /.")
    return name


def checked_text(value: Any, field: str) -> str:
    """A short text about an account. Raises InvalidInput."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise InvalidInput(f"{field} must be text of at most {LONGEST_TEXT} characters in one line.")
    return value


def checked_roles(roles: Any) -> list[str]:
    """Names of roles, each once. Raises InvalidInput unless they are a list of text."""
    if not isinstance(roles, Sequence) or isinstance(roles, str) or not all(isinstance(name, str) for name in roles):
        raise InvalidInput("roles must be a list of names.")
    return list(dict.fromkeys(roles))
