"""Posts that start a run: whether they come from whom the hook was given to.

Source: Standard Webhooks (https://www.standardwebhooks.com): `webhook-signature` holds one or more of
`v1,<base64 of HMAC-SHA256 of "id.timestamp.body">`, separated by blanks.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response

from bedplate.api.errors import refuse
from bedplate.domain.ids import TenantId
from bedplate.errors import ConfigError
from bedplate.run_sections import RunHookConfig

PREFIX = "/api/runs/hooks/"
TOLERANCE = 300
"""Seconds that a post's time may differ from ours, in either direction."""

LONGEST_ID = 200
TIME = re.compile(r"[0-9]{1,12}")
SECRET = "whsec_"  # noqa: S105 - how one begins
LEAST_SECRET = 24
"""Bytes, as Standard Webhooks asks for."""


def signed_paths(hooks: Mapping[str, RunHookConfig]) -> Mapping[str, TenantId]:
    """Paths that ask for a signature in place of an access key, with the tenant of each.

    Raises:
        ConfigError: a secret that is none.
    """
    for name, hook in hooks.items():
        if hook.secret is not None:
            _key(hook.secret.get_secret_value(), name)
    return {
        PREFIX + name: TenantId(hook.tenant)
        for name, hook in hooks.items()
        if hook.secret is not None
    }


def unsigned(
    headers: Headers, body: bytes, secret: str, *, name: str, now: float | None = None
) -> Response | None:
    """Why the post is not taken; None where its signature holds and its time is now."""
    id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not (id and at and given):
        return _refused("it needs webhook-id, webhook-timestamp and webhook-signature")
    if len(id) > LONGEST_ID or not TIME.fullmatch(at):
        return _refused("webhook-timestamp is seconds since 1970, and webhook-id a short text")
    expected = hmac.new(_key(secret, name), f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    if not any(_same(each, expected) for each in given.split()):
        return _refused("none of its signatures is right")
    off = int(at) - (time.time() if now is None else now)
    if abs(off) > TOLERANCE:
        return _refused(f"its time is {abs(off):.0f} s from ours, at most {TOLERANCE} are allowed")
    return None


def _same(signature: str, expected: bytes) -> bool:
    version, _, text = signature.partition(",")
    try:
        given = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return version == "v1" and hmac.compare_digest(given, expected)


def _key(secret: str, name: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET) or len(key) < LEAST_SECRET:
        raise ConfigError(
            f"runs.hooks.{name}.secret: expected {SECRET!r} and the base64 of at least {LEAST_SECRET} "
            f'random bytes. Make one: echo "{SECRET}$(openssl rand -base64 32)".'
        )
    return key


def _refused(why: str) -> Response:
    return refuse(401, f"The post is not taken: {why}.", code="invalid_signature")
