"""Signing in with an access key, and what a session may do; the console's own files."""

import re
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from tests.fixtures.access import bearer, headers_of, make_key
from tests.fixtures.serving import Reply, Served, serving

from bedplate.access.protocol import SCOPES
from bedplate.access.session_tokens import SessionTokens, session_secret
from bedplate.api.access import COOKIE

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    async with serving(tmp_path_factory.mktemp("session")) as opened:
        await make_key(opened.app, "ours", "read")
        yield opened


async def signed_in(served: Served, secret: str, **headers: str) -> tuple[Reply, dict[str, str]]:
    """The answer, and headers of a page that is signed in so, without those of a change."""
    answer = await served.request("POST", "/api/session", headers={**bearer(secret), **headers})
    assert answer.status == 201
    # The test's own client would send the cookie by itself.
    served.session.cookie_jar.clear()
    value = answer.headers["Set-Cookie"].partition(";")[0]
    return answer, {"Cookie": value}


async def test_a_session_counts_as_its_key_and_no_script_can_read_its_cookie(
    served: Served,
) -> None:
    key, secret = await make_key(served.app, "ours", "read")
    answer, cookie = await signed_in(served, secret)
    secure, _ = await signed_in(served, secret, Origin="https://bedplate.example")

    attributes = answer.headers["Set-Cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=strict" in attributes
    assert "secure" not in attributes
    assert "secure" in secure.headers["Set-Cookie"].lower()
    assert secret not in answer.headers["Set-Cookie"]
    who = (await served.get("/api/session", headers=cookie)).json
    assert (who["key"], who["tenant"], who["scopes"]) == (key, "ours", ["read"])
    assert who["csrf"] == answer.json["csrf"]
    assert (await served.get("/api/collections", headers=cookie)).status == 200
    assert (await served.get("/api/keys", headers=cookie)).error["code"] == "insufficient_scope"
    assert (await served.get("/api/collections")).status == 401


async def test_a_change_needs_the_csrf_token_of_that_very_session(served: Served) -> None:
    _, secret = await make_key(served.app, "ours", "write")
    answer, cookie = await signed_in(served, secret)
    other, _ = await signed_in(served, secret)
    body = {"name": "made"}
    for more in ({}, {"x-csrf-token": other.json["csrf"]}, {"x-csrf-token": "é"}):
        refused = await served.post("/api/collections", body, headers={**cookie, **more})
        assert (refused.status, refused.error["code"]) == (403, "csrf_failed")

    ours = {**cookie, "x-csrf-token": answer.json["csrf"]}
    assert (await served.post("/api/collections", body, headers=ours)).status == 201
    out = await served.request("DELETE", "/api/session", headers=ours)
    assert out.status == 204
    assert re.search(f'{COOKIE}="?"?;.*Max-Age=0', out.headers["Set-Cookie"])


async def test_a_session_ends_with_its_key_and_with_the_secret_that_it_came_by(
    served: Served,
) -> None:
    admin = await headers_of(served, "ours", "admin")
    made = (await served.post("/api/keys", {"name": "app"}, headers=admin)).json
    _, cookie = await signed_in(served, made["key"])
    assert (await served.get("/api/collections", headers=cookie)).status == 200

    rotated = await served.post(f"/api/keys/{made['id']}/rotate", {}, headers=admin)
    assert (await served.get("/api/collections", headers=cookie)).status == 401
    _, cookie = await signed_in(served, rotated.json["key"])
    await served.request("DELETE", f"/api/keys/{made['id']}", headers=admin)
    assert (await served.get("/api/collections", headers=cookie)).status == 401


async def test_a_session_is_for_keys_alone_outlives_a_restart_and_ends_after_its_time(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as served:
        who = (await served.get("/api/session")).json
        refused = await served.request("POST", "/api/session")
        assert (who["open"], who["key"], who["csrf"]) == (True, None, None)
        assert who["scopes"] == list(SCOPES)
        assert (refused.status, "Set-Cookie" in refused.headers) == (409, False)
        _, secret = await make_key(served.app, "ours", "read")
        _, cookie = await signed_in(served, secret)
    async with serving(tmp_path) as served:
        assert (await served.get("/api/collections", headers=cookie)).status == 200
        folder = served.app.config.data.dir
        tokens = SessionTokens(session_secret(folder))
        digest = tokens.read(cookie["Cookie"].partition("=")[2], datetime.now(UTC)).digest
        old = tokens.issue(digest, datetime(2020, 1, 1, tzinfo=UTC))
        stale = {"Cookie": f"{COOKIE}={old.value}"}
        assert (await served.get("/api/collections", headers=stale)).status == 401
    assert (folder / "sessions.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("value", ["", "x", "A" * 160, "é", "A" * 10_000])
async def test_a_cookie_that_was_not_signed_here_is_nobody(served: Served, value: str) -> None:
    cookie = {"Cookie": f"{COOKIE}={value}"}
    assert (await served.get("/api/collections", headers=cookie)).status == 401


async def test_a_key_in_a_header_is_looked_at_instead_of_the_cookie(served: Served) -> None:
    _, secret = await make_key(served.app, "ours", "read")
    _, cookie = await signed_in(served, secret)
    both: Mapping[str, str] = {**cookie, "Authorization": "Bearer bp_wrong"}
    assert (await served.get("/api/collections", headers=both)).status == 401


async def test_browsers_get_the_console_and_clients_the_welcome(served: Served) -> None:
    page = await served.get("/", headers=HTML)

    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["Cache-Control"] == "no-cache"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert (await served.get("/")).status == 401
    assert (await served.request("POST", "/", headers=HTML)).status == 401
    again = await served.get("/", headers={**HTML, "If-None-Match": page.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


async def test_every_file_that_the_page_names_is_there_and_kept_for_ever(served: Served) -> None:
    page = (await served.get("/", headers=HTML)).body.decode()
    names = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(names) == 3
    assert "<style" not in page
    assert not re.search(r"<script[^>]*>[^<]", page)
    for name in names:
        found = await served.get(name)
        assert found.status == 200, name
        assert found.headers["Cache-Control"].endswith("immutable")
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert b"http://" not in found.body.replace(b"http://www.w3.org", b"")
    assert (await served.get("/assets/nothing.js")).status == 401
    assert (await served.get("/assets/../__init__.py")).status == 401
