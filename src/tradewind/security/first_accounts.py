"""Whom an installation knows at its first start: an admin with a random password, unless somebody has said who.

Airflow's compose files say so by `_AIRFLOW_WWW_USER_*`; its simple login by [core] simple_auth_manager_users.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tradewind.config import Settings
from tradewind.core.errors import InvalidInput
from tradewind.security.passwords import new_password

PREFIX = "_AIRFLOW_WWW_USER_"
ROLES = {"admin": "Admin", "op": "Op", "user": "User", "viewer": "Viewer", "public": "Public"}
"""Airflow's simple login writes roles in small letters."""


@dataclass(frozen=True, slots=True, repr=False)
class FirstAccount:
    """Somebody to be made where nobody is known yet."""

    username: str
    role: str
    password: str
    is_random: bool
    """Nobody knows the password yet, so it must be shown."""
    email: str = ""
    first_name: str = ""
    last_name: str = ""


def first_accounts(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[FirstAccount]:
    """Those to be made at the first start. Raises InvalidInput, which names the setting that cannot be read."""
    if environ.get(f"{PREFIX}PASSWORD") or environ.get(f"{PREFIX}CREATE", "").lower() in ("true", "1", "yes"):
        return [_of_compose(environ)]
    passwords = _passwords(settings)
    found = [_of_simple(part.strip(), passwords) for part in settings.core.simple_auth_manager_users.split(",")]
    return [account for account in found if account is not None] or [_random("admin", "Admin")]


def _of_compose(environ: Mapping[str, str]) -> FirstAccount:
    def said(name: str, default: str) -> str:
        return environ.get(f"{PREFIX}{name}") or default

    password = said("PASSWORD", "")
    return FirstAccount(
        username=said("USERNAME", "admin"),
        role=said("ROLE", "Admin"),
        password=password or new_password(),
        is_random=not password,
        email=said("EMAIL", ""),
        first_name=said("FIRSTNAME", ""),
        last_name=said("LASTNAME", ""),
    )


def _of_simple(part: str, passwords: Mapping[str, str]) -> FirstAccount | None:
    if not part:
        return None
    username, colon, role = part.partition(":")
    if not colon or not username.strip():
        raise InvalidInput(f"[core] simple_auth_manager_users: {part!r:.60} is not NAME:ROLE.")
    name, role = username.strip(), ROLES.get(role.strip().lower(), role.strip())
    if name in passwords:
        return FirstAccount(name, role, passwords[name], is_random=False)
    return _random(name, role)


def _random(username: str, role: str) -> FirstAccount:
    return FirstAccount(username, role, new_password(), is_random=True)


def _passwords(settings: Settings) -> dict[str, str]:
    """By name, as Airflow's simple login keeps them; empty where there is no such file."""
    named = settings.core.simple_auth_manager_passwords_file
    if not named:
        return {}
    path = Path(os.path.expanduser(named))
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(f"[core] simple_auth_manager_passwords_file {path} cannot be read: {error}.") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
        raise InvalidInput(f"[core] simple_auth_manager_passwords_file {path} must hold names and their passwords.")
    return found
