"""What a route is given: the App, whose data it works on, and until when."""

from typing import Annotated, cast

from fastapi import Depends, Request

from bedplate.api.bodies import deadline_of
from bedplate.app import App
from bedplate.domain.ids import DEFAULT_TENANT, TenantId


async def _app(request: Request) -> App:
    return cast(App, request.app.state.bedplate)


async def _tenant() -> TenantId:
    """Everyone on this machine is the default tenant until there are access keys."""
    return DEFAULT_TENANT


async def _deadline(request: Request) -> float:
    return deadline_of(request.scope)


CurrentApp = Annotated[App, Depends(_app)]
Tenant = Annotated[TenantId, Depends(_tenant)]
Deadline = Annotated[float, Depends(_deadline)]
"""On the event loop's clock."""
