"""Write the generated parts of docs/reference/ from the code: settings, commands, states, messages.

    python scripts/generate_reference.py            write them
    python scripts/generate_reference.py --check    exit with 1 when a page is not current

A page keeps its own prose; what stands between `<!-- generated: NAME -->` and `<!-- end -->` is replaced. The web UI's
copy of the engine's sentences is a file of its own.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import click
from toolkit_reference import toolkit

from tradewind.cli.main import COMMANDS
from tradewind.config.table import SECTIONS
from tradewind.core.reasons import SENTENCES
from tradewind.core.states import FINISHED, HOLDS_SLOT, TASK_TRANSITIONS, TaskEvent, TaskState
from tradewind.wire import events

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "tradewind"
REFERENCE = ROOT / "docs" / "reference"
SENTENCES_OF_UI = ROOT / "ui" / "src" / "i18n" / "reasons.ts"
BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> Iterator[tuple[Path, str, str]]:
    """Each page with generated parts: its path, its text, and the text it should have."""
    for path in sorted(REFERENCE.glob("*.md")):
        text = path.read_text("utf-8")
        wanted = BLOCK.sub(lambda match: match[1] + PARTS[match[2]]().strip() + "\n" + match[3], text)
        if BLOCK.search(text):
            yield path, text, wanted
    if SENTENCES_OF_UI.parent.is_dir():
        text = SENTENCES_OF_UI.read_text("utf-8") if SENTENCES_OF_UI.exists() else ""
        yield SENTENCES_OF_UI, text, sentences_of_ui()


def sentences_of_ui() -> str:
    """Why things wait, in English, as the web UI has it."""
    lines = [f"  {json.dumps(name)}: {json.dumps(text, ensure_ascii=False)}," for name, text in SENTENCES.items()]
    head = (
        "/** Generated from core/reasons.py by `python scripts/generate_reference.py`: why things wait, in English. */"
    )
    return "\n".join([head, "export const reasons = {", *lines, "} as const;", ""])


# --- settings ----------------------------------------------------------------------------------------------------


def settings() -> str:
    """One table a section; settings that nothing reads yet are marked."""
    read = _code_that_reads_settings()
    out = []
    for section, cls in SECTIONS.items():
        out += [f"## [{section}]", "", "| key | type | default | meaning | also read as |", "|---|---|---|---|---|"]
        for item in fields(cls):
            kind = item.type if isinstance(item.type, str) else getattr(item.type, "__name__", str(item.type))
            default = {"None": "*(unset)*", "": "*(empty)*"}.get(str(item.default), f"`{item.default}`")
            others = ", ".join(f"`{name}`" for name in item.metadata["airflow"])
            meaning = item.metadata["help"]
            if item.metadata["sensitive"]:
                meaning += " *Secret.*"
            if not _is_read(section, item.name, read):
                meaning += " *(accepted, without effect in this version)*"
            out.append(f"| `{item.name}` | {_cell(kind)} | {_cell(default)} | {_cell(meaning)} | {others} |")
        out.append("")
    return "\n".join(out)


def _code_that_reads_settings() -> str:
    """All source but the table itself, the defaults of `conf`, and what only displays settings."""
    left_out = {PACKAGE / "sdk" / "configuration.py", PACKAGE / "cli" / "info.py", PACKAGE / "cli" / "config.py"}
    files = (path for path in PACKAGE.rglob("*.py") if path not in left_out and path.parent.name != "config")
    return "\n".join(path.read_text("utf-8") for path in files)


def _is_read(section: str, key: str, code: str) -> bool:
    if key == "killed_task_cleanup_time":  # its value counts as worker.kill_grace_seconds
        return True
    ways = [rf"settings\.{section}\.{key}\b", rf'"{section}", "{key}"', rf'getattr\([\w.]+\.{section}, "{key}"']
    if key.endswith("_per_dag"):  # the SDK asks for these by a name in a variable
        ways.append(f'"{key}"')
    return re.search("|".join(ways), code) is not None


# --- commands ----------------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its usage, help and options, in the order of `tradewind --help`."""
    out: list[str] = []
    for name, (target, _) in COMMANDS.items():
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if isinstance(command, click.Group):
            out += [f"## tradewind {name}", "", _first_lines(command), ""]
            for sub in sorted(command.commands):
                out += _command(f"{name} {sub}", command.commands[sub], level=3)
        else:
            out += _command(name, command, level=2)
    return "\n".join(out)


def _command(name: str, command: click.Command, *, level: int) -> list[str]:
    context = click.Context(command, info_name=f"tradewind {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"{'#' * level} tradewind {name}", "", f"`tradewind {name} {usage}`".replace(" `", "`"), ""]
    lines += [_first_lines(command), ""]
    shown = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if shown:
        lines += ["| option | meaning |", "|---|---|"]
        for option in shown:
            record = option.get_help_record(context)
            if record is not None:
                lines.append(f"| `{record[0].replace('|', '/')}` | {_cell(record[1])} |")
        lines.append("")
    return lines


def _first_lines(command: click.Command) -> str:
    text = (command.help or "").split("\f")[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


# --- states ------------------------------------------------------------------------------------------------------

BY_PEOPLE = frozenset(
    {
        TaskEvent.MARKED_SUCCESS, TaskEvent.MARKED_FAILED, TaskEvent.MARKED_SKIPPED, TaskEvent.CLEARED,
        TaskEvent.RESTARTS, TaskEvent.REMOVED,
    }
)  # fmt: skip
"""Left out of the drawing, because they lead from almost everywhere."""


def transitions() -> str:
    """What follows what, one row a state and event."""
    out = ["| in state | event | next state |", "|---|---|---|"]
    for state in TaskState:
        follows: dict[TaskState, list[str]] = {}
        for event in TaskEvent:
            after = TASK_TRANSITIONS.get((state, event))
            if after is not None:
                follows.setdefault(after, []).append(f"`{event}`")
        out += [f"| `{state}` | {', '.join(names)} | `{after}` |" for after, names in follows.items()]
    return "\n".join(out)


def diagram() -> str:
    """The same as a Mermaid drawing, without what people do."""
    out = ["```mermaid", "stateDiagram-v2", "    direction LR", "    [*] --> none"]
    edges: dict[tuple[str, str], list[str]] = {}
    for (state, event), after in TASK_TRANSITIONS.items():
        if event not in BY_PEOPLE and state != after:
            edges.setdefault((state, after), []).append(event)
    out += [f"    {before} --> {after}: {' / '.join(names)}" for (before, after), names in edges.items()]
    out += [f"    {state} --> [*]" for state in TaskState if state in FINISHED and state is not TaskState.REMOVED]
    return "\n".join([*out, "```"])


def state_meanings() -> str:
    """Which states end a task, and which hold a slot."""
    finished = ", ".join(f"`{state}`" for state in TaskState if state in FINISHED)
    slots = ", ".join(f"`{state}`" for state in TaskState if state in HOLDS_SLOT)
    return f"- Finished: {finished}.\n- Holds a slot of its pool and worker: {slots}."


# --- the wire ----------------------------------------------------------------------------------------------------


def messages() -> str:
    """Every message: what it says, and its fields."""
    path = PACKAGE / "wire" / "messages.py"
    out: list[str] = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.ClassDef) or node.name == "Message":
            continue
        tag = next((str(ast.literal_eval(word.value)) for word in node.keywords if word.arg == "tag"), "")
        out += [f"### {node.name}" + (f" (`{tag}`)" if tag else ""), ""]
        if text := ast.get_docstring(node):
            out += [re.sub(r"(?<!\n)\n(?!\n)", " ", text), ""]
        rows = [*_fields(node)]
        if rows:
            out += ["| field | type | default | meaning |", "|---|---|---|---|", *rows, ""]
    return "\n".join(out)


def _fields(node: ast.ClassDef) -> Iterator[str]:
    for position, item in enumerate(node.body):
        if not isinstance(item, ast.AnnAssign):
            continue
        after = node.body[position + 1] if position + 1 < len(node.body) else None
        doc = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            doc = " ".join(str(after.value.value).split())
        default = f"`{_cell(ast.unparse(item.value))}`" if item.value is not None else ""
        name, kind = ast.unparse(item.target), _cell(ast.unparse(item.annotation))
        yield f"| `{name}` | `{kind}` | {default} | {_cell(doc)} |"


def requests() -> str:
    """What may be asked of the engine."""
    from tradewind.wire.messages import METHODS

    rows = [f"| `{name}` | `{_cell(text)}` |" for name, text in METHODS.items()]
    return "\n".join(["| method | arguments → answer |", "|---|---|", *rows])


def command_kinds() -> str:
    """What may be wished of the owner."""
    from tradewind.scheduler.commands import HANDLERS

    return ", ".join(f"`{kind}`" for kind in sorted(HANDLERS)) + "."


def event_names() -> str:
    """Names in the event log, and topics of live streams."""
    names = [value for key, value in vars(events).items() if key.isupper() and isinstance(value, str)]
    listed = ", ".join(f"`{name}`" for name in names)
    return f"Names: {listed}.\n\nTopics: {', '.join(f'`{topic}`' for topic in events.TOPICS)}."


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "commands": commands,
    "transitions": transitions,
    "diagram": diagram,
    "state-meanings": state_meanings,
    "messages": messages,
    "requests": requests,
    "command-kinds": command_kinds,
    "event-names": event_names,
    "toolkit": toolkit,
}


def main() -> int:
    """Write the pages, or with `--check` say which are out of date."""
    stale = [(path, wanted) for path, text, wanted in pages() if text != wanted]
    for path, wanted in stale:
        if "--check" in sys.argv:
            print(f"{path.relative_to(ROOT)} is out of date; run `python scripts/generate_reference.py`.")
        else:
            path.write_text(wanted, "utf-8")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
