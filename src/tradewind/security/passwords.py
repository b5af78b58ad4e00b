"""Passwords: argon2id hashes, made and compared without telling by the time it takes whether there is such an account.

At most two are worked on at once, however many people log in: each takes 19 MiB and a core.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from tradewind.core.errors import InvalidInput, TradewindError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2
WAIT_SECONDS = 5.0
LONGEST = 1024

_places = BoundedSemaphore(AT_ONCE)


class TooBusy(TradewindError):
    """More people log in at this moment than can be looked at."""

    retry_after_seconds = 2

    def __init__(self) -> None:
        super().__init__("Too many people log in at this moment; try again in a moment.")


@contextmanager
def place_to_hash() -> Iterator[None]:
    """One of the places where hashes are worked on. Raises TooBusy when none gets free in time."""
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise TooBusy
    try:
        yield
    finally:
        _places.release()


def hash_password(password: str) -> str:
    """What is stored of a password. Raises InvalidInput for one that cannot be one."""
    if not password or len(password) > LONGEST or "\0" in password:
        raise InvalidInput(f"A password has 1 to {LONGEST} characters, none of them NUL.")
    with place_to_hash():
        return _hasher().hash(_bytes(password))


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. To be called in a `place_to_hash`.

    Where there is no hash, it takes the same time: the comparison is made with a password that nobody knows.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        found = _hasher().verify(password_hash or _decoy(), _bytes(password[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False
    return found and password_hash is not None


def new_password() -> str:
    """A random password that can be typed: 80 bits, in four groups without letters that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def prepare() -> None:
    """Have everything ready, so that the first who logs in does not wait longer than the second."""
    _decoy()


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _decoy() -> str:
    return _hasher().hash(secrets.token_bytes(16))


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
