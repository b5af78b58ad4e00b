"""The reference of the data toolkit has every public name, and its examples run."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

import pytest

import tradewind.data

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import toolkit_reference  # noqa: E402

PAGE = (ROOT / "docs" / "reference" / "data-toolkit.md").read_text("utf-8")
EXAMPLES = toolkit_reference.examples()


def test_the_page_has_every_public_name() -> None:
    missing = set(tradewind.data.__all__) - toolkit_reference.listed()
    assert missing == set(), "name them in SECTIONS of scripts/toolkit_reference.py"


def test_every_public_name_is_in_an_example() -> None:
    code = "\n".join(EXAMPLES.values())
    without = {name for name in toolkit_reference.listed() if not re.search(rf"\b{name}\b", code)}
    assert without == set(), "write an example in tests/docs/toolkit_examples.py"


def test_every_entry_says_what_it_is() -> None:
    entries = PAGE.partition("<!-- generated: toolkit -->")[2].split("\n### ")[1:]
    silent = []
    for entry in entries:
        paragraphs = [
            part for part in re.split(r"\n\s*\n", entry) if not part.startswith(("`", "|", "```", "from `", "- "))
        ]
        if len(paragraphs) < 2:
            silent.append(entry.split("\n")[0])
    assert silent == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"AppriseChannel": "apprise", "RedisState": "redis"}
    if name in needs:
        pytest.importorskip(needs[name])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADEWIND_DATA_STATE", str(tmp_path / "state.db"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)  # Apprise asks for it
        exec(compile(EXAMPLES[name], f"example of {name}", "exec"), {"__name__": "example"})
