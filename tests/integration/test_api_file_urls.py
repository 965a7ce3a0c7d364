"""Files that a request names by a URL."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from tests.fixtures.responses_wire import checked
from tests.fixtures.serving import Reply, Served, asked, serving
from tests.fixtures.web_site import WebSite, raw_site, web_site

from bedplate.api.remote_files import remote_files
from bedplate.config import Config
from bedplate.errors import InvalidInput

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/responses"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncGenerator[WebSite]:
    async with web_site() as site:
        site.pages["/terms/note.html"] = "<p>Refunds take 30 days."
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    settings: dict[str, Any] = {
        "models__default": {"use": "scripted", "replies": ["Hello there"]},
        "responses__file_hosts": ["127.0.0.1/32"],
        "server__max_body_bytes": 200_000,
    }
    async with serving(tmp_path_factory.mktemp("urls"), **settings) as served:
        yield served


async def ask(served: Served, *urls: str) -> Reply:
    content = [{"type": "input_file", "file_url": url} for url in urls]
    return await served.post(
        PATH, {"model": "default", "input": [{"role": "user", "content": content}]}
    )


def leads(where: str) -> Any:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": where})

    return answer


async def test_a_file_is_fetched_once_and_read_as_text(served: Served, site: WebSite) -> None:
    url = f"{site.url}/terms/note.html"
    reply = await ask(served, url)
    assert reply.status == 200, reply.body

    said = asked(served.app)[-1].messages[0].content
    assert "File 'note.html':\n\nRefunds take 30 days." in said
    response = checked(reply.body)
    listed = (await served.get(f"{PATH}/{response['id']}/input_items")).json["data"]
    [part] = listed[0]["content"]
    assert (part["file_url"], part["text"]) == (url, "Refunds take 30 days.")
    before = len(site.asked)
    again = {"model": "default", "input": "And?", "previous_response_id": response["id"]}
    assert (await served.post(PATH, again)).status == 200
    assert len(site.asked) == before


async def test_redirects_are_followed_to_where_they_may_lead(served: Served, site: WebSite) -> None:
    site.pages |= {
        "/moved": leads("/terms/note.html"),
        "/round": leads("/round"),
        "/inward": leads("http://169.254.169.254/latest/meta-data"),
        "/private": leads("http://10.1.2.3/"),
        "/file": leads("file:///etc/passwd"),
    }
    assert (await ask(served, f"{site.url}/moved")).status == 200
    for path, why in [
        ("/round", "more than 5 times"),
        ("/inward", "not at a public address"),
        ("/private", "not at a public address"),
        ("/file", "NonHttpUrl"),
    ]:
        reply = await ask(served, f"{site.url}{path}")
        assert (reply.status, reply.error["param"]) == (400, "input"), path
        assert why in reply.error["message"], reply.error


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/a", "http://169.254.169.254/a", "http://[::1]:80/a", "http://2130706434/a",
     "http://0x7f000002/a", "https://user:word@127.0.0.1/a", "http://[::ffff:10.0.0.1]/a",
     "http://", "http://a b/", "https://127.0.0.1:99999/a", "http://[/"],
)  # fmt: skip
async def test_no_address_inside_is_reached_whatever_its_spelling(served: Served, url: str) -> None:
    reply = await ask(served, url)

    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert reply.error["message"].startswith("file_url: ")


async def test_what_is_too_much_or_not_there_is_refused(served: Served, site: WebSite) -> None:
    site.pages["/large"] = "x" * 200_001
    cases = [(f"{site.url}/large", 413), (f"{site.url}/none", 400), ("http://127.0.0.1:9/", 400)]
    for url, status in cases:
        assert (await ask(served, url)).status == status, url
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    async with raw_site(endless, b"x" * 10_000) as url, asyncio.timeout(20):
        assert (await ask(served, url)).status == 413
    site.pages |= {f"/part{n}": "x" * 150_000 for n in range(2)}
    assert (await ask(served, f"{site.url}/part0")).status == 200
    assert (await ask(served, *[f"{site.url}/part{n}" for n in range(2)])).status == 413
    many = await ask(served, *[f"{site.url}/terms/note.html"] * 21)
    assert (many.status, "at most 20" in many.error["message"]) == (400, True)


async def test_all_files_of_a_request_have_one_time_together(site: WebSite) -> None:
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(text="Refunds take 30 days.")

    site.pages["/slow"] = slow
    config = Config.model_validate({"responses": {"file_hosts": ["127.0.0.1/32"]}})
    fetch = remote_files(config, seconds=0.5)
    assert (await fetch(f"{site.url}/slow")).content == b"Refunds take 30 days."
    with pytest.raises(InvalidInput, match="not there within 0.5 s"):
        await fetch(f"{site.url}/slow")


async def test_a_server_may_refuse_them_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings: dict[str, Any] = {
        "models__default": {"use": "scripted", "replies": ["Hello"]},
        "responses__file_urls": False,
    }
    async with serving(tmp_path_factory.mktemp("none"), **settings) as served:
        reply = await ask(served, "https://127.0.0.1/a")
    assert (reply.status, "responses.file_urls" in reply.error["message"]) == (400, True)
