"""Making a new key from what an operator asked for."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from bedplate.access.protocol import SCOPES, AccessKey, Scope
from bedplate.domain.ids import TenantId, new_id
from bedplate.errors import InvalidInput

MOST_NAME = 100
MOST_TENANT = 64
LONGEST = timedelta(days=3650)


def new_key(
    name: str,
    tenant: TenantId,
    scopes: Collection[str],
    *,
    lifetime: timedelta | None = None,
    now: datetime | None = None,
) -> AccessKey:
    """A key's record; `lifetime` None never expires.

    Raises:
        InvalidInput: an empty or overlong name or tenant, an unknown scope or none, or a lifetime
            that is not positive or over ten years.
    """
    _check_name("name", name, MOST_NAME)
    _check_name("tenant", tenant, MOST_TENANT)
    if lifetime is not None and not timedelta(0) < lifetime <= LONGEST:
        raise InvalidInput(
            f"A key cannot last {lifetime}: give between a second and {LONGEST.days} days.",
            param="expires",
        )
    if not scopes:
        raise InvalidInput(f"A key needs a scope: {', '.join(SCOPES)}.", param="scopes")
    created = now or datetime.now(UTC)
    return AccessKey(
        id=new_id(),
        tenant=tenant,
        name=name,
        scopes=frozenset[Scope](map(_scope, scopes)),
        created_at=created,
        expires_at=None if lifetime is None else created + lifetime,
    )


def _scope(text: str) -> Scope:
    for scope in SCOPES:
        if text == scope:
            return scope
    near = get_close_matches(text, SCOPES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InvalidInput(
        f"There is no scope {text!r}.{hint} Known: {', '.join(SCOPES)}.", param="scopes"
    )


def _check_name(field: str, text: str, most: int) -> None:
    if not text.strip() or len(text) > most or not text.isprintable():
        raise InvalidInput(
            f"{field} is {text[:most]!r}: give 1 to {most} printable characters.", param=field
        )
