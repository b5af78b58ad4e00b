"""The key file, rotation, and errors that say what to do."""

import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tradewind.config import load_settings
from tradewind.core.errors import InvalidInput
from tradewind.security.secrets import UnreadableSecret, key_problem, new_key, open_vault, read_or_make_key


def test_a_secret_comes_back_and_does_not_show(tmp_path: Path) -> None:
    vault = open_vault(load_settings(tmp_path, {}))
    token = vault.encrypt("비밀 wort")
    assert "wort" not in token
    assert vault.decrypt(token) == "비밀 wort"


def test_the_key_file_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    """S23"""
    path = tmp_path / "home" / "secret.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_or_make_key(path), range(8)))
    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["secret.key"]


def test_a_configured_key_wins_and_the_key_file_still_decrypts(tmp_path: Path) -> None:
    before = open_vault(load_settings(tmp_path, {})).encrypt("old")
    key = new_key()
    vault = open_vault(load_settings(tmp_path, {"AIRFLOW__CORE__FERNET_KEY": key}))
    assert vault.decrypt(before) == "old"
    with pytest.raises(UnreadableSecret, match="cannot be decrypted"):
        open_vault(load_settings(tmp_path, {})).decrypt(vault.encrypt("new"))


def test_rotation_encrypts_with_the_first_and_decrypts_with_all(tmp_path: Path) -> None:
    """S23"""
    one, two = new_key(), new_key()

    def vault(keys: str):  # type: ignore[no-untyped-def]
        return open_vault(load_settings(tmp_path, {"AIRFLOW__CORE__FERNET_KEY": keys}))

    assert vault(f"{two},{one}").decrypt(vault(one).encrypt("x")) == "x"
    assert vault(two).decrypt(vault(f"{two}, {one}").encrypt("y")) == "y"


def test_an_empty_key_warns_and_uses_the_key_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        vault = open_vault(load_settings(tmp_path, {"AIRFLOW__CORE__FERNET_KEY": ""}))
    assert vault.decrypt(vault.encrypt("x")) == "x"
    assert "fernet_key is empty" in caplog.text


def test_a_placeholder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"AIRFLOW__CORE__FERNET_KEY": "fernet_key_here_32_character_string"})
    with pytest.raises(InvalidInput, match=r"env AIRFLOW__CORE__FERNET_KEY.*not a Fernet key.*unset it"):
        open_vault(settings)
    assert "number 2" in key_problem(f"{new_key()},short")
    assert key_problem(new_key()) == ""


def test_a_damaged_or_open_key_file_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "secret.key"
    read_or_make_key(path)
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        read_or_make_key(path)
    assert "chmod 600" in caplog.text
    path.write_text("nonsense")
    with pytest.raises(InvalidInput, match="does not hold a Fernet key"):
        read_or_make_key(path)
