"""/, /healthz, /readyz and /openapi.json."""

from typing import Any, Literal, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from bedplate import __version__
from bedplate.api import chat
from bedplate.api.access import known_account
from bedplate.api.openapi import describe
from bedplate.api.readiness import Readiness
from bedplate.errors import Unavailable

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
async def readyz(request: Request) -> Ready:
    """Every part was exercised within a second; 503 says which one did not work, to who may know."""
    readiness = cast(Readiness, request.app.state.readiness)
    if (problem := await readiness.problem()) is None:
        return Ready()
    if known_account(request.scope) is None:
        raise Unavailable("Not ready: the server's log says why.")
    raise Unavailable(f"Not ready: {problem}")


@router.get("/openapi.json", include_in_schema=False, response_class=JSONResponse)
async def openapi(request: Request) -> dict[str, Any]:
    return describe(request.app, chat.PATH)
