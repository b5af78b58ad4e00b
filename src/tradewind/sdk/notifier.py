"""BaseNotifier: a callback as an object, with templated fields."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from types import MappingProxyType
from typing import Any

from tradewind.sdk.compat_helpers import LoggingMixin
from tradewind.sdk.templated import Templated


class BaseNotifier(LoggingMixin, Templated):
    """Subclasses implement `notify(context)`, `async_notify(context)` or both; an instance is given as
    `on_failure_callback` and its like."""

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
        with _Rendered(self, given) as context:
            try:
                self._send(context)
            except Exception:
                self.log.exception("%s failed to send", type(self).__name__)

    def __await__(self) -> Generator[Any, Any, None]:
        """Awaited, it sends what its own context says."""
        return self._send_async(self.context).__await__()

    def _send(self, context: Any) -> None:
        if type(self).notify is BaseNotifier.notify and type(self).async_notify is not BaseNotifier.async_notify:
            import asyncio

            asyncio.run(self.async_notify(context))
        else:
            self.notify(context)

    async def _send_async(self, given: Any) -> None:
        with _Rendered(self, given) as context:
            await self.async_notify(context)

    def __repr__(self) -> str:
        return f"{type(self).__module__}.{type(self).__qualname__}"


class _Rendered:
    """The notifier's fields hold what they are in this context for the length of a block, and their templates after:
    the same object is called for other tasks, and in a process that runs several attempts."""

    def __init__(self, notifier: BaseNotifier, given: Any) -> None:
        self._notifier, self._context = notifier, given

    def __enter__(self) -> Any:
        notifier, context = self._notifier, self._context
        for name, value in notifier.context.items():
            if name not in context:
                context[name] = value
        self._written = {name: getattr(notifier, name) for name in notifier.template_fields if hasattr(notifier, name)}
        dag = context.get("dag")
        notifier.render_template_fields(context, notifier.get_template_env(dag) if dag is not None else None)
        return context

    def __exit__(self, *_: object) -> None:
        for name, value in self._written.items():
            object.__setattr__(self._notifier, name, value)
