# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate keys`: access keys of any tenant, made and revoked on the server's own machine."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, one_line, plain, table, write_json
from bedplate.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedplate.access.protocol import AccessKey
    from bedplate.config import Config

UNITS = {"m": "minutes", "h": "hours", "d": "days"}

TenantOption = Annotated[str, typer.Option("--tenant", help="Whose data the key opens.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The key's id, see `keys list`.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Access keys: who may call the server.", no_args_is_help=True, rich_markup_mode=None
    )
    app.add_typer(group, name="keys")

    @command(group, "create")
    def create(
        invocation: Invocation,
        *,
        name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
        tenant: TenantOption = "default",
        scope: Annotated[
            list[str] | None,
            typer.Option("--scope", help="read, ask, write, review or admin; may be repeated."),
        ] = None,
        expires: Annotated[
            str | None, typer.Option("--expires", help="After how long: 90d, 12h or 30m.")
        ] = None,
    ) -> None:
        """Make a key and show it, once. Without --scope it may read, ask and write.

        From the first key on, every call to the server needs one.
        """
        run_async(_create(invocation, name, tenant, scope or (), expires))

    @command(group, "list")
    def listed(invocation: Invocation, *, tenant: TenantOption = "default") -> None:
        """A tenant's keys, revoked ones too; never the keys themselves."""
        run_async(_list(invocation, tenant))

    @command(group, "rotate")
    def rotate(
        invocation: Invocation,
        *,
        id: IdArgument,
        tenant: TenantOption = "default",
        overlap: Annotated[
            str, typer.Option("--overlap", help="How long the former one holds on: 7d, 12h or 30m.")
        ] = "0m",
    ) -> None:
        """Show another key in place of one; its id, scopes, budgets and lifetime stay."""
        run_async(_rotate(invocation, id, tenant, overlap))

    @command(group, "revoke")
    def revoke(invocation: Invocation, *, id: IdArgument, tenant: TenantOption = "default") -> None:
        """Let a key open nothing any more; running servers follow within a second."""
        run_async(_revoke(invocation, id, tenant))


async def _create(
    invocation: Invocation,
    name: str,
    tenant: str,
    scopes: Sequence[str],
    expires: str | None,
) -> None:
    from bedplate.access.issue import USUAL, new_key
    from bedplate.access.secret import digest_of, new_secret
    from bedplate.domain.ids import TenantId
    from bedplate.keys import open_keys

    lifetime = None if expires is None else _duration("--expires", expires)
    key, secret = new_key(name, TenantId(tenant), scopes or USUAL, lifetime=lifetime), new_secret()
    async with open_keys(invocation.load().config, fresh=True) as keys:
        await keys.add(key, digest_of(secret))
    _show_secret(invocation, key, secret)


async def _list(invocation: Invocation, tenant: str) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.keys import open_keys, were_made

    config = invocation.load().config
    found: list[AccessKey] = []
    if were_made(config):
        async with open_keys(config) as keys:
            found += await keys.list(TenantId(tenant))
    if invocation.json:
        write_json({"keys": [_as_json(each) for each in found]})
    elif not found:
        console().print(plain(f"The tenant {tenant!r} has no keys."))
    else:
        rows = table("id", "name", "scopes", "made", "expires", "last used", "revoked")
        # In one piece it can be copied.
        rows.columns[0].no_wrap = True
        for each in found:
            moments = (each.created_at, each.expires_at, each.used_at, each.revoked_at)
            shown = (f"{moment:%Y-%m-%d %H:%M}" if moment else "" for moment in moments)
            rows.add_row(each.id, one_line(each.name), _scopes(each), *shown)
        console().print(rows)


async def _rotate(invocation: Invocation, id: str, tenant: str, overlap: str) -> None:
    from bedplate.access.issue import check_overlap
    from bedplate.access.secret import digest_of, new_secret
    from bedplate.domain.ids import TenantId
    from bedplate.keys import open_keys

    longest = check_overlap(_duration("--overlap", overlap))
    config, secret = _config_with_keys(invocation, id), new_secret()
    async with open_keys(config) as keys:
        key = await keys.rotate(
            TenantId(tenant), id, digest_of(secret), moment=datetime.now(UTC), overlap=longest
        )
    _show_secret(invocation, key, secret)


async def _revoke(invocation: Invocation, id: str, tenant: str) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.keys import open_keys

    async with open_keys(_config_with_keys(invocation, id)) as keys:
        key = await keys.revoke(TenantId(tenant), id, datetime.now(UTC))
    if invocation.json:
        write_json(_as_json(key))
    else:
        console().print(plain(f"{key.id} ({key.name}) is revoked."), soft_wrap=True)


def _config_with_keys(invocation: Invocation, id: str) -> Config:
    """The configuration; NotFound where no key was ever made, and no folder for them either."""
    from bedplate.keys import were_made

    config = invocation.load().config
    if not were_made(config):
        raise NotFound(f"There is no access key with the id {id[:100]!r}: none was ever made.")
    return config


def _show_secret(invocation: Invocation, key: AccessKey, secret: str) -> None:
    if invocation.json:
        write_json({**_as_json(key), "key": secret})
        return
    until = f", until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else ""
    out = console()
    out.print(plain(secret), soft_wrap=True)
    said = f"It is shown this once. It may {_scopes(key)} as tenant {key.tenant!r}{until}."
    out.print(plain(f"{said} Its id is {key.id}."), soft_wrap=True)


def _duration(option: str, text: str) -> timedelta:
    """InvalidInput for anything but a whole number with its unit."""
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text, re.ASCII)
    if match is None:
        raise InvalidInput(
            f"{option} is {text[:40]!r}: write it as 90d, 12h or 30m.",
            param=option.removeprefix("--"),
        )
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _scopes(key: AccessKey) -> str:
    from bedplate.access.protocol import SCOPES

    return ", ".join(scope for scope in SCOPES if scope in key.scopes)


def _as_json(key: AccessKey) -> dict[str, Any]:
    from bedplate.access.protocol import SCOPES

    moments = ("created_at", "expires_at", "rotated_at", "used_at", "revoked_at")
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        **{name: (at := getattr(key, name)) and at.isoformat() for name in moments},
    }
