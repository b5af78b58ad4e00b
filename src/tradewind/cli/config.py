"""`tradewind config`: values, where they come from, and what has no effect."""

from dataclasses import fields

import click

from tradewind.cli.app import App, Noun, pass_app
from tradewind.config.settings import as_text, entries, is_sensitive
from tradewind.config.table import OWN, SECTIONS

MASK = "< hidden >"


@click.group(cls=Noun)
def config() -> None:
    """Show and check the configuration."""


@config.command("get-value")
@click.argument("section")
@click.argument("option")
@pass_app
def get_value(app: App, section: str, option: str) -> None:
    """The value of one setting; Airflow's older names work too."""
    value, _ = app.settings.explain(section, option)
    click.echo("" if value is None else as_text(value))


@config.command("list")
@click.option("--section", help="Only this section.")
@click.option("-s", "--include-sources", is_flag=True, help="Where each value comes from.")
@click.option("-d", "--include-descriptions", is_flag=True, help="What each setting means.")
@click.option("-V", "--include-env-vars", is_flag=True, help="The variable that sets it.")
@click.option("-c", "--comment-out-everything", is_flag=True, help="Write each setting as a comment.")
@click.option("-a", "--defaults", is_flag=True, help="Defaults instead of values.")
@click.option("--show-values", is_flag=True, help="Show secrets.")
@click.option("--hide-sensitive", is_flag=True, expose_value=False, hidden=True)
@click.option("--color", expose_value=False, hidden=True)
@click.option("-e", "--include-examples", is_flag=True, expose_value=False, hidden=True)
@click.option("-p", "--exclude-providers", is_flag=True, expose_value=False, hidden=True)
@pass_app
def list_config(
    app: App, section: str | None, include_sources: bool, include_descriptions: bool, include_env_vars: bool,
    comment_out_everything: bool, defaults: bool, show_values: bool,
) -> None:  # fmt: skip
    """All settings, as an airflow.cfg; secrets are masked unless asked for."""
    settings = app.settings
    if defaults:
        from tradewind.config import load_settings

        settings = load_settings(settings.home, {}, with_files=False)
    shown: set[str] = set()
    for name, key, value, source in entries(settings, section):
        if name not in shown:
            click.echo(("\n" if shown else "") + f"[{name}]")
            shown.add(name)
        if include_descriptions and name in SECTIONS:
            help_text = next((item.metadata["help"] for item in fields(SECTIONS[name]) if item.name == key), "")
            click.echo(f"# {help_text}" if help_text else "", nl=bool(help_text))
        if include_sources:
            click.echo(f"# Source: {source}")
        if include_env_vars:
            prefix = "TRADEWIND" if f"{name}.{key}" in OWN else "AIRFLOW"
            click.echo(f"# Variable: {prefix}__{name.replace('.', '_').upper()}__{key.upper()}")
        hidden = value and is_sensitive(name, key) and not show_values
        text = MASK if hidden else (value or "")
        comment = "# " if comment_out_everything else ""
        click.echo(f"{comment}{key} = {text}".rstrip().replace("\n", "\n    "))
    if section and not shown:
        raise click.ClickException(f"There is no section [{section}]; the sections are {', '.join(SECTIONS)}.")


@config.command("lint")
@click.option("--section", help="Only these sections, separated by commas.")
@click.option("--option", help="Only these keys.")
@click.option("--ignore-section", help="Leave out these sections.")
@click.option("--ignore-option", help="Leave out these keys.")
@pass_app
def lint_config(
    app: App, section: str | None, option: str | None, ignore_section: str | None, ignore_option: str | None
) -> None:
    """What in the configuration has moved, has no effect, or looks wrong."""
    from tradewind.config.lint import lint

    def names(text: str | None) -> set[str]:
        return {part.strip().lower() for part in (text or "").split(",") if part.strip()}

    findings = [
        finding
        for finding in lint(app.settings)
        if (not section or finding.section in names(section))
        and (not option or finding.key in names(option))
        and finding.section not in names(ignore_section)
        and finding.key not in names(ignore_option)
    ]
    for finding in findings:
        click.echo(f"{finding.level}: {finding.sentence} ({finding.source})")
    if not findings:
        click.echo("Nothing to remark: every setting is known and has its effect.")
