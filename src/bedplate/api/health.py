"""/, /healthz, /readyz and /openapi.json."""

import asyncio
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from bedplate import __version__
from bedplate.api import chat
from bedplate.api.current import CurrentApp
from bedplate.api.openapi import describe
from bedplate.errors import BedplateError, Unavailable

CHECK_SECONDS = 10.0

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"


class Welcome(BaseModel):
    name: Literal["bedplate"] = "bedplate"
    version: str = __version__
    openapi: str = "/openapi.json"
    models: str = "/v1/models"
    collections: str = "/api/collections"
    ready: str = "/readyz"


@router.get("/")
async def welcome() -> Welcome:
    return Welcome()


@router.get("/healthz")
async def healthz() -> Alive:
    """The process is alive and answers."""
    return Alive()


@router.get("/readyz")
async def readyz(app: CurrentApp) -> Ready:
    """Every part was exercised just now; 503 says which one did not work."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await app.check()
    except TimeoutError as error:
        raise Unavailable(f"Not ready: the check took over {CHECK_SECONDS:g} s.") from error
    except BedplateError as error:
        raise Unavailable(f"Not ready: {error.message}") from error
    return Ready()


@router.get("/openapi.json", include_in_schema=False, response_class=JSONResponse)
async def openapi(request: Request) -> dict[str, Any]:
    return describe(request.app, chat.PATH)
