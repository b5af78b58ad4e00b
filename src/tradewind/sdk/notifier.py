"""BaseNotifier: a callback as an object, with templated fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from tradewind.sdk.compat_helpers import LoggingMixin
from tradewind.sdk.templated import Templated


class BaseNotifier(LoggingMixin, Templated):
    """Subclasses implement `notify(context)`; an instance is given as `on_failure_callback` and its like."""

    template_fields: Collection[str] = ()
    template_ext: Collection[str] = ()
    context: Mapping[str, Any] = MappingProxyType({})
    """What it was given besides. Here too, since subclasses may leave out our `__init__`."""

    def __init__(self, context: Any = None, **_: Any) -> None:
        super().__init__()
        self.context = dict(context or {})

    def notify(self, context: Any) -> None:
        """Send it."""
        raise NotImplementedError(f"{type(self).__name__} has no notify(context) method.")

    async def async_notify(self, context: Any) -> None:
        """Send it from a coroutine."""
        self.notify(context)

    def __call__(self, *args: Any) -> None:
        # Callbacks get the context; the 2.x ones for missed SLAs get five values instead.
        given = args[0] if len(args) == 1 and isinstance(args[0], Mapping) else {"args": args}
        context: Any = given
        for name, value in self.context.items():
            if name not in context:
                context[name] = value
        dag = context.get("dag")
        self.render_template_fields(context, self.get_template_env(dag) if dag is not None else None)
        try:
            self.notify(context)
        except Exception:
            self.log.exception("%s failed to send", type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__module__}.{type(self).__qualname__}"
