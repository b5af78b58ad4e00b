"""Every setting with its value, where that comes from, and what it does."""

from __future__ import annotations

from typing import Any

from tradewind.api.models import Answer
from tradewind.api.public.config import check_exposed, shown_value
from tradewind.api.routing import UI, Asked, Routes
from tradewind.config.settings import entries, has_effect, help_of, is_sensitive
from tradewind.core.access import Resource

routes = Routes("UI", prefix=UI)


class SettingRow(Answer):
    """`source` is `default`, or the variable or file that says it. `is_used`: something reads it; what nothing reads is
    accepted for Airflow's sake."""

    section: str
    key: str
    value: str
    source: str
    is_default: bool
    is_secret: bool
    is_used: bool
    help: str


class SettingList(Answer):
    settings: list[SettingRow]


@routes.get("/settings", Resource.CONFIG, response_model=SettingList)
def list_settings(call: Asked) -> dict[str, Any]:
    """All settings of the table, then what else somebody wrote. Refused where [api] expose_config does not allow it."""
    check_exposed(call)
    rows = entries(call.settings)
    return {"settings": [_row(section, key, value, source) for section, key, value, source in rows]}


def _row(section: str, key: str, value: str | None, source: str) -> dict[str, Any]:
    meaning = help_of(section, key)
    return {
        "section": section,
        "key": key,
        "value": shown_value(section, key, value),
        "source": source,
        "is_default": source == "default",
        "is_secret": is_sensitive(section, key),
        "is_used": bool(meaning) and has_effect(section, key),
        "help": meaning,
    }
