"""Keeps secrets out of logs and rendered fields, in the encodings in which they commonly turn up."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

from tradewind.core.sensitive import REDACTED, SENSITIVE_NAMES

SHORTEST = 5
"""Shorter values are not masked, unless a setting says so: they would blot out half of every log."""
_SHORTEST_LINE = 8
_SHORTEST_BASE64 = 8
_DEEPEST = 20


class Masker:
    """Knows the secrets of this process; `mask` replaces each by three asterisks."""

    def __init__(self, more_names: Iterable[str] = ()) -> None:
        self._names = (*SENSITIVE_NAMES, *(name.strip().lower() for name in more_names if name.strip()))
        self._known: set[str] = set()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._stale = False
        self.shortest = SHORTEST
        """Shorter secrets are not masked (`logging.min_length_masked_secret`)."""
        self.goes_by_name = True
        """Whether a name alone can make a secret (`core.hide_sensitive_var_conn_fields`)."""
        self.on_new: Callable[[str], None] | None = None
        """Told every secret that becomes known."""

    @property
    def secrets(self) -> int:
        """How many are known."""
        return len(self._known)

    @property
    def known(self) -> frozenset[str]:
        """The secrets themselves."""
        return frozenset(self._known)

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """What becomes known inside is forgotten afterwards: for a process that plays many, one after the other."""
        before = set(self._known), set(self._forms)
        try:
            yield
        finally:
            (self._known, self._forms), self._stale = before, True

    def is_sensitive(self, name: object) -> bool:
        """Whether a value of this name is a secret, going by the name."""
        text = str(name).strip().lower()
        return self.goes_by_name and any(part in text for part in self._names)

    def add_names(self, names: Iterable[str]) -> None:
        """Further parts of names that mark a secret (`core.sensitive_var_conn_names`)."""
        self._names += tuple(name.strip().lower() for name in names if name.strip())

    def add(self, secret: Any, name: str | None = None) -> None:
        """Mask this value from now on. Of a mapping, values whose key looks sensitive (with `name`: all or none, as
        the name says); of a list, every item."""
        if secret is None or isinstance(secret, bool):
            return
        if isinstance(secret, Mapping):
            for key, value in secret.items():
                if isinstance(value, (Mapping, list, tuple, set)) or self.is_sensitive(key):
                    self.add(value, str(key))
        elif isinstance(secret, (list, tuple, set, frozenset)):
            for item in secret:
                self.add(item, name)
        elif not name or self.is_sensitive(name):
            self._add_text(secret.decode("utf-8", "replace") if isinstance(secret, bytes) else str(secret))

    def mask(self, text: str) -> str:
        """`text` without any known secret."""
        if not self._forms:
            return text
        if self._stale:
            # Longest first, so that a secret that contains another one goes whole.
            ordered = sorted(self._forms, key=lambda form: (-len(form), form))
            self._pattern, self._stale = re.compile("|".join(map(re.escape, ordered))), False
        assert self._pattern is not None
        return self._pattern.sub(REDACTED, text)

    def redact(self, value: Any, name: str | None = None, depth: int = 0) -> Any:
        """A copy of a nested value without secrets: known ones, and everything under a sensitive key."""
        if value is None or isinstance(value, (bool, int, float)):
            return REDACTED if value and name is not None and self.is_sensitive(name) else value
        if depth > _DEEPEST:
            return REDACTED
        if isinstance(value, Mapping):
            return {key: self.redact(item, str(key), depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.redact(item, name, depth + 1) for item in value]
        if isinstance(value, str):
            return REDACTED if value and name is not None and self.is_sensitive(name) else self.mask(value)
        return self.mask(str(value))

    def _add_text(self, secret: str) -> None:
        secret = secret.strip()
        if len(secret) < max(1, self.shortest) or secret in self._known:
            return
        self._known.add(secret)
        self._forms |= {form for form in _forms(secret) if len(form) >= self.shortest}
        self._stale = True
        if self.on_new is not None:
            self.on_new(secret)
        if "\n" in secret:
            # Logs are written line by line; a key file printed in lines must not show either.
            for line in secret.splitlines():
                if len(line.strip()) >= _SHORTEST_LINE and not line.startswith("-----"):
                    self._add_text(line)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield from _base64_forms(secret.encode("utf-8", "surrogatepass"))


def _base64_forms(secret: bytes) -> Iterator[str]:
    """How the secret looks inside base64 text, wherever in it the secret begins (`user:password` of a header)."""
    for offset in range(3):
        padded = b"\0" * offset + secret
        whole = len(padded) - len(padded) % 3
        first = 0 if offset == 0 else 4  # the first group mixes in what stands before
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = encode(padded[:whole]).decode()[first:]
            if len(core) >= _SHORTEST_BASE64:
                yield core
            if offset == 0:
                yield encode(secret).decode()


_masker = Masker()


def masker() -> Masker:
    """The masker of this process."""
    return _masker


def mask_secret(secret: Any, name: str | None = None) -> None:
    """Keep this value out of logs and rendered fields from now on."""
    _masker.add(secret, name)


def redact(value: Any, name: str | None = None, max_depth: int | None = None) -> Any:
    """A copy of a value that is fit to be shown."""
    return _masker.redact(value, name)
