"""Who calls, and whether they may: by access key, before anything is read of the request.

A browser that signed in sends a cookie in place of the key (`access/session_tokens.py`). It counts
as the key, yet a browser sends it by itself: what may change something needs the CSRF token, too.

While no key was ever made, and only where the server listens on loopback alone, this machine's own
calls are let in as the default tenant's.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bedplate.access.keyring import Keyring
from bedplate.access.protocol import AccessKey
from bedplate.access.secret import read_secret
from bedplate.access.session_tokens import SessionToken, SessionTokens
from bedplate.api.errors import PERMISSION, refuse
from bedplate.api.gates import READ_ONLY, Loopback, wrong_address
from bedplate.api.headers import headers_of
from bedplate.api.scopes import scope_of
from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.ids import TenantId
from bedplate.errors import Unavailable

ACCOUNT = "account"
"""In the request's `state`, which outlives copies of the scope."""

PROBES = frozenset({"/healthz", "/readyz"})
"""Answered to anyone; they say nothing of what is stored."""

KEY_HEADERS = (b"authorization", b"x-api-key")
COOKIE = "bedplate_session"
CSRF = "x-csrf-token"


class Gate:
    """401 for a request without a valid key, 403 for a key without the route's scope.

    `local` says that the server listens on loopback alone. What is posted to a path in `signed` is
    let in for that tenant: the route looks at its signature.
    """

    def __init__(
        self,
        app: ASGIApp,
        keyring: Keyring,
        sessions: SessionTokens,
        *,
        local: bool,
        signed: Mapping[str, TenantId] = {},
    ) -> None:
        self._app = app
        self._loopback = Loopback(app)
        self._keyring = keyring
        self._sessions = sessions
        self._local = local
        self._signed = signed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PROBES:
            self._recognise(scope)
            await self._app(scope, receive, send)
        elif self._local and self._keyring.is_open:
            _set_account(scope, LOCAL)
            await self._loopback(scope, receive, send)
        elif scope["path"] in self._signed and scope["method"] == "POST":
            _set_account(scope, Account(self._signed[scope["path"]]))
            await self._app(scope, receive, send)
        elif (key := self._find(scope)) is None:
            await _unknown()(scope, receive, send)
        elif (session := self._session(scope)) and not _is_meant(scope, session):
            await _forged()(scope, receive, send)
        elif (needed := scope_of(scope["method"], scope["path"])) and not key.allows(needed):
            await _not_allowed(scope, needed)(scope, receive, send)
        else:
            _set_account(scope, _account(key))
            await self._app(scope, receive, send)

    def _recognise(self, scope: Scope) -> None:
        """Who asks where everybody may: some is told to those alone who may know."""
        try:
            if self._local and self._keyring.is_open:
                if wrong_address(scope) is None:
                    _set_account(scope, LOCAL)
            elif key := self._find(scope):
                _set_account(scope, _account(key))
        except Unavailable:
            return

    def _find(self, scope: Scope) -> AccessKey | None:
        first, second = headers_of(scope, b"authorization"), headers_of(scope, b"x-api-key")
        if not (first or second):
            session = self._session(scope)
            return self._keyring.find_digest(session.digest) if session else None
        if len(first) > 1 or len(second) > 1:
            return None
        secret = read_secret(first[0] if first else None, second[0] if second else None)
        return self._keyring.find(secret) if secret else None

    def _session(self, scope: Scope) -> SessionToken | None:
        """That of the cookie, where no header names a key."""
        cookies = headers_of(scope, b"cookie")
        if len(cookies) != 1 or any(name in KEY_HEADERS for name, _ in scope["headers"]):
            return None
        value = cookie_parser(cookies[0]).get(COOKIE)
        return self._sessions.read(value, datetime.now(UTC)) if value else None


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose request it is that the server makes of itself: an access key by its id, None where it
    was asked for on this machine while there were no keys.
    """

    tenant: TenantId
    key: str | None


class KeyGate:
    """As Gate, for requests that name an `asker` in their state: the key must still hold."""

    def __init__(self, app: ASGIApp, keyring: Keyring, *, local: bool) -> None:
        self._app = app
        self._keyring = keyring
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asker: Asker = scope["state"]["asker"]
        if asker.key is None:
            if not (self._local and self._keyring.is_open and asker.tenant == LOCAL.tenant):
                await _no_longer(scope, receive, send)
                return
            _set_account(scope, LOCAL)
        elif (key := self._keyring.holder(asker.key)) is None or key.tenant != asker.tenant:
            await _no_longer(scope, receive, send)
            return
        elif (needed := scope_of(scope["method"], scope["path"])) and not key.allows(needed):
            await _not_allowed(scope, needed)(scope, receive, send)
            return
        else:
            _set_account(scope, _account(key))
        await self._app(scope, receive, send)


def account_of(scope: Scope) -> Account:
    """Whose request it is, as the gate found; a request that passed no gate has no account."""
    if (account := known_account(scope)) is None:
        raise TypeError("the request passed no gate")
    return account


def known_account(scope: Scope) -> Account | None:
    """None where the gate refused the request, or asked for no key."""
    account = scope.get("state", {}).get(ACCOUNT)
    return account if isinstance(account, Account) else None


def tenant_of(scope: Scope) -> TenantId:
    return account_of(scope).tenant


def _account(key: AccessKey) -> Account:
    return Account(tenant=key.tenant, key=key.id)


def _set_account(scope: Scope, account: Account) -> None:
    scope.setdefault("state", {})[ACCOUNT] = account


def _is_meant(scope: Scope, session: SessionToken) -> bool:
    """Whether our own page sends it: another's cannot read the token, nor set the header."""
    given = headers_of(scope, CSRF.encode())
    return scope["method"] in READ_ONLY or (
        len(given) == 1 and hmac.compare_digest(given[0].encode(), session.csrf.encode())
    )


def _forged() -> Response:
    return refuse(
        403,
        f"A session's requests that may change something need its CSRF token as `{CSRF}`; "
        "`GET /api/session` tells it.",
        code="csrf_failed",
        type=PERMISSION,
    )


def _unknown() -> Response:
    return refuse(
        401,
        "A valid access key is needed: send `Authorization: Bearer bp_...`. This one is missing, "
        "malformed, unknown, expired or revoked.",
        code="invalid_api_key",
        headers={"WWW-Authenticate": "Bearer"},
    )


async def _no_longer(scope: Scope, receive: Receive, send: Send) -> None:
    message = "The access key that this was asked for with does not hold any more."
    await refuse(401, message, code="invalid_api_key")(scope, receive, send)


def _not_allowed(scope: Scope, needed: str) -> Response:
    return refuse(
        403,
        f"{scope['method']} {scope['path']} needs a key with the scope {needed!r}.",
        code="insufficient_scope",
        type=PERMISSION,
        headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'},
    )
