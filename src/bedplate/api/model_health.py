"""/api/models/health and /api/models/managed: how models' endpoints and own servers fare."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
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


class TriedState(BaseModel):
    """`gain` is the share of the plain seconds that the mode saves; `same` counts equal answers."""

    mode: str
    seconds: float
    gain: float
    same: int


class FindingState(BaseModel):
    """`spread` is by what share the two plain runs differ; `kept` what is used from then on."""

    at: datetime
    prompts: int
    plain_seconds: float
    spread: float
    tried: list[TriedState]
    kept: str


class SpeculationState(BaseModel):
    """`mode` is that of the server's next start; `loaded`: off for now, since many ask at once;
    `prompts` are kept for a trial, which is under way while `trying`.
    """

    setting: str
    mode: str
    loaded: bool
    prompts: int
    trying: bool
    finding: FindingState | None


class ManagedState(BaseModel):
    """`requests` are under way or wait for the start, `starts` are since Bedplate's own, `crashes` of
    the window that counts. `log` is what the server wrote last.
    """

    model: str
    state: Literal["stopped", "starting", "ready", "stopping"]
    device: Literal["ram", "gpu"]
    memory_bytes: int
    requests: int
    starts: int
    crashes: int
    speculation: SpeculationState
    log: Sequence[str]


class ManagedModels(BaseModel):
    models: list[ManagedState]


@router.get("/managed")
async def managed_models(
    app: CurrentApp, lines: Annotated[int, Query(ge=0, le=1000)] = 20
) -> ManagedModels:
    """The models whose servers Bedplate runs, with `lines` of each server's log."""
    return ManagedModels(
        models=[
            ManagedState(
                model=status.name,
                state=status.state,
                device=status.device,
                memory_bytes=status.memory_bytes,
                requests=status.requests,
                starts=status.starts,
                crashes=status.crashes,
                speculation=SpeculationState.model_validate(asdict(status.speculation)),
                log=status.log,
            )
            for status in app.servers.status(lines)
        ]
    )
