"""/api/tools: what models may call here."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from bedplate.api.current import CurrentApp
from bedplate.toolbox import Offer

router = APIRouter(prefix="/api/tools", tags=["tools"])


class ToolState(BaseModel):
    """`parameters` is a JSON Schema. `approve` says whether a human confirms each call, or the
    condition on its arguments under which one does; `assistants` who may use it, empty for all.
    """

    name: str
    table: str
    use: str
    description: str
    parameters: Mapping[str, Any]
    effect: Literal["none", "idempotent", "once"]
    approve: bool | str
    seconds: float
    attempts: int
    per_minute: int | None
    max_characters: int
    assistants: list[str]
    simulated: bool


class TableFailure(BaseModel):
    """A table that has nothing to offer now, and why."""

    table: str
    code: str
    message: str


class Tools(BaseModel):
    tools: list[ToolState]
    failures: list[TableFailure]


@router.get("")
async def list_tools(app: CurrentApp) -> Tools:
    """The tools of every table. Servers elsewhere are asked for theirs; no tool is called."""
    offers = await app.toolbox.offers()
    return Tools(
        tools=[state for offer in offers for state in _states(offer)],
        failures=[
            TableFailure(table=offer.table, code=offer.error.code, message=offer.error.message)
            for offer in offers
            if offer.error is not None
        ],
    )


def _states(offer: Offer) -> list[ToolState]:
    return [
        ToolState(
            name=tool.spec.name,
            table=offer.table,
            use=offer.use,
            description=tool.spec.description,
            parameters=tool.spec.parameters,
            effect=tool.policy.effect,
            approve=tool.policy.approve,
            seconds=tool.policy.seconds,
            attempts=tool.policy.attempts,
            per_minute=tool.policy.per_minute,
            max_characters=tool.policy.max_characters,
            assistants=list(tool.policy.assistants),
            simulated=offer.simulated,
        )
        for tool in offer.tools
    ]
