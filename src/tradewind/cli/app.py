"""What every command shares: the installation it works on, and the options that Airflow has everywhere."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tradewind.store.times import from_us

if TYPE_CHECKING:
    from tradewind.cli.client import Client
    from tradewind.cli.reading import Reader
    from tradewind.config import Settings
    from tradewind.security.secrets import Vault

F = TypeVar("F", bound=Callable[..., Any])


class App:
    """One installation, opened as far as the command needs it."""

    def __init__(self, home: str | None = None) -> None:
        self._home = home

    @cached_property
    def settings(self) -> "Settings":
        from tradewind.config import load_settings

        return load_settings(Path(self._home) if self._home else None)

    @cached_property
    def reader(self) -> "Reader":
        from tradewind.cli.reading import open_reader

        return open_reader(self.settings)

    @cached_property
    def client(self) -> "Client":
        from tradewind.cli.client import Client

        return Client(self.settings)

    @cached_property
    def vault(self) -> "Vault":
        from tradewind.security.secrets import open_vault

        return open_vault(self.settings, make_key=False)

    def close(self) -> None:
        """Close what was opened."""
        for name in ("reader", "client"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def moment(self, text: str) -> datetime:
        """A date or time that a person wrote; without an offset it is in core.default_timezone."""
        return moment_of(self.settings, text)


def moment_of(settings: "Settings", text: str) -> datetime:
    """A date or time as an aware datetime. Raises UsageError for a text that is neither."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.UsageError(
            f"{text!r} is not a date or time; write it as 2026-01-31 or 2026-01-31T08:00+09:00."
        ) from None
    if moment.tzinfo is None:
        name = settings.core.default_timezone
        try:
            moment = moment.replace(tzinfo=UTC if name.lower() in ("utc", "") else ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError):
            raise click.ClickException(f"[core] default_timezone {name!r} is not a time zone.") from None
    return moment


class Leaf(click.Command):
    """A command that also takes the options which Airflow has on all of its own, where they mean nothing here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = {name for param in self.params for name in param.opts}
        for option in _without_effect():
            if not taken & set(option.opts):
                self.params.append(option)


class Noun(click.Group):
    """A group of commands about one thing."""

    command_class = Leaf

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            from tradewind.cli.elsewhere import refuse

            refuse(f"{self.name} {cmd_name}", ctx)
        return found


class TakesNumbers(Leaf):
    """A command whose arguments may be negative numbers, which would otherwise be taken for options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        numbers = {f" {arg}" for arg in args if _NEGATIVE.fullmatch(arg)}
        rest = super().parse_args(ctx, [f" {arg}" if f" {arg}" in numbers else arg for arg in args])
        ctx.params.update({name: value[1:] for name, value in ctx.params.items() if value in numbers})
        return rest


_NEGATIVE = re.compile(r"-[\d.]+(e[+-]?\d+)?", re.IGNORECASE)


def _without_effect() -> list[click.Option]:
    return [
        click.Option(["-v", "--verbose"], is_flag=True, expose_value=False, hidden=True),
        click.Option(["-S", "--subdir"], expose_value=False, hidden=True, callback=_ignored),
        click.Option(["-B", "--bundle-name"], multiple=True, expose_value=False, hidden=True, callback=_ignored),
    ]


def _ignored(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value:
        click.echo(f"{param.opts[-1]} has no effect: Dags are known from [core] dags_folder.", err=True)


pass_app = click.make_pass_decorator(App)


def output_option(command: F) -> F:
    """`-o table|json|yaml|plain`, passed as `output`."""
    from tradewind.cli.output import FORMATS

    return click.option(
        "-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print."
    )(command)


yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def json_object(text: str, option: str) -> dict[str, Any]:
    """A JSON object that a person typed."""
    import json

    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{option} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise click.UsageError(f'{option} must be a JSON object such as {{"key": "value"}}.')
    return value


def confirm(question: str, yes: bool) -> None:
    """Ask unless told not to; no means that nothing was changed."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as stopped:
        if not isinstance(stopped.__context__, EOFError):
            raise
        click.echo(err=True)
        raise click.ClickException("Nobody is there to answer, so nothing was changed; --yes goes ahead.") from None
    if not agreed:
        raise click.ClickException("Nothing was changed.")


def counted(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def iso(microseconds: int | None) -> str | None:
    """A stored time as text in UTC, to the microsecond."""
    at = from_us(microseconds)
    return None if at is None else at.isoformat()


def first_line(error: BaseException) -> str:
    """What an error says first; drivers and SQLAlchemy go on with advice that is not for this reader."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")


def printable(text: str) -> str:
    """Text that cannot steer a terminal: control characters become their pictures (␛ for escape)."""
    return text.translate(_PICTURES)


_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_PICTURES |= dict.fromkeys((0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
