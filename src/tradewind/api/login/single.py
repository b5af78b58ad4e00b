"""Logins at an identity provider, between the moment a browser is sent there and the moment it comes back.

What must come back is kept by the browser, sealed: it can neither read nor make it, and any API server can open it.
"""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from tradewind.config import Settings
from tradewind.core.errors import TradewindError
from tradewind.security.secrets import FernetVault
from tradewind.security.tokens import derived, login_secrets

if TYPE_CHECKING:
    from tradewind.security.oidc import Begun, Provider

LASTS = timedelta(minutes=10)
MOST_USED = 10_000
_PURPOSE = b"tradewind logins that were begun"


class NotBegun(TradewindError):
    """Somebody comes back from the provider whose login did not begin in this browser, or too long ago, or who has
    come back already."""

    def __init__(self) -> None:
        super().__init__("This login did not begin in this browser, or is over.")


@dataclass(frozen=True, slots=True)
class Came:
    """What was sealed when the login began."""

    begun: Begun
    next: str
    redirect_uri: str


class SingleSignOn:
    """The provider, and the logins that have been sent to it."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings, self._clock = settings, clock
        self._used: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    @cached_property
    def provider(self) -> Provider:
        from tradewind.security.oidc import Provider

        return Provider(self._settings, self._clock)

    @cached_property
    def roles(self) -> dict[str, list[str]]:
        """Our roles by the values of the provider's claim. Raises InvalidInput for a setting that cannot be read."""
        from tradewind.security.oidc import roles_mapped

        return roles_mapped(self._settings.oidc.roles_mapping)

    def roles_of(self, values: tuple[str, ...]) -> list[str]:
        """What somebody with these values may be; empty for one who is not let in."""
        found = [role for value in values for role in self.roles.get(value, ())]
        default = self._settings.oidc.default_role.strip()
        return list(dict.fromkeys(found)) or ([default] if default else [])

    def seal(self, begun: Begun, next_page: str, redirect_uri: str) -> str:
        """What the browser keeps meanwhile."""
        until = (self._clock() + LASTS).timestamp()
        kept = {"begun": asdict(begun), "next": next_page, "redirect_uri": redirect_uri, "until": until}
        return self._vault.encrypt(json.dumps(kept))

    def unseal(self, token: str | None) -> Came:
        """What it has kept; once. Raises NotBegun."""
        from tradewind.security.oidc import Begun

        try:
            kept = json.loads(self._vault.decrypt(token or ""))
        except (TradewindError, ValueError):
            raise NotBegun from None
        begun = Begun(**kept["begun"])
        if kept["until"] <= self._clock().timestamp() or not self._is_first(begun.state):
            raise NotBegun
        return Came(begun, kept["next"], kept["redirect_uri"])

    @cached_property
    def _vault(self) -> FernetVault:
        secrets = login_secrets(self._settings)
        return FernetVault([base64.urlsafe_b64encode(derived(each, _PURPOSE)).decode() for each in secrets])

    def _is_first(self, state: str) -> bool:
        """Whether nobody has come back with it here; what is over is forgotten."""
        now = self._clock()
        with self._lock:
            while self._used and (next(iter(self._used.values())) < now - LASTS or len(self._used) > MOST_USED):
                self._used.popitem(last=False)
            if state in self._used:
                return False
            self._used[state] = now
            return True
