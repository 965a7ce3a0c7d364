"""Who may come in by the address it calls from and to.

While there are no access keys, only this machine may call: the server listens on loopback alone,
and these checks keep web pages out that a browser on this machine has open. A page that points its
own host name at 127.0.0.1 (DNS rebinding) gives itself away by the Host header; a page that sends
a form or a script's POST across sites does so by the Origin header. No CORS header is ever sent.
Once there is a key no page can call, as it has none: no browser sends one by itself.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from bedplate.api.errors import PERMISSION, refuse
from bedplate.errors import ConfigError

READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})


class Addressed:
    """400 for an HTTP/1.1 request without a Host header, or with several (RFC 9112, 3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = sum(name == b"host" for name, _ in scope["headers"])
        if named == 1 or (named == 0 and scope["http_version"] == "1.0"):
            await self._app(scope, receive, send)
            return
        message = f"An HTTP/1.1 request has one Host header, this one {named or 'none'}."
        await refuse(400, message, code="invalid_http")(scope, receive, send)


class Loopback:
    """Refuses requests that were not addressed to, or not sent from, this machine: 403."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = wrong_address(scope)
        if problem is None:
            await self._app(scope, receive, send)
            return
        code, message = problem
        await refuse(403, message, code=code, type=PERMISSION)(scope, receive, send)


def check_exposure(host: str, *, has_keys: bool) -> None:
    """ConfigError for a bind address that others could reach while there are no access keys."""
    if not has_keys and not is_loopback(host):
        raise ConfigError(
            f"server.host is {host!r}, which other machines may reach, and there are no access "
            "keys, so anyone could read and change everything. Make one with `bedplate keys create "
            "NAME`, or serve 127.0.0.1."
        )


def wrong_address(scope: Scope) -> tuple[str, str] | None:
    """Code and message, where a request was not addressed to, or not sent from, this machine."""
    headers = Headers(scope=scope)
    return _wrong_host(headers) or _wrong_origin(scope["method"], headers)


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wrong_host(headers: Headers) -> tuple[str, str] | None:
    hosts = headers.getlist("host")
    if len(hosts) == 1 and is_loopback(_name(f"//{hosts[0]}")):
        return None
    shown = ", ".join(map(repr, hosts)) or "missing"
    return "host_not_allowed", (
        f"The Host header is {shown}: only localhost, 127.0.0.1 and [::1] are answered."
    )


def _wrong_origin(method: str, headers: Headers) -> tuple[str, str] | None:
    origins = headers.getlist("origin")
    if method in READ_ONLY or all(is_loopback(_name(origin)) for origin in origins):
        return None
    return "origin_not_allowed", (
        f"The Origin header is {', '.join(map(repr, origins))}: web pages of other sites may not "
        "send requests here."
    )


def _name(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return ""
    return "" if parts.username is not None or parts.path else parts.hostname or ""
