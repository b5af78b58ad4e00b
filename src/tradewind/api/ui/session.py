"""What the web UI needs before it shows anything."""

from __future__ import annotations

from typing import Any

from tradewind import __version__
from tradewind.api.models import Answer
from tradewind.api.routing import Asked, Routes
from tradewind.core.access import Resource

routes = Routes("UI")


class Session(Answer):
    """Who is here, and what this installation is called."""

    name: str
    roles: list[str]
    instance_name: str
    zone: str
    """The time zone that applies until the reader chooses another."""
    version: str


@routes.get("/session", Resource.OWN, response_model=Session)
def session(call: Asked) -> dict[str, Any]:
    """Whoever is signed in."""
    return {
        "name": call.caller.name,
        "roles": [role.name for role in call.caller.roles],
        "instance_name": call.settings.api.instance_name or "",
        "zone": call.settings.api.default_ui_timezone,
        "version": __version__,
    }
