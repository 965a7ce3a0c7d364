"""Batches within one server: whose they are, whose key asks, and who pays."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.fixtures.access import bearer, headers_of, make_key
from tests.fixtures.serving import SCRIPTED, Served, serving

from bedplate.domain.ids import TenantId

BATCHES = "/v1/batches"
ENDED = {"completed", "failed", "cancelled", "expired"}
COUNT = 6
LINES = b"\n".join(
    json.dumps(
        {
            "custom_id": str(number),
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "default", "messages": [{"role": "user", "content": "Hi"}]},
        }
    ).encode()
    for number in range(COUNT)
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(
        tmp_path_factory.mktemp("batches"),
        work=True,
        models__default={**SCRIPTED, "output_tokens": 100},
        models__slow={**SCRIPTED, "delay_seconds": 0.2},
        batches__requests_at_once=1,
        batches__max_waiting=2,
    ) as opened:
        yield opened


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def upload(served: Served, headers: Mapping[str, str], content: bytes = LINES) -> str:
    form = aiohttp.FormData({"purpose": "batch"})
    form.add_field("file", content, filename="requests.jsonl")
    return (await served.request("POST", "/v1/files", data=form, headers=headers)).json["id"]


async def begin(served: Served, headers: Mapping[str, str], content: bytes = LINES) -> Any:
    wanted = {
        "input_file_id": await upload(served, headers, content),
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    return await served.post(BATCHES, wanted, headers=headers)


async def shown(served: Served, headers: Mapping[str, str], id: str) -> dict[str, Any]:
    return (await served.get(f"{BATCHES}/{id}", headers=headers)).json


async def ended(served: Served, headers: Mapping[str, str], id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            batch = await shown(served, headers, id)
            if batch["status"] in ENDED:
                return batch
            await asyncio.sleep(0.02)


async def rows(served: Served, headers: Mapping[str, str], file: str) -> list[Any]:
    answer = await served.get(f"/v1/files/{file}/content", headers=headers)
    return [json.loads(line) for line in answer.body.splitlines()]


async def test_a_batch_is_its_tenant_s_and_needs_a_key_that_may_ask(served: Served) -> None:
    north = await headers_of(served, "north", "read", "ask", "write")
    south = await headers_of(served, "south", "read", "ask", "write")
    reader = await headers_of(served, "north", "read", "write")
    made = await begin(served, north)
    assert made.status == 200
    id = made.json["id"]
    for method, path in (("GET", f"{BATCHES}/{id}"), ("POST", f"{BATCHES}/{id}/cancel")):
        assert (await served.request(method, path, headers=south)).status == 404
        assert (await served.request(method, path, headers=reader)).status == 403
    assert (await served.get(BATCHES, headers=south)).json["data"] == []
    theirs = {
        "input_file_id": made.json["input_file_id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    assert (await served.post(BATCHES, theirs, headers=south)).status == 404
    assert (await begin(served, reader)).status == 403
    batch = await ended(served, north, id)
    assert batch["request_counts"] == {"total": COUNT, "completed": COUNT, "failed": 0}
    assert len(await rows(served, north, batch["output_file_id"])) == COUNT


async def test_a_budget_that_runs_out_sends_the_rest_to_the_errors(served: Served) -> None:
    key, secret = await make_key(served.app, "payer", "ask", "write", "read", "admin")
    headers = bearer(secret)
    # Each request may use 117 tokens, and uses 8.
    limit = {"tokens_day": 117 + 2 * 8}
    changed = await served.request("PATCH", f"/api/budgets/key/{key}", json=limit, headers=headers)
    assert changed.status == 200
    batch = await ended(served, headers, (await begin(served, headers)).json["id"])
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": COUNT, "completed": 3, "failed": COUNT - 3}
    errors = await rows(served, headers, batch["error_file_id"])
    assert {row["response"]["body"]["error"]["type"] for row in errors} == {"insufficient_quota"}
    assert len(await rows(served, headers, batch["output_file_id"])) == 3


async def test_a_key_that_is_revoked_asks_no_more(served: Served) -> None:
    key, secret = await make_key(served.app, "revoked", "ask", "write", "read")
    other = await headers_of(served, "revoked", "ask", "read")
    slow = LINES.replace(b'"default"', b'"slow"')
    id = (await begin(served, bearer(secret), slow)).json["id"]
    async with asyncio.timeout(30):
        while not (await shown(served, other, id))["request_counts"]["completed"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await served.app.keyring.keys.revoke(TenantId("revoked"), key, datetime.now(UTC))
    await served.app.keyring.refresh()
    batch = await ended(served, other, id)
    errors = await rows(served, other, batch["error_file_id"])
    assert errors
    assert {row["response"]["status_code"] for row in errors} == {401}
    assert batch["request_counts"]["completed"] + len(errors) == COUNT


async def test_only_so_many_may_wait(served: Served) -> None:
    headers = await headers_of(served, "eager", "ask", "write", "read")
    slow = LINES.replace(b'"default"', b'"slow"')
    made = [await begin(served, headers, slow) for _ in range(3)]
    assert [answer.status for answer in made] == [200, 200, 503]
    assert "batches.max_waiting" in made[2].error["message"]
    for answer in made[:2]:
        path = f"{BATCHES}/{answer.json['id']}/cancel"
        assert (await served.post(path, None, headers=headers)).json["status"] == "cancelling"
