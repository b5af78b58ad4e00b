"""Regular expressions that take linear time, for patterns that come with data: `re` may need longer than anybody waits.

A pattern is read by Python's own parser, and its parts are followed side by side, so that each character of a text is
looked at once, whatever the pattern. What needs more (back references, look-around, flags) is no such pattern.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

MOST_STATES = 2_000
MOST_STEPS = 200_000
"""Characters times states that one search may take: some hundredths of a second."""

MOST_STEPS_TOGETHER = 10_000_000
"""The same for one pattern and many texts: a second or two where every state is always reached, which is rare."""

_Test = Callable[[str], bool]


class NotLinear(ValueError):
    """What cannot be matched in linear time, or in as little as there is."""


class _Step(NamedTuple):
    """A state. It takes a character that passes `test`, or holds at a place (`at`); both empty: it leads on at once."""

    test: _Test | None
    at: str
    leads_to: list[int]


def found_in(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in a text, as `re.search` does. Raises NotLinear; and re.error for what is
    no regular expression."""
    steps = _compiled(pattern)
    if len(steps) * (len(text) + 1) > MOST_STEPS:
        raise NotLinear(f"{len(text)} characters are too many for the pattern {pattern!r}")
    return _search(steps, text)


def found_among(pattern: str, texts: Iterable[str]) -> frozenset[str]:
    """The texts in which the pattern matches. Raises NotLinear; and re.error for what is no regular expression."""
    asked, steps = tuple(texts), _compiled(pattern)
    if len(steps) * sum(len(text) + 1 for text in asked) > MOST_STEPS_TOGETHER:
        raise NotLinear(f"{len(asked)} texts are too many for it")
    return frozenset(text for text in asked if found_in(pattern, text))


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[_Step, ...]:
    try:
        parsed = _parser.parse(pattern)
    except (OverflowError, RecursionError) as error:
        raise NotLinear(str(error)) from None
    if parsed.state.flags & ~re.UNICODE:
        raise NotLinear("it has flags")
    return tuple(_Builder().built(parsed))


def _search(steps: tuple[_Step, ...], text: str) -> bool:
    end = len(steps) - 1
    here: set[int] = set()
    for place in range(len(text) + 1):
        here = _closure(steps, {0, *here}, text, place)
        if end in here:
            return True
        if place == len(text):
            return False
        char = text[place]
        here = {
            after for n in here if (test := steps[n].test) is not None and test(char) for after in steps[n].leads_to
        }
    return False


def _closure(steps: tuple[_Step, ...], starts: set[int], text: str, place: int) -> set[int]:
    """Every state that is reached without a character."""
    seen, todo = set(starts), list(starts)
    while todo:
        step = steps[todo.pop()]
        if step.test is None and (not step.at or _PLACES[step.at](text, place)):
            for after in step.leads_to:
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
    return seen


def _is_word(text: str, place: int) -> bool:
    return 0 <= place < len(text) and _WORD.match(text[place]) is not None


_WORD = re.compile(r"\w")
_PLACES: dict[str, Callable[[str, int], bool]] = {
    "begin": lambda text, place: place == 0,
    "end": lambda text, place: place == len(text) or (place == len(text) - 1 and text[place] == "\n"),
    "end_of_text": lambda text, place: place == len(text),
    "boundary": lambda text, place: _is_word(text, place - 1) != _is_word(text, place),
    "no_boundary": lambda text, place: _is_word(text, place - 1) == _is_word(text, place),
}
_AT = {
    c.AT_BEGINNING: "begin",
    c.AT_BEGINNING_STRING: "begin",
    c.AT_END: "end",
    c.AT_END_STRING: "end_of_text",
    c.AT_BOUNDARY: "boundary",
    c.AT_NON_BOUNDARY: "no_boundary",
}
_CATEGORIES: dict[Any, str] = {
    c.CATEGORY_DIGIT: r"\d",
    c.CATEGORY_NOT_DIGIT: r"\D",
    c.CATEGORY_SPACE: r"\s",
    c.CATEGORY_NOT_SPACE: r"\S",
    c.CATEGORY_WORD: r"\w",
    c.CATEGORY_NOT_WORD: r"\W",
}


class _Builder:
    """Thompson's construction: each part is a piece of the graph with one way in and one way out."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []

    def built(self, parsed: Any) -> list[_Step]:
        first = self._add()
        last = self._sequence(parsed, first)
        if last != len(self.steps) - 1:
            self._link(last, self._add())
        return self.steps

    def _add(self, test: _Test | None = None, at: str = "") -> int:
        if len(self.steps) >= MOST_STATES:
            raise NotLinear(f"it has more than {MOST_STATES} states")
        self.steps.append(_Step(test, at, []))
        return len(self.steps) - 1

    def _link(self, start: int, end: int) -> None:
        self.steps[start].leads_to.append(end)

    def _sequence(self, parts: Iterable[tuple[Any, Any]], start: int) -> int:
        for kind, value in parts:
            start = self._part(kind, value, start)
        return start

    def _part(self, kind: Any, value: Any, start: int) -> int:
        match kind:
            case c.LITERAL | c.NOT_LITERAL | c.ANY | c.IN:
                return self._through(self._add(test=_test_of(kind, value)), start)
            case c.AT if value in _AT:
                return self._through(self._add(at=_AT[value]), start)
            case c.SUBPATTERN if not value[1] and not value[2]:
                return self._sequence(value[3], start)
            case c.BRANCH:
                return self._branch(value[1], start)
            case c.MAX_REPEAT | c.MIN_REPEAT:
                least, most, parts = value
                return self._repeat(least, most, parts, start)
            case _:
                raise NotLinear(f"it has {str(kind).lower()}")

    def _through(self, step: int, start: int) -> int:
        self._link(start, step)
        end = self._add()
        self._link(step, end)
        return end

    def _branch(self, ways: Iterable[Any], start: int) -> int:
        ends = []
        for way in ways:
            begin = self._add()
            self._link(start, begin)
            ends.append(self._sequence(way, begin))
        end = self._add()
        for one in ends:
            self._link(one, end)
        return end

    def _repeat(self, least: int, most: Any, parts: Any, start: int) -> int:
        for _ in range(least):
            start = self._sequence(parts, start)
        if most is c.MAXREPEAT:
            loop = self._add()
            self._link(start, loop)
            self._link(self._sequence(parts, loop), loop)
            return self._through(self._add(), loop)
        ends = [start]
        for _ in range(most - least):
            start = self._sequence(parts, start)
            ends.append(start)
        end = self._add()
        for one in ends:
            self._link(one, end)
        return end


def _test_of(kind: Any, value: Any) -> _Test:
    match kind:
        case c.LITERAL:
            char = chr(value)
            return lambda given: given == char
        case c.NOT_LITERAL:
            char = chr(value)
            return lambda given: given != char
        case c.ANY:
            return lambda given: given != "\n"
        case c.RANGE:
            first, last = map(chr, value)
            return lambda given: first <= given <= last
        case c.CATEGORY:
            of_category = re.compile(_CATEGORIES[value])
            return lambda given: of_category.match(given) is not None
        case c.IN:
            negated = value[0][0] is c.NEGATE
            tests = [_test_of(*item) for item in value[negated:]]
            return lambda given: any(test(given) for test in tests) is not negated
        case _:
            raise NotLinear(f"it has {str(kind).lower()}")
