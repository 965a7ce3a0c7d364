"""/api/session: signing in to the console with an access key, and out again.

The browser gets a cookie that no script can read and no other site's page can send; with it comes
a CSRF token, which every request that changes something must carry as `x-csrf-token`.
"""

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Header, Request, Response

from bedplate import __version__
from bedplate.access.protocol import SCOPES, Scope
from bedplate.access.secret import digest_of, read_secret
from bedplate.access.session_tokens import SessionToken, SessionTokens
from bedplate.api.access import COOKIE
from bedplate.api.current import CurrentAccount, CurrentApp
from bedplate.api.schemas import Shown
from bedplate.errors import Conflict

router = APIRouter(prefix="/api/session", tags=["session"])


class Session(Shown):
    """Who is asking. `open`: there are no keys, and this machine may do everything.

    `csrf` and `expires_at` are of the cookie, null where the request came with none.
    """

    version: str
    open: bool
    tenant: str
    key: str | None
    name: str | None
    scopes: list[Scope]
    csrf: str | None
    expires_at: datetime | None


@router.get("")
async def show_session(request: Request, app: CurrentApp, account: CurrentAccount) -> Session:
    value = request.cookies.get(COOKIE)
    token = _tokens(request).read(value, datetime.now(UTC)) if value and account.key else None
    return _session(app, account, token)


@router.post("", status_code=201)
async def sign_in(
    request: Request,
    response: Response,
    app: CurrentApp,
    account: CurrentAccount,
    authorization: Annotated[str | None, Header()] = None,
    x_api_key: Annotated[str | None, Header()] = None,
) -> Session:
    """A cookie for the access key of the Authorization header, good for twelve hours at most.

    It ends with the key, and with the key's secret when that is rotated.
    """
    secret = read_secret(authorization, x_api_key)
    if account.key is None or secret is None:
        raise Conflict(
            "There is nothing to sign in with: send an access key in the Authorization header. "
            "While no key was made, this machine needs none."
        )
    token = _tokens(request).issue(digest_of(secret), datetime.now(UTC))
    response.set_cookie(
        COOKIE,
        token.value,
        expires=token.expires_at,
        path="/",
        httponly=True,
        samesite="strict",
        # The page itself came by TLS, which a proxy before this server took off.
        secure=request.headers.get("origin", "").startswith("https://"),
    )
    return _session(app, account, token)


@router.delete("", status_code=204)
async def sign_out(response: Response) -> None:
    """Take the cookie away from this browser; revoking the key ends all of its sessions."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


def _tokens(request: Request) -> SessionTokens:
    return cast(SessionTokens, request.app.state.sessions)


def _session(app: CurrentApp, account: CurrentAccount, token: SessionToken | None) -> Session:
    key = None if account.key is None else app.keyring.holder(account.key)
    return Session(
        version=__version__,
        open=account.key is None,
        tenant=account.tenant,
        key=account.key,
        name=None if key is None else key.name,
        scopes=[scope for scope in SCOPES if key is None or key.allows(scope)],
        csrf=None if token is None else token.csrf,
        expires_at=None if token is None else token.expires_at,
    )
