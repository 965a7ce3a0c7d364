"""Web pages over a real socket: what is asked, what is taken, and servers that mean no good."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError
from tests.fixtures.web_site import FAST, WebSite, raw_site, sitemap, sitemap_index, web_site

from bedplate.domain.sources import KnownItem
from bedplate.errors import (
    ConfigError,
    NotFound,
    TooLarge,
    Unavailable,
    Unreadable,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from bedplate.ingest.sync_batch import ReadLimits, read_batch
from bedplate.sources.protocol import Fetched, Gap, Item, Source
from bedplate.sources.web import open_web

LIMIT = 1_000_000


@pytest.fixture
async def site() -> AsyncIterator[WebSite]:
    async with web_site() as opened:
        yield opened


@asynccontextmanager
async def web_source(**options: Any) -> AsyncGenerator[Source]:
    async with open_web({**FAST, **options}, name="shop") as source:
        yield source


async def listed(**options: Any) -> tuple[list[str], list[str]]:
    """The keys of a listing, and the codes of its gaps."""
    async with web_source(**options) as source:
        found = [each async for each in source.list(None)]
    keys = [each.key for each in found if isinstance(each, Item)]
    assert len(set(keys)) == len(keys)
    gaps = [each for each in found if isinstance(each, Gap)]
    assert all(gap.prefix == "" for gap in gaps)
    return keys, [gap.code for gap in gaps]


async def read(url: str, known: str | None = None, **options: Any) -> Fetched | None:
    async with web_source(urls=[url], **options) as source:
        return await source.read(Item(url), known=known, max_bytes=LIMIT)


def status(code: int, **headers: str):
    async def answer(request: web.Request) -> web.Response:
        return web.Response(
            status=code, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


def moved(target: str):
    return status(302, Location=target)


async def test_a_page_that_did_not_change_is_not_sent_again(site: WebSite) -> None:
    site.pages["/a"] = "Text"
    first = await read(f"{site.url}/a")
    assert first is not None
    assert await read(f"{site.url}/a", first.version) is None
    assert site.sent == ["/a"]
    site.pages["/a"] = "Changed"
    changed = await read(f"{site.url}/a", first.version)
    assert changed is not None
    assert changed.blob.content == b"Changed"


async def test_last_modified_serves_where_there_is_no_etag(site: WebSite) -> None:
    moment = "Tue, 03 Mar 2026 10:00:00 GMT"

    async def answer(request: web.Request) -> web.Response:
        fresh = request.headers.get("If-Modified-Since") == moment
        return web.Response(status=304 if fresh else 200, headers={"Last-Modified": moment})

    site.pages["/a"] = answer
    first = await read(f"{site.url}/a")
    assert first is not None
    assert await read(f"{site.url}/a", first.version) is None


async def test_the_same_content_is_unchanged_whatever_its_etag_says(site: WebSite) -> None:
    turns = iter("12")

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="Text", headers={"ETag": f'"{next(turns)}"'})

    site.pages["/a"] = answer
    first = await read(f"{site.url}/a")
    assert first is not None
    assert await read(f"{site.url}/a", first.version) is None


async def test_the_content_type_is_kept_and_the_url_is_what_readers_are_shown(
    site: WebSite,
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"%PDF-1.7", content_type="application/pdf")

    site.pages["/get?id=1"] = answer
    fetched = await read(f"{site.url}/get?id=1")
    assert fetched is not None
    assert fetched.blob.media_type == "application/pdf"
    assert fetched.blob.source == f"{site.url}/get?id=1"


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (404, NotFound, ""),
        (410, NotFound, ""),
        (401, Unreadable, "forbidden"),
        (403, Unreadable, "forbidden"),
        (418, Unreadable, "http_status"),
        (204, Unreadable, "http_status"),
        (304, Unreadable, "http_status"),
        (500, UpstreamError, ""),
        (503, UpstreamError, ""),
    ],
)
async def test_a_status_says_what_is_concluded(
    site: WebSite, code: int, error: type[Exception], reason: str
) -> None:
    site.pages["/a"] = status(code)
    with pytest.raises(error) as raised:
        await read(f"{site.url}/a")
    assert (getattr(raised.value, "reason", "") or "") == reason


async def test_too_many_requests_is_told_with_the_servers_advice(site: WebSite) -> None:
    site.pages["/a"] = status(429, Retry_After="7")
    with pytest.raises(UpstreamRateLimited) as raised:
        await read(f"{site.url}/a")
    assert raised.value.retry_after == 7


async def test_a_server_that_fails_is_asked_again(site: WebSite) -> None:
    turns = iter([503, 200])

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=next(turns), text="Text", headers={"Retry-After": "0"})

    site.pages["/a"] = answer
    fetched = await read(f"{site.url}/a", retries=1)
    assert fetched is not None
    assert fetched.blob.content == b"Text"


async def test_who_asks_is_said_and_own_headers_stay_with_the_own_site(site: WebSite) -> None:
    async with web_site() as other:
        other.pages["/b"] = "Text"
        site.pages["/a"] = moved(f"{other.url}/b")
        await read(
            f"{site.url}/a", contact="ops@shop.example", headers={"X-Key": SecretStr("s3cret")}
        )
        asked = [each for each in site.requests if each.path == "/a"]
        assert asked[0].headers["User-Agent"] == "Bedplate (ops@shop.example)"
        assert asked[0].headers["X-Key"] == "s3cret"
        assert other.asked == ["/robots.txt", "/b"]
        assert all("X-Key" not in each.headers for each in other.requests)


# Robots


async def test_robots_are_asked_once_and_kept_to(site: WebSite) -> None:
    site.robots = "User-agent: *\nDisallow: /\n\nUser-agent: Bedplate\nDisallow: /secret"
    site.pages |= {"/a": "A", "/b": "B", "/secret/c": "C"}
    async with web_source(urls=[f"{site.url}/a"]) as source:
        for page in ("/a", "/b"):
            assert await source.read(Item(site.url + page), known=None, max_bytes=LIMIT)
        with pytest.raises(Unreadable) as raised:
            await source.read(Item(f"{site.url}/secret/c"), known=None, max_bytes=LIMIT)
    assert raised.value.reason == "robots"
    assert site.asked == ["/robots.txt", "/a", "/b"]


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_nothing_is_read_while_the_rules_are_out_of_reach(site: WebSite, code: int) -> None:
    site.robots = status(code)
    site.pages["/a"] = "A"
    with pytest.raises(UpstreamError, match="robots"):
        await read(f"{site.url}/a")
    assert site.asked == ["/robots.txt"]


@pytest.mark.parametrize("code", [401, 403, 404, 410])
async def test_a_site_without_rules_is_open(site: WebSite, code: int) -> None:
    site.robots = status(code)
    site.pages["/a"] = "A"
    assert await read(f"{site.url}/a")


async def test_rules_that_never_end_are_read_to_their_limit(site: WebSite) -> None:
    site.robots = "User-agent: *\nDisallow: /a\n" + "# more\n" * 200_000
    site.pages["/a"] = "A"
    with pytest.raises(Unreadable, match="robots"):
        await read(f"{site.url}/a")


async def test_the_site_that_a_redirect_leads_to_has_rules_of_its_own(site: WebSite) -> None:
    async with web_site() as other:
        other.robots = "User-agent: *\nDisallow: /"
        site.pages["/a"] = moved(f"{other.url}/b")
        with pytest.raises(Unreadable, match="robots"):
            await read(f"{site.url}/a")
        assert other.asked == ["/robots.txt"]


# Redirects and addresses


async def test_a_redirect_that_goes_in_circles_ends(site: WebSite) -> None:
    site.pages["/a"] = moved("/b")
    site.pages["/b"] = moved("/a")
    with pytest.raises(Unreadable) as raised:
        await read(f"{site.url}/a")
    assert raised.value.reason == "redirect"
    assert len(site.asked) == 7


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/", "http://", ""])
async def test_a_redirect_to_no_web_page_is_refused(site: WebSite, target: str) -> None:
    site.pages["/a"] = moved(target)
    with pytest.raises(Unreadable):
        await read(f"{site.url}/a")


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/", "http://[fd00:ec2::254]/"])
async def test_a_redirect_to_a_clouds_metadata_is_refused(site: WebSite, target: str) -> None:
    site.pages["/a"] = moved(target)
    with pytest.raises((Unreadable, UpstreamError)) as raised:
        await read(f"{site.url}/a", robots=False)
    assert getattr(raised.value, "reason", "") == "forbidden_address"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_not_read_unless_allowed(site: WebSite, host: str) -> None:
    url = f"http://{host}:{site.port}/a"
    site.pages["/a"] = "A"
    with pytest.raises(Unreadable) as raised:
        await read(url, allow_private=False, robots=False)
    assert raised.value.reason == "forbidden_address"
    for way in ("sitemaps", "crawl"):
        with pytest.raises(ConfigError, match="allow_hosts"):
            await listed(**{way: [url]}, allow_private=False, robots=False)
    assert site.asked == []


async def test_a_host_of_an_intranet_is_allowed_by_name(site: WebSite) -> None:
    site.pages["/a"] = "A"
    named = f"http://localhost:{site.port}/a"
    assert await read(named, allow_private=False, allow_hosts=["localhost"])
    with pytest.raises((Unreadable, UpstreamError)):
        await read(f"{site.url}/a", allow_private=False, allow_hosts=["localhost"])


# Servers that mean no good

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
NOTHING = gzip.compress(b"", mtime=0)
CUT = gzip.compress(b"text", mtime=0)[:-6]


@pytest.mark.parametrize(
    ("head", "endless", "error"),
    [
        (OK + b"\r\n", b"x" * 65_536, TooLarge),
        (OK + b"Content-Length: 99999999999\r\n\r\n", b"x" * 65_536, TooLarge),
        (OK + b"Content-Encoding: gzip\r\n\r\n", NOTHING * 3_000, TooLarge),
        (OK + b"Content-Length: 10\r\n\r\nshort", b"", UpstreamError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", b"", UpstreamError),
        (OK + b"Content-Encoding: gzip\r\n\r\nno gzip", b"", UpstreamError),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + CUT, b"", UpstreamError),
        (OK + b"Content-Encoding: br\r\n\r\nxxxx", b"", Unreadable),
        (OK, b"X-More: more\r\n" * 100, UpstreamError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", b"", UpstreamError),
        (b"", b"", UpstreamError),
    ],
)  # fmt: skip
async def test_a_page_that_never_ends_or_lies_is_given_up(
    head: bytes, endless: bytes, error: type[Exception]
) -> None:
    async with raw_site(head, endless) as url:
        with pytest.raises(error):
            await read(f"{url}/a")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 O", OK, OK + b"\r\n", OK + b"Content-Length: 9999\r\n\r\n"]
)
async def test_a_server_that_trickles_is_given_up(head: bytes) -> None:
    async with raw_site(head, b"x", pause=0.02) as url:
        with pytest.raises(UpstreamTimeout, match=r"0\.3 s"):
            await read(f"{url}/a", seconds=0.3)


async def test_a_gzip_bomb_is_not_expanded(site: WebSite) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
    assert len(bomb) < LIMIT

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    site.pages["/a"] = answer
    with pytest.raises(TooLarge):
        await read(f"{site.url}/a")


async def test_gzip_is_expanded(site: WebSite) -> None:
    async def answer(request: web.Request) -> web.Response:
        body = gzip.compress(b"Text, ") + gzip.compress(b"and more")
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    site.pages["/a"] = answer
    fetched = await read(f"{site.url}/a")
    assert fetched is not None
    assert fetched.blob.content == b"Text, and more"


async def test_a_host_without_a_name_or_a_server_cannot_be_reached(site: WebSite) -> None:
    await site.close()  # type: ignore[misc]
    for url in (f"{site.url}/a", "http://nowhere.invalid/a"):
        with pytest.raises(Unavailable):
            await read(url)


async def test_a_host_is_asked_by_few_at_once(site: WebSite) -> None:
    now = most = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return web.Response(text=request.path)

    urls = [f"{site.url}/{number}" for number in range(12)]
    site.pages |= {f"/{number}": answer for number in range(12)}
    async with web_source(urls=urls, connections=2) as source, asyncio.TaskGroup() as tasks:
        for url in urls:
            tasks.create_task(source.read(Item(url), known=None, max_bytes=LIMIT))
    assert most == 2


# Lists and sitemaps


async def test_urls_that_mean_one_page_are_listed_once() -> None:
    urls = ["http://Example.org:80/a#top", "http://example.org/a", "http://example.org/x/../a",
            "http://example.org", "http://example.org/%7Eme", "http://example.org/~me"]  # fmt: skip
    keys, gaps = await listed(urls=urls)
    assert keys == ["http://example.org/a", "http://example.org/", "http://example.org/~me"]
    assert gaps == []


async def test_a_sitemap_index_is_followed_and_each_page_listed_once(site: WebSite) -> None:
    site.pages["/index.xml"] = sitemap_index(
        f"{site.url}/one.xml", f"{site.url}/two.xml.gz", f"{site.url}/index.xml"
    )
    site.pages["/one.xml"] = sitemap(
        f"{site.url}/a", f"{site.url}/a#part", "http://other.example/x"
    )
    site.pages["/two.xml.gz"] = gzip.compress(
        sitemap(f"{site.url}/b?x=1&amp;y=2", "/a", "javascript:alert(1)").encode()
    )
    keys, gaps = await listed(sitemaps=[f"{site.url}/index.xml"], exclude=["*/c"])
    assert keys == [f"{site.url}/a", f"{site.url}/b?x=1&y=2"]
    assert gaps == []


async def test_a_sitemap_in_plain_text_is_read(site: WebSite) -> None:
    site.pages["/list.txt"] = f"{site.url}/a\r\n\r\n{site.url}/b\r\n"
    keys, _ = await listed(sitemaps=[f"{site.url}/list.txt"])
    assert keys == [f"{site.url}/a", f"{site.url}/b"]


async def test_lastmod_is_a_version_only_where_it_is_trusted(site: WebSite) -> None:
    site.pages["/sitemap.xml"] = sitemap(f"{site.url}/a").replace(
        "</loc>", "</loc><lastmod>2026-03-01</lastmod>"
    )
    for trusted, version in ((True, "2026-03-01"), (False, None)):
        async with web_source(
            sitemaps=[f"{site.url}/sitemap.xml"], trust_lastmod=trusted
        ) as source:
            assert [each async for each in source.list(None)] == [Item(f"{site.url}/a", version)]


BILLION = """<?xml version="1.0"?><!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">
<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>/&b;&x;</loc></url></urlset>"""


@pytest.mark.parametrize(
    "body",
    ["", "<urlset><url>", "no xml", "<html><body>Sign in</body></html>", BILLION, "<a>" * 100_000,
     gzip.compress(b"<urlset>", mtime=0)[:-4], b"\x1f\x8bxxxx", "http://x.example/\n" * 60_000],
    ids=range(9),
)  # fmt: skip
async def test_a_broken_sitemap_fails_and_below_an_index_is_a_gap(
    site: WebSite, body: str | bytes
) -> None:
    site.pages["/bad.xml"] = body
    with pytest.raises(UpstreamError):
        await listed(sitemaps=[f"{site.url}/bad.xml"])
    site.pages["/index.xml"] = sitemap_index(f"{site.url}/bad.xml", f"{site.url}/good.xml")
    site.pages["/good.xml"] = sitemap(f"{site.url}/a")
    keys, gaps = await listed(sitemaps=[f"{site.url}/index.xml"])
    assert keys == [f"{site.url}/a"]
    assert gaps[-1] == "sitemap"


async def test_a_sitemap_that_fails_below_an_index_is_a_gap(site: WebSite) -> None:
    site.pages["/index.xml"] = sitemap_index(*(f"{site.url}/{n}.xml" for n in (403, 404, 500, 1)))
    site.pages |= {"/403.xml": status(403), "/500.xml": status(500)}
    site.pages["/1.xml"] = sitemap(f"{site.url}/a")
    keys, gaps = await listed(sitemaps=[f"{site.url}/index.xml"])
    assert keys == [f"{site.url}/a"]
    assert gaps == ["config_error", "config_error", "upstream_error"]


async def test_sitemaps_without_end_are_left(site: WebSite) -> None:
    async def answer(request: web.Request) -> web.Response:
        depth = int(request.query.get("n", 0)) + 1
        return web.Response(text=sitemap_index(f"{site.url}/deep.xml?n={depth}"))

    site.pages |= {f"/deep.xml?n={n}": answer for n in range(10)}
    keys, gaps = await listed(sitemaps=[f"{site.url}/deep.xml?n=0"])
    assert keys == []
    assert gaps == ["too_many_sitemaps"]


async def test_more_pages_than_allowed_are_a_gap(site: WebSite) -> None:
    site.listed = [f"/{number}" for number in range(9)]
    for way in ({"sitemaps": [f"{site.url}/sitemap.xml"]}, {"crawl": [f"{site.url}/links"]}):
        keys, gaps = await listed(**way, max_pages=4)
        assert len(keys) <= 4
        assert gaps == ["too_many_pages"]


async def test_a_sitemap_of_another_host_alone_is_not_an_empty_one(site: WebSite) -> None:
    site.pages["/sitemap.xml"] = sitemap("https://www.shop.example/a")
    keys, gaps = await listed(sitemaps=[f"{site.url}/sitemap.xml"])
    assert (keys, gaps) == ([], ["other_hosts"])
    keys, gaps = await listed(sitemaps=[f"{site.url}/sitemap.xml"], hosts=["www.shop.example"])
    assert (keys, gaps) == (["https://www.shop.example/a"], [])


# Crawls


async def test_a_crawl_follows_links_to_its_depth_within_the_site(site: WebSite) -> None:
    site.pages |= {
        "/": '<base href="/docs/"><a href="a#x">A</a><a href="a">A</a><a href="mailto:x@x.example">M</a>'
        '<a href="http://other.example/">O</a><map><area href="/b"></map>',
        "/docs/a": '<a href="/c">C</a>',
        "/b": '<a href="/">home</a><a href="gone">G</a>',
        "/c": '<a href="/d">D</a>',
        "/d": "too deep",
    }
    keys, gaps = await listed(crawl=[site.url], depth=2)
    assert [key.removeprefix(site.url) for key in keys] == ["/", "/docs/a", "/b", "/c"]
    assert gaps == []


async def test_a_crawl_lists_a_page_under_the_url_it_leads_to(site: WebSite) -> None:
    site.pages |= {
        "/": '<a href="/old">O</a><a href="/new">N</a><a href="/out">X</a>',
        "/old": moved("/new"),
        "/new": "New",
        "/out": moved("http://127.0.0.2:1/"),
    }
    keys, gaps = await listed(crawl=[site.url], exclude=["*/out"])
    assert [key.removeprefix(site.url) for key in keys] == ["/", "/new"]
    assert gaps == []


async def test_a_page_that_fails_leaves_open_what_is_below_it(site: WebSite) -> None:
    site.robots = "User-agent: *\nDisallow: /closed"
    site.pages |= {
        "/": "".join(f'<a href="/{n}">x</a>' for n in ("500", "403", "404", "closed", "fine")),
        "/500": status(500),
        "/403": status(403),
        "/fine": "Fine",
    }
    keys, gaps = await listed(crawl=[site.url])
    assert [key.removeprefix(site.url) for key in keys] == ["/", "/fine"]
    assert gaps == ["upstream_error", "forbidden"]


async def test_a_crawl_ends_with_a_server_that_only_fails(site: WebSite) -> None:
    site.pages |= {f"/{n}": status(500) for n in range(20)}
    site.pages["/"] = "".join(f'<a href="/{n}">x</a>' for n in range(20))
    with pytest.raises(UpstreamError):
        await listed(crawl=[site.url])
    assert len(site.asked) == 7


async def test_a_crawl_that_cannot_begin_says_so(site: WebSite) -> None:
    site.pages["/moved"] = moved(f"http://localhost:{site.port}/")
    site.pages["/"] = "Home"
    for path in ("/moved", "/none"):
        with pytest.raises(ConfigError, match="begin"):
            await listed(crawl=[site.url + path])


async def test_only_pages_are_read_for_links(site: WebSite) -> None:
    taken = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal taken
        response = web.StreamResponse(headers={"Content-Type": "application/pdf", "ETag": '"v1"'})
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b"x" * 65_536)
            taken += 65_536
        return response

    site.pages |= {"/": '<a href="/big.pdf">x</a>', "/big.pdf": answer}
    async with web_source(crawl=[site.url]) as source:
        found = [each async for each in source.list(None)]
    assert found[1] == Item(f"{site.url}/big.pdf", 'etag "v1"')
    assert taken < 60_000_000


# Options


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"urls": ["ftp://example.org/"]},
        {"urls": ["http://user:secret@example.org/"]},
        {"urls": ["http://example.org/" + "x" * 3_000]},
        {"crawl": ["http://example.org/"], "headers": {"X-Key": "plain"}},
        {"crawl": ["http://example.org/"], "headers": {"X-Key": SecretStr("a\nb")}},
        {"crawl": ["http://example.org/"], "contact": "a\r\nb"},
    ],
)
async def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        async with open_web(options, name="shop"):
            pass
    assert "secret@" not in str(raised.value)


async def test_readers_that_wait_for_a_polite_delay_are_not_late(site: WebSite) -> None:
    urls = [f"{site.url}/{number}" for number in range(5)]
    for number in range(5):
        site.pages[f"/{number}"] = f"<p>Page {number}</p>"
    limits = ReadLimits(items=9, bytes=LIMIT, file_bytes=LIMIT, seconds=3.5, readers=5, in_a_row=1)
    async with web_source(urls=urls, delay=1) as source:
        batch = await read_batch(source, [KnownItem(url, None, None) for url in urls], limits)
    assert (len(batch.read), batch.failed, batch.trouble) == (5, [], None)
