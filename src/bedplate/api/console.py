"""The console at `/`: the prebuilt bundle of `bedplate.console`, held in memory.

Its files say nothing of what is stored, so they are sent to anybody who may reach the port; what
the pages show they ask for through the public API, as any client does.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bedplate.api.headers import header_of

PACKAGE = "bedplate.console"
INDEX = "index.html"
ASSETS = "/assets/"
READS = frozenset({"GET", "HEAD"})

HASHED = "public, max-age=31536000, immutable"
"""Vite puts a hash of its content into a file's name, so what is kept is never out of date."""

TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_HTML = re.compile(r"(?:^|,)\s*text/html\s*(?:;|,|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    type: str
    etag: str


class Console:
    """Answers what the bundle holds, and a browser's `GET /`; the rest goes on to `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._files = _read(files(PACKAGE), "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["method"] not in READS:
            await self._app(scope, receive, send)
        elif path == "/" and _HTML.search(header_of(scope, b"accept") or ""):
            await self._send(self._files[f"/{INDEX}"], scope, receive, send)
        elif path.startswith(ASSETS) and path in self._files:
            await self._send(self._files[path], scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _send(self, file: File, scope: Scope, receive: Receive, send: Send) -> None:
        """304 where the browser has this one; the page itself is asked for each time."""
        page = file.type == TYPES["html"]
        headers = {
            **HEADERS,
            "ETag": file.etag,
            "Cache-Control": "no-cache" if page else HASHED,
            "Vary": "Accept" if page else "Accept-Encoding",
        }
        if header_of(scope, b"if-none-match") == file.etag:
            response = Response(status_code=304, headers=headers)
        else:
            response = Response(file.content, headers={**headers, "Content-Type": file.type})
        await response(scope, receive, send)


def _read(folder: Traversable, path: str) -> dict[str, File]:
    """Every file of the bundle by its path. Without an index this version was not built whole."""
    found: dict[str, File] = {}
    for each in folder.iterdir():
        name = each.name
        if each.is_dir():
            found.update(_read(each, f"{path}{name}/"))
        elif (type := TYPES.get(name.rpartition(".")[2])) is not None:
            content = each.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found[path + name] = File(content, type, etag)
    return found
