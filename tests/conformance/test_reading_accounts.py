"""Accounts, roles, sessions and limits are read alike from every database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from tradewind.core.access import BUILT_IN
from tradewind.store import accounts
from tradewind.store import tables as t
from tradewind.store.paging import Page
from tradewind.store.reading.accounts import accounts_listed

GRANT = {"actions": ["read"], "resources": ["run"], "dags": {"tags": ["daily"]}}


def account(username: str, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "username": username, "password_hash": None, "email": f"{username}@x.org", "first_name": "", "last_name": "",
        "roles": json.dumps(["Viewer"]), "is_active": True, "generation": 2, "login_count": 0, "failed_logins": 0,
        "last_login_at": None, "external": None, "created_at": 1, "updated_at": 1,
    }  # fmt: skip
    return row | more


def session(id: str, username: str = "kim", **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": id, "username": username, "kind": "ui", "generation": 2, "created_at": 10, "expires_at": 100,
        "ended_at": None, "address": "",
    }  # fmt: skip
    return row | more


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with engine.begin() as connection:
        people = [account("kim", external="sub-1"), account("lee", is_active=False, last_login_at=5), account("l%e")]
        connection.execute(t.account.insert(), people)
        connection.execute(t.role.insert(), [{"name": "daily", "grants": json.dumps([GRANT]), "updated_at": 1}])
        connection.execute(
            t.session.insert(),
            [
                session("open"), session("newer", created_at=11), session("over", expires_at=50),
                session("ended", ended_at=20), session("before", generation=1), session("hers", "lee"),
            ],
        )  # fmt: skip
        limits = [{"key": "account:kim", "failures": 7, "until": 60}, {"key": "address:::1", "failures": 1, "until": 5}]
        connection.execute(t.login_limit.insert(), limits)
    return engine


def test_accounts_are_known_by_name_and_by_who_they_are_elsewhere(filled: Engine) -> None:
    with filled.connect() as connection:
        assert accounts.account_known(connection, "kim") == accounts.Known("kim", None, ("Viewer",), True, 2)
        lee = accounts.account_known(connection, "lee")
        assert lee is not None
        assert lee.is_active is False
        assert accounts.account_known(connection, "KIM") is None
        found = accounts.account_of_external(connection, "sub-1")
        assert found is not None
        assert (found["username"], found["roles"]) == ("kim", ["Viewer"])
        assert accounts.number_of_accounts(connection) == 3


def test_sessions_that_count_are_told_from_those_that_do_not(filled: Engine) -> None:
    with filled.connect() as connection:
        assert [row["id"] for row in accounts.sessions_open(connection, "kim", 60)] == ["newer", "open"]
        assert accounts.sessions_past(connection, "kim", 60, 2) == ["before", "ended", "over"]
        known = accounts.session_known(connection, "before")
        assert known is not None
        assert (known.generation, known.account.generation) == (1, 2)
        assert accounts.session_known(connection, "ended") is None


def test_roles_are_what_is_built_in_and_what_is_stored(filled: Engine) -> None:
    with filled.connect() as connection:
        named = accounts.roles_named(connection, ["daily", "none", "Viewer"])
        assert [role.name for role in named] == ["Viewer", "daily"]
        listed = {role.name: stored for role, stored in accounts.roles_listed(connection)}
    assert set(listed) == {*BUILT_IN, "daily"}
    assert len(listed["daily"]) == 1
    assert listed["Viewer"] == ()


def test_what_files_of_dags_give_to_roles_is_found_with_them(engine: Engine) -> None:
    rights = json.dumps({"DAGs": ["can_read"]})
    rows = [{"role": role, "dag_id": dag_id, "rights": rights} for role in ("team", "none") for dag_id in ("a", "b")]
    with engine.begin() as connection:
        connection.execute(t.role.insert(), [{"name": "team", "grants": "[]", "updated_at": 1}])
        connection.execute(t.dag_access.insert(), rows)
    with engine.connect() as connection:
        (team,) = accounts.roles_named(connection, ["team", "none", "absent"])
        given = accounts.access_given(connection)
        unknown = accounts.roles_unknown(connection, ["team", "none", "Viewer"])
    (grant,) = team.grants
    assert sorted(grant.dags.ids) == ["a", "b"]
    assert sorted(given) == ["none", "team"]
    assert unknown == ["none"]


def test_who_has_to_wait_is_found_and_who_has_waited_too(filled: Engine) -> None:
    with filled.connect() as connection:
        assert accounts.limits_of(connection, ["account:kim", "account:no"]) == {"account:kim": (7, 60)}
        assert accounts.limits_before(connection, 50) == ["address:::1"]


def test_accounts_are_listed_by_part_of_their_names_and_in_order(filled: Engine) -> None:
    def names(name: str | None, *order_by: str) -> list[str]:
        with filled.connect() as connection:
            return [row["username"] for row in accounts_listed(connection, name, Page(order_by=order_by)).rows]

    assert sorted(names(None)) == ["kim", "l%e", "lee"]
    assert names("L%E") == ["l%e"]
    assert names(None, "-last_login_at")[0] == "lee"
