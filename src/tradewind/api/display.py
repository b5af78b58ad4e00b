"""What Dags are called where people look at them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.store.reading.dags import versions_now


def names_of_dags(call: Call, connection: Connection, dag_ids: Iterable[str]) -> dict[str, str]:
    """What these Dags are called; one that there is not has its id."""
    wanted = set(dag_ids)
    return {dag_id: dag_id for dag_id in wanted} | display_names(call, connection, versions_now(connection, wanted))


def display_names(call: Call, connection: Connection, dags: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """What each Dag is called, by its id; `dags` are pairs of id and version. One that cannot be read has its id."""
    wanted = dict(dags)
    traits = call.installation.traits.of(connection, {version for version in wanted.values() if version})
    return {
        dag_id: (traits[version].display_name if version is not None else "") or dag_id
        for dag_id, version in wanted.items()
    }
