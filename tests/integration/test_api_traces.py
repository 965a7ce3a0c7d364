"""Requests as traces: what is recorded, who sees it, and what never is."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.access import headers_of
from tests.fixtures.serving import SCRIPTED, Served, serving

from bedplate.errors import ConfigError

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
PRICED = {**SCRIPTED, "price": {"input": 1_000, "output": 2_000}}


async def ask(served: Served, question: str = "How long do refunds take?") -> str:
    document = {"id": "policy", "text": "A refund takes 30 days."}
    await served.post("/api/collections/docs/documents", [document])
    answer = await served.post("/api/ask", {"collection": "docs", "question": question})
    assert answer.status == 200, answer.body
    return answer.json["trace_id"]


async def recorded(served: Served) -> None:
    """A client has its answer some turns of the loop before the request is over."""
    for _ in range(10):
        await asyncio.sleep(0.002)
    await served.app.tracing.recorder.flush()


async def shown(served: Served, id: str, **options: Any) -> list[dict[str, Any]]:
    await recorded(served)
    reply = await served.get(f"/api/traces/{id}", **options)
    assert reply.status == 200, reply.body
    return reply.json["steps"]


async def listed(served: Served, query: str = "", **options: Any) -> list[dict[str, Any]]:
    await recorded(served)
    reply = await served.get(f"/api/traces{query}", **options)
    assert reply.status == 200, reply.body
    return reply.json["traces"]


def flat(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for step in steps for each in (step, *flat(step["steps"]))]


def named(steps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(step for step in flat(steps) if step["name"] == name)


async def test_an_answer_is_one_trace_from_edge_to_model(tmp_path: Path):
    async with serving(tmp_path, models__default=PRICED) as served:
        id = await ask(served)
        steps = await shown(served, id)
        (line,) = await listed(served, "?name=POST%20/api/ask")

    (root,) = steps
    assert (root["name"], root["kind"], root["parent"]) == ("POST /api/ask", "server", None)
    assert root["attributes"]["http.response.status_code"] == 200
    (asked,) = root["steps"]
    assert [step["name"] for step in asked["steps"]] == ["retrieval", "turn", "check grounding"]
    found = named(steps, "retrieval")["attributes"]
    assert found["gen_ai.data_source.id"] == "docs"
    assert '"chunk_id":"policy#0"' in found["bedplate.retrieval.hits"]
    call = named(steps, "chat scripted")
    assert call["attributes"]["gen_ai.usage.input_tokens"] == 5
    assert call["attributes"]["bedplate.cost.usd"] == pytest.approx(0.011)
    assert call["attributes"]["gen_ai.response.time_to_first_chunk"] >= 0
    assert named(steps, "check grounding")["attributes"]["gen_ai.evaluation.score.label"]
    assert {step["error"] for step in flat(steps)} == {None}
    assert (line["id"], line["model"], line["cost_usd"]) == (id, "default", pytest.approx(0.011))
    assert line["ttft_ms"] <= line["took_ms"]


async def test_content_is_not_recorded_unless_it_is_asked_for(tmp_path: Path):
    async with serving(tmp_path) as served:
        id = await ask(served)
        steps = await shown(served, id)
        found = await listed(served, "?text=refunds")

    assert all(step["content"] == {} for step in flat(steps))
    assert found == []


async def test_content_is_redacted_before_it_is_written(tmp_path: Path):
    async with serving(tmp_path, tracing__content="redacted") as served:
        id = await ask(served, "Is the refund for ann@example.com done?")
        steps = await shown(served, id)
        found = await listed(served, "?text=refund")

    assert named(steps, "ask")["content"]["bedplate.question"] == "Is the refund for [EMAIL] done?"
    messages = named(steps, "chat scripted")["content"]["gen_ai.input.messages"]
    assert "A refund takes 30 days." in messages
    assert "[EMAIL]" in messages
    assert id in [line["id"] for line in found]
    assert b"ann@example.com" not in b"".join(
        file.read_bytes() for file in (tmp_path / "data").glob("traces.db*")
    )


async def test_a_policy_that_names_traces_says_what_stays_in_them(tmp_path: Path):
    policy = {"use": "patterns", "on": ["traces"], "allow": ["@example.com"], "keep": ["IP"]}
    said = "Is the refund for ann@example.com and jo@example.org at 203.0.113.7 done?"
    async with serving(tmp_path, tracing__content="redacted", guards__pii=policy) as served:
        steps = await shown(served, await ask(served, said))
    kept = named(steps, "ask")["content"]["bedplate.question"]
    assert kept == "Is the refund for ann@example.com and [EMAIL] at 203.0.113.7 done?"
    policy["tenants"] = {"default": {"on": ["ingest"]}}
    async with serving(tmp_path, tracing__content="redacted", guards__pii=policy) as served:
        steps = await shown(served, await ask(served, said))
    kept = named(steps, "ask")["content"]["bedplate.question"]
    assert kept == "Is the refund for [EMAIL] and [EMAIL] at [IP] done?"


async def test_content_is_kept_as_it_is_for_a_tenant_that_wants_it(tmp_path: Path):
    async with serving(tmp_path, tracing__tenants={"default": "full"}) as served:
        id = await ask(served, "Is the refund for ann@example.com done?")
        steps = await shown(served, id)

    assert "ann@example.com" in named(steps, "ask")["content"]["bedplate.question"]
    assert "30 days" in named(steps, "chat scripted")["content"]["gen_ai.output.messages"]


async def test_to_redact_without_a_guard_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"guards\.pii"):
        async with serving(tmp_path, tracing__content="redacted", guards__pii=False):
            pass


async def test_a_client_s_own_trace_is_gone_on_with(tmp_path: Path):
    async with serving(tmp_path) as served:
        message = {"model": "default", "messages": [{"role": "user", "content": "Hi"}]}
        for _ in range(2):
            reply = await served.post(
                "/v1/chat/completions", message, headers={"traceparent": PARENT}
            )
            assert reply.headers["x-request-id"] == TRACE
        steps = await shown(served, TRACE)

    assert [step["parent"] for step in steps] == ["00f067aa0ba902b7"] * 2
    assert {step["name"] for step in steps} == {"POST /v1/chat/completions"}


async def test_charts_count_the_judge_s_verdicts_with_their_interval(tmp_path: Path):
    async with serving(tmp_path, models__default=PRICED) as served:
        await ask(served)
        await recorded(served)
        series = (await served.get("/api/traces/series?points=2")).json
        threshold = served.app.safeguards.grounding.threshold

    total = series["total"]
    assert (total["checked"], total["unsupported"], series["threshold"]) == (1, 0, threshold)
    assert (total["low"], total["high"]) == (0, pytest.approx(0.7935, abs=1e-4))
    assert sum(point["checked"] for point in series["points"]) == 1


async def test_pages_follow_each_other(tmp_path: Path):
    async with serving(tmp_path) as served:
        for _ in range(3):
            await ask(served)
        await recorded(served)
        first = (await served.get("/api/traces?name=POST%20/api/ask&limit=2")).json
        second = (
            await served.get(f"/api/traces?name=POST%20/api/ask&limit=2&cursor={first['next']}")
        ).json

    assert (len(first["traces"]), len(second["traces"]), second["next"]) == (2, 1, None)
    assert not {t["id"] for t in first["traces"]} & {t["id"] for t in second["traces"]}


async def test_reading_leaves_no_trace_and_failing_does(tmp_path: Path):
    async with serving(tmp_path) as served:
        await served.get("/v1/models")
        failed = await served.post("/api/search", {"collection": "none", "query": "x"})
        found = await listed(served)

    assert [(line["name"], line["status"], line["error"]) for line in found] == [
        ("POST /api/search", 404, "http_404")
    ]
    assert found[0]["id"] == failed.headers["x-request-id"]


async def test_a_failing_model_is_in_the_trace_with_its_error(tmp_path: Path):
    broken = {**SCRIPTED, "fail_after": 0}
    async with serving(tmp_path, models__default=broken) as served:
        message = {"model": "default", "messages": [{"role": "user", "content": "x"}]}
        reply = await served.post("/v1/chat/completions", message)
        steps = await shown(served, reply.headers["x-request-id"])

    assert reply.status == 502
    assert named(steps, "chat scripted")["error"] == "upstream_error"


async def test_each_tenant_sees_its_own_and_needs_the_scope(tmp_path: Path):
    async with serving(tmp_path) as served:
        every = (("a", "admin"), ("b", "admin"), ("a", "ask"))
        keys = {(t, scope): await headers_of(served, t, scope) for t, scope in every}
        message = {"model": "default", "messages": [{"role": "user", "content": "Hi"}]}
        reply = await served.post("/v1/chat/completions", message, headers=keys["a", "ask"])
        id = reply.headers["x-request-id"]
        own = await listed(served, headers=keys["a", "admin"])
        others = await listed(served, headers=keys["b", "admin"])
        foreign = await served.get(f"/api/traces/{id}", headers=keys["b", "admin"])
        refused = await served.get("/api/traces", headers=keys["a", "ask"])

    assert [line["id"] for line in own] == [id]
    assert own[0]["key"]
    assert others == []
    assert (foreign.status, refused.status) == (404, 403)


async def test_an_ingest_by_the_app_itself_is_a_trace(tmp_path: Path):
    async with serving(tmp_path) as served:
        app = served.app
        await app.ingest.run(app.scope("docs"), [])
        (line,) = await listed(served)

    assert line["name"] == "ingest"


async def test_feedback_is_kept_with_what_was_said_and_comes_back_as_rows(tmp_path: Path):
    async with serving(tmp_path, tracing__content="full") as served:
        id = await ask(served, "How long do refunds take?")
        await recorded(served)
        said = {"trace_id": id, "rating": "down", "correction": "14 days"}
        given = await served.post("/api/feedback", said)
        empty = await served.post("/api/feedback", {"trace_id": id})
        unknown = await served.post("/api/feedback", {"trace_id": "f" * 32, "rating": "up"})
        rows = (await served.get("/api/feedback/rows")).body.splitlines()
        scraped = await served.get("/metrics")

    assert (given.status, empty.status, unknown.status) == (201, 400, 404)
    (row,) = [json.loads(line) for line in rows]
    assert (row["question"], row["expected"]) == ("How long do refunds take?", "14 days")
    assert "30 days" in row["answer"]
    assert (
        b'bedplate_requests_total{method="POST",route="/api/ask",status="200"} 1.0' in scraped.body
    )
    assert b"bedplate_traces_waiting" in scraped.body


async def test_metrics_are_for_the_default_tenant_s_operator(tmp_path: Path):
    async with serving(tmp_path) as served:
        statuses = [
            (await served.get("/metrics", headers=await headers_of(served, tenant, scope))).status
            for tenant, scope in (("default", "admin"), ("other", "admin"), ("default", "read"))
        ]

    assert statuses == [200, 403, 403]
