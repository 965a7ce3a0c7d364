import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from tests.fixtures.serving import Served, asked, serving, until

from bedplate.api.server import running
from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.embedders.hashing import HashingEmbedder, HashingOptions
from bedplate.embedders.protocol import Matrix
from bedplate.errors import ConfigError, UpstreamError

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORE_PATHS = (
    *("", "/search", "/files", "/files/{file_id}", "/files/{file_id}/content", "/file_batches"),
    *("/file_batches/{batch_id}", "/file_batches/{batch_id}/cancel"),
    "/file_batches/{batch_id}/files",
)

EMBEDDINGS = "/v1/embeddings"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    assistant = {"collections": ["policies"]}
    async with serving(
        tmp_path_factory.mktemp("edges"), assistants__support=assistant, server__max_body_bytes=2000
    ) as served:
        yield served


async def test_models_assistants_and_the_embedder_are_listed(served: Served):
    listed = (await served.get("/v1/models")).json

    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == [
        *("quote", "default", "support", "hashing-256")
    ]
    assert {model["owned_by"] for model in listed["data"]} == {"bedplate"}
    assert {model["object"] for model in listed["data"]} == {"model"}
    kinds = [model["kind"] for model in listed["data"]]
    assert kinds == ["model", "model", "assistant", "embedder"]


async def test_one_model_is_shown_and_an_unknown_one_is_404(served: Served):
    known, unknown = await served.get("/v1/models/support"), await served.get("/v1/models/a/b")

    assert known.json["id"] == "support"
    assert (unknown.status, unknown.error["code"], unknown.error["param"]) == (
        404,
        "model_not_found",
        "model",
    )


async def test_embeddings_are_numbers_or_base64_of_the_same(served: Served):
    wanted = {"model": "default", "input": ["rain", "sun"]}

    numbers = (await served.post(EMBEDDINGS, wanted)).json
    packed = (await served.post(EMBEDDINGS, {**wanted, "encoding_format": "base64"})).json

    rows = [np.array(item["embedding"], dtype=np.float32) for item in numbers["data"]]
    again = [np.frombuffer(base64.b64decode(item["embedding"]), "<f4") for item in packed["data"]]
    assert [item["index"] for item in numbers["data"]] == [0, 1]
    assert all(np.array_equal(a, b) for a, b in zip(rows, again, strict=True))
    assert [round(float(row @ row), 4) for row in rows] == [1.0, 1.0]
    assert numbers["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert numbers["model"] == "hashing-256"


@pytest.mark.parametrize(
    ("fields", "status", "param", "says"),
    [
        ({"model": "nope"}, 404, "model", "hashing-256"),
        ({"input": [[1], [100_256]]}, 400, "input.1", "send the text"),
        ({"input": [222, 222]}, 400, "input.0", "send the text"),
        ({"input": ""}, 400, "input", "empty"),
        ({"input": ["x"] * 300}, 413, None, "server.max_body_bytes"),
        ({"dimensions": 12}, 400, "dimensions", "256"),
        ({"encoding_format": "hex"}, 400, "encoding_format", "hex"),
    ],
)
async def test_wrong_embeddings_are_refused_by_their_field(
    served: Served, fields: dict[str, Any], status: int, param: str | None, says: str
):
    if status == 413:
        fields = {"input": ["x" * 50] * 300}
    reply = await served.post(EMBEDDINGS, {"model": "default", "input": "x", **fields})

    assert (reply.status, reply.error["param"]) == (status, param)
    assert says in reply.error["message"]


async def test_the_embedders_own_dimensions_may_be_asked_for(served: Served):
    wanted = {"model": "hashing", "input": "x", "dimensions": 256}

    assert (await served.post(EMBEDDINGS, wanted)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("POST", "/v1/assistants", 404, "not_found"),
        ("GET", "/v1/models/", 404, "model_not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("DELETE", "/api/collections", 405, "method_not_allowed"),
        ("GET", "/api/search", 405, "method_not_allowed"),
        ("PATCH", "/v1/models", 405, "method_not_allowed"),
        ("PUT", "/v1/chat/completions", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there_is_an_error_envelope(
    served: Served, method: str, path: str, status: int, code: str
):
    reply = await served.request(method, path)

    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/json"
    assert len(reply.headers["x-request-id"]) == 32
    assert ("allow" in reply.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/v1/models", 200), ("/nope", 404), ("/api/search", 405)],
)
async def test_a_head_gives_the_headers_of_its_get_and_no_body(
    served: Served, path: str, status: int
):
    answer = await served.raw(
        f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )

    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/json" in head
    assert rest == b""


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/models", "/", "/nope"])
async def test_a_request_without_a_host_is_400_wherever_it_goes(served: Served, path: str):
    for hosts in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
        head = b"GET " + path.encode() + b" HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n"
        assert (await served.raw(head)).startswith(b"HTTP/1.1 400 "), path
    # A probe of HTTP/1.0 has none.
    assert (await served.raw(b"GET /healthz HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_body_over_the_limit_is_413_and_names_the_limit(served: Served):
    reply = await served.post("/api/search", {"collection": "c", "query": "x" * 3000})

    assert (reply.status, reply.error["code"]) == (413, "too_large")
    assert "server.max_body_bytes allows 2,000" in reply.error["message"]


async def test_a_chunked_body_over_the_limit_is_413(served: Served):
    answer = await served.raw(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nbb8\r\n" + b"x" * 3000 + b"\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"server.max_body_bytes" in answer


async def test_no_more_requests_than_allowed_are_worked_on(tmp_path: Path):
    slow = {"use": "scripted", "replies": ["x"], "delay_seconds": 30}
    async with serving(
        tmp_path, models__slow=slow, server__max_requests=1, server__max_waiting=0
    ) as served:
        body = {"model": "slow", "messages": [{"role": "user", "content": "x"}]}
        host, port = served.url.removeprefix("http://").split(":")
        payload = json.dumps(body).encode()
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
            + str(len(payload)).encode()
            + b"\r\n\r\n"
            + payload
        )
        await until(lambda: asked(served.app, "slow"))

        busy, probe = await served.get("/v1/models"), await served.get("/healthz")
        writer.close()

    assert (busy.status, busy.error["code"], busy.headers["retry-after"]) == (
        503,
        "busy",
        "1",
    )
    assert probe.status == 200


class Broken(HashingEmbedder):
    """Fails as no adapter should."""

    async def embed(self, texts: Sequence[str]) -> Matrix:
        raise RuntimeError("secret")


class Unreachable(HashingEmbedder):
    async def embed(self, texts: Sequence[str]) -> Matrix:
        raise UpstreamError("the embedder is down", provider="p")


@asynccontextmanager
async def with_embedder(folder: Path, embedder: HashingEmbedder) -> AsyncGenerator[str]:
    config = load_config(
        arguments={"server.port": 0, "data.dir": folder, "embedder.use": "hashing"},
        environment={},
    ).config
    async with open_app(config) as app, running(replace(app, embedder=embedder)) as url:
        yield url


async def test_an_error_nobody_foresaw_is_500_without_its_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    sent = {"model": "default", "input": "x"}
    async with (
        with_embedder(tmp_path, Broken(HashingOptions())) as url,
        aiohttp.ClientSession() as session,
        session.post(url + EMBEDDINGS, json=sent) as response,
    ):
        error = (await response.json())["error"]

    assert (response.status, error["code"]) == (500, "internal_error")
    assert response.headers["x-request-id"] in error["message"]
    assert "secret" not in error["message"]
    assert "RuntimeError: secret" in caplog.text


async def test_what_is_not_ready_is_named(tmp_path: Path):
    async def asked(session: aiohttp.ClientSession, **headers: str) -> dict[str, str]:
        async with session.get("/readyz", headers=headers) as response:
            assert response.status == 503
            return (await response.json())["error"]

    async with (
        with_embedder(tmp_path, Unreachable(HashingOptions())) as url,
        aiohttp.ClientSession(url) as session,
    ):
        error = await asked(session)
        rebound = await asked(session, Host="evil.example")
        async with session.post("/api/keys", json={"name": "app"}) as response:
            key = (await response.json())["key"]
        known, stranger = await asked(session, Authorization=f"Bearer {key}"), await asked(session)

    assert error["code"] == "unavailable"
    assert error["message"] == known["message"] == "Not ready: the embedder is down"
    assert "embedder" not in stranger["message"] + rebound["message"]


async def test_health_and_readiness(served: Served):
    assert (await served.get("/healthz")).json == {"status": "ok"}
    assert (await served.get("/readyz")).json == {"status": "ready"}


async def test_the_front_page_says_where_to_go(served: Served):
    welcome = (await served.get("/")).json

    for name in ("openapi", "models", "collections", "ready"):
        assert (await served.get(welcome[name])).status == 200


async def test_the_openapi_document_names_every_route_and_resolves(served: Served):
    document = (await served.get("/openapi.json")).json

    assert set(document["paths"]) == {
        *("/", "/healthz", "/readyz", "/api/search", "/api/ask", "/api/guard", "/api/collections"),
        *("/api/models/health", "/api/models/managed", "/api/tools"),
        *(
            "/api/runs",
            "/api/runs/hooks/{hook}",
            "/api/runs/{id}",
            "/api/runs/{id}/entries",
            "/api/runs/{id}/events",
        ),
        *(f"/api/runs/{{id}}/{done}" for done in ("pause", "resume", "cancel", "fork")),
        "/api/collections/{collection}/originals/{document_id}",
        *("/api/sources/{source}/documents/{key}", "/api/sources/{source}/complete"),
        *("/api/collections/{collection}", "/api/collections/{collection}/documents"),
        "/api/collections/{collection}/documents/{document_id}",
        "/api/collections/{collection}/chunks/{document_id}",
        "/api/collections/{collection}/quality",
        "/api/collections/{collection}/rescrub",
        "/api/collections/{collection}/quarantine",
        "/api/collections/{collection}/quarantine/{document_id}/release",
        *("/v1/models", "/v1/models/{model}", "/v1/embeddings", "/v1/chat/completions"),
        "/v1/completions",
        "/v1/chat/completions/{completion_id}",
        "/v1/chat/completions/{completion_id}/messages",
        "/v1/moderations",
        *("/v1/responses", "/v1/responses/{response_id}", "/v1/conversations"),
        *("/v1/responses/{response_id}/cancel", "/v1/responses/{response_id}/input_items"),
        *("/v1/responses/compact", "/v1/responses/input_tokens"),
        *("/v1/conversations/{conversation_id}", "/v1/conversations/{conversation_id}/items"),
        "/v1/conversations/{conversation_id}/items/{item_id}",
        *("/api/sources", "/api/sources/{source}", "/api/sources/{source}/syncs"),
        *("/api/sources/{source}/syncs/{id}", "/api/sources/{source}/failures"),
        *("/api/sources/{source}/retry", "/api/jobs", "/api/jobs/{id}"),
        *("/api/jobs/{id}/events", "/api/jobs/{id}/cancel", "/api/jobs/{id}/resume"),
        *("/api/assistants", "/api/assistants/{assistant}", "/api/assistants/{assistant}/diff"),
        *("/api/assistants/{assistant}/versions", "/api/assistants/{assistant}/rollback"),
        *("/api/budgets", "/api/budgets/{kind}/{name}", "/api/usage"),
        *("/api/usage/lines", "/api/usage/reconciliation"),
        *("/api/evaluations/hallucination", "/api/judge"),
        *("/api/doctor", "/api/session", "/api/traces", "/api/traces/series", "/api/traces/{id}"),
        *("/api/feedback", "/api/feedback/rows", "/metrics"),
        *("/api/reviews", "/api/reviews/events", "/api/reviews/rows", "/api/reviews/secret"),
        *("/api/reviews/{id}", "/api/reviews/{id}/outcome", "/api/reviews/{id}/events"),
        *("/api/reviews/{id}/decision", "/api/reviews/{id}/assignee"),
        *("/api/keys", "/api/keys/{id}", "/api/keys/{id}/rotate"),
        *("/v1/files", "/v1/files/{file_id}", "/v1/files/{file_id}/content", "/v1/uploads"),
        *(f"/v1/uploads/{{upload_id}}/{what}" for what in ("parts", "complete", "cancel")),
        *("/v1/batches", "/v1/batches/{batch_id}", "/v1/batches/{batch_id}/cancel"),
        *("/v1/vector_stores", "/v1/rerank", "/v2/rerank"),
        *(f"/v1/vector_stores/{{vector_store_id}}{rest}" for rest in STORE_PATHS),
    }
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


async def test_the_openapi_document_declares_what_openai_routes_answer(served: Served):
    document = (await served.get("/openapi.json")).json
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/v1/") and not path.endswith("/content"):
                for answer in operation["responses"]["200"]["content"].values():
                    assert "$ref" in answer["schema"], (method, path)
    schemas = document["components"]["schemas"]
    # Two types of one name, each where it belongs.
    assert "verdict" in schemas["Grounded"]["properties"]
    of_response = schemas["Response"]["properties"]["bedplate"]
    assert of_response["$ref"] == "#/components/schemas/OpenAIGrounded"
    assert "citations" in schemas["OpenAIGrounded"]["properties"]
    told = schemas["ResponseStreamEvent"]["discriminator"]["mapping"]
    assert {"response.created", "response.custom_tool_call_input.delta"} <= told.keys()


async def test_the_openapi_document_declares_the_errors_that_are_answered(served: Served):
    document = (await served.get("/openapi.json")).json
    schemas = document["components"]["schemas"]
    envelope = {"$ref": "#/components/schemas/ErrorEnvelope"}

    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            for status in ("4XX", "5XX"):
                assert responses[status]["content"]["application/json"]["schema"] == envelope
            assert "422" not in responses
    answered = (await served.post("/api/search", {"query": 1})).json
    assert set(answered) == set(schemas["ErrorEnvelope"]["properties"])
    assert set(answered["error"]) == set(schemas["ErrorBody"]["properties"])
    assert not [name for name in schemas if "__" in name or "Validation" in name]


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for inner in node for found in references(inner)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for inner in node.values() for found in references(inner)]


async def test_strangers_are_kept_out(served: Served):
    rebound = await served.get("/v1/models", headers={"Host": "evil.example"})
    page = await served.post("/api/search", {}, headers={"Origin": "https://evil.example"})
    preflight = await served.request(
        "OPTIONS",
        "/api/search",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )

    assert (rebound.status, rebound.error["type"]) == (403, "permission_error")
    assert (page.status, page.error["code"]) == (403, "origin_not_allowed")
    assert not [name for name in preflight.headers if name.lower().startswith("access-control")]


async def test_a_trace_that_a_client_began_goes_on(served: Served):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}

    assert (await served.get("/healthz", headers=sent)).headers["x-request-id"] == trace


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
async def test_an_address_that_others_could_reach_is_not_served(tmp_path: Path, host: str):
    with pytest.raises(ConfigError, match="no access keys"):
        async with serving(tmp_path, server__host=host):
            pass


async def test_a_port_that_is_taken_is_named(tmp_path: Path, served: Served):
    port = int(served.url.rpartition(":")[2])
    config = load_config(
        arguments={
            "server.port": port,
            "data.dir": tmp_path / "other",
            "embedder.use": "hashing",
        },
        environment={},
    ).config
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port}"):
        async with open_app(config) as app, running(app):
            pass
