"""Access keys made, rotated and revoked over HTTP, and by another process meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.fixtures.access import bearer, headers_of
from tests.fixtures.command_line import Ran, bedplate
from tests.fixtures.serving import Served, serving, until

BODY: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as opened:
        yield opened


async def run(served: Served, *arguments: str) -> Ran:
    """A command of another process over the same data."""
    folder = served.app.config.data.dir
    call = partial(bedplate, "keys", *arguments, "--data", str(folder), "--json", cwd=folder)
    return await asyncio.to_thread(call)


def client_of(served: Served, secret: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=secret, max_retries=0)


async def test_a_key_is_made_listed_and_revoked_and_its_secret_told_once(served: Served) -> None:
    made = await served.post("/api/keys", {"name": "first", "scopes": ["admin"]})
    assert made.status == 201
    secret = made.json["key"]
    assert (await served.get("/api/keys")).status == 401
    admin = bearer(secret)
    body = {"name": "app", "expires_seconds": 3600}
    other = (await served.post("/api/keys", body, headers=admin)).json
    assert other["scopes"] == ["read", "ask", "write"]

    listed = await served.get("/api/keys?limit=1", headers=admin)
    first = listed.json["keys"][0]
    assert (listed.json["has_more"], listed.json["after"]) == (True, first["id"])
    assert (first["name"], first["tenant"], first["scopes"]) == ("first", "default", ["admin"])
    assert first["used_at"] is not None
    rest = await served.get(f"/api/keys?after={first['id']}", headers=admin)
    assert [each["id"] for each in rest.json["keys"]] == [other["id"]]
    for shown in (listed, rest):
        assert secret.encode() not in shown.body
        assert other["key"].encode() not in shown.body

    gone = await served.request("DELETE", f"/api/keys/{other['id']}", headers=admin)
    assert gone.json["revoked_at"] is not None
    assert (await served.get("/v1/models", headers=bearer(other["key"]))).status == 401
    assert (await served.request("DELETE", "/api/keys/nobody", headers=admin)).status == 404


async def test_a_rotated_key_keeps_its_id_and_its_former_secret_for_a_while(served: Served) -> None:
    admin = await headers_of(served, "default", "admin")
    made = (await served.post("/api/keys", {"name": "app"}, headers=admin)).json
    path = f"/api/keys/{made['id']}/rotate"
    slow = await served.post(path, {"overlap_seconds": 3600}, headers=admin)
    assert slow.json["id"] == made["id"]
    for secret in (made["key"], slow.json["key"]):
        assert (await served.get("/v1/models", headers=bearer(secret))).status == 200
    quick = await served.request("POST", path, headers=admin)
    assert quick.status == 200
    assert (await served.get("/v1/models", headers=bearer(slow.json["key"]))).status == 401
    assert (await served.get("/v1/models", headers=bearer(quick.json["key"]))).status == 200
    await served.request("DELETE", f"/api/keys/{made['id']}", headers=admin)
    assert (await served.request("POST", path, headers=admin)).status == 409


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a", "scopes": []}, "scopes"),
        ({"name": "a", "scopes": ["reed"]}, "scopes.0"),
        ({"name": "a", "tenant": "other"}, "tenant"),
        ({"name": "a", "expires_seconds": 0}, "expires"),
        ({"name": "a", "expires_seconds": 10**9}, "expires"),
        ({"name": "a", "expires_seconds": 10**30}, "expires_seconds"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_and_the_server_stays_open(
    served: Served, body: dict[str, Any], param: str
) -> None:
    refused = await served.post("/api/keys", body)
    assert (refused.status, refused.error["param"]) == (400, param)
    assert (await served.get("/api/keys")).json["keys"] == []


async def test_the_official_client_is_refused_by_its_own_errors(served: Served) -> None:
    key = (await run(served, "create", "app", "--scope", "ask")).json
    await served.app.keyring.refresh()
    async with client_of(served, key["key"]) as client:
        answer = await client.chat.completions.create(**BODY)
        assert answer.choices[0].message.content == "Hello there"
        assert "default" in [model.id async for model in client.models.list()]
        with pytest.raises(openai.PermissionDeniedError, match="'write'") as denied:
            await client.post("/files", cast_to=object)
        assert denied.value.code == "insufficient_scope"
        # By another process: this one looks twice a second.
        assert (await run(served, "revoke", key["id"])).code == 0
        await until(lambda: served.app.keyring.find(key["key"]) is None)
        with pytest.raises(openai.AuthenticationError) as wrong:
            await client.chat.completions.create(**BODY, stream=True)
        assert wrong.value.code == "invalid_api_key"
    async with client_of(served, "sk-wrong") as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()
