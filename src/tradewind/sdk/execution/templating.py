"""Jinja as Dags use it: sandboxed environments, templates compiled once, fields rendered however deep they nest."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nativetypes
import jinja2.sandbox

from tradewind.core.errors import TradewindError
from tradewind.sdk.execution.later import plain
from tradewind.sdk.xcom_arg import Pull, ResolveMixin, XComArg

log = logging.getLogger("tradewind.task")

_SCALARS = (int, float, bool, type(None), bytes)
_LONGEST_QUOTE = 120


class TemplateFieldError(TradewindError):
    """A template field cannot be rendered; the text names task, field and template."""


# --- environments ------------------------------------------------------------------------------------------------


class SandboxedEnvironment(jinja2.sandbox.SandboxedEnvironment):
    """Jinja's sandbox, with attributes that begin with one underscore allowed."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not jinja2.sandbox.is_internal_attribute(obj, attr)


class NativeEnvironment(SandboxedEnvironment, jinja2.nativetypes.NativeEnvironment):
    """The same, where a template of one expression gives its value instead of its text."""


def make_environment(dag: Any, *, native: bool = False) -> jinja2.Environment:
    """A new environment with the Dag's search path, macros, filters and Jinja settings."""
    folders = [getattr(dag, "folder", None) or os.path.dirname(getattr(dag, "fileloc", "") or "") or "."]
    folders += getattr(dag, "template_searchpath", None) or []
    options: dict[str, Any] = {
        "loader": jinja2.FileSystemLoader([os.fspath(folder) for folder in folders]),
        "undefined": getattr(dag, "template_undefined", None) or jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
    }
    options.update(getattr(dag, "jinja_environment_kwargs", None) or {})
    environment = (NativeEnvironment if native else SandboxedEnvironment)(**options)
    environment.filters.update(_FILTERS)
    environment.filters.update(getattr(dag, "user_defined_filters", None) or {})
    environment.globals.update(getattr(dag, "user_defined_macros", None) or {})
    return environment


def _date_filter(name: str, convert: Callable[[datetime], str]) -> Callable[[datetime | None], str]:
    def apply(value: datetime | None) -> str:
        if not isinstance(value, datetime):
            raise jinja2.TemplateRuntimeError(f"the filter `{name}` needs a datetime and got {type(value).__name__}")
        return convert(value)

    return apply


DATE_FORMATS: dict[str, Callable[[datetime], str]] = {
    "ds": lambda at: at.strftime("%Y-%m-%d"),
    "ds_nodash": lambda at: at.strftime("%Y%m%d"),
    "ts": lambda at: at.isoformat(),
    "ts_nodash": lambda at: at.strftime("%Y%m%dT%H%M%S"),
    "ts_nodash_with_tz": lambda at: at.isoformat().replace("-", "").replace(":", ""),
}
_FILTERS = {name: _date_filter(name, convert) for name, convert in DATE_FORMATS.items()}


class Templates:
    """One environment, and every template that it has compiled."""

    def __init__(self, environment: jinja2.Environment) -> None:
        self.environment = environment
        self.native = isinstance(environment, jinja2.nativetypes.NativeEnvironment)
        self._compiled: dict[tuple[str | None, str], jinja2.Template] = {}
        own_syntax = ("variable_start_string", "block_start_string", "comment_start_string")
        self._starts = tuple(getattr(environment, name) for name in own_syntax)
        self._fixed = not self.native and not (
            environment.line_statement_prefix or environment.line_comment_prefix or environment.keep_trailing_newline
        )

    def is_fixed(self, text: str) -> bool:
        """Whether rendering leaves this text as it is, whatever the context."""
        return (
            self._fixed and not any(start in text for start in self._starts) and "\r" not in text
            and not text.endswith("\n")
        )  # fmt: skip

    def compiled(self, source: str) -> jinja2.Template:
        """The template of this source text."""
        template = self._compiled.get((None, source))
        if template is None:
            template = self._compiled[None, source] = self.environment.from_string(source)
        return template

    def of_file(self, name: str) -> jinja2.Template:
        """The template in this file, as the file is now; found in the Dag's folder or its template_searchpath."""
        loader = self.environment.loader
        if loader is None:
            raise jinja2.TemplateNotFound(name)
        source, filename, _ = loader.get_source(self.environment, name)
        template = self._compiled.get((name, source))
        if template is None:
            code = self.environment.compile(source, name, filename)
            made = self.environment.template_class.from_code(
                self.environment, code, self.environment.make_globals(None)
            )
            template = self._compiled[name, source] = made
        return template

    def render(self, template: jinja2.Template, context: Mapping[str, Any]) -> Any:
        """The template's text (or native value). Names are looked up one by one, so that a lazy context stays lazy."""
        scope = _Scope(context, template.globals)
        return template.environment.concat(
            template.root_render_func(template.new_context(scope, shared=True))  # type: ignore[arg-type]
        )


class _Scope(Mapping[str, Any]):
    """A context over an environment's globals, without copying either."""

    __slots__ = ("_context", "_globals")

    def __init__(self, context: Mapping[str, Any], globals_: MutableMapping[str, Any]) -> None:
        self._context, self._globals = context, globals_

    def __contains__(self, name: object) -> bool:
        return name in self._context or name in self._globals

    def __getitem__(self, name: str) -> Any:
        return plain(self._context[name]) if name in self._context else self._globals[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._context
        yield from (name for name in self._globals if name not in self._context)

    def __len__(self) -> int:
        return sum(1 for _ in self)


# --- fields ------------------------------------------------------------------------------------------------------


class Renderer:
    """Renders the values of one attempt. Objects are copied before their own template fields are rendered."""

    def __init__(
        self, templates: Templates, context: Mapping[str, Any], extensions: tuple[str, ...] = (),
        pull: Pull | None = None, as_they_are: frozenset[int] = frozenset(),
    ) -> None:  # fmt: skip
        self._templates, self._context, self._extensions, self._pull = templates, context, extensions, pull
        self._as_they_are = as_they_are
        self._rendered: dict[int, tuple[Any, Any]] = {}

    def render(self, value: Any) -> Any:
        """A copy with every template rendered and every reference to another task's result filled in."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, _SCALARS) or id(value) in self._as_they_are:
            return value
        if isinstance(value, XComArg):
            return value.resolve(self._pull or self._context)
        if isinstance(value, ResolveMixin):
            return value.resolve(self._context)
        kind = type(value)
        if kind is dict or kind is list:
            return {k: self.render(v) for k, v in value.items()} if kind is dict else [self.render(v) for v in value]
        if isinstance(value, tuple):
            parts = [self.render(part) for part in value]
            return kind(*parts) if hasattr(value, "_fields") else tuple(parts)
        if isinstance(value, dict):
            return {k: self.render(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.render(part) for part in value]
        if isinstance(value, (set, frozenset)):
            return kind(self.render(part) for part in value)
        return self._object(value)

    def _text(self, text: str) -> Any:
        if id(text) in self._as_they_are:
            return text
        if self._extensions and text.endswith(self._extensions):
            return self._templates.render(self._templates.of_file(text), self._context)
        if self._templates.is_fixed(text):
            return text
        return self._templates.render(self._templates.compiled(text), self._context)

    def _object(self, value: Any) -> Any:
        fields = getattr(value, "template_fields", None)
        if not isinstance(fields, (list, tuple, set, frozenset)) or isinstance(value, type):
            return value
        if id(value) not in self._rendered:
            made = copy.copy(value)
            self._rendered[id(value)] = (value, made)
            for name in fields:
                object.__setattr__(made, name, self.render(getattr(value, name)))
        return self._rendered[id(value)][1]


def render_field(renderer: Renderer, task: Any, name: str, value: Any) -> Any:
    """`renderer.render(value)`, where an error of Jinja becomes a sentence that names task, field and template."""
    try:
        return renderer.render(value)
    except jinja2.TemplateNotFound as error:
        raise TemplateFieldError(
            f"Task {task.task_id!r}: the template file {error.name!r} of field {name!r} was not found; put it in the "
            "Dag's folder or add its folder to template_searchpath, or end the text with a space if it is no file."
        ) from None
    except jinja2.TemplateSyntaxError as error:
        where = f" in {error.filename}" if error.filename and error.filename != "<unknown>" else ""
        raise TemplateFieldError(
            f"Task {task.task_id!r}: field {name!r} is not valid Jinja{where}, line {error.lineno}: {error.message}; "
            f"the value is {_quoted(value)}."
        ) from None
    except jinja2.TemplateError as error:
        raise TemplateFieldError(
            f"Task {task.task_id!r}: field {name!r} cannot be rendered: {error.message}; the value is {_quoted(value)}."
            f"{_advice(renderer, error)}"
        ) from None


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _advice(renderer: Renderer, error: jinja2.TemplateError) -> str:
    run = renderer._context.get("dag_run")
    names = (*DATE_FORMATS, "logical_date", "data_interval", "execution_date", "_ds")
    if getattr(run, "logical_date", 0) is None and any(f"'{name}" in str(error) for name in names):
        return " The run has no logical date, so it has no dates to offer; use dag_run.run_after."
    return ""


class Templater:
    """What operators and notifiers offer to author code that renders something by itself."""

    template_fields: Any = ()
    template_ext: Any = ()

    def get_template_env(self, dag: Any = None) -> jinja2.Environment:
        """A new environment of this task's Dag."""
        dag = dag or (self.get_dag() if hasattr(self, "get_dag") else None)
        native = getattr(self, "render_template_as_native_obj", None)
        return make_environment(
            dag, native=bool(getattr(dag, "render_template_as_native_obj", False) if native is None else native)
        )

    def prepare_template(self) -> None:
        """Called before the fields are rendered; may change them."""

    def render_template(
        self, content: Any, context: Any, jinja_env: jinja2.Environment | None = None, seen_oids: set[int] | None = None
    ) -> Any:
        """`content`, whatever its shape, with its templates rendered."""
        templates = Templates(jinja_env or self.get_template_env())
        return Renderer(templates, context, tuple(self.template_ext or ())).render(content)

    def render_template_fields(self, context: Any, jinja_env: jinja2.Environment | None = None) -> None:
        """Render every template field in place."""
        renderer = Renderer(Templates(jinja_env or self.get_template_env()), context, tuple(self.template_ext or ()))
        for name in self.template_fields:
            object.__setattr__(self, name, render_field(renderer, self, name, getattr(self, name)))
