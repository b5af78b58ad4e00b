"""SQL as text: where one statement ends and the next begins."""

from __future__ import annotations

import re

_PIECE = re.compile(
    r"""
      --[^\n]*                       # comment to the end of the line
    | /\*.*?\*/                      # comment
    | '(?:[^']|'')*'                 # text
    | "(?:[^"]|"")*"                 # name
    | \$(\w*)\$.*?\$\1\$             # PostgreSQL's dollar quotes
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)


def split(sql: str, *, keep_semicolon: bool = True) -> list[str]:
    """The statements of a text, without those that are nothing but comments."""
    statements, start = [], 0
    for piece in _PIECE.finditer(sql):
        if piece["end"]:
            statements.append(sql[start : piece.end() if keep_semicolon else piece.start()].strip())
            start = piece.end()
    statements.append(sql[start:].strip())
    return [text for text in statements if _says_something(text)]


def _says_something(text: str) -> bool:
    rest = _PIECE.sub(lambda piece: "" if piece[0].startswith(("--", "/*", ";")) else piece[0], text)
    return bool(rest.strip())
