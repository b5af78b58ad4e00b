"""Rendering by the author's own hand: what operators and notifiers offer, brought in when it is first called."""

from __future__ import annotations

from typing import Any


class Templated:
    """Methods that render templates against a context."""

    template_fields: Any = ()
    template_ext: Any = ()

    def get_template_env(self, dag: Any = None) -> Any:
        """A new Jinja environment with the Dag's search path, macros and filters."""
        return _templater().get_template_env(self, dag)

    def prepare_template(self) -> None:
        """Called before the fields are rendered; may change them."""

    def render_template(self, content: Any, context: Any, jinja_env: Any = None, seen_oids: Any = None) -> Any:
        """`content`, whatever its shape, with its templates rendered."""
        return _templater().render_template(self, content, context, jinja_env)

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Render every template field in place."""
        _templater().render_template_fields(self, context, jinja_env)


def _templater() -> Any:
    from tradewind.sdk.execution.templating import Templater

    return Templater
