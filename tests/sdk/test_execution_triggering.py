"""TriggerRunner: many triggers in one loop, each for itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import triggers_under_test as given

from tradewind.sdk.execution.triggering import Blocked, Exhausted, Failed, Fired, Outcome, TriggerRunner
from tradewind.sdk.execution.xcom_codec import decode, encode
from tradewind.wire.logs import LogLine

GENEROUS_SECONDS = 60.0


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    given.seen.clear()


def start(runner: TriggerRunner, id: str, trigger: Any, **options: Any) -> None:
    classpath, kwargs = trigger.serialize()
    runner.start(id, classpath, encode(kwargs), **options)


async def take(runner: TriggerRunner, count: int) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    async with asyncio.timeout(GENEROUS_SECONDS):
        async for outcome in runner:
            found[outcome.id] = outcome
            if len(found) == count:
                break
    return found


def played(story: Callable[[TriggerRunner], Awaitable[Any]], **options: Any) -> Any:
    async def play() -> Any:
        async with TriggerRunner(**options) as runner:
            return await story(runner)

    return asyncio.run(play())


def outcome_of(trigger: Any) -> Outcome:
    async def story(runner: TriggerRunner) -> Outcome:
        start(runner, "a", trigger)
        return (await take(runner, 1))["a"]

    return played(story)


def test_the_event_of_a_trigger_comes_out_as_json() -> None:
    outcome = outcome_of(given.Says("x", payload={"rows": (1, 2)}))
    assert isinstance(outcome, Fired)
    assert decode(outcome.event) == {"rows": (1, 2)}
    assert outcome.ends == ""


def test_only_the_first_event_counts_and_cleanup_follows_it() -> None:
    outcome_of(given.Says("x"))
    assert given.seen == ["cleanup x"]


def test_an_event_trigger_goes_on_after_its_first_event() -> None:
    async def story(runner: TriggerRunner) -> list[Any]:
        start(runner, "watcher", given.Counts(), keeps_on=True)
        events: list[Any] = []
        async for outcome in runner:
            assert isinstance(outcome, Fired)
            events.append(decode(outcome.event))
            if len(events) == 3:
                return events
        return events

    assert played(story) == [0, 1, 2]


def test_one_that_was_to_go_on_and_comes_to_its_end_says_so() -> None:
    async def story(runner: TriggerRunner) -> list[Any]:
        start(runner, "watcher", given.Says("x"), keeps_on=True)
        outcomes: list[Any] = []
        async for outcome in runner:
            outcomes.append(outcome)
            if isinstance(outcome, Exhausted):
                return outcomes
        return outcomes

    fired, end = played(story)
    assert isinstance(fired, Fired)
    assert end == Exhausted("watcher", said=True)


def test_an_event_that_ends_the_task_says_the_state_and_the_values() -> None:
    done = outcome_of(given.Ends("succeeds"))
    assert isinstance(done, Fired)
    assert (done.ends, done.xcoms) == ("success", (("rows", b"3"),))
    skipped = outcome_of(given.Ends("skips"))
    assert isinstance(skipped, Fired)
    assert skipped.ends == "skipped"


def test_a_trigger_that_says_nothing_is_exhausted() -> None:
    assert outcome_of(given.SaysNothing()) == Exhausted("a")


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (given.Raises("x"), "ValueError: x is broken"),
        (given.Raises("x", exits=True), "SystemExit: 3"),
        (given.CancelsItself(), "cancelled itself"),
        (given.NoGenerator(), "is no async generator"),
        (given.SaysSomethingElse(), "yielded dict"),
        (given.SaysWhatCannotBeSent(), "cannot be an XCom"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, given.Named) else "",
)
def test_a_bad_trigger_fails_with_what_is_wrong(trigger: Any, words: str) -> None:
    outcome = outcome_of(trigger)
    assert isinstance(outcome, Failed)
    assert words in outcome.error


def test_a_failure_carries_the_authors_traceback() -> None:
    outcome = outcome_of(given.Raises("x"))
    assert isinstance(outcome, Failed)
    assert "triggers_under_test.py" in outcome.trace
    assert "triggering.py" not in outcome.trace


@pytest.mark.parametrize(
    ("classpath", "kwargs", "words"),
    [
        ("no_such_module.Trigger", {}, "no module 'no_such_module' here"),
        ("subprocess.Popen", {"args": ["true"]}, "subprocess.Popen is no trigger"),
        ("os.system", {"command": "true"}, "os.system is no trigger"),
        ("triggers_under_test.NoSuchTrigger", {}, "There is no trigger triggers_under_test.NoSuchTrigger"),
        ("tradewind.sdk.triggers.temporal.DateTimeTrigger", {"more": 1}, "unexpected keyword argument 'more'"),
    ],
)
def test_a_trigger_that_cannot_be_made_fails_with_what_is_wrong(classpath: str, kwargs: Any, words: str) -> None:
    async def story(runner: TriggerRunner) -> Outcome:
        runner.start("a", classpath, encode(kwargs))
        return (await take(runner, 1))["a"]

    outcome = played(story)
    assert isinstance(outcome, Failed)
    assert words in outcome.error


def test_a_module_that_fails_to_import_ends_its_triggers_alone(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exits_at_import.py").write_text("import sys\nsys.exit('no')\n")
    monkeypatch.syspath_prepend(tmp_path)

    async def story(runner: TriggerRunner) -> dict[str, Outcome]:
        runner.start("bad", "exits_at_import.Trigger", b"{}")
        start(runner, "good", given.Says("x"))
        return await take(runner, 2)

    found = played(story)
    assert isinstance(found["good"], Fired)
    assert isinstance(found["bad"], Failed)
    assert "SystemExit: no" in found["bad"].error


def test_arguments_keep_their_types() -> None:
    outcome = outcome_of(given.Goes("x", place=given.Place(4)))
    assert isinstance(outcome, Fired)
    assert decode(outcome.event) == 4


def test_one_trigger_that_fails_leaves_the_others_alone() -> None:
    async def story(runner: TriggerRunner) -> dict[str, Outcome]:
        for number in range(50):
            start(runner, f"bad{number}", given.Raises("bad", exits=number % 2 == 0))
            start(runner, f"good{number}", given.Says("good"))
        return await take(runner, 100)

    kinds = {id: type(outcome) for id, outcome in played(story).items()}
    assert {kind for id, kind in kinds.items() if id.startswith("good")} == {Fired}
    assert {kind for id, kind in kinds.items() if id.startswith("bad")} == {Failed}


def test_a_thousand_triggers_sleep_beside_each_other_and_one_still_fires() -> None:
    async def story(runner: TriggerRunner) -> tuple[int, dict[str, Outcome], int]:
        for number in range(1000):
            start(runner, f"t{number}", given.Sleeps(f"t{number}"))
        start(runner, "soon", given.Sleeps("soon", seconds=0.01))
        found = await take(runner, 1)
        waiting = len(runner)
        for number in range(1000):
            runner.cancel(f"t{number}")
        return waiting, found, len(runner)

    waiting, found, left = played(story)
    assert set(found) == {"soon"}
    assert waiting >= 1000
    assert left <= 1
    assert sum(text.startswith("cleanup t") for text in given.seen) == 1000


def test_a_thousand_triggers_fire() -> None:
    async def story(runner: TriggerRunner) -> dict[str, Outcome]:
        for number in range(1000):
            start(runner, f"t{number}", given.Sleeps(f"t{number}", seconds=0.001 * (number % 7)))
        return await take(runner, 1000)

    assert {type(outcome) for outcome in played(story).values()} == {Fired}


def test_a_cancelled_trigger_cleans_up_and_says_nothing_more() -> None:
    async def story(runner: TriggerRunner) -> list[Outcome]:
        start(runner, "a", given.Sleeps("a"))
        start(runner, "clings", given.Clings("clings"))
        await asyncio.sleep(0.05)
        runner.cancel("a", killed=True)
        runner.cancel("clings")
        await runner.close()
        return [outcome async for outcome in runner]

    assert played(story) == []
    assert given.seen.index("on_kill a") < given.seen.index("cleanup a")
    assert "clings clings" in given.seen
    assert "on_kill clings" not in given.seen


def test_an_id_may_be_started_again_after_it_was_cancelled() -> None:
    async def story(runner: TriggerRunner) -> dict[str, Outcome]:
        start(runner, "a", given.Sleeps("first"))
        await asyncio.sleep(0.05)
        runner.cancel("a")
        start(runner, "a", given.Says("second"))
        assert "a" in runner
        return await take(runner, 1)

    outcome = played(story)["a"]
    assert decode(outcome.event) == "second"


def test_an_id_may_be_started_again_while_the_last_one_still_cleans_up() -> None:
    async def story(runner: TriggerRunner) -> list[Any]:
        start(runner, "a", given.CleansUpSlowly("first"))
        first = await take(runner, 1)
        start(runner, "a", given.Says("second"))
        second = await take(runner, 1)
        return [decode(found["a"].event) for found in (first, second)]

    assert played(story, cleanup_grace=timedelta(milliseconds=200)) == ["first", "second"]


def test_a_trigger_that_does_not_stop_holds_up_nobody_for_longer_than_the_grace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(runner: TriggerRunner) -> None:
        start(runner, "a", given.ClingsTwice("a"))
        start(runner, "b", given.Sleeps("b"))
        await asyncio.sleep(0.05)

    played(story, cleanup_grace=timedelta(milliseconds=100))
    assert "triggers_under_test.ClingsTwice (a) does not stop; it is left behind." in caplog.text
    assert "cleanup b" in given.seen


def test_an_id_that_runs_is_not_started_twice() -> None:
    async def story(runner: TriggerRunner) -> int:
        start(runner, "a", given.Sleeps("a"))
        start(runner, "a", given.Sleeps("a"))
        return len(runner)

    assert played(story) == 1


def test_a_cleanup_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(outcome_of(given.CleansUpBadly("x")), Fired)
    assert "cleanup() failed: RuntimeError: no broom" in caplog.text


def test_a_trigger_that_blocks_is_named_while_it_does_and_afterwards() -> None:
    told: list[Blocked] = []

    async def story(runner: TriggerRunner) -> None:
        start(runner, "good", given.Sleeps("good"))
        start(runner, "bad", given.Blocks("bad", seconds=1.0))
        await take(runner, 1)
        while not any(blocked.over for blocked in told):
            await asyncio.sleep(0.01)

    played(story, on_blocked=told.append, blocked_after=timedelta(milliseconds=100))
    during, after = [b for b in told if not b.over and b.id == "bad"], [b for b in told if b.over and b.id == "bad"]
    assert during[0].classpath == "triggers_under_test.Blocks"
    assert "time.sleep" in during[0].stack
    assert after[0].seconds >= 1.0
    assert not [blocked for blocked in told if blocked.id == "good"]


@pytest.mark.parametrize(
    "trigger",
    [given.Blocks("x", seconds=3600), given.SwallowsAndBlocks("x"), given.Spins("x")],
    ids=["one call", "catches all exceptions", "never calls anything"],
)
def test_a_trigger_that_blocks_for_too_long_fails_and_the_others_go_on(trigger: Any) -> None:
    async def story(runner: TriggerRunner) -> dict[str, Outcome]:
        start(runner, "bad", trigger)
        start(runner, "good", given.Sleeps("good", seconds=0.05))
        return await take(runner, 2)

    found = played(story, blocked_after=timedelta(milliseconds=100), interrupt_after=timedelta(milliseconds=200))
    assert isinstance(found["good"], Fired)
    assert isinstance(found["bad"], Failed)
    assert "blocked all others for" in found["bad"].error
    assert "triggers_under_test.py" in found["bad"].trace


def test_many_triggers_that_are_short_of_time_together_are_not_blamed_one_by_one() -> None:
    told: list[Blocked] = []

    async def story(runner: TriggerRunner) -> dict[str, Outcome]:
        for number in range(400):
            start(runner, f"t{number}", given.Blocks("x", seconds=0.005))
        return await take(runner, 400)

    limits = {"blocked_after": timedelta(seconds=1), "interrupt_after": timedelta(seconds=1)}
    found = played(story, on_blocked=told.append, **limits)
    assert {type(outcome) for outcome in found.values()} == {Fired}
    assert {blocked.id for blocked in told} <= {""}


def test_the_signal_is_given_back() -> None:
    import signal

    before = signal.getsignal(signal.SIGUSR1)

    async def story(runner: TriggerRunner) -> Any:
        return signal.getsignal(signal.SIGUSR1)

    assert played(story, interrupt_after=timedelta(seconds=1)) is not before
    assert signal.getsignal(signal.SIGUSR1) is before
    assert played(story) is before


def test_each_line_goes_to_the_trigger_that_logged_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lines: list[tuple[str, LogLine]] = []

    async def story(runner: TriggerRunner) -> None:
        start(runner, "a", given.TalksInAThread("a"))
        start(runner, "b", given.TalksInAThread("b"))
        logging.getLogger("elsewhere").info("of nobody")
        await take(runner, 2)

    played(story, on_line=lambda id, line: lines.append((id, line)))
    said = {(id, line.m) for id, line in lines}
    assert said >= {("a", "thread of a"), ("a", "child of a"), ("b", "thread of b"), ("b", "child of b")}
    assert ("a", "thread of b") not in said
    assert not [text for _, text in said if text == "of nobody"]


def test_secrets_are_masked_in_lines_and_failures() -> None:
    from tradewind.sdk.execution.masking import mask_secret

    mask_secret("hush-hush-4711")
    lines: list[LogLine] = []

    async def story(runner: TriggerRunner) -> Outcome:
        start(runner, "a", given.Raises("hush-hush-4711"))
        return (await take(runner, 1))["a"]

    outcome = played(story, on_line=lambda id, line: lines.append(line))
    assert isinstance(outcome, Failed)
    assert "hush" not in outcome.error + outcome.trace
    assert lines
    assert "hush" not in "".join(line.m + line.x for line in lines)


def test_it_imports_no_service() -> None:
    import subprocess
    import sys

    code = (
        "import tradewind.sdk.execution.triggering, sys;"
        "print([n for n in sys.modules if n.split('.')[:2][-1] in "
        "('scheduler', 'store', 'worker', 'api', 'config', 'cli') and n.startswith('tradewind.')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_whole_way_from_a_deferred_attempt_over_the_runner_to_the_result() -> None:
    from execution_attempts import attempt, value_of

    from tradewind.sdk import DAG, BaseOperator

    class Defers(BaseOperator):
        def execute(self, context: Any) -> None:
            self.defer(trigger=given.Says("x", payload={"at": context["ds"]}), method_name="go_on", kwargs={"n": 1})

        def go_on(self, context: Any, n: int, event: Any = None) -> Any:
            return [n, event]

    with DAG("d", schedule=None) as dag:
        Defers(task_id="t")
    defer = attempt(dag, "t").defer
    assert defer is not None

    async def story(runner: TriggerRunner) -> Outcome:
        runner.start("a", defer.classpath, defer.kwargs)
        return (await take(runner, 1))["a"]

    outcome = played(story)
    assert isinstance(outcome, Fired)
    resumed = attempt(
        dag, "t", resume_method=defer.method, resume_kwargs=defer.method_kwargs, event=outcome.event, leg=1
    )
    assert value_of(resumed) == [1, {"at": "2024-03-05"}]
