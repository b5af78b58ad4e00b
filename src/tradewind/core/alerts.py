"""Alerts: rules over what the event log says, and what people are told when one holds, holds on, holds no longer.

`advance` takes the lines of the log in their order, each with its time, and moments at which nothing happens. What it
returns depends on these alone, so that a history which is played again gives the same notices, by the same keys.
As `World`, the state is advanced in place.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from heapq import heapify, heappop, heappush
from typing import Literal

from tradewind.core.alert_conditions import Condition
from tradewind.core.alert_silences import Hush, Silence, silent_until
from tradewind.core.alert_watches import Subject, Verdict, Watch, later, watch_of
from tradewind.core.decisions import Record

SEVERITIES = ("info", "warning", "error", "critical")
DESCRIBED = "dag.described"
"""Not a line of the log: which tags a Dag has."""

Status = Literal["firing", "recovered"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which Dags and tasks a rule looks at, by patterns with `*`, `?` and `[…]`. What is empty leaves all in."""

    dags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    def covers(self, event: Record, tags: frozenset[str]) -> bool:
        """Whether a line of the log is about something of these. Machines have no Dag, and are in every scope."""
        if not event.dag_id and not event.name.startswith("asset."):
            return True
        return (
            (not self.dags or _fits(event.dag_id, self.dags))
            and (not self.tags or any(_fits(tag, self.tags) for tag in tags))
            and (not self.tasks or not event.task_id or _fits(event.task_id, self.tasks))
        )


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Rule:
    """Fires once `condition` has held for `for_duration`; recovers when it has not held for `recover_after`."""

    name: str
    condition: Condition
    severity: str = "warning"
    description: str = ""
    scope: Scope = Scope()
    for_duration: timedelta = timedelta(0)
    recover_after: timedelta = timedelta(0)
    dedupe_window: timedelta = timedelta(hours=1)
    """While it fires on, people are told again after this time; zero: once."""
    silences: tuple[Silence, ...] = ()
    channels: tuple[str, ...] | None = None
    """Who is told; None: every channel."""
    notify_recovery: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are told. `key` is the same whenever this notice is worked out or sent again, and no other's."""

    key: str
    alert: str
    """The same in all notices from one firing to its end."""
    rule: str
    severity: str
    status: Status
    repeat: int
    """0: for the first time; so many times it was told that it still fires."""
    at: datetime
    since: datetime
    subject: Subject
    value: float
    limit: float
    sentence: str
    channels: tuple[str, ...] | None = None

    @property
    def title(self) -> str:
        """One line: `[CRITICAL] high_failure_rate (etl)`."""
        word = self.severity.upper() if self.status == "firing" else "RECOVERED"
        about = ", ".join(part for part in self.subject if part)
        return f"[{word}] {self.rule}{f' ({about})' if about else ''}"


@dataclass(slots=True)
class Episode:
    """From when a rule's condition began to hold for one subject until nobody waits for its end."""

    since: datetime
    verdict: Verdict
    is_firing: bool = False
    clear_since: datetime | None = None
    """When it ceased to hold, while the rule still fires."""
    is_over: bool = False
    told: Status | None = None
    told_at: datetime | None = None
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires now."""

    notice: Notice
    """What people were told of it last; or would be told, where nobody was."""
    is_told: bool
    silent_until: datetime | None
    """When people may be told again; None when they may be told now."""


def firing_first(one: Firing) -> tuple[bool, int, timedelta]:
    """A key that sorts what people are told of before what is silent, by severity, and what began last first."""
    severity = one.notice.severity
    weight = SEVERITIES.index(severity) if severity in SEVERITIES else 0
    return one.silent_until is not None, -weight, _EPOCH - one.notice.since


Place = tuple[int, Subject]
"""A rule, by its number, and what it is about."""


@dataclass(slots=True)
class AlertState:
    """What is known of the rules: what they remember, what fires, and when to look again."""

    rules: tuple[Rule, ...]
    began: datetime
    since: Mapping[str, datetime] = field(default_factory=dict)
    """By the rule's name, since when it watches what was never heard of; else since the beginning."""
    hushes: tuple[Hush, ...] = ()
    watches: tuple[Watch, ...] = ()
    episodes: dict[Place, Episode] = field(default_factory=dict)
    tags: dict[str, frozenset[str]] = field(default_factory=dict)
    moments: list[tuple[datetime, Place]] = field(default_factory=list)
    armed: dict[Place, datetime] = field(default_factory=dict)
    """The earliest of its moments in the heap; others of it there are left from before."""

    def __post_init__(self) -> None:
        self.watches = tuple(watch_of(rule.condition) for rule in self.rules)
        for number, (rule, watch) in enumerate(zip(self.rules, self.watches, strict=True)):
            since = self.since.get(rule.name, self.began)
            for subject in watch.begin(since):
                _arm(self, (number, subject), since)

    @property
    def next_wakeup(self) -> datetime | None:
        """When to call `advance` although nothing has happened."""
        return self.moments[0][0] if self.moments else None

    def firing(self, now: datetime) -> Iterator[Firing]:
        """What fires, whether anybody was told or not; `now` is for silences."""
        for (number, subject), episode in self.episodes.items():
            if episode.is_firing and not episode.is_over:
                rule = self.rules[number]
                notice = _notice(rule, subject, episode, "firing", episode.told_at or episode.since)
                yield Firing(notice, episode.told == "firing", _silent_until(self, rule, subject, now))


def advance(state: AlertState, event: Record | None, now: datetime) -> list[Notice]:
    """Take one line of the log, or only the time; returns what people are to be told, oldest first.

    Moments that have come by then are looked at as if it had been done in time.
    """
    notices: list[Notice] = []
    while state.moments and state.moments[0][0] <= now:
        at, place = heappop(state.moments)
        if state.armed.get(place) == at:
            del state.armed[place]
            _look(state, place, at, notices)
    if event is not None:
        _take(state, event, now, notices)
    return notices


def hush(state: AlertState, hushes: Iterable[Hush], now: datetime) -> list[Notice]:
    """From now on these are the silences that people asked for. What one that is gone held back is told."""
    state.hushes = tuple(hushes)
    notices: list[Notice] = []
    for place in list(state.episodes):
        _look(state, place, now, notices)
    return notices


def tell_anew(state: AlertState, rules: Collection[str], now: datetime) -> list[Notice]:
    """What fires of these rules is told as if for the first time."""
    notices: list[Notice] = []
    for (number, subject), episode in list(state.episodes.items()):
        if state.rules[number].name in rules and episode.told == "firing" and not episode.is_over:
            episode.told, episode.told_at, episode.repeats = None, None, 0
            _look(state, (number, subject), now, notices)
    return notices


def _take(state: AlertState, event: Record, now: datetime, notices: list[Notice]) -> None:
    if event.name == DESCRIBED:
        state.tags[event.dag_id] = frozenset(map(str, event.body.get("tags") or ()))
        return
    tags = state.tags.get(event.dag_id, frozenset())
    for number, (rule, watch) in enumerate(zip(state.rules, state.watches, strict=True)):
        if rule.scope.covers(event, tags):
            for subject in watch.take(event, now):
                _look(state, (number, subject), now, notices)


def _look(state: AlertState, place: Place, now: datetime, notices: list[Notice]) -> None:
    """See what is so now for one rule and subject, say what is to be said, and when to look again."""
    number, subject = place
    rule, watch = state.rules[number], state.watches[number]
    verdict = watch.look(subject, now)
    episode = state.episodes.get(place)
    if verdict is not None and verdict.holds and episode is None:
        episode = state.episodes[place] = Episode(now, verdict)
    if episode is not None:
        if verdict is not None:
            _move(episode, rule, verdict, now)
        _tell(state, episode, rule, subject, now, notices)
        if _is_settled(episode, rule):
            del state.episodes[place]
            episode = None
    if episode is None and verdict is not None and verdict.is_final:
        watch.forget(subject)
    _arm(state, place, now)


def _move(episode: Episode, rule: Rule, verdict: Verdict, now: datetime) -> None:
    if verdict.holds:
        if episode.is_over:  # it holds again before its end was told: that is one alert
            episode.is_over = False
        episode.clear_since = None
        episode.verdict = verdict
        if now - episode.since >= rule.for_duration:
            episode.is_firing = True
        return
    if not episode.is_firing:
        episode.is_over = True
        return
    if episode.clear_since is None:
        episode.clear_since = now
    if now - episode.clear_since >= rule.recover_after and not episode.is_over:
        episode.is_over, episode.verdict = True, verdict


def _is_settled(episode: Episode, rule: Rule) -> bool:
    """Whether nobody waits for anything more of it."""
    if episode.is_over:
        return not episode.is_firing or episode.told != "firing" or not rule.notify_recovery
    return episode.told == "firing" and episode.verdict.is_final


def silences_of(rule: Rule, hushes: Iterable[Hush], dag_id: str) -> Iterator[Silence]:
    """The rule's own, and those that people asked for."""
    yield from rule.silences
    for one in hushes:
        if one.covers(rule.name, dag_id):
            yield one.silence


def _tell(
    state: AlertState, episode: Episode, rule: Rule, subject: Subject, now: datetime, notices: list[Notice]
) -> None:
    status = _due(episode, rule, now)
    if status is None or _silent_until(state, rule, subject, now) is not None:
        return
    episode.repeats = episode.repeats + 1 if status == episode.told == "firing" else 0
    episode.told, episode.told_at = status, now
    notices.append(_notice(rule, subject, episode, status, now))


def _notice(rule: Rule, subject: Subject, episode: Episode, status: Status, at: datetime) -> Notice:
    alert, verdict = f"{_digest(rule, subject)}-{_us(episode.since):x}", episode.verdict
    return Notice(
        key=f"{alert}-{status}{f'-{episode.repeats}' if episode.repeats else ''}",
        alert=alert,
        rule=rule.name,
        severity=rule.severity,
        status=status,
        repeat=episode.repeats,
        at=at,
        since=episode.since,
        subject=subject,
        value=verdict.value,
        limit=verdict.limit,
        sentence=f"{rule.name}: {verdict.sentence}",
        channels=rule.channels,
    )


def _silent_until(state: AlertState, rule: Rule, subject: Subject, now: datetime) -> datetime | None:
    return silent_until(silences_of(rule, state.hushes, subject.dag_id), now)


def _due(episode: Episode, rule: Rule, now: datetime) -> Status | None:
    """What people are to be told now, if they may be."""
    if not episode.is_firing:
        return None
    if episode.is_over:
        return "recovered" if episode.told == "firing" and rule.notify_recovery else None
    if episode.told != "firing" or episode.told_at is None:
        return "firing"
    return "firing" if rule.dedupe_window and now - episode.told_at >= rule.dedupe_window else None


def _arm(state: AlertState, place: Place, now: datetime) -> None:
    """Have the place looked at again when something about it may have changed by then."""
    at = min((moment for moment in _moments(state, place, now) if moment is not None and moment > now), default=None)
    known = state.armed.get(place)
    if at is None or (known is not None and known <= at):
        return
    state.armed[place] = at
    heappush(state.moments, (at, place))
    if len(state.moments) > 2 * len(state.armed) + 1000:
        state.moments = [(moment, armed) for armed, moment in state.armed.items()]
        heapify(state.moments)


def _moments(state: AlertState, place: Place, now: datetime) -> Iterable[datetime | None]:
    number, subject = place
    rule, episode = state.rules[number], state.episodes.get(place)
    yield state.watches[number].wakes(subject, now)
    if episode is None:
        return
    if not episode.is_firing:
        yield later(episode.since, rule.for_duration)
    elif episode.clear_since is not None and not episode.is_over:
        yield later(episode.clear_since, rule.recover_after)
    if _due(episode, rule, now) is not None:
        yield _silent_until(state, rule, subject, now)
    elif episode.is_firing and not episode.is_over and episode.told_at is not None and rule.dedupe_window:
        yield later(episode.told_at, rule.dedupe_window)


def fingerprint(rule: Rule) -> str:
    """Changes with whatever changes what the rule tells."""
    return hashlib.sha256(repr(rule).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _digest(rule: Rule, subject: Subject) -> str:
    """Plain letters, because it travels in headers, which a name in any script could not."""
    return hashlib.sha256("\0".join((rule.name, *subject)).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
