"""URLs, gzip and sitemaps as pure functions, over more input than a server would send."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.errors import Unreadable
from bedplate.sources.fetch import Reply
from bedplate.sources.gunzip import Gunzip
from bedplate.sources.web_pages import _next
from bedplate.sources.web_sitemap import read_sitemap
from bedplate.sources.web_url import MAX_URL, canonical, links

_urls = st.text(st.sampled_from("htps:/.?#%&=@[]aZ0é \n\0\u202e"), max_size=40)


@given(_urls | _urls.map(lambda rest: f"http://a.example/{rest}"))
def test_a_url_has_one_spelling_that_is_fit_for_a_key(url: str) -> None:
    found = canonical(url)
    if found is not None:
        assert canonical(found) == found
        assert found.isprintable()
        assert found.startswith(("http://", "https://"))
        assert "#" not in found
        assert len(found) <= MAX_URL


@given(st.binary(max_size=200))
def test_any_bytes_can_be_looked_through_for_links(html: bytes) -> None:
    page = "http://a.example/"
    assert links(b'<a href="/b">' + html, page)[:1] in (["http://a.example/b"], [])


@given(st.binary(max_size=300) | st.binary(max_size=300).map(gzip.compress))
def test_any_bytes_can_be_read_as_a_sitemap(content: bytes) -> None:
    found = read_sitemap(content)
    assert found.fault or found.pages or found.sitemaps


def test_an_empty_sitemap_is_no_fault() -> None:
    found = read_sitemap(b'<?xml version="1.0"?><s:urlset xmlns:s="http://x"></s:urlset>')
    assert (found.pages, found.fault) == ([], None)


def test_an_entry_without_a_url_is_none() -> None:
    rows = "<url/><url><loc> </loc></url><url><image><loc>/i</loc></image><loc> /a </loc></url>"
    assert read_sitemap(f"<urlset>{rows}</urlset>".encode()).pages == [("/a", None)]


@given(st.binary(max_size=2_000), st.integers(1, 50), st.integers(0, 2_500))
def test_gzip_expands_to_what_was_packed_and_no_further_than_allowed(
    content: bytes, size: int, most: int
) -> None:
    packed = gzip.compress(content)
    gunzip = Gunzip()
    made = b""
    for start in range(0, len(packed), size):
        made += gunzip.feed(packed[start : start + size], most - len(made))
    assert made == content[:most]


def test_a_redirect_from_https_to_http_is_refused() -> None:
    def reply(target: str) -> Reply:
        return Reply("https://a.example/", 302, {"Location": target})

    assert _next("u", "https://a.example/", reply("/b")) == "https://a.example/b"
    with pytest.raises(Unreadable, match="https to http"):
        _next("u", "https://a.example/", reply("http://a.example/b"))


def test_many_empty_gzip_members_are_expanded_in_steps():
    member = gzip.compress(b"", mtime=0)
    assert Gunzip().feed(member * 20_000 + gzip.compress(b"end"), 100) == b"end"
