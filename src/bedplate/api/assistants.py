"""/api/assistants: versions of assistants, and which of them answers.

What the configuration declares is version 0 and is never changed. A tenant's own versions count
from 1; the newest answers, until another one is put back. A request pins one as "name@3".
"""

import logging
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Response
from pydantic import Field

from bedplate.api.current import CurrentAccount, CurrentApp, Tenant
from bedplate.api.schemas import Body, Shown
from bedplate.assistant_sections import AssistantConfig
from bedplate.assistants import roster
from bedplate.assistants.differences import differences

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/api/assistants", tags=["assistants"])

Number = Annotated[int, Field(ge=0, le=10**9)]


class NewVersion(Body):
    """`settings` are those of `[assistants.NAME]`; `note` says why."""

    name: str
    settings: AssistantConfig
    note: str = ""


class RollBack(Body):
    version: Number


class AssistantEntry(Shown):
    """`version` is the one that answers; `declared`: the configuration has it, as version 0."""

    name: str
    version: int
    newest: int
    declared: bool


class AssistantList(Shown):
    assistants: list[AssistantEntry]


class AssistantVersion(Shown):
    """`by` is the id of the access key that made it."""

    name: str
    version: int
    settings: dict[str, Any]
    note: str
    by: str | None
    created_at: datetime | None

    @classmethod
    def of(cls, version: roster.Version) -> Self:
        return cls(
            name=version.name,
            version=version.version,
            settings=version.settings.model_dump(mode="json"),
            note=version.note,
            by=version.by,
            created_at=version.created_at,
        )


class AssistantVersions(Shown):
    versions: list[AssistantVersion]


class Difference(Shown):
    path: str
    before: Any
    after: Any


class Differences(Shown):
    name: str
    before: int
    after: int
    differences: list[Difference]


@router.get("")
async def list_assistants(app: CurrentApp, tenant: Tenant) -> AssistantList:
    found = await app.assistants.roster.list(tenant)
    return AssistantList(
        assistants=[
            AssistantEntry(
                name=each.name,
                version=each.version,
                newest=each.newest,
                declared=each.declared,
            )
            for each in found
        ]
    )


@router.post("", status_code=201)
async def create_assistant_version(
    body: NewVersion, app: CurrentApp, account: CurrentAccount
) -> AssistantVersion:
    """Make one, the first of its name or a further one; it answers from now on."""
    made = await app.assistants.roster.create(
        body.name, body.settings, account.tenant, note=body.note, by=account.key
    )
    _log("assistant made", made, account.key)
    return AssistantVersion.of(made)


@router.get("/{assistant}")
async def get_assistant(
    assistant: str, app: CurrentApp, tenant: Tenant, version: Number | None = None
) -> AssistantVersion:
    """The version that answers, or the one asked for."""
    return AssistantVersion.of(await app.assistants.roster.version(assistant, tenant, version))


@router.get("/{assistant}/versions")
async def list_assistant_versions(
    assistant: str, app: CurrentApp, tenant: Tenant
) -> AssistantVersions:
    """The newest first."""
    found = await app.assistants.roster.versions(assistant, tenant)
    return AssistantVersions(versions=[AssistantVersion.of(each) for each in found])


@router.get("/{assistant}/diff")
async def compare_assistant_versions(
    assistant: str, app: CurrentApp, tenant: Tenant, before: Number, after: Number | None = None
) -> Differences:
    """What differs between two versions; `after` is the one that answers where it is left out."""
    one = await app.assistants.roster.version(assistant, tenant, before)
    other = await app.assistants.roster.version(assistant, tenant, after)
    found = differences(one.settings, other.settings)
    return Differences(
        name=assistant,
        before=one.version,
        after=other.version,
        differences=[
            Difference(path=each.path, before=each.before, after=each.after) for each in found
        ],
    )


@router.post("/{assistant}/rollback")
async def roll_assistant_back(
    assistant: str, body: RollBack, app: CurrentApp, account: CurrentAccount
) -> AssistantVersion:
    """Have another version answer from now on; 0 is the declared one."""
    found = await app.assistants.roster.roll_back(assistant, account.tenant, body.version)
    _log("assistant rolled back", found, account.key)
    return AssistantVersion.of(found)


@router.delete("/{assistant}", status_code=204)
async def delete_assistant(assistant: str, app: CurrentApp, account: CurrentAccount) -> Response:
    """All versions but the declared one."""
    await app.assistants.roster.remove(assistant, account.tenant)
    logger.info(
        "assistant removed",
        extra={"assistant": assistant, "tenant": account.tenant, "by": account.key},
    )
    return Response(status_code=204)


def _log(what: str, version: roster.Version, key: str | None) -> None:
    logger.info(what, extra={"assistant": version.name, "version": version.version, "by": key})
