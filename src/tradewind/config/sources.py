"""Where configuration text comes from, in order: environment, tradewind.toml, airflow.cfg."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewind.core.errors import TradewindError

PREFIXES = ("TRADEWIND__", "AIRFLOW__")


class ConfigError(TradewindError):
    """The configuration cannot be used as it is."""


@dataclass(frozen=True, eq=False)
class Found:
    """The text of one key as somebody wrote it, and where."""

    section: str
    key: str
    text: str
    source: str
    """`env AIRFLOW__CORE__EXECUTOR`, a file's path, or `default`."""
    base: Path
    """What a relative path in the text is relative to."""

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


def find_home(environ: Mapping[str, str]) -> Path:
    """TRADEWIND_HOME, else AIRFLOW_HOME, else ./.tradewind if it exists, else ~/tradewind; always absolute."""
    named = environ.get("TRADEWIND_HOME") or environ.get("AIRFLOW_HOME")
    if named:
        return Path(os.path.abspath(os.path.expanduser(named)))
    here = Path.cwd() / ".tradewind"
    return here if here.is_dir() else Path(os.path.expanduser("~")) / "tradewind"


class Sources:
    """All configuration text of one installation. A key is looked up by each of its names, place by place."""

    def __init__(self, home: Path, environ: Mapping[str, str], with_files: bool = True) -> None:
        self.home = home
        self.environ = environ
        paths = (_toml_path(home), _cfg_path(home, environ)) if with_files else ()
        self.files = tuple(path for path in paths if path is not None)
        self._places = [_env_place(environ, prefix) for prefix in PREFIXES]
        for path in self.files:
            read = _read_toml if path.suffix == ".toml" else _read_cfg
            self._places.append({name: self._from_file(name, text, path) for name, text in read(path)})

    def find(self, *names: str, sensitive: bool) -> Found | None:
        """The first place that has one of these `section.key` names wins; within a place, the first name."""
        for place in self._places:
            for name in names:
                found = place.get(name)
                if found is not None:
                    return Found(found.section, found.key, self._expand(found.text), found.source, found.base)
            if sensitive:
                for name in names:
                    found = place.get(f"{name}_cmd")
                    if found is not None:
                        return _run_command(found, name)
        return None

    def everything(self) -> Iterator[Found]:
        """Every key that any place has, strongest place first; a key may come more than once."""
        for place in self._places:
            for found in place.values():
                yield Found(found.section, found.key, self._expand(found.text), found.source, found.base)

    def _expand(self, text: str) -> str:
        """`~` and the variables that exist; an unknown `$name` stays, since it may be part of a password."""
        if text.startswith("~"):
            text = os.path.expanduser(text)
        if "$" not in text:
            return text
        import re

        return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda m: self.environ.get(m[1] or m[2], m[0]), text)

    def _from_file(self, name: str, text: str, path: Path) -> Found:
        section, _, key = name.rpartition(".")
        return Found(section, key, text, str(path), self.home)


def _env_place(environ: Mapping[str, str], prefix: str) -> dict[str, Found]:
    place: dict[str, Found] = {}
    for variable, text in environ.items():
        section, separator, key = variable.removeprefix(prefix).partition("__")
        if variable.startswith(prefix) and separator and key:
            section = _DOTTED.get(section, section).lower()
            place[f"{section}.{key}".lower()] = Found(section, key.lower(), text, f"env {variable}", Path.cwd())
    return place


_DOTTED = {"COMMON_IO": "common.io"}
"""Sections whose name a variable cannot spell."""


def _toml_path(home: Path) -> Path | None:
    path = home / "tradewind.toml"
    return path if path.is_file() else None


def _cfg_path(home: Path, environ: Mapping[str, str]) -> Path | None:
    named = environ.get("AIRFLOW_CONFIG")
    if named:
        path = Path(os.path.abspath(os.path.expanduser(named)))
        if not path.is_file():
            raise ConfigError(f"AIRFLOW_CONFIG names {path}, which is not a file; correct it or unset it.")
        return path
    for path in (home / "airflow.cfg", home / "config" / "airflow.cfg"):
        if path.is_file():
            return path
    return None


def _read_toml(path: Path) -> Iterator[tuple[str, str]]:
    import tomllib

    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}.") from None
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: `{section}` stands outside a section; put it below a `[section]` line.")
        yield from _toml_section(section, table)


def _toml_section(section: str, table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):  # [common.io] is one section of Airflow with a dot in its name
            yield from _toml_section(f"{section}.{key}".lower(), value)
        else:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"{section}.{key}".lower(), text


def _read_cfg(path: Path) -> Iterator[tuple[str, str]]:
    import configparser

    parser = configparser.RawConfigParser(allow_no_value=True, strict=False, delimiters=("=", ":"))
    try:
        parser.read_string(path.read_text("utf-8-sig"), source=str(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0].rstrip(".")
        raise ConfigError(f"{path} cannot be read as an airflow.cfg: {first}.") from None
    for section in parser.sections():
        for key, text in parser.items(section):
            if text is not None:
                # Airflow's files double each percent sign.
                yield f"{section}.{key}".lower(), text.replace("%%", "%")


def _run_command(found: Found, name: str) -> Found:
    """What the command of a `…_CMD` key prints, as the value of the key itself."""
    import shlex
    import subprocess

    section, _, key = name.rpartition(".")
    try:
        done = subprocess.run(
            shlex.split(found.text), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"The command for [{section}] {key} ({found.source}) did not run: {error}.") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        raise ConfigError(
            f"The command for [{section}] {key} ({found.source}) ended with code {done.returncode}: {said[0]}."
        )
    return Found(section, key, done.stdout.rstrip("\r\n"), f"{found.source} (its output)", found.base)
