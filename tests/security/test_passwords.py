"""Hashes of passwords, and that comparing tells nothing by the time it takes."""

import statistics
import threading
import time

import pytest

from tradewind.core.errors import InvalidInput
from tradewind.security import passwords
from tradewind.security.passwords import TooBusy, hash_password, is_password, new_password, place_to_hash, prepare


def test_a_password_is_kept_as_an_argon2id_hash_and_known_again() -> None:
    found = hash_password("열려라 참깨")
    assert found.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_password(found, "열려라 참깨")
    assert not is_password(found, "열려라 참께")
    assert not is_password(found, "")
    assert hash_password("same") != hash_password("same")


@pytest.mark.parametrize("password", ["", "x" * 1025, "a\0b"])
def test_what_cannot_be_a_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 1024"):
        hash_password(password)


@pytest.mark.parametrize("stored", [None, "", "no hash", "$argon2id$v=19$m=8,t=1,p=1$c2Fs$"])
def test_where_nothing_usable_is_stored_no_password_is_right(stored: str | None) -> None:
    for password in ("", "x", "no hash", "\ud800"):
        assert not is_password(stored, password)


def test_whether_there_is_an_account_cannot_be_told_by_the_time() -> None:
    """S10"""
    prepare()
    stored = hash_password("right")

    def cpu_seconds(password_hash: str | None) -> float:
        began = time.thread_time()
        is_password(password_hash, "wrong")
        return time.thread_time() - began

    times = [(cpu_seconds(stored), cpu_seconds(None)) for _ in range(7)]
    known, unknown = (statistics.median(column) for column in zip(*times, strict=True))
    assert 0.5 < known / unknown < 2
    assert unknown > 0.002, "an unknown name costs a whole comparison"


def test_two_are_worked_on_at_once_and_the_next_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.05)
    both, done = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with place_to_hash():
            both.wait(10)
            done.wait(10)

    holders = [threading.Thread(target=hold) for _ in range(2)]
    for holder in holders:
        holder.start()
    both.wait(10)
    with pytest.raises(TooBusy, match="try again"):
        hash_password("x")
    done.set()
    for holder in holders:
        holder.join(10)
    assert hash_password("x")


def test_random_passwords_can_be_typed_and_differ() -> None:
    found = {new_password() for _ in range(100)}
    assert len(found) == 100
    assert all(len(password) == 19 and not set(password) & set("ilo01") for password in found)
