"""Prints the OpenAPI document of the web UI's own routes; its TypeScript types are made from it (`npm run types`)."""

import json

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tradewind import __version__
from tradewind.api import ui

if __name__ == "__main__":
    app = FastAPI()
    for family in ui.FAMILIES:
        app.include_router(family.router)
    print(
        json.dumps(get_openapi(title="Tradewind UI", version=__version__, routes=app.routes), indent=1, sort_keys=True)
    )
