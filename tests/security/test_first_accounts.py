"""Whom the first start makes."""

import json
from pathlib import Path

import pytest

from tradewind.config import load_settings
from tradewind.core.errors import InvalidInput
from tradewind.security.first_accounts import FirstAccount, first_accounts


def made(home: Path, **environ: str) -> list[FirstAccount]:
    return first_accounts(load_settings(home, environ), environ)


def test_nobody_has_said_who_so_it_is_an_admin_with_a_password_of_their_own(tmp_path: Path) -> None:
    (one,), (other,) = made(tmp_path), made(tmp_path)
    assert (one.username, one.role, one.is_random) == ("admin", "Admin", True)
    assert one.password != other.password
    assert one.password not in repr(one)


def test_composes_variables_say_who(tmp_path: Path) -> None:
    (one,) = made(
        tmp_path, _AIRFLOW_WWW_USER_CREATE="true", _AIRFLOW_WWW_USER_USERNAME="airflow",
        _AIRFLOW_WWW_USER_PASSWORD="airflow", _AIRFLOW_WWW_USER_ROLE="Op", _AIRFLOW_WWW_USER_EMAIL="a@x.org",
    )  # fmt: skip
    assert (one.username, one.password, one.role, one.is_random) == ("airflow", "airflow", "Op", False)
    assert one.email == "a@x.org"
    (one,) = made(tmp_path, _AIRFLOW_WWW_USER_CREATE="true")
    assert (one.username, one.role, one.is_random) == ("admin", "Admin", True)
    (one,) = made(tmp_path, _AIRFLOW_WWW_USER_PASSWORD="", _AIRFLOW_WWW_USER_USERNAME="unused")
    assert one.username == "admin"


def test_airflows_simple_login_says_who_and_may_have_their_passwords(tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    file.write_text(json.dumps({"bob": "builder", "gone": "x"}))
    environ = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "bob:admin, ann:viewer,",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(file),
    }
    bob, ann = made(tmp_path, **environ)
    assert (bob.username, bob.role, bob.password, bob.is_random) == ("bob", "Admin", "builder", False)
    assert (ann.username, ann.role, ann.is_random) == ("ann", "Viewer", True)
    file.unlink()
    assert made(tmp_path, **environ)[0].is_random


@pytest.mark.parametrize("text", ["[", "[]", '{"a": 1}', '{"a": ""}'])
def test_a_file_of_passwords_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "passwords.json"
    file.write_text(text)
    with pytest.raises(InvalidInput, match="simple_auth_manager_passwords_file"):
        made(tmp_path, AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(file))


def test_a_user_without_a_role_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'bob' is not NAME:ROLE"):
        made(tmp_path, AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="bob")
