"""What the web UI says in Korean for the server's refusals: each is a sentence that the server still writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "ui" / "src" / "i18n" / "refusals.ko.ts"


def sentences() -> Iterator[str]:
    """Each text in the source, with `{}` for each value in it."""
    for file in (ROOT / "src" / "tradewind").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.JoinedStr():
                    parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
                    yield "".join(map(str, parts))
                case ast.Constant(value=str() as text):
                    yield text


def test_every_refusal_that_is_said_in_korean_is_one_that_the_server_writes() -> None:
    known = re.findall(r'^  "(.+?)": "', TABLE.read_text("utf-8"), re.MULTILINE)
    assert len(known) >= 20
    written = set(sentences())
    assert [said for said in known if re.sub(r"\{\w+\}", "{}", said) not in written] == []
