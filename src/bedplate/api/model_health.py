"""/api/models/health: how the endpoints of models fare."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from bedplate.api.current import CurrentApp

router = APIRouter(prefix="/api/models", tags=["models"])


class EndpointState(BaseModel):
    """`calls` and `failures` are of the window that its circuit breaker looks at; `retry_after` is in
    how many seconds the next call is let through, where none is now.
    """

    endpoint: str
    state: Literal["closed", "open", "half_open"]
    calls: int
    failures: int
    last_error: str | None
    retry_after: float | None


class ModelHealth(BaseModel):
    endpoints: list[EndpointState]


@router.get("/health")
async def model_health(app: CurrentApp) -> ModelHealth:
    """The circuit breaker of every endpoint that models call. Nothing is called for this."""
    return ModelHealth(
        endpoints=[
            EndpointState(
                endpoint=health.endpoint,
                state=health.state,
                calls=health.calls,
                failures=health.failures,
                last_error=health.last_error,
                retry_after=health.retry_after,
            )
            for health in app.breakers.health
        ]
    )
