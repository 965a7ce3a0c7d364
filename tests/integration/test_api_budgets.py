"""Budgets and usage over HTTP, and what a client is told that a budget stops."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.fixtures.serving import SCRIPTED, Served, serving

from bedplate.domain.budgets import EVERYONE, MEASURES, Subject

CHAT = "/v1/chat/completions"
PRICED = {**SCRIPTED, "output_tokens": 100}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    shop = {"model": "default", "collections": ["c"]}
    async with serving(
        tmp_path, models__default=PRICED, budgets__models={"default": {"tokens_total": 100_000}},
        assistants__shop=shop,
    ) as opened:  # fmt: skip
        yield opened


def body(**more: Any) -> dict[str, Any]:
    return {"model": "default", "messages": [{"role": "user", "content": "Hi"}], **more}


async def patch(served: Served, path: str, payload: Any):
    return await served.request("PATCH", f"/api/budgets/{path}", json=payload)


async def test_a_budget_is_set_used_and_removed(served: Served) -> None:
    made = await patch(served, "tenant/default", {"usd_month": 1.5, "tokens_day": 1_000})
    assert made.status == 200
    assert (await served.post(CHAT, body())).status == 200
    listed = (await served.get("/api/budgets")).json["budgets"]
    assert [
        (b["kind"], b["name"], b["measure"], b["limit"], b["spent"], b["shared"], b["declared"])
        for b in listed
    ] == [
        ("tenant", "default", "tokens_day", 1_000, 8, False, False),
        ("tenant", "default", "usd_month", 1.5, 0, False, False),
        ("model", "default", "tokens_total", 100_000, 8, True, True),
    ]
    changed = await patch(served, "tenant/default", {"usd_month": None})
    assert [b["measure"] for b in changed.json["budgets"]] == ["tokens_day"]
    assert (await served.request("DELETE", "/api/budgets/tenant/default")).status == 204
    assert (await served.request("DELETE", "/api/budgets/tenant/default")).status == 404


async def test_a_spent_budget_is_openai_s_quota_error(served: Served) -> None:
    await patch(served, "tenant/default", {"tokens_day": 120})
    # Each may use 117, and uses 8.
    assert (await served.post(CHAT, body())).status == 200
    refused = await served.post(CHAT, body())
    assert refused.status == 429
    assert refused.error["code"] == refused.error["type"] == "insufficient_quota"
    seconds = int(refused.headers["Retry-After"])
    midnight = 86_400 - datetime.now(UTC).timestamp() % 86_400
    assert abs(seconds - midnight) < 60 or seconds > 86_340
    assert refused.headers["x-should-retry"] == "false"
    client = openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=2)
    async with client:
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(**body())
        assert caught.value.code == "insufficient_quota"
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(**body(), stream=True)


async def test_a_model_that_costs_nothing_by_itself_has_the_price_that_it_is_given(
    tmp_path: Path,
) -> None:
    priced = {**PRICED, "price": {"input": 1, "output": 1_000}}
    async with serving(tmp_path, models__default=priced) as served:
        reply = (await served.post(CHAT, body())).json["usage"]
        assert reply["cost_usd"] == pytest.approx(
            (reply["prompt_tokens"] + 1_000 * reply["completion_tokens"]) / 1_000_000
        )
        await patch(served, "model/default", {"usd_total": 0.1})
        assert (await served.post(CHAT, body())).status == 429


async def test_too_many_requests_are_told_when_to_come_back(served: Served) -> None:
    await patch(served, "tenant/default", {"requests_minute": 1})
    assert (await served.post(CHAT, body())).status == 200
    refused = await served.post(CHAT, body())
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    assert 55 <= int(refused.headers["Retry-After"]) <= 60


async def test_an_assistant_is_held_to_its_budget(served: Served) -> None:
    await served.post("/api/collections", {"name": "c"})
    await served.post("/api/collections/c/documents", {"text": "A refund takes 30 days."})
    ask = body(model="shop", messages=[{"role": "user", "content": "How long does a refund take?"}])
    assert (await served.post(CHAT, ask)).status == 200
    used = (await served.get("/api/usage?by=assistant")).json["usage"]
    assert [(each["group"], each["requests"]) for each in used] == [("shop", 1)]
    await patch(served, "assistant/shop", {"tokens_total": 0})
    assert (await served.post(CHAT, ask)).status == 429
    assert (await served.post(CHAT, body())).status == 200


async def test_usage_is_told_by_day_and_model(served: Served) -> None:
    await served.post(CHAT, body())
    await served.post(CHAT, body(stream=True))
    by_day = (await served.get("/api/usage")).json
    assert [(each["requests"], each["input_tokens"]) for each in by_day["usage"]] == [(2, 10)]
    assert by_day["usage"][0]["group"] == by_day["until"][:10]
    by_model = (await served.get("/api/usage?by=model")).json["usage"]
    assert by_model == [
        {"group": "default", "requests": 2, "input_tokens": 10, "output_tokens": 6,
         "cost_usd": 0.0, "unpriced": 0}
    ]  # fmt: skip
    old = "/api/usage?since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z"
    assert (await served.get(old)).json["usage"] == []
    assert (await served.get("/api/usage?by=planet")).status == 400
    assert (await served.get("/api/usage?since=2999-01-01T00:00:00Z")).status == 400
    assert (await served.get("/api/usage?since=2020-01-01T00:00:00")).status == 400


async def test_each_line_is_told_and_a_provider_s_figures_are_compared(tmp_path: Path) -> None:
    priced = {**PRICED, "price": {"input": 10_000, "output": 0}}
    async with serving(tmp_path, models__default=priced) as served:
        await served.post(CHAT, body())
        found = (await served.get("/api/usage/lines")).json
        [line] = found["lines"]
        assert (line["day"], line["model"], line["cost_usd"]) == (
            found["until"][:10],
            "default",
            0.05,
        )
        file = await served.get("/api/usage/lines?format=csv")
        assert file.headers["Content-Type"].startswith("text/csv")
        assert file.headers["Content-Disposition"] == 'attachment; filename="usage.csv"'
        [head, row] = file.body.decode().splitlines()
        assert dict(zip(head.split(","), row.split(","), strict=True))["cost_usd"] == "0.05"
        bill = [{"day": line["day"], "model": "default", "input_tokens": 5, "cost_usd": 0.04}]
        told = (await served.post("/api/usage/reconciliation", {"lines": bill})).json
        [drift] = told["lines"]
        assert told["within"] is False
        assert (drift["input_share"], drift["output_share"]) == (0.0, None)
        assert drift["cost_share"] == pytest.approx(0.25)
        loose = {"lines": bill, "tolerance": 0.3}
        assert (await served.post("/api/usage/reconciliation", loose)).json["within"] is True
        for wrong in ({}, {"lines": []}, {"lines": [{"day": "2026-13-01", "model": "m"}]}):
            assert (await served.post("/api/usage/reconciliation", wrong)).status == 400


@pytest.mark.parametrize(
    ("path", "payload", "status"),
    [
        ("tenant/default", {"usd_day": -1}, 400),
        ("tenant/default", {"usd_day": 1e30}, 400),
        ("tenant/default", {"usd_day": 0.00000001}, 400),
        ("tenant/default", {"tokens_day": 10**30}, 400),
        ("tenant/default", {"requests_minute": 0}, 400),
        ("tenant/default", {"usd_year": 1}, 400),
        ("planet/default", {"usd_day": 1}, 400),
        ("tenant/other", {"usd_day": 1}, 404),
        ("key/a%20b", {"usd_day": 1}, 400),
    ],
)
async def test_absurd_budgets_are_refused(
    served: Served, path: str, payload: dict[str, Any], status: int
) -> None:
    assert (await patch(served, path, payload)).status == status
    listed = (await served.get("/api/budgets")).json["budgets"]
    assert all(each["declared"] for each in listed)


async def test_what_is_over_all_tenants_is_not_changed_here(served: Served) -> None:
    ledger = served.app.ledger.budgets
    await ledger.set(Subject("model", "default", EVERYONE), {MEASURES["usd_day"]: 5_000_000})
    await patch(served, "model/default", {"usd_day": 1})
    assert (await served.request("DELETE", "/api/budgets/model/default")).status == 204
    shown = (await served.get("/api/budgets/model/default")).json["budgets"]
    assert {(each["measure"], each["limit"], each["shared"]) for each in shown} == {
        ("usd_day", 5, True),
        ("tokens_total", 100_000, True),
    }
