"""Accounts, roles, sessions and failed logins, as commands of a real scheduler."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from tradewind.core.access import BUILT_IN, Action, Need, Resource
from tradewind.security.secrets import UnreadableSecret
from tradewind.store import accounts
from tradewind.store import tables as t
from tradewind.store.times import to_us
from tradewind.testing.scheduler_stage import Stage
from tradewind.testing.simulation.database import Database
from tradewind.wire.messages import CommandResult

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"
SESSION = "s" * 32


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    database.clear(lambda: 0)
    stage = Stage(database)
    create(stage, "root", roles=["Admin"])
    return stage


def create(stage: Stage, username: str, **more: Any) -> CommandResult:
    return stage.command("account.create", username=username, password_hash=HASH, **more)


def done(result: CommandResult) -> None:
    assert result.state == "applied", result.error


def refused(result: CommandResult, kind: str, *words: str) -> None:
    assert result.state == "refused"
    assert result.kind == kind
    assert all(word in result.error for word in words), result.error


def account(stage: Stage, username: str) -> dict[str, Any]:
    with stage.database.connect() as connection:
        row = accounts.account_row(connection, username)
    assert row is not None
    return row


def login(stage: Stage, username: str, session: str = SESSION, **more: Any) -> CommandResult:
    body = {"use": "ui", "seconds": 60, "generation": account(stage, username)["generation"], **more}
    return stage.command("session.open", id=session, username=username, **body)


def is_open(stage: Stage, session: str = SESSION) -> bool:
    """Whether what was handed out for this session still counts."""
    with stage.database.connect() as connection:
        found = accounts.session_known(connection, session)
    now = to_us(stage.now())
    return found is not None and found.expires_us > now and found.generation == found.account.generation


def test_an_account_has_what_it_was_given(stage: Stage) -> None:
    done(create(stage, "kim", email="kim@x.org", first_name="수민", last_name="김", roles=["Viewer", "User"]))
    row = account(stage, "kim")
    assert (row["email"], row["first_name"], row["roles"]) == ("kim@x.org", "수민", ["Viewer", "User"])
    assert row["is_active"] is True
    assert row["generation"] == 1


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\tb", "x" * 251, 7, None])
def test_a_name_that_cannot_be_one_is_refused(stage: Stage, name: Any) -> None:
    refused(create(stage, name), "InvalidInput", "username")


def test_what_is_there_already_or_unknown_is_refused(stage: Stage) -> None:
    refused(create(stage, "root"), "AlreadyExists", "'root'")
    refused(create(stage, "kim", roles=["Boss"]), "InvalidInput", "'Boss'", "roles list")
    refused(create(stage, "kim", roles="Admin"), "InvalidInput", "list")
    refused(stage.command("account.create", username="kim"), "InvalidInput", "password")
    refused(stage.command("account.create", username="kim", password_hash="opensesame"), "InvalidInput", "argon2id")
    refused(stage.command("account.delete", username="kim"), "NotFound", "'kim'")
    refused(create(stage, "kim", first=True), "AlreadyExists", "accounts already")


def test_a_hash_is_in_no_command_and_no_event(stage: Stage) -> None:
    done(create(stage, "kim"))
    done(stage.command("account.password", username="kim", password_hash=HASH))
    with stage.database.connect() as connection:
        for table in (t.command, t.event):
            rows = connection.execute(select(table)).mappings().all()
            assert rows
            assert "argon2" not in json.dumps([dict(row) for row in rows], default=str)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("account.password", {"password_hash": HASH}),
        ("account.update", {"roles": ["User"]}),
        ("account.update", {"is_active": False}),
        ("account.add_role", {"role": "Op"}),
        ("account.remove_role", {"role": "Viewer"}),
        ("account.delete", {}),
        ("session.end_all", {}),
        ("session.end", {"id": SESSION}),
    ],
)
def test_whatever_takes_something_away_ends_what_was_handed_out(stage: Stage, kind: str, body: dict[str, Any]) -> None:
    done(create(stage, "kim", roles=["Viewer"]))
    done(login(stage, "kim"))
    assert is_open(stage)
    done(stage.command(kind, username="kim", **body))
    assert not is_open(stage)


def test_another_mail_address_ends_nothing(stage: Stage) -> None:
    done(login(stage, "root"))
    done(stage.command("account.update", username="root", email="new@x.org"))
    assert is_open(stage)
    assert account(stage, "root")["email"] == "new@x.org"


def test_the_last_admin_stays_one(stage: Stage) -> None:
    for kind, body in (
        ("account.delete", {}),
        ("account.update", {"is_active": False}),
        ("account.update", {"roles": []}),
        ("account.remove_role", {"role": "Admin"}),
    ):
        refused(stage.command(kind, username="root", **body), "InvalidInput", "last Admin")
    done(create(stage, "kim", roles=["Admin"]))
    done(stage.command("account.remove_role", username="root", role="Admin"))
    refused(stage.command("account.remove_role", username="root", role="Admin"), "InvalidInput", "does not have")
    refused(stage.command("account.delete", username="kim"), "InvalidInput", "last Admin")


def test_a_session_is_opened_for_the_account_as_it_is(stage: Stage) -> None:
    done(create(stage, "kim"))
    before = account(stage, "kim")["generation"]
    done(stage.command("account.password", username="kim", password_hash=HASH))
    refused(login(stage, "kim", generation=before), "InvalidInput", "changed meanwhile")
    done(stage.command("account.update", username="kim", is_active=False))
    refused(login(stage, "kim"), "InvalidInput", "changed meanwhile")
    refused(login(stage, "root", use="robot"), "InvalidInput", "use")
    refused(login(stage, "root", seconds=0), "InvalidInput", "lasts")
    refused(login(stage, "root", session="short"), "InvalidInput", "32")


def test_past_sessions_go_when_the_next_is_opened(stage: Stage) -> None:
    done(create(stage, "kim"))
    names = [letter * 32 for letter in "abcd"]
    done(login(stage, "kim", names[0], seconds=10))
    done(login(stage, "kim", names[1], seconds=100))
    done(login(stage, "kim", names[2], seconds=100))
    done(stage.command("session.end", id=names[1], username="kim"))
    stage.wait(20)
    assert not is_open(stage, names[0])
    done(login(stage, "kim", names[3]))
    with stage.database.connect() as connection:
        left = connection.execute(select(t.session.c.id).where(t.session.c.username == "kim")).scalars().all()
        listed = [row["id"] for row in accounts.sessions_open(connection, "kim", to_us(stage.now()))]
    assert sorted(left) == [names[2], names[3]]
    assert listed == [names[3], names[2]]
    assert account(stage, "kim")["login_count"] == 4


def test_nobody_ends_the_session_of_another(stage: Stage) -> None:
    done(create(stage, "kim"))
    done(login(stage, "root"))
    refused(stage.command("session.end", id=SESSION, username="kim"), "NotFound")
    assert is_open(stage)


def limits(stage: Stage) -> dict[str, tuple[int, float]]:
    """Failures, and how many seconds are to be waited."""
    now = to_us(stage.now())
    with stage.database.connect() as connection:
        rows = connection.execute(select(t.login_limit)).mappings().all()
    return {row["key"]: (row["failures"], max(0.0, (row["until"] - now) / 1e6)) for row in rows}


def test_who_guesses_wrong_waits_longer_and_longer(stage: Stage) -> None:
    waits = []
    for _ in range(16):
        done(stage.command("login.failed", username="root", address="10.0.0.9"))
        waits.append(limits(stage)["account:root"][1])
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert limits(stage)["address:10.0.0.9"] == (16, 0)
    assert account(stage, "root")["failed_logins"] == 16
    done(login(stage, "root"))
    assert "account:root" not in limits(stage)
    assert limits(stage)["address:10.0.0.9"][0] == 16, "an address may try many names; one that it has does not help it"


def test_who_has_waited_long_enough_begins_anew(stage: Stage) -> None:
    for _ in range(8):
        done(stage.command("login.failed", username="nobody", address="10.0.0.9"))
    stage.wait(16 * 60)
    done(stage.command("login.failed", username="root", address="10.0.0.8"))
    assert set(limits(stage)) == {"account:root", "address:10.0.0.8"}


def test_roles_are_made_of_grants(stage: Stage) -> None:
    reads = {"actions": ["read"], "resources": ["run"], "dags": {"tags": ["daily"]}}
    done(stage.command("role.set", name="daily", grants=[reads], new=True))
    refused(stage.command("role.set", name="daily", grants=[], new=True), "AlreadyExists")
    refused(stage.command("role.set", name="x", grants=[{**reads, "actions": ["fly"]}]), "InvalidInput", "'fly'")
    refused(stage.command("role.set", name="x", grants=[{**reads, "dags": {}}]), "InvalidInput", "no Dag")
    refused(stage.command("role.set", name="Admin", grants=[reads]), "InvalidInput", "everything already")
    refused(stage.command("role.delete", name="Viewer"), "InvalidInput", "built in")
    refused(stage.command("role.delete", name="none"), "NotFound")
    done(create(stage, "kim", roles=["daily"]))
    refused(stage.command("role.delete", name="daily"), "InvalidInput", "held by kim")
    done(stage.command("account.remove_role", username="kim", role="daily"))
    done(stage.command("role.delete", name="daily"))


def test_a_built_in_role_can_be_given_more(stage: Stage) -> None:
    done(stage.command("role.set", name="Viewer", grants=[{"actions": ["read"], "resources": ["config"]}]))
    with stage.database.connect() as connection:
        (viewer,) = accounts.roles_named(connection, ["Viewer", "none"])
    assert viewer.grants[: len(BUILT_IN["Viewer"].grants)] == BUILT_IN["Viewer"].grants
    assert any(grant.gives(Need(Action.READ, Resource.CONFIG)) for grant in viewer.grants)


def test_secrets_are_encrypted_anew_or_left_as_they_are(stage: Stage) -> None:
    done(stage.command("variable.set", key="k", value="v"))
    done(stage.command("connection.set", conn_id="c", password="pw", extra='{"a": 1}'))
    context = stage.scheduler.desk._context
    plain = context.encrypt, context.decrypt
    context.encrypt = lambda text: f"new:{text}"
    done(stage.command("secrets.rotate"))
    with stage.database.connect() as connection:
        assert connection.execute(select(t.variable.c.value)).scalars().all() == ["new:v"]
        assert connection.execute(select(t.connection.c.password, t.connection.c.extra)).all() == [
            ("new:pw", 'new:{"a": 1}')
        ]

    def unreadable(token: str) -> str:
        if token.startswith("new:{"):
            raise UnreadableSecret
        return token

    context.encrypt, context.decrypt = (lambda text: f"newer:{text}"), unreadable
    refused(stage.command("secrets.rotate"), "InvalidInput", "Connection c", "Nothing was changed")
    with stage.database.connect() as connection:
        assert connection.execute(select(t.variable.c.value)).scalars().all() == ["new:v"]
    context.encrypt, context.decrypt = plain
