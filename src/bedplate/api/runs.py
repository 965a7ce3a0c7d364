"""/api/runs: goals that assistants pursue with tools."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from bedplate.agents import runs as flow
from bedplate.agents.runs import Runs, check_narrower
from bedplate.api.current import CurrentAccount, CurrentApp, CurrentRuns, Deadline, MayAdmin, Tenant
from bedplate.api.run_hooks import unsigned
from bedplate.api.run_schemas import (
    CancelRun,
    ForkRun,
    NewRun,
    ResumeRun,
    Run,
    RunEntry,
    RunList,
    RunLog,
)
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.streams import open_stream
from bedplate.domain.accounts import Account
from bedplate.domain.ids import TenantId
from bedplate.domain.runs import RunPage, RunStatus
from bedplate.errors import InvalidInput, NotFound

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`run` as it is, its entries by their kinds, with ids, and `run` at its end.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}

POSTED: dict[str, Any] = {
    "requestBody": {"content": {"*/*": {"schema": {"type": "string"}}}},
}

router = APIRouter(prefix="/api/runs", tags=["runs"])


@router.post("", status_code=202)
async def start_run(body: NewRun, runs: CurrentRuns, account: CurrentAccount) -> Run:
    """Start one; it goes on without its client, and after a crash of the server."""
    limits = None
    if body.budget is not None:
        limits = body.budget.over(await runs.limits(account.tenant, body.assistant))
    new = flow.NewRun(body.assistant, body.goal, body.id, limits)
    return Run.of(await runs.start(replace(account, user=body.user), new))


@router.post("/hooks/{hook}", status_code=202, response_model=Run, openapi_extra=POSTED)
async def run_hook(
    hook: str, request: Request, app: CurrentApp, runs: CurrentRuns, account: CurrentAccount
) -> Run | Response:
    """Start the run that the configuration declares for the hook. What is posted is shown to its
    model as data; the same delivery (`webhook-id` or `Idempotency-Key`) starts it once.
    """
    hooks = app.config.runs.hooks
    if hook not in hooks:
        raise NotFound(f"There is no hook {hook!r}.", param="hook")
    body, declared = await request.body(), hooks[hook]
    delivery = request.headers.get("idempotency-key")
    if declared.secret is not None:
        secret = declared.secret.get_secret_value()
        if (refused := unsigned(request.headers, body, secret, name=hook)) is not None:
            return refused
        # Signed with the rest, so that nobody sends it again as another.
        delivery = request.headers["webhook-id"]
        account = Account(TenantId(declared.tenant))
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("The body is not text in UTF-8.", param="body") from error
    id = None if delivery is None else f"{hook}:{sha256(delivery.encode()).hexdigest()[:32]}"
    new = flow.NewRun(declared.assistant, declared.goal, id, posted=text, source=hook)
    return Run.of(await runs.start(account, new))


@router.get("")
async def list_runs(
    runs: CurrentRuns,
    tenant: Tenant,
    status: Annotated[list[RunStatus] | None, Query(description="Those that stand so.")] = None,
    assistant: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(description="Older ones than this.")] = None,
) -> RunList:
    """Newest first."""
    page = RunPage(tuple(status or ()), assistant, limit, before)
    return RunList(runs=[Run.of(run) for run in await runs.list(tenant, page)])


@router.get("/{id}")
async def get_run(id: str, runs: CurrentRuns, tenant: Tenant) -> Run:
    return Run.of(await runs.get(tenant, id))


@router.get("/{id}/entries")
async def get_run_entries(
    id: str,
    runs: CurrentRuns,
    tenant: Tenant,
    after: Annotated[int, Query(ge=-1)] = -1,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
) -> RunLog:
    """Its log: what the model said, each call's intent and result, questions to humans."""
    found = await runs.entries(tenant, id, after=after, limit=limit + 1)
    shown = [RunEntry.model_validate(entry) for entry in found[:limit]]
    return RunLog(entries=shown, more=len(found) > limit)


@router.get("/{id}/events", responses=EVENTS, response_class=Response)
async def watch_run(
    id: str,
    runs: CurrentRuns,
    tenant: Tenant,
    deadline: Deadline,
    last_event_id: Annotated[int, Header(ge=-1, description="Entries after this one.")] = -1,
) -> Response:
    """Follow it until it ends or until this request's time is over, from any entry on."""
    return await open_stream(_events(runs, tenant, id, last_event_id, deadline))


@router.post("/{id}/pause")
async def pause_run(id: str, runs: CurrentRuns, tenant: Tenant) -> Run:
    """Stop it before its next step; a call under way is finished."""
    return Run.of(await runs.pause(tenant, id))


@router.post("/{id}/resume")
async def resume_run(
    id: str, runs: CurrentRuns, tenant: Tenant, admin: MayAdmin, body: ResumeRun | None = None
) -> Run:
    """Go on with one that is paused, out of its budget, went round in circles, or failed."""
    given = body or ResumeRun()
    limits = None
    if given.budget is not None:
        run = await runs.get(tenant, id)
        limits = given.budget.over(run.setup.limits)
        if not admin:
            check_narrower(limits, await runs.limits(tenant, run.assistant))
    return Run.of(await runs.resume(tenant, id, limits=limits, message=given.message))


@router.post("/{id}/cancel")
async def cancel_run(
    id: str, runs: CurrentRuns, tenant: Tenant, body: CancelRun | None = None
) -> Run:
    """Stop it for good, and what it started; one that has ended well stays as it is."""
    given = body or CancelRun()
    return Run.of(await runs.cancel(tenant, id, undo=given.undo))


@router.post("/{id}/fork", status_code=202)
async def fork_run(id: str, body: ForkRun, runs: CurrentRuns, account: CurrentAccount) -> Run:
    """A new run that did what this one did before an answer of its model, and goes on otherwise."""
    forked = await runs.fork(account, id, at=body.at, goal=body.goal, message=body.message)
    return Run.of(forked)


async def _events(
    runs: Runs, tenant: TenantId, id: str, after: int, deadline: float
) -> AsyncGenerator[bytes]:
    yield await _run(runs, tenant, id)
    async with aclosing(runs.tail(tenant, id, after=after)) as entries:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    entry = await anext(entries, None)
            except TimeoutError:
                return
            if entry is None:
                break
            shown = RunEntry.model_validate(entry).model_dump(mode="json")
            yield encode_event(shown, entry.kind, id=entry.number)
    yield await _run(runs, tenant, id)


async def _run(runs: Runs, tenant: TenantId, id: str) -> bytes:
    shown = Run.of(await runs.get(tenant, id))
    return encode_event(shown.model_dump(mode="json"), "run")
