"""Who calls, and whether they may: by access key, before anything is read of the request.

While no key was ever made, this machine's own calls are let in as the default tenant's.
"""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from bedplate.access.keyring import Keyring
from bedplate.access.protocol import AccessKey, Scope
from bedplate.access.secret import read_secret
from bedplate.api.errors import PERMISSION, REQUEST, refuse
from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.ids import TenantId

ACCOUNT = "bedplate.account"
OPEN = frozenset({"/healthz", "/readyz"})
"""Answered to anyone; they say nothing of what is stored."""

READING = frozenset({"/api/search"})
CHATTING = frozenset({"/api/ask", "/v1/chat/completions", "/v1/embeddings"})


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    message: str
    code: str
    type: str


class Gate:
    """401 for a request without a valid key, 403 for a key without the route's scope."""

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        match self._admit(scope):
            case Account() as account:
                scope[ACCOUNT] = account
                await self._app(scope, receive, send)
            case Refusal(status, message, code, type):
                headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
                answer = refuse(status, message, code=code, type=type, headers=headers)
                await answer(scope, receive, send)

    def _admit(self, scope: AsgiScope) -> Account | Refusal:
        if self._keyring.is_open:
            return LOCAL
        key = self._find(Headers(scope=scope))
        if key is None:
            return Refusal(
                401,
                "A valid access key is needed: send `Authorization: Bearer bp_...`. This one is "
                "missing, malformed, unknown, expired or revoked.",
                "invalid_api_key",
                REQUEST,
            )
        needed = scope_of(scope["method"], scope["path"])
        if not key.allows(needed):
            return Refusal(
                403,
                f"{scope['method']} {scope['path']} needs a key with the scope {needed!r}.",
                "insufficient_scope",
                PERMISSION,
            )
        return Account(tenant=key.tenant, key=key.id)

    def _find(self, headers: Headers) -> AccessKey | None:
        given = headers.getlist("authorization"), headers.getlist("x-api-key")
        if any(len(values) > 1 for values in given):
            return None
        first, second = (values[0] if values else None for values in given)
        secret = read_secret(first, second)
        return self._keyring.find(secret) if secret else None


def scope_of(method: str, path: str) -> Scope:
    """What a key must be allowed; whatever is not known to only read needs `write`."""
    if path == "/api/keys" or path.startswith("/api/keys/"):
        return "admin"
    if path in CHATTING:
        return "chat"
    return "read" if method in {"GET", "HEAD"} or path in READING else "write"


def account_of(scope: AsgiScope) -> Account:
    """Whose request it is, as the gate found; a request that passed no gate has no account."""
    account = scope.get(ACCOUNT)
    if not isinstance(account, Account):
        raise TypeError("the request passed no gate")
    return account


def tenant_of(scope: AsgiScope) -> TenantId:
    return account_of(scope).tenant
