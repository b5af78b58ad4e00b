"""Accounts, as people look at them."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from tradewind.store import tables as t
from tradewind.store.accounts import roles_of
from tradewind.store.paging import Listed, Page, Sortable, paged
from tradewind.store.reading.scope import escaped

SORTABLE: Sortable = {
    "username": t.account.c.username,
    "email": t.account.c.email,
    "last_login_at": t.account.c.last_login_at,
    "created_at": t.account.c.created_at,
}


def accounts_listed(connection: Connection, name: str | None, page: Page) -> Listed:
    """Accounts with this in their name or mail address; `roles` are lists."""
    query = select(t.account)
    if name:
        row, wanted = t.account.c, f"%{escaped(name)}%"
        columns = (row.username, row.email, row.first_name, row.last_name)
        query = query.where(or_(*(column.ilike(wanted, escape="\\") for column in columns)))
    listed = paged(connection, query, page, SORTABLE, key=(t.account.c.username,), default=("username",))
    rows = [{**row, "roles": list(roles_of(row["username"], row["roles"]))} for row in listed.rows]
    return Listed(rows, listed.total, listed.next_cursor, listed.previous_cursor)
