"""Who is let in by HTTP, to which routes, and to whose data."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fixtures.access import bearer, headers_of, make_key
from tests.fixtures.serving import Served, serving, until

from bedplate.access.protocol import SCOPES
from bedplate.access.secret import new_secret
from bedplate.api.server import running
from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.budgets import MEASURES, Subject
from bedplate.domain.ids import TenantId
from bedplate.errors import ConfigError

CHAT = "/v1/chat/completions"
OPEN = {"/healthz", "/readyz"}
DOCUMENTS = "/api/collections/c/documents"
OURS = "Nightingale"
"""In much of what our tenant keeps, and in nothing that is asked for."""

PER_KEY = {"*": {"requests_minute": 2}}

WHOLE = ("/metrics", "/api/doctor")
"""What is of all tenants together."""


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "default", "messages": [{"role": "user", "content": "Hi"}], **more}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path, budgets__keys=PER_KEY) as opened:
        yield opened


async def routes(served: Served, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return list(await declared(served, headers))


async def declared(
    served: Served, headers: Mapping[str, str]
) -> dict[tuple[str, str], list[dict[str, list[str]]]]:
    """Every route, and what the OpenAPI document says that it asks for."""
    paths = (await served.get("/openapi.json", headers=headers)).json["paths"]
    return {
        (method.upper(), path): paths[path][method]["security"]
        for path in paths
        for method in paths[path]
    }


async def test_every_route_refuses_whoever_has_no_key_once_there_is_one(served: Served) -> None:
    every = await routes(served, {})
    assert len(every) > 40
    await make_key(served.app, "ours", "read")
    others = [("GET", "/openapi.json"), ("GET", "/nowhere"), ("HEAD", "/"), ("OPTIONS", CHAT)]
    wrong: tuple[Mapping[str, str], ...] = (
        {},
        bearer(new_secret()),
        {"Authorization": "Basic Ym9iOmJvYg=="},
    )
    for headers in wrong:
        for method, path in [*every, *others]:
            answer = await served.request(method, path, headers=headers)
            if path in OPEN:
                assert answer.status == 200
                continue
            assert answer.status == 401, (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert method == "HEAD" or answer.error["code"] == "invalid_api_key"


async def test_a_key_opens_only_the_routes_of_its_scopes(served: Served) -> None:
    every = await declared(served, {})
    for scope in ("read", "ask", "write"):
        headers = await headers_of(served, "ours", scope)
        assert (await served.get("/v1/models", headers=headers)).status == 200
        for (method, path), security in every.items():
            if path in OPEN:
                assert security == []
                continue
            [needed] = security[0]["access_key"] or [None]
            if needed in (None, scope):
                continue
            refused = await served.request(method, path, headers=headers)
            assert (refused.status, refused.error["code"]) == (403, "insufficient_scope"), path
            assert f"'{needed}'" in refused.error["message"]
            assert f'scope="{needed}"' in refused.headers["WWW-Authenticate"]


async def test_a_key_is_taken_from_either_header_but_not_from_two_that_differ(
    served: Served,
) -> None:
    _, secret = await make_key(served.app, "ours", "read")
    _, other = await make_key(served.app, "theirs", "read")
    for headers, status in (
        ({"x-api-key": secret}, 200),
        ({"x-api-key": secret, **bearer(secret)}, 200),
        ({"x-api-key": secret, **bearer(other)}, 401),
    ):
        assert (await served.get("/api/collections", headers=headers)).status == status
    twice = [("Authorization", f"Bearer {each}") for each in (secret, secret)]
    assert (await served.get("/api/collections", headers=twice)).status == 401


async def filled(served: Served, headers: Mapping[str, str], files: Path) -> dict[str, str]:
    """Let the tenant keep something behind every kind of route; what its paths are filled with."""
    key = (await served.post("/api/keys", {"name": OURS}, headers=headers)).json["id"]
    document = {"id": "d", "title": OURS, "text": f"The {OURS} sings.", "metadata": {"by": OURS}}
    held = {"id": "held", "text": f"{OURS}: AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYKEY"}
    await served.post(DOCUMENTS, [document, held], headers=headers)
    upload = await served.request(
        "POST", f"{DOCUMENTS}?background=true&name={OURS}.txt", data=OURS.encode(), headers=headers
    )
    source = {"name": "s", "collection": "c", "kind": "folder", "options": {"path": str(files)}}
    assert (await served.post("/api/sources", source, headers=headers)).status == 201
    sync = (await served.post("/api/sources/s/syncs", {}, headers=headers)).json
    for job in (upload.json["job"], sync["job"]):
        await served.get(f"/api/jobs/{job}/events", headers=headers)
    stored = {**chat(), "store": True, "metadata": {"by": OURS}}
    completion = (await served.post(CHAT, stored, headers=headers)).json["id"]
    await served.request(
        "PATCH", f"/api/budgets/run/{OURS}", json={"tokens_total": 9}, headers=headers
    )
    assistant = {"name": "kept", "settings": {"collections": ["c"], "instructions": OURS}}
    assert (await served.post("/api/assistants", assistant, headers=headers)).status == 201
    items = {"items": [{"role": "user", "content": OURS}]}
    talk = (await served.post("/v1/conversations", items, headers=headers)).json["id"]
    item = (await served.get(f"/v1/conversations/{talk}/items", headers=headers)).json["first_id"]
    said = {"model": "default", "input": OURS, "background": True}
    response = (await served.post("/v1/responses", said, headers=headers)).json["id"]
    review = (
        await served.post(
            "/api/reviews", {"subject": {"question": OURS, "answer": OURS}}, headers=headers
        )
    ).json["id"]
    goal = {"assistant": "clerk", "goal": OURS}
    run = (await served.post("/api/runs", goal, headers=headers)).json["id"]
    await served.get(f"/api/runs/{run}/events", headers=headers)
    verdict = {"verdict": "approve"}
    await served.post(f"/api/reviews/{review}/decision", verdict, headers=headers)
    return {
        "completion_id": completion, "response_id": response, "conversation_id": talk, "item_id": item,
        "collection": "c", "document_id": "d", "source": "s", "kind": "tenant", "name": "ours",
        "model": "default", "/api/jobs": upload.json["job"], "/api/sources": sync["id"],
        "/api/keys": key, "assistant": "kept", "/api/reviews": review, "/api/runs": run,
    }  # fmt: skip


def fill(path: str, values: Mapping[str, str]) -> str:
    """`{id}` is that of what the path is about; a parameter nobody thought of here is "c"."""
    for part in path.split("/"):
        if part.startswith("{"):
            name = "/".join(path.split("/")[:3]) if part == "{id}" else part[1:-1]
            path = path.replace(part, values.get(name, "c"), 1)
    return path


ENDLESS = {"/api/reviews/events"}
"""Streams that go on until a request's time is over; the tests of reviews read them."""

BODIES: Mapping[str, Any] = {
    "/api/search": {"collection": "c", "query": "sings"},
    "/api/ask": {"collection": "c", "question": "Who sings?", "model": "quote"},
    CHAT: chat(),
    "/v1/responses": {"model": "default", "input": "Hi"},
}


async def seen(served: Served, headers: Mapping[str, str]) -> Any:
    """All that the tenant has, but for what moves by itself."""
    listed = ("collections", "sources", "jobs", "usage", "usage?by=key", "budgets", "keys", "runs")
    paths = [*(f"/api/{name}" for name in listed), DOCUMENTS, f"{DOCUMENTS}/d",
             "/api/collections/c/quarantine", "/api/collections/c/quality"]  # fmt: skip
    found = [(await served.get(path, headers=headers)).json for path in paths]
    for key in found[6]["keys"]:
        del key["used_at"]
    for report in found[3:5]:
        del report["since"], report["until"]
    return found


async def test_no_route_shows_or_changes_what_another_tenant_has(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.md").write_text(f"# {OURS}", encoding="utf-8")
    settings = {"sync__allow_local": True, "ingest__secrets": "quarantine",
                "models__quote": {"use": "quote"}, "assistants__clerk": {}}  # fmt: skip
    async with serving(tmp_path, work=True, **settings) as served:
        ours = await headers_of(served, "ours", *SCOPES)
        their_id, secret = await make_key(served.app, "theirs", *SCOPES)
        theirs = bearer(secret)
        values = await filled(served, ours, tmp_path / "files")
        before = await seen(served, ours)
        every = sorted(await routes(served, ours), key=lambda route: route[0] != "GET")

        shown = set[str]()
        for method, path in every:
            if path in ENDLESS:
                continue
            call = {"json": BODIES[path]} if path in BODIES else {}
            if method == "GET" or path in BODIES:
                mine = await served.request(method, fill(path, values), headers=ours, **call)
                if OURS.encode() in mine.body:
                    shown.add(path)
            got = await served.request(method, fill(path, values), headers=theirs, **call)
            # What all tenants do together is told to the default one.
            assert got.status not in (401, 500), (method, path)
            assert (got.status == 403) == (path in WHOLE), (method, path)
            assert OURS.encode() not in got.body, (method, path)
            if method == "GET" and path.endswith("}") and path != "/v1/models/{model}":
                assert got.status == 404, path
        usage = (await served.get("/api/usage?by=key", headers=theirs)).json["usage"]
        assert [each["group"] for each in usage] == [their_id]
        after = await seen(served, ours)

        assert {
            "/api/search",
            "/api/ask",
            "/api/keys",
            "/api/budgets",
            "/api/jobs/{id}",
            "/api/runs/{id}",
        } <= shown
        assert {"/api/assistants/{assistant}", "/api/assistants/{assistant}/versions"} <= shown
        assert {path for path in shown if path.startswith("/api/collections/{collection}/doc")}
        assert "/v1/vector_stores/{vector_store_id}/files" in shown
        assert {"/api/reviews", "/api/reviews/{id}", "/api/reviews/rows"} <= shown
        kept = {path for path in shown if path.startswith(("/v1/responses", "/v1/conversations"))}
        assert kept == {
            "/v1/responses/{response_id}/input_items",
            "/v1/conversations/{conversation_id}/items",
            "/v1/conversations/{conversation_id}/items/{item_id}",
        }
        for path in (*kept, "/v1/responses/{response_id}", "/v1/conversations/{conversation_id}"):
            assert (await served.get(fill(path, values), headers=ours)).status == 200, path
        follow = {"model": "default", "input": "Hi"}
        for more in (
            {"previous_response_id": values["response_id"]},
            {"conversation": values["conversation_id"]},
            {"input": [{"type": "item_reference", "id": values["item_id"]}]},
        ):
            got = await served.post("/v1/responses", {**follow, **more}, headers=theirs)
            assert got.status in (400, 404), more
        # What our own walk asked of models is ours.
        for _ in ("usage", "usage?by=key"):
            assert len(before.pop(3)["usage"]) == len(after.pop(3)["usage"])
        assert after == before


async def test_budgets_of_a_key_hold_that_key_alone(served: Served) -> None:
    first, one = await make_key(served.app, "ours", "ask")
    second, two = await make_key(served.app, "ours", "ask")
    admin = await headers_of(served, "ours", "admin")

    async def asked(secret: str) -> int:
        return (await served.post(CHAT, chat(), headers=bearer(secret))).status

    assert [await asked(one) for _ in range(3)] == [200, 200, 429]
    assert await asked(two) == 200
    used = (await served.get("/api/usage?by=key", headers=admin)).json["usage"]
    assert {each["group"]: each["requests"] for each in used} == {first: 2, second: 1}

    path = f"/api/budgets/key/{second}"
    assert (
        await served.request("PATCH", path, json={"tokens_total": 8}, headers=admin)
    ).status == 200
    refused = await served.post(CHAT, chat(), headers=bearer(two))
    assert (refused.status, refused.error["code"]) == (429, "insufficient_quota")
    assert second in refused.error["message"]


async def test_a_budget_of_a_tenant_holds_that_tenant_alone(served: Served) -> None:
    ours = await headers_of(served, "ours", "ask")
    theirs = await headers_of(served, "theirs", "ask")
    tenant = TenantId("ours")
    budget = {MEASURES["tokens_month"]: 1}
    await served.app.ledger.budgets.set(Subject("tenant", tenant, tenant), budget)
    assert (await served.post(CHAT, chat(), headers=ours)).status == 429
    assert (await served.post(CHAT, chat(), headers=theirs)).status == 200


async def test_a_tenant_does_not_allow_itself_more_than_it_was_given(served: Served) -> None:
    ours = await headers_of(served, "ours", "admin")

    async def patched(path: str, **amounts: int) -> int:
        path = f"/api/budgets/{path}"
        return (await served.request("PATCH", path, json=amounts, headers=ours)).status

    assert await patched("tenant/ours", usd_day=9) == 409
    assert await patched("key/k", requests_minute=3) == 409
    assert await patched("key/k", requests_minute=2, usd_day=9) == 200
    assert await patched("key/*", requests_minute=3) == 409
    gone = await served.request("DELETE", "/api/budgets/tenant/ours", headers=ours)
    assert gone.status == 409
    default = await headers_of(served, "default", "admin")
    path = "/api/budgets/tenant/default"
    done = await served.request("PATCH", path, json={"usd_day": 9}, headers=default)
    assert done.status == 200


async def test_an_assistant_and_a_search_are_paid_for_by_the_key(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "assistants__shop": {"model": "default", "collections": ["c"]},
        "search__reader": "default",
    }
    async with serving(tmp_path, **settings) as served:
        id, secret = await make_key(served.app, "ours", *SCOPES)
        headers = bearer(secret)
        await served.post(DOCUMENTS, {"text": "A refund takes 30 days."}, headers=headers)
        question = "How long does a refund take?"
        said = [{"role": "user", "content": question}]
        for path, body in (
            (CHAT, chat(model="shop", messages=said)),
            ("/api/ask", {"collection": "c", "question": question}),
            ("/api/search", {"collection": "c", "query": question, "self_query": True}),
        ):
            assert (await served.post(path, body, headers=headers)).status == 200
            used = (await served.get("/api/usage?by=key", headers=headers)).json["usage"]
            assert [each["group"] for each in used] == [id], path
        by = (await served.get("/api/usage?by=assistant", headers=headers)).json["usage"]
        assert {each["group"] for each in by} == {"shop", ""}


async def test_an_address_that_others_reach_is_served_to_those_with_a_key(tmp_path: Path) -> None:
    arguments = {"server.host": "0.0.0.0", "server.port": 0, "data.dir": tmp_path,
                 "embedder.use": "hashing"}  # fmt: skip
    async with open_app(load_config(arguments=arguments, environment={}).config) as app:
        with pytest.raises(ConfigError, match="bedplate keys create"):
            async with running(app):
                pass
        _, secret = await make_key(app, "ours", "read")
        async with running(app) as url, aiohttp.ClientSession() as session:
            served = Served(app, url.replace("0.0.0.0", "127.0.0.1"), session)
            there = {"Host": "bedplate.example"}
            assert (await served.get("/v1/models", headers=there)).status == 401
            assert (await served.get("/healthz", headers=there)).status == 200
            known = await served.get("/v1/models", headers={**there, **bearer(secret)})
            assert known.status == 200


async def test_the_log_says_whose_request_it_was(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    id, secret = await make_key(served.app, "ours", "read")
    with caplog.at_level(logging.INFO, "bedplate.api.trail"):
        await served.get("/api/collections")
        await served.request("HEAD", "/api/collections", headers=bearer(secret))
        # Of a HEAD the client has all before the server's line is written.
        await until(lambda: len(caplog.messages) >= 2)
    logged = [record for record in caplog.records if record.message == "request"]
    assert [(each.tenant, each.key) for each in logged] == [(None, None), ("ours", id)]  # type: ignore[attr-defined]
    assert secret not in caplog.text + json.dumps([str(vars(each)) for each in caplog.records])
