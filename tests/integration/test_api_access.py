"""Who is let in by HTTP, and to whose data."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bedplate.access import ACCESS_KEYS
from bedplate.access.issue import new_key
from bedplate.access.secret import digest_of, new_secret
from bedplate.api.server import build_server
from bedplate.app import ACCESS_FILE, App, open_app
from bedplate.config import load_config
from bedplate.domain.ids import TenantId


async def make(app: App, tenant: str, *scopes: str) -> tuple[str, dict[str, str]]:
    key, secret = new_key("app", TenantId(tenant), scopes), new_secret()
    async with ACCESS_KEYS.load("sqlite")(app.config.data.dir / ACCESS_FILE) as keys:
        await keys.add(key, digest_of(secret))
    await app.keyring.refresh()
    return key.id, {"Authorization": f"Bearer {secret}"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_keys_open_their_own_tenants_data_alone(tmp_path: Path) -> None:
    config = load_config(None, arguments={"data.dir": tmp_path}).config
    async with open_app(config) as app:
        transport = httpx.ASGITransport(build_server(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/api/collections")).status_code == 200

            _, ours = await make(app, "ours", "read", "write")
            id, theirs = await make(app, "theirs", "read")
            refused = await client.get("/api/collections")
            assert refused.status_code == 401
            assert refused.json()["error"]["code"] == "invalid_api_key"
            wrong = {"Authorization": f"Bearer {new_secret()}"}
            assert (await client.get("/v1/models", headers=wrong)).status_code == 401
            assert (await client.get("/healthz")).status_code == 200

            made = {"name": "papers"}
            assert (
                await client.post("/api/collections", json=made, headers=ours)
            ).status_code < 300
            denied = await client.post("/api/collections", json=made, headers=theirs)
            assert denied.status_code == 403
            assert "'write'" in denied.json()["error"]["message"]
            path = "/api/collections/papers"
            assert (await client.get(path, headers=ours)).status_code == 200
            assert (await client.get(path, headers=theirs)).status_code == 404
            token = ours["Authorization"].removeprefix("Bearer ")
            assert (await client.get(path, headers={"x-api-key": token})).status_code == 200

            async with ACCESS_KEYS.load("sqlite")(tmp_path / ACCESS_FILE) as keys:
                await keys.revoke(TenantId("theirs"), id, datetime.now(UTC))
            await app.keyring.refresh()
            assert (await client.get(path, headers=theirs)).status_code == 401
