"""What must not be shown, and how it comes back."""

from __future__ import annotations

import pytest

from tradewind.core.sensitive import Sensitive, with_stored


@pytest.mark.parametrize(
    "name", ["password", "my_API_KEY", "Token2", "x-secret-y", "aws_access_key_id", "service_account"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert Sensitive().is_secret(name)
    assert not Sensitive(goes_by_name=False).is_secret(name)


def test_an_installation_has_names_of_its_own() -> None:
    mine = Sensitive([" Moon ", ""])
    assert mine.is_secret("the_moon_phase")
    assert not mine.is_secret("sun")
    assert not Sensitive().is_secret("moon")


def test_what_stands_under_a_secrets_name_is_hidden_however_deep() -> None:
    value = {"a": 1, "auth": [{"token": "x", "user": "me"}], "secret": {"b": "c"}, "password": "", "passwd": None}
    assert Sensitive().shown(value) == {
        "a": 1, "auth": [{"token": "***", "user": "me"}], "secret": "***", "password": "", "passwd": None,
    }  # fmt: skip


def test_what_comes_back_masked_is_what_was_stored() -> None:
    stored = {"a": 1, "auth": [{"token": "x"}], "secret": {"b": "c"}}
    assert with_stored({"a": 2, "auth": [{"token": "***"}], "secret": "***"}, stored) == {**stored, "a": 2}
    assert with_stored({"new": "***", "auth": [{"token": "***"}, {"token": "***"}]}, stored) == {
        "new": "***", "auth": [{"token": "***"}, {"token": "***"}],
    }, "where nothing was stored there is nothing to put back"  # fmt: skip
