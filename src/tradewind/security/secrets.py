"""Secrets at rest: the installation's key file, and a vault that encrypts with it.

Values are Fernet tokens, as Airflow has them. `core.fernet_key` wins when it is set; a list separated by commas
rotates: the first key encrypts, all of them decrypt, and the key file's own key still decrypts what it encrypted.
"""

import base64
import binascii
import logging
import os
import secrets
from pathlib import Path
from typing import Protocol

from tradewind.config import Settings
from tradewind.core.errors import InvalidInput, TradewindError

log = logging.getLogger("tradewind.security")


class UnreadableSecret(TradewindError):
    """A stored secret was encrypted with a key that this installation does not have."""

    def __init__(self, what: str = "A stored secret") -> None:
        super().__init__(
            f"{what} cannot be decrypted with the keys at hand; add the key it was stored with to [core] fernet_key "
            "(after a comma), or store it again."
        )


class Vault(Protocol):
    """Encrypts and decrypts short texts."""

    def encrypt(self, text: str) -> str: ...

    def decrypt(self, token: str) -> str: ...


class FernetVault:
    """A vault over one or more Fernet keys. cryptography is imported at the first use."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = keys

    def encrypt(self, text: str) -> str:
        """The text as a token of the first key."""
        from cryptography.fernet import Fernet

        return Fernet(self._keys[0]).encrypt(text.encode()).decode("ascii")

    def decrypt(self, token: str) -> str:
        """The text of a token of any of the keys. Raises UnreadableSecret for any other."""
        from cryptography.fernet import Fernet, InvalidToken, MultiFernet

        try:
            return MultiFernet([Fernet(key) for key in self._keys]).decrypt(token.encode()).decode()
        except InvalidToken:
            raise UnreadableSecret() from None


def open_vault(settings: Settings, *, make_key: bool = True) -> FernetVault:
    """The installation's vault; makes the key file at the first start. Raises InvalidInput for an unusable key.

    `make_key=False` is for those who only read: where the key file is lost, a new one would only hide that.
    """
    configured = settings.core.fernet_key
    if not configured:
        if configured is not None:
            log.warning("[core] fernet_key is empty; secrets are encrypted with the key in %s.", settings.key_file)
        if not make_key and not settings.key_file.exists():
            raise InvalidInput(
                f"The key file {settings.key_file} is missing; restore it from a backup, or set [core] fernet_key."
            )
        return FernetVault([read_or_make_key(settings.key_file)])
    if problem := key_problem(configured):
        raise InvalidInput(f"[core] fernet_key ({settings.explain('core', 'fernet_key')[1]}): {problem}")
    keys = [key.strip() for key in configured.split(",") if key.strip()]
    if settings.key_file.is_file():
        keys.append(read_or_make_key(settings.key_file))
    return FernetVault(keys)


def first_key(settings: Settings) -> str:
    """The key that encrypts."""
    configured = [key.strip() for key in (settings.core.fernet_key or "").split(",") if key.strip()]
    return configured[0] if configured else read_or_make_key(settings.key_file)


def key_problem(configured: str) -> str:
    """What is wrong with a `core.fernet_key`, as one sentence; empty when it is usable."""
    keys = [key.strip() for key in configured.split(",") if key.strip()]
    for number, key in enumerate(keys, 1):
        if not _is_key(key):
            which = "it is" if len(keys) == 1 else f"its key number {number} is"
            return (
                f"{which} not a Fernet key (32 random bytes in URL-safe base64, 44 characters ending in `=`), perhaps "
                "a placeholder; unset it to use the key file that Tradewind makes, or make one with: "
                'python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
            )
    return "" if keys else "it holds no key."


def new_key() -> str:
    """A new random key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def read_or_make_key(path: Path) -> str:
    """The key in this file; made there first, for this user alone, if there is no file. Two starters agree on one."""
    try:
        key = path.read_text("ascii").strip()
    except FileNotFoundError:
        return _make_key(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The key file {path} cannot be read: {error}.") from None
    if not _is_key(key):
        raise InvalidInput(f"The key file {path} does not hold a Fernet key; restore it from a backup.")
    if path.stat().st_mode & 0o077:
        log.warning("The key file %s can be read by others; run: chmod 600 %s", path, path)
    return key


def _make_key(path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(new_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails if another starter was first: then its key is the one
        except FileExistsError:
            pass
    finally:
        os.unlink(draft)
    return read_or_make_key(path)


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)) == 32
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return False
