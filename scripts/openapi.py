"""Prints the OpenAPI document of all that the web UI asks for; `npm run types` makes its TypeScript types of it."""

import json

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tradewind import __version__
from tradewind.api import public, ui
from tradewind.api.login import accounts, oidc
from tradewind.api.login import routes as login
from tradewind.api.routing import serve

if __name__ == "__main__":
    app = FastAPI()
    serve(app, login.routes, oidc.routes, accounts.users, accounts.roles, *ui.families(), *public.FIRST, *public.rest())
    document = get_openapi(title="Tradewind", version=__version__, routes=app.routes)
    print(json.dumps(document, indent=1, sort_keys=True))
