"""/api/keys: access keys of the caller's tenant. Other tenants' are made on the command line.

A key's secret is in the answer that makes it, and nowhere else.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field

from bedplate.access.issue import USUAL, check_overlap, new_key
from bedplate.access.protocol import SCOPES, AccessKey, Scope
from bedplate.access.secret import digest_of, new_secret
from bedplate.api.current import CurrentAccount, CurrentApp, Tenant
from bedplate.api.schemas import Body, Shown

logger = logging.getLogger(__name__)

Seconds = Annotated[int, Field(le=10**10)]

router = APIRouter(prefix="/api/keys", tags=["keys"])


class NewKey(Body):
    """`expires_seconds` is how long it lasts; null is for ever."""

    name: str
    scopes: tuple[Scope, ...] = USUAL
    expires_seconds: Seconds | None = None


class Rotation(Body):
    """`overlap_seconds` is how long the former secret holds on."""

    overlap_seconds: Annotated[Seconds, Field(ge=0)] = 0


class Key(Shown):
    """`used_at` is known to some seconds."""

    id: str
    name: str
    tenant: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    rotated_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: AccessKey) -> Self:
        return cls.model_validate(_facts(key))


class MadeKey(Key):
    """`key` is the secret itself, told this once."""

    key: str

    @classmethod
    def with_secret(cls, key: AccessKey, secret: str) -> Self:
        return cls.model_validate({**_facts(key), "key": secret})


class KeyPage(Shown):
    keys: list[Key]
    has_more: bool
    after: str | None


@router.post("", status_code=201)
async def create_key(body: NewKey, app: CurrentApp, account: CurrentAccount) -> MadeKey:
    """Make one. The first ends open use of the server: from then on every call needs a key."""
    lifetime = None if body.expires_seconds is None else timedelta(seconds=body.expires_seconds)
    key, secret = new_key(body.name, account.tenant, body.scopes, lifetime=lifetime), new_secret()
    await app.keyring.keys.add(key, digest_of(secret))
    await app.keyring.refresh()
    logger.info("access key made", extra={"key": key.id, "tenant": key.tenant, "by": account.key})
    return MadeKey.with_secret(key, secret)


@router.get("")
async def list_keys(
    app: CurrentApp,
    tenant: Tenant,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> KeyPage:
    """In the order they were made, revoked ones too; `after` is the last id of the page before."""
    await app.keyring.note()
    found = await app.keyring.keys.list(tenant, after=after, limit=limit + 1)
    page = [Key.of(each) for each in found[:limit]]
    return KeyPage(keys=page, has_more=len(found) > limit, after=page[-1].id if page else None)


@router.post("/{id}/rotate")
async def rotate_key(
    id: str, app: CurrentApp, account: CurrentAccount, body: Rotation | None = None
) -> MadeKey:
    """Give it another secret; its id, scopes, budgets and lifetime stay."""
    overlap = check_overlap(timedelta(seconds=body.overlap_seconds if body else 0))
    secret = new_secret()
    key = await app.keyring.keys.rotate(
        account.tenant, id, digest_of(secret), moment=datetime.now(UTC), overlap=overlap
    )
    await app.keyring.refresh()
    logger.info(
        "access key rotated", extra={"key": key.id, "tenant": key.tenant, "by": account.key}
    )
    return MadeKey.with_secret(key, secret)


@router.delete("/{id}")
async def revoke_key(id: str, app: CurrentApp, account: CurrentAccount) -> Key:
    """Let it open nothing any more, here at once and in other processes within a second."""
    key = await app.keyring.keys.revoke(account.tenant, id, datetime.now(UTC))
    await app.keyring.refresh()
    logger.info(
        "access key revoked", extra={"key": key.id, "tenant": key.tenant, "by": account.key}
    )
    return Key.of(key)


def _facts(key: AccessKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "rotated_at": key.rotated_at,
        "used_at": key.used_at,
        "revoked_at": key.revoked_at,
    }
