"""Patterns that come with data: the same answers as `re`, in a time that does not explode, or a clear no."""

from __future__ import annotations

import re
from random import Random

import pytest

from tradewind.core.linear_patterns import MOST_STATES, MOST_STEPS, NotLinear, _compiled, found_in

PATTERNS = [
    "", "a", "^a", "a$", r"^[a-z]+(\.[a-z]+)*@[a-z]+\.(com|org)$", "a|b|", "(a|ab)(c|bcd)", "^(a?){3}a{3}$", "a{2,4}b",
    r"\bab\b", r"\Bb", r"^\d{4}-\d\d-\d\d$", r"[^a-c]", r"[^\d\s]x", "^.*$", ".+?b", "(?:ab)+", "(?P<n>a)b", "a{0}b",
    r"\Aab\Z", "()", "(a*)*", "(a*)+b", "^(a|b)*c", "(|a)+", r"[\w-]+$", "a{3}", "(ab?){2,}", "[]x]", r"\.", "x*", "é+",
]  # fmt: skip
TEXTS = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "aab",
    "aaab",
    "aaaaab",
    "a.b@c.com",
    "ab cd",
    "x\n",
    "a\n",
    "\n",
    "2024-01-31",
    "é",
    "]",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_answer_is_that_of_re(pattern: str) -> None:
    random = Random(pattern)
    texts = TEXTS + ["".join(random.choices("abc.@-1 \nx", k=random.randrange(9))) for _ in range(300)]
    for text in texts:
        assert found_in(pattern, text) is (re.search(pattern, text) is not None), text


def test_patterns_that_explode_in_re_are_answered_at_once() -> None:
    for pattern in ("^(a+)+$", "^(a|a)*$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "^(a?){30}a{30}$"):
        assert found_in(pattern, "a" * 300 + "!") is False


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "(?=a)b", "(?!a)b", "(?<=a)b", "(?i)a", "(?s).", "(a)?(?(1)b|c)", "(?>a)"]
)
def test_what_no_linear_search_can_do_is_said(pattern: str) -> None:
    with pytest.raises(NotLinear):
        found_in(pattern, "a")


@pytest.mark.parametrize("pattern", ["(((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9})", "a{5000}", "a{1,99999}"])
def test_a_pattern_has_only_so_many_states(pattern: str) -> None:
    with pytest.raises(NotLinear, match=f"more than {MOST_STATES} states"):
        found_in(pattern, "a")


def test_a_text_is_only_so_long() -> None:
    longest = MOST_STEPS // len(_compiled("a$")) - 1
    assert found_in("a$", "b" * (longest - 1) + "a")
    with pytest.raises(NotLinear, match="characters are too many"):
        found_in("a$", "b" * (longest + 1))


@pytest.mark.parametrize("pattern", ["(", "[", "*", "a{2,1}"])
def test_what_is_no_regular_expression_is_an_error(pattern: str) -> None:
    with pytest.raises(re.error):
        found_in(pattern, "a")
