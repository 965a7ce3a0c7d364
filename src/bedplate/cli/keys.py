# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate keys`: access keys, made, listed and revoked on the server's own machine."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command
from bedplate.cli.screen import console, one_line, plain, table, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bedplate.access.protocol import AccessKey, AccessKeys

logger = logging.getLogger(__name__)

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose data the key opens.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Access keys.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(group, name="keys")

    @command(group, "create")
    def create(
        invocation: Invocation,
        *,
        name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
        tenant: TenantOption = "default",
        scope: Annotated[
            list[str] | None,
            typer.Option("--scope", help="read, write, chat or admin; may be repeated."),
        ] = None,
        expires: Annotated[
            str | None, typer.Option("--expires", help="After how long, as 90d, 12h or 30m.")
        ] = None,
    ) -> None:
        """Make a key and show it, once. Without --scope it may read, write and chat."""
        asyncio.run(_create(invocation, name, tenant, scope, expires))

    @command(group, "list")
    def listed(invocation: Invocation, *, tenant: TenantOption = "default") -> None:
        """A tenant's keys, revoked ones too; never the keys themselves."""
        asyncio.run(_list(invocation, tenant))

    @command(group, "revoke")
    def revoke(
        invocation: Invocation,
        *,
        id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
        tenant: TenantOption = "default",
    ) -> None:
        """Let a key open nothing any more; running servers follow within seconds."""
        asyncio.run(_revoke(invocation, id, tenant))


async def _create(
    invocation: Invocation, name: str, tenant: str, scopes: list[str] | None, expires: str | None
) -> None:
    from bedplate.access.issue import new_key
    from bedplate.access.secret import digest_of, new_secret
    from bedplate.domain.ids import TenantId

    lifetime = None if expires is None else lifetime_of(expires)
    wanted = scopes or ["read", "write", "chat"]
    key, secret = new_key(name, TenantId(tenant), wanted, lifetime=lifetime), new_secret()
    async with _keys(invocation) as keys:
        await keys.add(key, digest_of(secret))
    logger.info("access key created", extra={"key": key.id, "tenant": key.tenant})
    if invocation.json:
        write_json({**as_json(key), "key": secret})
    else:
        console().print(plain(f"{secret}\n\nIt is shown this once. Its id is {key.id}."))


async def _list(invocation: Invocation, tenant: str) -> None:
    from bedplate.domain.ids import TenantId

    async with _keys(invocation) as keys:
        found = await keys.list(TenantId(tenant))
    if invocation.json:
        write_json({"keys": [as_json(each) for each in found]})
        return
    rows = table("id", "name", "scopes", "expires", "last used", "revoked")
    for each in found:
        moments = (each.expires_at, each.used_at, each.revoked_at)
        shown = (f"{moment:%Y-%m-%d %H:%M}" if moment else "-" for moment in moments)
        rows.add_row(each.id, one_line(each.name), " ".join(sorted(each.scopes)), *shown)
    console().print(rows)


async def _revoke(invocation: Invocation, id: str, tenant: str) -> None:
    from bedplate.domain.ids import TenantId

    async with _keys(invocation) as keys:
        key = await keys.revoke(TenantId(tenant), id, datetime.now(UTC))
    logger.info("access key revoked", extra={"key": key.id, "tenant": key.tenant})
    if invocation.json:
        write_json(as_json(key))
    else:
        console().print(plain(f"{key.id} ({key.name}) is revoked."))


def _keys(invocation: Invocation) -> AbstractAsyncContextManager[AccessKeys]:
    from bedplate.access import ACCESS_KEYS
    from bedplate.app import ACCESS_FILE

    config = invocation.load().config
    invocation.set_up()
    return ACCESS_KEYS.load("sqlite")(config.data.dir / ACCESS_FILE)


def lifetime_of(text: str) -> timedelta:
    """InvalidInput for anything but a whole number with its unit."""
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text, re.ASCII)
    if match is None:
        raise InvalidInput(f"--expires is {text!r}: write it as 90d, 12h or 30m.", param="expires")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def as_json(key: AccessKey) -> dict[str, Any]:
    moments = {
        name: getattr(key, name) for name in ("created_at", "expires_at", "used_at", "revoked_at")
    }
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        **{name: moment and moment.isoformat() for name, moment in moments.items()},
    }
