"""The plugins of this repository's own recipes, in one process and in two workers: what is skipped, what runs where."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SKIPS = """
import pytest

def test_one(): pytest.skip("no browser here")
def test_two(): pytest.skip("no browser here")
@pytest.mark.xfail
def test_three(): assert False
def test_four(): pass
"""
NO_MODULE = "import pytest\npytest.importorskip('no_such_module')\n"
SKIPS_ITSELF = "import pytest\npytest.skip('no network here', allow_module_level=True)\n"

ALONE = ("-p", "no:xdist")
"""No workers, as where `pytest` is started by hand."""
TWO_WORKERS = ("-n", "2", "--dist", "loadscope")


@pytest.fixture(params=[ALONE, TWO_WORKERS], ids=["alone", "two workers"])
def workers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return tuple(request.param)


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    quick = ("-p", "no:timeout", "-p", "no:hypothesispytest", "-W", "error")
    plugins = ("-p", "tradewind.testing.pytest_requirements", "-p", "tradewind.testing.pytest_groups")
    result = pytester.runpytest_subprocess(*plugins, *quick, *options)
    assert "Warning" not in result.stderr.str()
    return result


def test_skipped_parts_are_counted_by_their_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.delenv("REQUIRE", raising=False)
    pytester.makepyfile(test_skips=SKIPS, test_itself=SKIPS_ITSELF, test_too=SKIPS_ITSELF)
    result = run(pytester, *workers)
    result.assert_outcomes(passed=1, skipped=4, xfailed=1)
    result.stdout.fnmatch_lines_random(
        ["*4 skipped: these parts were not tested here*", "    2  no browser here", "    2  no network here"]
    )


def test_with_require_all_a_skipped_part_is_a_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("REQUIRE", "all")
    pytester.makepyfile(SKIPS)
    result = run(pytester, *workers)
    result.assert_outcomes(passed=1, failed=2, xfailed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_with_require_all_each_file_that_skips_itself_is_a_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("REQUIRE", "all")
    pytester.makepyfile(test_one=NO_MODULE, test_two=NO_MODULE)
    result = run(pytester, *workers)
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines_random(
        [f"*test_{name}.py: Skipped, and REQUIRE=all: could not import 'no_such_module'*" for name in ("one", "two")]
    )


SHARED = """
import os, time
import pytest

@pytest.fixture(scope="module")
def server():
    with open("made", "a") as file:
        print(os.getpid(), file=file)

@pytest.fixture
def client(server): pass

@pytest.mark.parametrize("who", ["a", "b@c", "d", "e", "f", "g"])
def test_of_the_server(client, who):
    time.sleep(0.1)
    assert who != "b@c"
"""
LONELY = """
import os, time
import pytest

@pytest.mark.parametrize("number", range(12))
def test_alone(number):
    time.sleep(0.1)
    with open("lonely", "a") as file:
        print(os.getpid(), file=file)
"""


def test_what_shares_a_modules_fixture_runs_in_one_worker_and_the_rest_in_all(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_shared=SHARED, test_lonely=LONELY)
    result = run(pytester, "-rf", *TWO_WORKERS)
    result.assert_outcomes(passed=17, failed=1)
    assert len(pytester.path.joinpath("made").read_text().split()) == 1
    assert len(set(pytester.path.joinpath("lonely").read_text().split())) == 2


FATAL = """
import os
import pytest

@pytest.fixture(scope="module")
def server(): pass

@pytest.mark.parametrize("number", range(4))
def test_of_the_server(server, number):
    assert number != 1 or os._exit(3)

@pytest.mark.parametrize("number", range(12))
def test_alone(number):
    assert number != 6 or os._exit(3)
"""


def test_a_test_that_ends_its_worker_is_a_failure_and_all_others_run_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_fatal=FATAL)
    result = run(pytester, "-rf", *TWO_WORKERS)
    result.assert_outcomes(passed=14, failed=2)
    result.stdout.fnmatch_lines_random(["FAILED*test_of_the_server?1?*", "FAILED*test_alone?6?*"])


def test_a_test_that_failed_in_a_worker_is_found_again_by_its_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_shared=SHARED)
    result = run(pytester, "-rf", *TWO_WORKERS)
    named = next(line.split()[1] for line in result.outlines if line.startswith("FAILED"))
    assert named == "test_shared.py::test_of_the_server[b@c]"
    run(pytester, *ALONE, named).assert_outcomes(failed=1)
    run(pytester, *ALONE, "--last-failed").assert_outcomes(failed=1)
