"""Pytest plugin: in workers of pytest-xdist, tests that share a module's fixture run in one of them, so that it is made
once; every other test runs where a worker is free.

pytest -p tradewind.testing.pytest_groups -n 2 --dist loadscope
"""

from __future__ import annotations

import json
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

GROUPS_FOLDER = "tradewind_groups_folder"


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): tests of one name run in one worker.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A worker says which of its tests belong together. pytest-xdist has them named `test@group` for that, which no
    longer reaches it from pytest 9.2 on, and which cannot be given to pytest again."""
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker and GROUPS_FOLDER in worker:
        groups = {item.nodeid: name for item in items if (name := group_of(item))}
        Path(worker[GROUPS_FOLDER], worker["workerid"]).write_text(json.dumps(groups), encoding="utf-8")


def group_of(item: pytest.Item) -> str | None:
    """The name that a test gives by `@pytest.mark.xdist_group`, or its module where it shares a fixture of that."""
    if marker := item.get_closest_marker("xdist_group"):
        return str(marker.args[0])
    definitions = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    shares = any(fixture.scope == "module" for overridden in definitions for fixture in overridden)
    return item.nodeid.partition("::")[0] if shares else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    stash = node.config.stash
    if _FOLDER not in stash:
        stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="tw-groups-")
        node.config.add_cleanup(stash[_FOLDER].cleanup)
    node.workerinput[GROUPS_FOLDER] = stash[_FOLDER].name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out groups of tests, the largest first, then the others one by one."""
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        @cached_property
        def groups(self) -> dict[str, str]:
            """What the first worker said that has collected the tests: all say the same."""
            told = next(Path(config.stash[_FOLDER].name).iterdir())
            return dict(json.loads(told.read_text(encoding="utf-8")))

        def _split_scope(self, nodeid: str) -> str:
            return self.groups.get(nodeid, nodeid)

        def _reschedule(self, node: Any) -> None:
            """Work for a worker, once it has said what it has collected: one that takes a dead one's place has not."""
            if node in self.registered_collections:
                super()._reschedule(node)

        def remove_node(self, node: Any) -> str | None:
            """The test that a worker died of, if it did. As it stands in pytest-xdist, that one would be tried again,
            and what was over would be handed out as work of no tests, whose end nobody says."""
            groups = self.assigned_work.pop(node)
            open_tests = [(tests, name) for tests in groups.values() for name, over in tests.items() if not over]
            if not open_tests:
                return None
            tests, died_of = open_tests[0]
            tests[died_of] = True
            self.workqueue.update({group: tests for group, tests in groups.items() if not all(tests.values())})
            for other in self.assigned_work:
                self._reschedule(other)
            return died_of

    return ByGroup(config, log)


_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
