import pytest

from bedplate.domain.documents import Blob, Document
from bedplate.errors import Unreadable
from bedplate.parsers.html import read_html
from bedplate.parsers.protocol import ParseLimits


def read(page: str | bytes, source: str = "page.html") -> Document:
    content = page if isinstance(page, bytes) else page.encode()
    (document,) = read_html(Blob(content, source), ParseLimits()).documents
    return document


def test_a_page_is_read_as_its_reader_sees_it() -> None:
    document = read(
        "<!doctype html><html lang=en><head><title>Refunds &amp; returns</title>"
        "<meta name=description content='How to send it back'><meta name=date content=2026-02-01>"
        "<style>p{}</style></head><body><nav><a>Home</a></nav><h1>Refunds</h1>"
        "<p>Within <b>30</b> days.<br>No receipt needed.</p><script>alert(1)</script>"
        "<h2>How</h2><ul><li>Pack it<ul><li>well</li></ul></li><li>Send it</li></ul>"
        "<ol><li>one</li><li>two</li></ol><pre>a\n  b</pre></body></html>"
    )
    assert document.title == "Refunds & returns"
    assert document.metadata == {
        "description": "How to send it back",
        "date": "2026-02-01",
        "lang": "en",
    }
    assert [(b.kind, b.text, b.heading, b.level) for b in document.blocks] == [
        ("heading", "Refunds", "Refunds", 1),
        ("paragraph", "Within 30 days.\nNo receipt needed.", "Refunds", None),
        ("heading", "How", "Refunds > How", 2),
        ("list", "- Pack it\n  - well\n- Send it", "Refunds > How", None),
        ("list", "1. one\n2. two", "Refunds > How", None),
        ("code", "a\n  b", "Refunds > How", None),
    ]


def test_table_rows_carry_their_headers() -> None:
    document = read(
        "<table><caption>Prices</caption><tr><th>Item<th>Price<tr><td>Tent<td>199</table>"
    )
    assert [(b.kind, b.text) for b in document.blocks] == [
        ("paragraph", "Prices"),
        ("table", "Item: Tent; Price: 199"),
    ]


def test_merged_cells_stay_under_their_headers() -> None:
    document = read(
        "<table><tr><th>Item<th>Size<th>Price<tr><td rowspan=2>Tent<td>S<td>1"
        "<tr><td>L<td>2<tr><td colspan=2>Rope<td>3</table>"
    )
    assert document.text.split("\n") == [
        "Item: Tent; Size: S; Price: 1",
        "Item: Tent; Size: L; Price: 2",
        "Item: Rope; Price: 3",
    ]


def test_row_headings_read_as_name_and_value() -> None:
    document = read("<table><tr><th>Item<td>Tent<tr><th>Price<td>199</table>")
    assert document.text == "Item: Tent\nPrice: 199"


def test_a_table_that_lays_out_the_page_is_read_through() -> None:
    document = read("<table><tr><td><h1>Top</h1><p>one</p></td><td><p>two</p></td></tr></table>")
    assert [b.text for b in document.blocks] == ["Top", "one", "two"]


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>SECRET</p>",
        "<p style='display: none'>SECRET</p>",
        "<div style='VISIBILITY:hidden'>SECRET</div>",
        "<span style='font-size:0px'>SECRET</span>",
        "<span style='opacity: 0'>SECRET</span>",
        "<p aria-hidden=true>SECRET</p>",
        "<!-- SECRET -->",
        "<template>SECRET</template>",
        "<noscript>SECRET</noscript>",
        "<textarea>SECRET</textarea>",
        "<svg><text>SECRET</text></svg>",
    ],
)
def test_what_a_reader_cannot_see_is_dropped(hidden: str) -> None:
    assert read(f"<p>shown</p>{hidden}<p>too</p>").text == "shown\n\ntoo"


def test_the_declared_charset_is_used() -> None:
    page = "<meta charset=windows-1251><p>Привет, мир</p>".encode("cp1251")
    assert read(page).text == "Привет, мир"


def test_a_page_without_text_is_empty() -> None:
    with pytest.raises(Unreadable) as caught:
        read("<html><body><script>x</script><img src=a.png></body></html>")
    assert caught.value.reason == "empty"


def test_deep_nesting_is_read_without_recursion() -> None:
    assert read("<b>" * 3_000 + "deep").text == "deep"
    assert read("<ul><li>" * 400 + "deep").text.strip() == "- deep"


def test_without_a_title_the_first_heading_then_the_file_name_serves() -> None:
    assert read("<h2>Care</h2>x").title == "Care"
    assert read("x", "a/washing.html").title == "washing"


def test_what_is_left_out_of_menus_and_hidden_parts_is_counted() -> None:
    """Once each, and without what is no text: scripts, and menus inside of hidden parts."""
    shown = "<p>Shown.</p>"
    assert read(shown).left_out == 0
    dropped = (
        "<nav>Home <ul><li>Shop</li></ul><script>x</script></nav>"
        "<div hidden>Later<nav>Deep</nav></div><ul><li>a<button>Buy</button></li></ul>"
        "<script>alert(1)</script><svg><text>drawn</text></svg>"
    )
    assert read(shown + dropped).left_out == len("Home Shop") + len("Later") + len("Buy")
