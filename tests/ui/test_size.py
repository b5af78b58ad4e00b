"""How much a browser has to fetch: what the built web UI may weigh, packed as the server sends it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

DIST = Path(__file__).parents[2] / "src" / "tradewind" / "ui_dist"
FIRST_PAGE = "index.html"
KB = 1000
ENTRY = 120 * KB
"""The entry's own file."""
FIRST_SCRIPT = 133 * KB
"""With React's own file, which both are fetched at once; React's DOM, the router and the queries alone are 99."""


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    if not (DIST / FIRST_PAGE).is_file():
        pytest.skip("needs the built web UI: run `make ui`")
    found: dict[str, Any] = json.loads((DIST / "manifest.json").read_text("utf-8"))
    return found


def _packed(file: Path) -> int:
    """Bytes of a file with gzip, at the level at which the build packs it."""
    return len(gzip.compress(file.read_bytes(), 9))


def _with_imports(manifest: dict[str, Any], name: str) -> set[str]:
    """Chunks that a browser fetches before this one runs: itself, and what it imports at once."""
    found: set[str] = set()
    wanted = [name]
    while wanted:
        chunk = wanted.pop()
        if chunk not in found:
            found.add(chunk)
            wanted += manifest[chunk].get("imports", [])
    return found


def _script_bytes(manifest: dict[str, Any], chunks: set[str]) -> int:
    return sum(_packed(DIST / manifest[chunk]["file"]) for chunk in chunks)


def _style_bytes(manifest: dict[str, Any], chunks: set[str]) -> int:
    styles = {style for chunk in chunks for style in manifest[chunk].get("css", [])}
    return sum(_packed(DIST / style) for style in styles)


def test_the_first_page_costs_no_more_script_than_now_and_at_most_25_kb_of_style(manifest: dict[str, Any]) -> None:
    first = _with_imports(manifest, FIRST_PAGE)
    ahead = sum(map(_packed, DIST.glob("static/ahead-*.js")))
    assert 0 < ahead <= 2 * KB
    assert _packed(DIST / manifest[FIRST_PAGE]["file"]) <= ENTRY
    assert ahead + _script_bytes(manifest, first) <= FIRST_SCRIPT
    assert _style_bytes(manifest, first) <= 25 * KB


def test_a_page_costs_at_most_80_kb_more_and_the_one_that_shows_code_180_kb(manifest: dict[str, Any]) -> None:
    first = _with_imports(manifest, FIRST_PAGE)
    pages = {name: chunk for name, chunk in manifest.items() if chunk.get("isDynamicEntry")}
    assert pages
    heavy = {}
    for name in pages:
        more = _script_bytes(manifest, _with_imports(manifest, name) - first)
        if more > (180 if "CodeView" in name else 80) * KB:
            heavy[name] = more
    assert heavy == {}


def test_the_whole_ui_is_at_most_1_5_mb(manifest: dict[str, Any]) -> None:
    files = [file for file in DIST.rglob("*") if file.is_file() and file.suffix not in (".gz", ".br")]
    assert sum(map(_packed, files)) <= 1_500 * KB


def test_the_server_has_each_script_and_style_packed(manifest: dict[str, Any]) -> None:
    files = [file for file in DIST.rglob("*") if file.suffix in (".js", ".css")]
    assert files
    assert [file.name for file in files if not Path(f"{file}.br").is_file() or not Path(f"{file}.gz").is_file()] == []
