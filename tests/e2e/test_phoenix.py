"""A real Arize Phoenix takes our traces and gives them back.

It lives in an environment of its own (`pip install arize-phoenix`), as its licence and its
dependencies are not ours; `PHOENIX` names its program, e.g. `.phoenix/bin/phoenix`.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from tests.fixtures.serving import serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        "PHOENIX" not in os.environ,
        reason="PHOENIX names no program: pip install arize-phoenix into an environment of its own",
    ),
]


@asynccontextmanager
async def phoenix(folder: Path) -> AsyncGenerator[str]:
    with (
        socket.create_server(("127.0.0.1", 0)) as free,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        port, grpc = free.getsockname()[1], other.getsockname()[1]
    environment = {
        **os.environ,
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PYTHONPATH": "",
    }
    with (folder / "phoenix.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            os.environ["PHOENIX"], "serve", env=environment, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            await answers(f"{url}/healthz")
            yield url
        finally:
            process.terminate()
            await process.wait()


async def answers(url: str, *, seconds: float = 240, holding: bytes = b"") -> bytes:
    """Its body, once it is 200 and holds that."""
    async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as reply:
                    if reply.status == 200:
                        found = await reply.read()
                        if holding in found:
                            return found
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.5)


async def test_phoenix_shows_an_answer_as_its_own_kinds_of_spans(tmp_path: Path):
    (tmp_path / "phoenix").mkdir()
    async with phoenix(tmp_path / "phoenix") as url:
        export = {
            "url": f"{url}/v1/traces",
            "openinference": True,
            "resource": {"openinference.project.name": "shop"},
        }
        settings = {"tracing__exports": {"phoenix": export}, "tracing__content": "full"}
        async with serving(tmp_path, **settings) as served:
            document = {"id": "policy", "text": "A refund takes 30 days."}
            await served.post("/api/collections/docs/documents", [document])
            question = {"collection": "docs", "question": "How long does a refund take?"}
            answer = (await served.post("/api/ask", question)).json
        found = await answers(f"{url}/v1/projects/shop/spans?limit=100", holding=b"chat scripted")

    spans = [
        span
        for span in json.loads(found)["data"]
        if span["context"]["trace_id"] == answer["trace_id"]
    ]
    kinds = {span["name"]: span["span_kind"] for span in spans}
    assert kinds["chat scripted"] == "LLM"
    assert kinds["retrieval"] == "RETRIEVER"
    assert kinds["ask"] == "CHAIN"
    call = next(span for span in spans if span["name"] == "chat scripted")
    assert call["attributes"]["llm.token_count.total"] == 8
    parents = {span["context"]["span_id"]: span for span in spans}
    assert parents[call["parent_id"]]["name"] == "turn"
