"""Making a new key from what an operator asked for."""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from bedplate.access.protocol import SCOPES, AccessKey, Scope
from bedplate.domain.ids import TenantId, new_id
from bedplate.errors import InvalidInput
from bedplate.spelling import did_you_mean, shown

USUAL: tuple[Scope, ...] = ("read", "ask", "write")
"""What a key may do where nothing else is said."""

MOST_NAME = 100
LONGEST = timedelta(days=3650)
LONGEST_OVERLAP = timedelta(days=30)

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


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
        InvalidInput: a name or tenant that none can have, an unknown scope or none, or a lifetime
            that is not positive or over ten years.
    """
    if not name.strip() or len(name) > MOST_NAME or not name.isprintable():
        raise InvalidInput(
            f"The name is {name[:MOST_NAME]!r}: give 1 to {MOST_NAME} printable characters.",
            param="name",
        )
    if not TENANT.fullmatch(tenant):
        raise InvalidInput(
            f"The tenant is {tenant[:64]!r}: give 1 to 64 letters, digits, '.', '_' and '-', a "
            "letter or digit first.",
            param="tenant",
        )
    if lifetime is not None and not timedelta(0) < lifetime <= LONGEST:
        raise InvalidInput(
            f"A key cannot last {lifetime}: give more than nothing, and {LONGEST.days:,} days at "
            "most.",
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
    hint = did_you_mean(text, SCOPES)
    raise InvalidInput(
        f"There is no scope {shown(text)}.{hint} Known: {', '.join(SCOPES)}.", param="scopes"
    )


def check_overlap(overlap: timedelta) -> timedelta:
    """How long a rotated key's former secret holds on; InvalidInput below 0 or over 30 days."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidInput(
            f"A former secret cannot hold on for {overlap}: give {LONGEST_OVERLAP.days} days at "
            "most.",
            param="overlap",
        )
    return overlap
