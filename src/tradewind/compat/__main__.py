"""`python -m tradewind.compat FILE [ARG …]` or `… -m MODULE [ARG …]`: run it where `airflow` is Tradewind's."""

from __future__ import annotations

import os
import runpy
import sys

from tradewind.compat import install


def main(arguments: list[str]) -> None:
    match arguments:
        case ["-m", module, *_]:
            sys.argv = arguments[1:]
            sys.path[0] = os.getcwd()
            install()
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case [file, *_] if os.path.exists(file):
            sys.argv = arguments
            sys.path[0] = os.path.dirname(os.path.abspath(file))
            install()
            runpy.run_path(file, run_name="__main__")
        case [file, *_] if not file.startswith("-"):
            sys.exit(f"There is no file {file!r}; give the path of a Python file.")
        case _:
            sys.exit("Usage: python -m tradewind.compat FILE [ARG …]  or  python -m tradewind.compat -m MODULE [ARG …]")


if __name__ == "__main__":
    main(sys.argv[1:])
