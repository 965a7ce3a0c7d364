"""What a route is given: the App, whose data it works on, and until when."""

from typing import Annotated, cast

from fastapi import Depends, Request

from bedplate.agents.runs import Runs
from bedplate.api.access import account_of, tenant_of
from bedplate.api.bodies import deadline_of
from bedplate.app import App
from bedplate.domain.accounts import Account
from bedplate.domain.ids import TenantId
from bedplate.durable.protocol import Durable
from bedplate.errors import Unavailable
from bedplate.ingest.sync_work import SyncJobs
from bedplate.ingest.uploads import Uploads
from bedplate.library.library import Library

NO_WORK = "This server was opened without durable work: start it with `bedplate serve`."


async def _app(request: Request) -> App:
    return cast(App, request.app.state.bedplate)


async def _account(request: Request) -> Account:
    return account_of(request.scope)


async def _tenant(request: Request) -> TenantId:
    return tenant_of(request.scope)


async def _deadline(request: Request) -> float:
    return deadline_of(request.scope)


async def _jobs(request: Request) -> Durable:
    if (jobs := (await _app(request)).jobs) is None:
        raise Unavailable(NO_WORK)
    return jobs


async def _syncs(request: Request) -> SyncJobs:
    if (syncs := (await _app(request)).syncs) is None:
        raise Unavailable(NO_WORK)
    return syncs


async def _library(request: Request) -> Library:
    if (library := (await _app(request)).library) is None:
        raise Unavailable(NO_WORK)
    return library


def uploads_of(app: App) -> Uploads:
    if app.uploads is None:
        raise Unavailable(NO_WORK)
    return app.uploads


async def _runs(request: Request) -> Runs:
    if (running := (await _app(request)).runs) is None:
        raise Unavailable(NO_WORK)
    return running.runs


async def _may_admin(request: Request) -> bool:
    account = await _account(request)
    if account.key is None:
        # On this machine, while there are no keys: the gate let nobody else in.
        return True
    key = (await _app(request)).keyring.holder(account.key)
    return key is not None and key.allows("admin")


CurrentApp = Annotated[App, Depends(_app)]
CurrentAccount = Annotated[Account, Depends(_account)]
"""Whose request it is, and who pays for the models that it asks."""

Tenant = Annotated[TenantId, Depends(_tenant)]
CurrentJobs = Annotated[Durable, Depends(_jobs)]
CurrentLibrary = Annotated[Library, Depends(_library)]
CurrentRuns = Annotated[Runs, Depends(_runs)]
CurrentSyncs = Annotated[SyncJobs, Depends(_syncs)]
MayAdmin = Annotated[bool, Depends(_may_admin)]
"""Whether it comes from the tenant's operator."""

Deadline = Annotated[float, Depends(_deadline)]
"""On the event loop's clock."""
