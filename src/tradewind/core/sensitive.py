"""What must not be shown, going by its name; and how a secret that was shown as `***` comes back unchanged."""

from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "***"
"""What is shown in place of a secret."""

SENSITIVE_NAMES = (
    "access_key", "access_token", "api_key", "apikey", "authorization", "keyfile_dict", "passphrase", "passwd",
    "password", "private_key", "secret", "service_account", "token",
)  # fmt: skip
"""A name that holds one of these, in upper or lower case, is a secret's."""

_DEEPEST = 20


class Sensitive:
    """Which names are secrets' names: those above, and an installation's own (`core.sensitive_var_conn_names`)."""

    def __init__(self, more: Iterable[str] = (), *, goes_by_name: bool = True) -> None:
        self._names = (*SENSITIVE_NAMES, *(name.strip().lower() for name in more if name.strip()))
        self._goes_by_name = goes_by_name

    def is_secret(self, name: object) -> bool:
        """Whether a value of this name is a secret."""
        text = str(name).lower()
        return self._goes_by_name and any(part in text for part in self._names)

    def shown(self, value: Any, name: str = "", depth: int = 0) -> Any:
        """A copy of a nested value without what stands under a secret's name."""
        if name and value not in (None, "", True, False) and (self.is_secret(name) or depth > _DEEPEST):
            return REDACTED
        match value:
            case Mapping():
                return {key: self.shown(item, str(key), depth + 1) for key, item in value.items()}
            case list() | tuple():
                return [self.shown(item, name, depth + 1) for item in value]
            case _:
                return value


def with_stored(new: Any, stored: Any) -> Any:
    """`new` with what is stored wherever it says `***`: nobody can mean that text where a secret stands already."""
    match new, stored:
        case Mapping(), Mapping():
            return {key: with_stored(item, stored.get(key)) for key, item in new.items()}
        case [*items], [*olds] if len(items) == len(olds):
            return [with_stored(item, old) for item, old in zip(items, olds, strict=True)]
        case _:
            return stored if new == REDACTED and stored is not None else new
