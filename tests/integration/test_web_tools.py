"""HTTP and OpenAPI tools against a server that misbehaves."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.order_service import DOCUMENT, TOKEN, OrderService, order_service
from tests.fixtures.tools import toolbox

from bedplate.errors import ConfigError, Unavailable
from bedplate.tools.http import refusal
from bedplate.tools.protocol import ToolContext, ToolResult


@pytest.fixture
async def service() -> AsyncGenerator[OrderService]:
    async with order_service() as running:
        yield running


def http(service: OrderService, **options: Any) -> dict[str, Any]:
    return {
        "use": "http",
        "allow": [f"{service.url}/v1/"],
        "allow_private": True,
        "methods": ["GET", "POST", "PUT"],
        "headers": {"Authorization": f"Bearer {TOKEN}"},
        **options,
    }


def openapi(service: OrderService, **options: Any) -> dict[str, Any]:
    spec = f"{service.url}/openapi.json"
    return {"use": "openapi", "spec": spec, "allow_private": True, **options}


async def call(table: dict[str, Any], tool: str, key: str = "", **given: Any) -> ToolResult:
    async with toolbox({"web": table}) as tools:
        return await (await tools.find(tool)).call(given, ToolContext(key=key))


async def test_an_answer_of_fifty_megabytes_is_not_read(service: OrderService) -> None:
    table = http(service, max_bytes=100_000, max_characters=200_000)
    result = await call(table, "web", url=f"{service.url}/v1/large")
    assert result.truncated
    assert len(result.text) < 110_000
    # What the sockets hold besides is on its way when the tool hangs up.
    assert service.sent < 20_000_000


async def test_a_server_that_hangs_is_given_up_on(service: OrderService) -> None:
    result = await call(http(service, seconds=0.05), "web", url=f"{service.url}/v1/hang")
    assert result.failed
    assert "did not answer within 0.05 s" in result.text


async def test_a_redirect_is_told_and_not_followed(service: OrderService) -> None:
    result = await call(http(service), "web", url=f"{service.url}/v1/moved")
    assert result.failed
    assert "redirects (HTTP 302) to http://169.254.169.254/, which is not followed" in result.text
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("picture", "(a image/png file of 4,000 bytes, not shown)"),
        ("packed", "coding 'br'"),
        ("nothing", "Done (HTTP 204, no content)."),
        ("latin", "Zoë"),
    ],
)
async def test_what_is_no_text_is_named(service: OrderService, path: str, said: str) -> None:
    result = await call(http(service), "web", url=f"{service.url}/v1/{path}")
    assert said in result.text
    assert not result.failed


async def test_a_connection_that_breaks_leaves_an_effect_in_doubt(service: OrderService) -> None:
    url = f"{service.url}/v1/cut"
    written = await call(http(service), "web", url=url, method="POST", body={"a": 1})
    assert (written.failed, written.retryable, written.unknown) == (True, False, True)
    read = await call(http(service, methods=["GET"]), "web", url=url)
    assert (read.failed, read.retryable, read.unknown) == (True, True, False)


async def test_nothing_is_in_doubt_where_nothing_was_reached(service: OrderService) -> None:
    table = http(service, allow=["http://127.0.0.1:9/"])
    result = await call(table, "web", url="http://127.0.0.1:9/a", method="POST", body="x")
    assert (result.failed, result.retryable, result.unknown) == (True, True, False)
    assert "nothing was done" in result.text


async def test_a_private_address_is_refused_unless_the_set_up_says_so(
    service: OrderService,
) -> None:
    table = http(service, allow_private=False)
    result = await call(table, "web", url=f"{service.url}/v1/echo")
    assert result.failed
    assert "a private address" in result.text
    assert service.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/v1",
        "http://shop.example/v2/orders",
        "https://shop.example/v1/orders",
        "http://shop.example:81/v1/orders",
        "http://shop.example.evil.example/v1/orders",
        "http://shop.example@evil.example/v1/orders",
        "http://evil.example/http://shop.example/v1/",
        "http://shop.example/v1/%2e%2e/admin",
        "http://shop.example/v1/..%2fadmin",
        "http://shop.example/v1/a\\..\\..\\admin",
        "http://shop.example/v1/../admin",
        "file:///etc/passwd",
        "//shop.example/v1/x",
        "http://[::1",
    ],
)
def test_only_what_begins_as_allowed_may_be_asked(url: str) -> None:
    if url.endswith("/v1"):
        # The place itself, with or without its last slash.
        assert refusal(url, ("http://shop.example/v1/",)) is None
    else:
        assert refusal(url, ("http://shop.example/v1/",)) is not None
    assert refusal("http://SHOP.example:80/v1/orders?a=b", ("http://shop.example/v1/",)) is None


@pytest.mark.parametrize("allow", ["http://h/v1", "http://h/v1/?a=b", "ftp://h/", "http://u:p@h/"])
async def test_a_place_that_is_written_wrong_ends_the_start(allow: str) -> None:
    with pytest.raises(ConfigError, match="tools.web.allow"):
        async with toolbox({"web": {"use": "http", "allow": [allow]}}):
            pass


async def test_an_operation_is_called_as_the_document_says(service: OrderService) -> None:
    table = openapi(service, auth={"token": TOKEN, "key": "key-of-the-search"})
    listed = await call(
        table, "list_orders", state=["open", "late"], page={"size": 2}, **{"X-Shop": "b"}
    )
    told = json.loads(listed.text)
    assert told == {"path": "/v1/orders?state=open&state=late&page%5Bsize%5D=2", "shop": "b"}
    await call(table, "get_search", q="a b")
    assert service.requests[-1][1] == "/v1/search?q=a+b&api_key=key-of-the-search"
    assert "authorization" not in service.requests[-1][2]


async def test_an_effect_carries_its_idempotency_key(service: OrderService) -> None:
    table = openapi(service, auth={"token": TOKEN})
    result = await call(table, "refund_order", key="run-7/3", order="A-1", amount=20)
    assert json.loads(result.text) == {"order": "A-1", "amount": 20}
    assert service.refunds == {"run-7/3": 20}
    await call(table, "get_order", key="run-7/4", order="A-1")
    assert "idempotency-key" not in service.requests[-1][2]


async def test_a_refusal_shows_status_body_and_what_the_call_takes(service: OrderService) -> None:
    table = openapi(service, auth={"token": TOKEN})
    result = await call(table, "refund_order", order="A-1", amount=900)
    assert (result.failed, result.retryable, result.unknown) == (True, False, False)
    assert "HTTP 422" in result.text
    assert "amount: at most 500" in result.text
    assert "- amount: number, more than 0" in result.text


async def test_a_server_that_fails_is_asked_again_only_where_that_does_no_harm(
    service: OrderService,
) -> None:
    table = openapi(service, auth={"token": TOKEN}, attempts=2)
    async with toolbox({"web": table}) as tools:
        get, refund = await tools.find("get_order"), await tools.find("refund_order")
        service.failures = [503]
        assert not (await get.call({"order": "A-1"}, ToolContext())).failed
        service.failures = [503, 503]
        result = await refund.call({"order": "A-1", "amount": 1}, ToolContext())
    assert (result.failed, result.retryable, result.unknown) == (True, False, True)
    assert service.failures == [503]


async def test_credentials_that_are_refused_are_nothing_the_model_can_mend(
    service: OrderService,
) -> None:
    result = await call(openapi(service, auth={"token": "another-token"}), "get_order", order="A-1")
    assert "HTTP 401" in result.text
    assert "other arguments will not help" in result.text


async def test_a_value_that_would_lead_elsewhere_is_not_sent(service: OrderService) -> None:
    result = await call(openapi(service, auth={"token": TOKEN}), "get_order", order="..")
    assert "no part of a path" in result.text
    assert [path for _, path, _ in service.requests] == ["/openapi.json"]


async def test_a_document_that_is_away_is_read_later(service: OrderService) -> None:
    table = openapi(service, spec=f"{service.url}/v1/no-document.json")
    async with toolbox({"web": table, "clock": {"use": "time"}}) as tools:
        with pytest.raises(Unavailable, match="tools.web.spec: .*HTTP 401"):
            await tools.list()
        assert (await tools.find("clock")).spec.name == "clock"
        offers = {offer.table: offer for offer in await tools.offers()}
        assert offers["web"].error is not None
        assert len(offers["clock"].tools) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"servers": [{"url": "https://elsewhere.example/v1"}]}, "set server if that is meant"),
        ({"openapi": "2.0"}, "no OpenAPI 3.0 or 3.1 document"),
    ],
)
async def test_a_document_from_elsewhere_does_not_say_where_credentials_go(
    service: OrderService, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    for key, value in change.items():
        monkeypatch.setitem(DOCUMENT, key, value)
    with pytest.raises(ConfigError, match=said):
        await call(openapi(service), "get_order", order="A-1")


async def test_a_document_in_a_file_is_read_at_the_start(
    service: OrderService, tmp_path: Path
) -> None:
    file = tmp_path / "orders.json"
    file.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    with pytest.raises(ConfigError, match="names the server '/v1', which is no URL: set server"):
        await call({"use": "openapi", "spec": str(file)}, "get_order", order="A-1")
    table = openapi(service, spec=str(file), server=f"{service.url}/v1", auth={"token": TOKEN})
    assert "/v1/orders/A-1" in (await call(table, "get_order", order="A-1")).text
    with pytest.raises(ConfigError, match="cannot be read"):
        await call({"use": "openapi", "spec": str(tmp_path / "none")}, "get_order")
    with pytest.raises(ConfigError, match="tools.web.approve: .*Did you mean 'refund_order'"):
        await call({**table, "approve": ["refund_ordr"]}, "get_order")
