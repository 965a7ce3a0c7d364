"""A bucket over its wire: what is signed and listed, odd names, and servers that refuse or lie."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError
from tests.fixtures.s3_server import S3Server, etag, failure, listing, s3_server

from bedplate.errors import (
    BedplateError,
    ConfigError,
    NotFound,
    TooLarge,
    Unreadable,
    UpstreamError,
    UpstreamRateLimited,
)
from bedplate.sources.protocol import Gap, Item, Source
from bedplate.sources.s3 import S3Options, open_s3

LIMIT = 1_000_000


@pytest.fixture
async def server() -> AsyncIterator[S3Server]:
    async with s3_server() as opened:
        yield opened


@asynccontextmanager
async def s3_source(server: S3Server, **options: Any) -> AsyncGenerator[Source]:
    async with open_s3({**server.options, **options}, name="shop") as source:
        yield source


async def listed(server: S3Server, **options: Any) -> list[Item | Gap]:
    async with s3_source(server, **options) as source:
        return [each async for each in source.list(None)]


async def keys(server: S3Server, **options: Any) -> list[str]:
    found = await listed(server, **options)
    return [each.key for each in found if isinstance(each, Item)]


async def read(server: S3Server, key: str, **options: Any) -> bytes:
    async with s3_source(server, **options) as source:
        fetched = await source.read(Item(key), known=None, max_bytes=LIMIT)
    assert fetched is not None
    return fetched.blob.content


def failing(status: int, code: str):
    async def answer(request: web.Request) -> web.Response:
        return failure(status, code)

    return answer


async def test_every_request_is_signed_and_pages_are_followed(server: S3Server) -> None:
    server.objects = {f"{n}.txt": b"x" * n for n in range(1, 6)}
    server.session_token = "a/session+token="
    found = await listed(server, session_token=SecretStr(server.session_token))
    assert found == [Item(f"{n}.txt", etag(b"x" * n).strip('"'), n) for n in range(1, 6)]
    assert server.signed == len(server.asked) == 3


async def test_a_wrong_secret_is_a_fault_of_the_set_up_and_is_not_told(server: S3Server) -> None:
    server.objects = {"a.txt": b"A"}
    wrong = {"secret_access_key": SecretStr("wrong-secret-key")}
    for attempt in (keys(server, **wrong), read(server, "a.txt", **wrong)):
        with pytest.raises(ConfigError, match="SignatureDoesNotMatch") as raised:
            await attempt
        assert "wrong-secret-key" not in str(raised.value)


async def test_a_public_bucket_is_read_without_keys(server: S3Server) -> None:
    server.objects = {"a.txt": b"A"}
    assert await keys(server, access_key_id=None, secret_access_key=None) == ["a.txt"]
    assert server.signed == 0


ODD = ["a//b", "x/../y", "./z", "new\nline", "bell\x07", "tab\t", "é/ü", "50%25", "%0A", "a+b c",
       "~(it's)*!&=?#", "right\u202eleft", "/lead", "bytes\udcff", "trail "]  # fmt: skip


async def test_names_of_every_kind_are_listed_and_read(server: S3Server) -> None:
    server.objects = {name: name.encode("utf-8", "surrogateescape") for name in ODD}
    async with s3_source(server) as source:
        found = [each async for each in source.list(None)]
        assert len(found) == len(ODD)
        read = set()
        for item in found:
            assert isinstance(item, Item)
            assert item.key.isprintable()
            fetched = await source.read(item, known=None, max_bytes=LIMIT)
            assert fetched is not None
            read.add(fetched.blob.content)
    assert read == set(server.objects.values())


async def test_prefix_and_patterns_choose_and_folders_are_none(server: S3Server) -> None:
    names = ["docs/", "docs/a.md", "docs/b.tmp", "docs/old/c.md", "docs/old/", "other/d.md"]
    server.objects = {name: b"" if name.endswith("/") else b"x" for name in names}
    options = {"prefix": "docs/", "include": ["*.md"], "exclude": ["old/*"]}
    assert await keys(server, **options) == ["a.md"]
    assert all("prefix=docs%2F" in asked for asked in server.asked)
    assert await read(server, "old/c.md", prefix="docs/") == b"x"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", ConfigError),
        (404, "NoSuchBucket", ConfigError),
        (400, "AuthorizationHeaderMalformed", ConfigError),
        (503, "SlowDown", UpstreamRateLimited),
        (429, "", UpstreamRateLimited),
        (500, "InternalError", UpstreamError),
    ],
)
async def test_a_listing_that_is_refused_says_why(
    server: S3Server, status: int, code: str, error: type[BedplateError]
) -> None:
    server.answers["list"] = failing(status, code)
    with pytest.raises(error, match=code or "429"):
        await keys(server)


@pytest.mark.parametrize(
    ("status", "code", "error", "reason"),
    [
        (404, "NoSuchKey", NotFound, ""),
        (404, "", NotFound, ""),
        (404, "NoSuchBucket", ConfigError, ""),
        (403, "AccessDenied", Unreadable, "forbidden"),
        (403, "InvalidObjectState", Unreadable, "archived"),
        (403, "ExpiredToken", ConfigError, ""),
        (503, "SlowDown", UpstreamRateLimited, ""),
        (500, "InternalError", UpstreamError, ""),
    ],
)
async def test_an_object_that_is_refused_says_why(
    server: S3Server, status: int, code: str, error: type[BedplateError], reason: str
) -> None:
    server.answers["a.txt"] = failing(status, code)
    with pytest.raises(error) as raised:
        await read(server, "a.txt")
    assert (getattr(raised.value, "reason", "") or "") == reason


async def test_rights_that_end_in_the_middle_of_a_listing_end_it(server: S3Server) -> None:
    server.objects = {f"{n}": b"x" for n in range(6)}
    async with s3_source(server) as source:
        listing = source.list(None)
        assert await anext(listing) == Item("0", etag(b"x").strip('"'), 1)
        server.answers["list"] = failing(403, "AccessDenied")
        with pytest.raises(ConfigError, match="AccessDenied"):
            [each async for each in listing]


async def test_a_busy_server_is_asked_again(server: S3Server) -> None:
    turns = iter([503, 200])

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=next(turns), text="Text", headers={"Retry-After": "0"})

    server.answers["a.txt"] = answer
    assert await read(server, "a.txt", retries=1) == b"Text"


@pytest.mark.parametrize("same_token", [True, False])
async def test_a_listing_that_goes_in_circles_ends(server: S3Server, same_token: bool) -> None:
    async def answer(request: web.Request) -> web.Response:
        token = "again" if same_token else f"t{len(server.asked)}"
        return listing({"a": b"A", "b": b"B"}, token)

    server.answers["list"] = answer
    with pytest.raises(UpstreamError, match="circles"):
        await keys(server)
    assert len(server.asked) <= 3


async def test_pages_that_list_nothing_for_ever_end(server: S3Server) -> None:
    async def answer(request: web.Request) -> web.Response:
        return listing({}, f"t{len(server.asked)}")

    server.answers["list"] = answer
    with pytest.raises(UpstreamError, match="circles"):
        await keys(server)


async def test_an_object_that_is_larger_than_listed_is_given_up(server: S3Server) -> None:
    taken = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal taken
        response = web.StreamResponse(headers={"Content-Length": "99999999999"})
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)
            taken += 65_536

    server.answers["a.txt"] = answer
    async with s3_source(server) as source:
        with pytest.raises(TooLarge):
            await source.read(Item("a.txt", "v", 5), known=None, max_bytes=LIMIT)
        asked = len(server.asked)
        with pytest.raises(TooLarge):
            await source.read(Item("a.txt", "v", LIMIT + 1), known=None, max_bytes=LIMIT)
    assert len(server.asked) == asked
    assert taken < 20_000_000


@pytest.mark.parametrize(
    "body",
    ["", "<html>Sign in</html>", '<!DOCTYPE x [<!ENTITY a "a">]><ListBucketResult/>'],
)
async def test_an_answer_that_is_no_listing_is_not_an_empty_bucket(
    server: S3Server, body: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body)

    server.answers["list"] = answer
    with pytest.raises(UpstreamError, match="listing"):
        await keys(server)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://shop.s3.us-east-1.amazonaws.com"),
        ({"region": "eu-west-1", "bucket": "a.b"}, "https://s3.eu-west-1.amazonaws.com/a.b"),
        ({"path_style": True}, "https://s3.us-east-1.amazonaws.com/shop"),
        ({"endpoint": "https://minio.example:9000/"}, "https://minio.example:9000/shop"),
        ({"endpoint": "https://r2.example", "path_style": False}, "https://shop.r2.example"),
    ],
)
def test_a_bucket_is_addressed_by_path_or_by_host(options: dict[str, Any], url: str) -> None:
    assert S3Options.model_validate({"bucket": "shop", **options}).url == url


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint": "http://minio.example:9000"},
        {"endpoint": "https://key:secret@minio.example"},
        {"access_key_id": "AKIA"},
        {"secret_access_key": SecretStr("x")},
        {"access_key_id": "AKIA", "secret_access_key": "plain"},
        {"bucket": "a/../b"},
        {"region": "eu/west"},
    ],
)
async def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        async with open_s3({"bucket": "shop", **options}, name="shop"):
            pass
    assert "plain" not in str(raised.value)


async def test_a_clouds_metadata_is_no_endpoint() -> None:
    options = {"bucket": "latest", "endpoint": "http://169.254.169.254", "allow_http": True}
    async with open_s3({**options, "retries": 0}, name="shop") as source:
        with pytest.raises(ConfigError, match="never"):
            [each async for each in source.list(None)]
