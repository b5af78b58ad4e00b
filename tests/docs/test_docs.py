"""The pages say what is so: links, commands, targets, settings, Dags."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tradewind.cli.main import COMMANDS
from tradewind.config.lint import airflow_defaults
from tradewind.config.settings import canonical
from tradewind.config.table import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
every_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
DAG_BLOCKS = [
    (name, block)
    for name, page in zip(NAMES, PAGES, strict=True)
    for kind, block in FENCE.findall(page.read_text("utf-8"))
    if kind == "python" and "airflow" in block
]


# --- links -------------------------------------------------------------------------------------------------------


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    broken = [link for link in LINK.findall(text) if not _leads_somewhere(page, link)]
    assert not broken


def _leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"https?://", link):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchor in _anchors(target)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for link in LINK.findall(page.read_text("utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.is_dir():
                todo += target.glob("*.md")
            elif target.suffix == ".md" and target.exists():
                todo.append(target)
    assert set(PAGES) <= seen


# --- commands and targets ----------------------------------------------------------------------------------------


@every_page
def test_commands_exist_with_the_options_shown(page: Path) -> None:
    wrong = [f"{line}: {fault}" for line in _commands(page, "tradewind ") if (fault := _fault(line))]
    assert not wrong


@every_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        word for line in _commands(page, "make ") for word in shlex.split(line)[1:] if re.fullmatch(r"[a-z-]+", word)
    }
    assert named <= targets


def _commands(page: Path, start: str) -> Iterator[str]:
    """What a person is told to type: `$` lines of console blocks, and inline code that begins so."""
    text = page.read_text("utf-8")
    for kind, block in FENCE.findall(text):
        if kind == "console":
            for line in block.splitlines():
                for part in line.removeprefix("$ ").split("#")[0].split("&&"):
                    if line.startswith("$ ") and part.strip().startswith(start):
                        yield part.strip()
    without_generated = re.sub(r"<!-- generated.*?<!-- end -->", "", FENCE.sub("", text), flags=re.DOTALL)
    for code in INLINE.findall(without_generated):
        if code.startswith(start) and not re.search(r"[…|]", code):
            yield code


def _fault(line: str) -> str:
    """Why this command line could not be typed; empty if it could."""
    words = shlex.split(line)[1:]
    while words and words[0].startswith("--"):
        words = words[2:] if words[0] == "--home" else words[1:]
    if not words:
        return ""
    if words[0] not in COMMANDS:
        return f"there is no command {words[0]}"
    module, _, name = COMMANDS[words[0]][0].partition(":")
    command = getattr(importlib.import_module(module), name)
    rest = words[1:]
    if isinstance(command, click.Group) and rest:
        if rest[0] not in command.commands:
            return f"{words[0]} has no {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    unknown = [word for word in rest if word.startswith("-") and word.partition("=")[0] not in known | {"-h", "--help"}]
    return f"unknown options {unknown}" if unknown else ""


# --- settings ----------------------------------------------------------------------------------------------------


@every_page
def test_settings_exist(page: Path) -> None:
    named = re.findall(r"`\[(\w+)\] (\w+)`", page.read_text("utf-8"))
    named += [
        pair.lower().split("__") for pair in re.findall(r"(?:TRADEWIND|AIRFLOW)__(\w+__\w+)", page.read_text("utf-8"))
    ]
    unknown = [(section, key) for section, key in named if not _is_setting(section, key.removesuffix("_cmd"))]
    assert [pair for pair in unknown if pair != ("section", "key")] == []


def _is_setting(section: str, key: str) -> bool:
    own_section, _, own_key = canonical(f"{section}.{key}").partition(".")
    if own_section in SECTIONS and own_key in SECTIONS[own_section].__dataclass_fields__:
        return True
    return key in airflow_defaults(Path("/")).get(section, {})


# --- code --------------------------------------------------------------------------------------------------------


@every_page
def test_python_blocks_are_python(page: Path) -> None:
    for kind, block in FENCE.findall(page.read_text("utf-8")):
        if kind == "python":
            ast.parse(block)


@pytest.mark.parametrize(("name", "block"), DAG_BLOCKS, ids=[name for name, _ in DAG_BLOCKS])
def test_dags_in_pages_are_dags(name: str, block: str, tmp_path: Path) -> None:
    """In a process of its own, because the names `airflow…` are installed for good."""
    file = tmp_path / "page.py"
    file.write_text(block)
    code = (
        "import json, sys, tradewind.compat; tradewind.compat.install()\n"
        "from tradewind.worker.importing import load_file\n"
        "loaded = load_file(sys.argv[1], 'page.py', digest='', parse_id=1, timeout_seconds=30)\n"
        "print(json.dumps([sorted(loaded.dags), [p.message for p in loaded.report.problems]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    dags, problems = json.loads(done.stdout)
    assert problems == []
    assert dags


# --- pages that must agree ---------------------------------------------------------------------------------------


def test_generated_pages_are_current() -> None:
    script = ROOT / "scripts" / "generate_reference.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_readmes_show_the_same_dag_commands_and_sections() -> None:
    english, korean = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.ko.md"))
    assert _typed(english) == _typed(korean)
    assert english.count("\n## ") == korean.count("\n## ")
    assert english.count("\n|") == korean.count("\n|")


def _typed(text: str) -> list[str]:
    return [line.split("#")[0].strip() for _, block in FENCE.findall(text) for line in block.splitlines()]


def test_the_tree_in_the_architecture_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    tree = text.partition("src/tradewind/\n")[2].partition("```")[0]
    named = re.findall(r"[├└]── ([\w.]+)", tree)
    made = {"py.typed", "ui_dist"}  # the built web UI lies there once `make ui` has run
    there = {path.name for path in (ROOT / "src" / "tradewind").iterdir() if not path.name.startswith("_")} - made
    assert {name for name in named if name not in there} == set()
    assert there - {name.rstrip("/") for name in named} == set()


def test_the_architecture_has_a_row_for_each_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.MULTILINE)
    for contract in contracts:
        packages = [f"`{module.removeprefix('tradewind.')}`" for module in contract["source_modules"]]
        of_everything = contract["forbidden_modules"] == ["tradewind.testing"]
        assert of_everything or any(all(package in row for package in packages) for row in rows), contract["name"]


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem[:4])
def test_a_decision_has_its_three_parts(page: Path) -> None:
    headings = re.findall(r"^(#+) (.+)$", page.read_text("utf-8"), re.MULTILINE)
    assert [level for level, _ in headings] == ["#", "##", "##", "##"]
    assert [title for _, title in headings[1:]] == ["Context", "Decision", "Consequences"]


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
