"""What the API says about a version of a Dag, whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tradewind.api.models import Answer, Moment


class DagVersionResponse(Answer):
    id: UUID
    version_number: int
    dag_id: str
    bundle_name: str | None
    bundle_version: str | None
    created_at: Moment
    dag_display_name: str
    bundle_url: str | None


def version_fields(row: Mapping[str, Any], display_name: str = "") -> dict[str, Any]:
    """A version's row as an answer."""
    return {
        "id": UUID(row["id"]),
        "version_number": row["number"],
        "dag_id": row["dag_id"],
        "bundle_name": BUNDLE,
        "bundle_version": None,
        "created_at": row["created_at"],
        "dag_display_name": display_name or row["dag_id"],
        "bundle_url": None,
    }


BUNDLE = "dags-folder"
"""Airflow's name for the one folder of Dag files."""
