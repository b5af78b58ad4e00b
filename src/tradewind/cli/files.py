"""Files that people import from and export to."""

import os
from typing import Any

import click


def read_mapping(path: str) -> dict[str, Any]:
    """Names and values of a JSON, YAML or .env file."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{path} is not text in UTF-8.") from None
    ending = os.path.splitext(path)[1].lower()
    if ending == ".env" or os.path.basename(path) == ".env":
        return _read_env(path, text)
    try:
        if ending in (".yaml", ".yml"):
            import yaml

            value = yaml.safe_load(text)
        else:
            import json

            value = json.loads(text)
    except Exception as error:
        first = str(error).splitlines()[0]
        raise click.ClickException(
            f"{path} cannot be read as {'YAML' if 'y' in ending else 'JSON'}: {first}."
        ) from None
    if not isinstance(value, dict):
        raise click.ClickException(f"{path} must hold an object: names and their values.")
    return {str(name): entry for name, entry in value.items()}


def _read_env(path: str, text: str) -> dict[str, Any]:
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator:
            raise click.ClickException(f"{path}, line {number}: expected name=value.")
        values[name.strip()] = value.strip()
    return values


def write_text(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file; as it may hold secrets, for this user alone when it is new. `-` is standard output."""
    if path == "-":
        click.echo(text, nl=False)
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
