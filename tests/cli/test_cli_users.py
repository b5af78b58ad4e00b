"""`tradewind users`, `roles` and `rotate-fernet-key`, without a scheduler: each applies its command on the spot."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_fakes import Run

from tradewind.security.passwords import is_password
from tradewind.security.secrets import new_key

KIM = ("users", "create", "-u", "kim", "-f", "수민", "-l", "김", "-e", "kim@x.org", "-r", "Viewer")


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home / "tradewind.db")) as database:
        return database.execute(sql).fetchall()


def test_a_user_is_created_once_and_a_second_time_is_no_error(run: Run, home: Path) -> None:
    created = run("users", "create", "-u", "root", "-f", "R", "-l", "T", "-e", "r@x.org", "-r", "Admin", "-p", "pw")
    assert (created.code, created.out) == (0, "User root created with role Admin\n")
    again = run("users", "create", "-u", "root", "-f", "R", "-l", "T", "-e", "r@x.org", "-r", "Admin", "-p", "other")
    assert (again.code, again.out) == (0, "User root exists already and stays as it is.\n")
    ((stored,),) = rows(home, "SELECT password_hash FROM account")
    assert is_password(str(stored), "pw")
    assert "pw" not in json.dumps(rows(home, "SELECT body FROM event"))
    listed = run("users", "list", "-o", "json").json
    assert listed == [
        {"username": "root", "email": "r@x.org", "first_name": "R", "last_name": "T", "roles": ["Admin"],
         "active": "True"}
    ]  # fmt: skip


def test_a_password_is_random_or_asked_for(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    created = run(*KIM, "--use-random-password")
    (password,) = re.findall(r"Password: (\S+)", created.out)
    assert is_password(str(rows(home, "SELECT password_hash FROM account")[0][0]), password)
    reset = run("users", "reset-password", "-e", "kim@x.org", "--use-random-password")
    (another,) = re.findall(r"Password: (\S+)", reset.out)
    assert another != password
    ((stored, generation),) = rows(home, "SELECT password_hash, generation FROM account")
    assert is_password(str(stored), another)
    assert generation == 2
    both = run("users", "reset-password", "-u", "kim", "-p", "x", "--use-random-password")
    assert (both.code, "exclude each other" in both.err) == (2, True)


def test_users_that_there_are_not_are_named(run: Run) -> None:
    assert run(*KIM, "-p", "x").code == 0
    for words, said in (
        (("users", "delete", "-u", "lee"), "There is no user with the username 'lee'"),
        (("users", "delete", "-e", "lee@x.org"), "There is no user with the email 'lee@x.org'"),
        (("users", "add-role", "-u", "kim", "-r", "Boss"), "There is no role 'Boss'"),
        (("users", "add-role", "-u", "kim", "-r", "Viewer"), "has the role already"),
        (("users", "create", "-u", "a b", *KIM[4:], "-p", "x"), "username 'a b' must be"),
    ):
        ended = run(*words)
        assert ended.code == 1
        assert said in ended.err
    assert run("users", "delete").code == 2


def test_roles_are_given_and_taken(run: Run) -> None:
    run(*KIM, "-p", "x")
    assert run("users", "add-role", "-u", "kim", "-r", "User").code == 0
    assert run("users", "remove-role", "-u", "kim", "-r", "Viewer").code == 0
    assert run("users", "list", "-o", "json").json[0]["roles"] == ["User"]
    assert run("users", "delete", "-u", "kim").out == "User kim deleted\n"
    assert run("users", "list").out == "No data found\n"


def test_users_and_roles_are_written_to_files_and_read_again(run: Run, home: Path, tmp_path: Path) -> None:
    run("roles", "create", "daily")
    run("roles", "add-perms", "daily", "-r", "TAG:daily", "-a", "can_read,can_edit")
    run(*KIM, "-p", "x")
    run("users", "add-role", "-u", "kim", "-r", "daily")
    users, roles = tmp_path / "users.json", tmp_path / "roles.json"
    assert run("users", "export", str(users)).code == 0
    assert run("roles", "export", "-p", str(roles)).code == 0
    assert "argon2" not in users.read_text()
    run("users", "delete", "-u", "kim")
    run("roles", "delete", "daily")
    assert run("roles", "import", str(roles)).out == "Role daily imported\n"
    assert re.fullmatch(r"User kim created with the password \S+\n", run("users", "import", str(users)).out)
    assert run("users", "import", str(users)).out == "User kim changed\n"
    assert run("users", "list", "-o", "json").json[0]["roles"] == ["Viewer", "daily"]
    users.write_text("{}")
    assert "must hold a list" in run("users", "import", str(users)).err


def test_what_roles_may_do_is_changed_in_airflows_words(run: Run) -> None:
    assert run("roles", "create", "etl", "more").out == "Role etl created\nRole more created\n"
    assert "There is a role 'etl' already" in run("roles", "create", "etl").err
    assert (
        run("roles", "add-perms", "etl", "-r", "DAG:etl", "-r", "Pools", "-a", "can_read", "-a", "can_edit").code == 0
    )

    def may(role: str) -> dict[str, str]:
        listed = run("roles", "list", "-p", "-o", "json").json
        return {row["resource"]: row["action"] for row in listed if row["name"] == role}

    assert may("etl") == {"DAG:etl": "can_edit,can_read", "Pools": "can_edit,can_read"}
    assert run("roles", "del-perms", "etl", "-r", "Pools").code == 0
    assert run("roles", "del-perms", "etl", "-r", "DAG:etl", "-a", "can_edit").code == 0
    assert may("etl") == {"DAG:etl": "can_read"}
    assert may("Viewer")["DAG Runs"] == "can_read"
    assert "Nothing of that was added to role Viewer" in run("roles", "del-perms", "Viewer", "-r", "DAGs").err
    assert "only show a menu" in run("roles", "add-perms", "etl", "-r", "Website", "-a", "can_read").err
    assert "Resource 'Moon' is unknown" in run("roles", "add-perms", "etl", "-r", "Moon", "-a", "can_read").err
    names = [row["name"] for row in run("roles", "list", "-o", "json").json]
    assert names == ["Admin", "Op", "Public", "User", "Viewer", "etl", "more"]


def test_stored_secrets_are_encrypted_anew_with_the_first_key(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = new_key(), new_key()
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", old)
    run("variables", "set", "v", "opensesame")
    run("connections", "add", "c", "--conn-uri", "postgres://u:topsecret@h/d")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{new},{old}")
    ended = run("rotate-fernet-key")
    assert (ended.code, ended.out) == (0, "1 variable and 1 connection encrypted anew\n")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", new)
    assert run("variables", "get", "v").out == "opensesame\n"
    assert "topsecret" in run("connections", "export", "-", "--format", "json").out
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", new_key())
    ended = run("rotate-fernet-key")
    assert ended.code == 1
    assert "Variable v: A stored secret cannot be decrypted" in ended.err
    assert "Nothing was changed" in ended.err
