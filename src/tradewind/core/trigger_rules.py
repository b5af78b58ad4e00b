"""May a task start, given its upstream? Counts in, verdict out; each rule is one function."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tradewind.core.states import FINISHED, TaskState, TriggerRule


class Verdict(StrEnum):
    """What a task's upstream says about it. All but `WAIT` are final: more upstream finishing never takes them back."""

    RUN = "run"
    WAIT = "wait"
    SKIP = "skip"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVE = "remove"


@dataclass(slots=True)
class UpstreamCounts:
    """The direct upstream task instances of one task, by state; each expanded instance counts as one.

    The `setups_` counts are the part of them that are setup tasks. The `indirect_` counts are the setups further up
    whose work this task needs (none for a teardown); all of these must have succeeded whatever the rule says.
    """

    success: int = 0
    skipped: int = 0
    failed: int = 0
    upstream_failed: int = 0
    removed: int = 0
    done: int = 0
    total: int = 0
    setups_total: int = 0
    setups_success: int = 0
    setups_skipped: int = 0
    setups_done: int = 0
    indirect_total: int = 0
    indirect_success: int = 0
    indirect_skipped: int = 0
    indirect_failed: int = 0
    """Failed and upstream_failed together."""
    indirect_removed: int = 0
    between_total: int = 0
    between_done: int = 0
    """Of a teardown: the tasks further up that its setups began, and those of them that have ended."""

    @classmethod
    def of(cls, states: Iterable[TaskState], setups: Iterable[TaskState] = ()) -> "UpstreamCounts":
        """The counts of some upstream tasks, and of upstream setups beside them."""
        counts = cls()
        for state in states:
            counts.add(state)
        for state in setups:
            counts.add(state, setup=True)
        return counts

    def add(self, state: TaskState, *, setup: bool = False, times: int = 1) -> None:
        """Count one more instance in `state`; `times=-1` takes one out, which is how a change of state is kept."""
        finished = times if state in FINISHED else 0
        self.total += times
        self.done += finished
        match state:
            case TaskState.SUCCESS:
                self.success += times
            case TaskState.SKIPPED:
                self.skipped += times
            case TaskState.FAILED:
                self.failed += times
            case TaskState.UPSTREAM_FAILED:
                self.upstream_failed += times
            case TaskState.REMOVED:
                self.removed += times
        if setup:
            self.setups_total += times
            self.setups_done += finished
            self.setups_success += times if state is TaskState.SUCCESS else 0
            self.setups_skipped += times if state is TaskState.SKIPPED else 0

    def add_indirect_setup(self, state: TaskState, *, times: int = 1) -> None:
        """Count one more setup further up, in `state`; `times=-1` takes one out."""
        self.indirect_total += times
        match state:
            case TaskState.SUCCESS:
                self.indirect_success += times
            case TaskState.SKIPPED:
                self.indirect_skipped += times
            case TaskState.FAILED | TaskState.UPSTREAM_FAILED:
                self.indirect_failed += times
            case TaskState.REMOVED:
                self.indirect_removed += times

    def add_between(self, state: TaskState, *, times: int = 1) -> None:
        """Count one more task between a teardown and its setups; `times=-1` takes one out."""
        self.between_total += times
        self.between_done += times if state in FINISHED else 0

    @property
    def all_done(self) -> bool:
        return self.done >= self.total

    @property
    def any_failed(self) -> bool:
        return self.failed + self.upstream_failed > 0


def evaluate(rule: TriggerRule, counts: UpstreamCounts, map_index: int = -1) -> Verdict:
    """What `rule` says about a task with this upstream, as early as it can be said."""
    if not counts.total or rule is TriggerRule.ALWAYS:
        return Verdict.RUN
    if counts.between_done < counts.between_total:
        return Verdict.WAIT
    setups = _indirect_setups(counts)
    return setups if setups is not Verdict.RUN else _RULES[rule](counts, map_index)


def _indirect_setups(c: UpstreamCounts) -> Verdict:
    if c.indirect_failed:
        return Verdict.UPSTREAM_FAILED
    if c.indirect_skipped:
        return Verdict.SKIP
    return Verdict.RUN if c.indirect_success + c.indirect_removed >= c.indirect_total else Verdict.WAIT


def _all_success(c: UpstreamCounts, map_index: int) -> Verdict:
    if c.any_failed:
        return Verdict.UPSTREAM_FAILED
    if c.skipped:
        return Verdict.SKIP
    if not c.all_done:
        return Verdict.WAIT
    # The mapped upstream has shrunk and has no counterpart for this index any more.
    return Verdict.REMOVE if c.removed and 0 < c.success <= map_index else Verdict.RUN


def _all_failed(c: UpstreamCounts, _: int) -> Verdict:
    if c.success or c.skipped:
        return Verdict.SKIP
    return Verdict.RUN if c.all_done else Verdict.WAIT


def _all_done(c: UpstreamCounts, _: int) -> Verdict:
    return Verdict.RUN if c.all_done else Verdict.WAIT


def _all_done_min_one_success(c: UpstreamCounts, _: int) -> Verdict:
    if c.skipped:
        return Verdict.SKIP
    if not c.all_done:
        return Verdict.WAIT
    return Verdict.RUN if c.success else Verdict.UPSTREAM_FAILED


def _all_done_setup_success(c: UpstreamCounts, _: int) -> Verdict:
    if not c.all_done:
        return Verdict.WAIT
    if not c.setups_total or c.setups_success:
        return Verdict.RUN
    return Verdict.SKIP if c.setups_skipped >= c.setups_total else Verdict.UPSTREAM_FAILED


def _one_success(c: UpstreamCounts, _: int) -> Verdict:
    if c.success:
        return Verdict.RUN
    if not c.all_done:
        return Verdict.WAIT
    return Verdict.SKIP if c.done == c.skipped else Verdict.UPSTREAM_FAILED


def _one_failed(c: UpstreamCounts, _: int) -> Verdict:
    if c.any_failed:
        return Verdict.RUN
    return Verdict.SKIP if c.all_done else Verdict.WAIT


def _one_done(c: UpstreamCounts, _: int) -> Verdict:
    if c.success or c.failed:
        return Verdict.RUN
    return Verdict.SKIP if c.all_done else Verdict.WAIT


def _none_failed(c: UpstreamCounts, _: int) -> Verdict:
    if c.any_failed:
        return Verdict.UPSTREAM_FAILED
    return Verdict.RUN if c.all_done else Verdict.WAIT


def _none_failed_min_one_success(c: UpstreamCounts, _: int) -> Verdict:
    if c.any_failed:
        return Verdict.UPSTREAM_FAILED
    if not c.all_done:
        return Verdict.WAIT
    if c.success:
        return Verdict.RUN
    return Verdict.SKIP if c.skipped == c.total else Verdict.UPSTREAM_FAILED


def _none_skipped(c: UpstreamCounts, _: int) -> Verdict:
    if c.skipped:
        return Verdict.SKIP
    return Verdict.RUN if c.all_done else Verdict.WAIT


def _all_skipped(c: UpstreamCounts, _: int) -> Verdict:
    if c.success or c.any_failed:
        return Verdict.SKIP
    return Verdict.RUN if c.skipped == c.total else Verdict.WAIT


_RULES: Mapping[TriggerRule, Callable[[UpstreamCounts, int], Verdict]] = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: _all_done,
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: _all_done_min_one_success,
    TriggerRule.ALL_DONE_SETUP_SUCCESS: _all_done_setup_success,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.ALL_SKIPPED: _all_skipped,
}
