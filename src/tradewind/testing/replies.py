"""What people answer to the questions of tasks, as `answers=` says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.core.records import Person, Question
from tradewind.testing.clock import seconds_of
from tradewind.testing.stand_ins import name_for, unknown_name


class UnusableAnswer(TradewindError):
    """`answers=` names a task that is not there, or says what is no answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: what is chosen, the fields of the form, by whom, and after how much virtual time."""

    options: str | Sequence[str]
    params: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    """Empty: the first of those who are asked, else `tester`."""
    after: timedelta | float = 0.0

    @property
    def seconds(self) -> float:
        return seconds_of(self.after)

    def person(self, question: Question) -> Person:
        """Who gives it."""
        if self.by:
            return next((each for each in question.assigned if each.id == self.by), Person(self.by, self.by))
        return question.assigned[0] if question.assigned else Person("tester", "tester")


Answer = str | Reply | Callable[[Question], Any]


class Replies:
    """By task: what people answer. Names are `task`, `task[map_index]`, or a pattern with `*`; the most exact one
    holds. Of a list each question gets the next answer, and all later ones the last."""

    def __init__(self, answers: Mapping[str, Any] | None, task_ids: Iterable[str]) -> None:
        self._answers = dict(answers or {})
        self._given: dict[str, int] = {}
        known = set(task_ids)
        for name, answer in self._answers.items():
            if unknown := unknown_name(name, known):
                raise UnusableAnswer(unknown)
            _check(name, answer)

    def reply_to(self, question: Question) -> Reply | None:
        """The answer to a question; None where nobody gives one."""
        name = name_for(self._answers, question.key.task_id, question.key.map_index)
        if name is None:
            return None
        answer = self._answers[name]
        if isinstance(answer, list):
            place = f"{name} {question.key}"
            number = self._given[place] = self._given.get(place, 0) + 1
            answer = answer[min(number, len(answer)) - 1]
        if callable(answer):
            answer = answer(question)
            if answer is not None:
                _check(name, answer)
        return answer if isinstance(answer, Reply) or answer is None else Reply(answer)


def _check(name: str, answer: Any) -> None:
    each = answer if isinstance(answer, list) else [answer]
    if not each or not all(isinstance(one, (str, Reply)) or callable(one) for one in each):
        raise UnusableAnswer(
            f"answers[{name!r}] is {answer!r}; give an option, a Reply, a function of the question that gives one of "
            "these, or a list of these, one for each time that it asks."
        )
