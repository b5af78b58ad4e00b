"""Routes that say what they need. One that does not cannot be served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Annotated, Any, TypeVar

import fastapi.routing
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from tradewind.api.call import Call, call_of
from tradewind.core.access import Action, Need, Resource
from tradewind.core.errors import TradewindError

API, UI = "/api/v2", "/ui"

Handler = TypeVar("Handler", bound=Callable[..., Any])
Asked = Annotated[Call, Depends(call_of)]
"""What a handler declares to get its Call."""

OPEN = None
"""What a route needs that anybody may call, also without login."""


class Undeclared(TradewindError):
    """A route does not say who may call it, so nobody may: the server does not start."""

    def __init__(self, path: str) -> None:
        super().__init__(f"The route {path} does not say what it needs; register it through Routes.")


class LateRoute(APIRoute):
    """A route that knows its path and its methods, and works out the rest of itself when somebody asks for it: what
    its parameters and its answer look like takes milliseconds and 100 KB each, and most routes are never asked for."""

    _LOCK = RLock()

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.path, self.endpoint = path, endpoint
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.methods: set[str] = {method.upper() for method in options["methods"]}
        self.include_in_schema = options.get("include_in_schema", True)
        self._options = options

    def __getattr__(self, name: str) -> Any:
        """Anything else of a route. Only asked for what is not there yet."""
        with self._LOCK:
            if (options := self.__dict__.get("_options")) is not None:
                extra = options.get("openapi_extra")
                options = options | {"openapi_extra": extra() if callable(extra) else extra}
                super().__init__(self.path, self.endpoint, **options)
                del self._options
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None


class Routes:
    """A family of routes, each with what it needs. `openapi_extra` of one may be a function that gives it; `packed`:
    its answer may be packed (see `packing`)."""

    def __init__(self, tag: str, prefix: str = "") -> None:
        self.router = APIRouter(prefix=prefix, tags=[tag], route_class=LateRoute)

    def get(self, path: str, needs: Resource | None, **options: Any) -> Callable[[Handler], Handler]:
        """Reading. No state changes behind a GET."""
        return self._add("GET", path, needs, Action.READ, options)

    def post(
        self, path: str, needs: Resource | None, action: Action = Action.CREATE, **options: Any
    ) -> Callable[[Handler], Handler]:
        return self._add("POST", path, needs, action, options)

    def put(
        self, path: str, needs: Resource, action: Action = Action.EDIT, **options: Any
    ) -> Callable[[Handler], Handler]:
        return self._add("PUT", path, needs, action, options)

    def patch(
        self, path: str, needs: Resource, action: Action = Action.EDIT, **options: Any
    ) -> Callable[[Handler], Handler]:
        return self._add("PATCH", path, needs, action, options)

    def delete(
        self, path: str, needs: Resource, action: Action = Action.DELETE, **options: Any
    ) -> Callable[[Handler], Handler]:
        return self._add("DELETE", path, needs, action, options)

    def _add(
        self, method: str, path: str, needs: Resource | None, action: Action, options: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            handler.need = OPEN if needs is None else Need(action, needs)  # type: ignore[attr-defined]
            handler.packed = options.pop("packed", False)  # type: ignore[attr-defined]
            guards = [] if needs is None else [Depends(call_of)]
            options.setdefault("operation_id", handler.__name__)
            self.router.add_api_route(path, handler, methods=[method], dependencies=guards, **options)
            return handler

        return register


@dataclass(frozen=True, slots=True)
class Served:
    """A route as it is served: with its whole path."""

    method: str
    path: str
    endpoint: Callable[..., Any]

    @property
    def need(self) -> Need | None:
        """What its caller must be allowed; None where anybody may call it. Raises Undeclared."""
        if not hasattr(self.endpoint, "need"):
            raise Undeclared(self.path)
        need: Need | None = self.endpoint.need
        return need


def serve(app: FastAPI, *families: Routes) -> None:
    """Add families of routes to an application. Raises Undeclared for a route that does not say what it needs: none of
    them is served then.

    They are added as they are: an application that includes a router works out each of its routes twice.
    """
    routes = [route for family in families for route in family.router.routes]
    for route in routes:
        assert isinstance(route, APIRoute)
        _ = Served("", route.path, route.endpoint).need
    app.router.routes.extend(routes)


def routes_of(app: FastAPI) -> list[Any]:
    """Every route of an application's API, with its whole path; those of the routers that it includes as well."""
    routes: Any = app.routes
    if hasattr(fastapi.routing, "iter_route_contexts"):  # since FastAPI keeps included routers as they are
        routes = fastapi.routing.iter_route_contexts(app.routes)
    return [route for route in routes if isinstance(getattr(route, "original_route", route), APIRoute)]


def served_by(app: FastAPI) -> list[Served]:
    """The same as methods and paths."""
    found = [Served(method, route.path, route.endpoint) for route in routes_of(app) for method in sorted(route.methods)]
    if not found:
        raise Undeclared("*")  # this FastAPI keeps them in a way that we do not know
    return found


def check_declared(app: FastAPI) -> None:
    """Raise Undeclared unless every route of the API says what it needs."""
    for route in served_by(app):
        _ = route.need
