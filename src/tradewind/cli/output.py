"""Rows as table, JSON, YAML or plain text, with the shapes that Airflow's commands print."""

import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tradewind.cli.app import printable

FORMATS = ("table", "json", "yaml", "plain")


def show(rows: Sequence[Mapping[str, Any]], output: str) -> None:
    """Print rows. In JSON and YAML all values but null are text, as Airflow has them."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(render(rows, output, columns))


def render(rows: Sequence[Mapping[str, Any]], output: str, columns: int | None = None) -> str:
    """Rows as text of one format. One row that is wider than a terminal's columns is a table of its values."""
    if output == "json":
        import json

        return json.dumps([_texts(row) for row in rows], ensure_ascii=False)
    if output == "yaml":
        import yaml

        return yaml.safe_dump([_texts(row) for row in rows], allow_unicode=True).rstrip()
    if not rows:
        return "No data found"
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    if output == "table" and columns and len(rows) == 1 and sum(widths) + 3 * (len(widths) - 1) > columns:
        names = max(map(width, cells[0]))
        return "\n".join(_line([name, value], [names, 0], " | ") for name, value in zip(*cells, strict=True))
    if output == "plain":
        return "\n".join(_line(line, widths, "  ") for line in cells)
    rule = "=+=".join("=" * size for size in widths)
    return "\n".join([_line(cells[0], widths, " | "), rule, *(_line(line, widths, " | ") for line in cells[1:])])


def width(text: str) -> int:
    """Columns that a terminal needs; Korean, Japanese and Chinese characters take two."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _line(cells: list[str], widths: list[int], between: str) -> str:
    return between.join(cell + " " * (size - width(cell)) for cell, size in zip(cells, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return printable(str(value)).replace("\n", " ").replace("\t", " ")


def _texts(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {str(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return str(value)
