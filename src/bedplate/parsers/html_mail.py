"""HTML of mails: read as a page, with what it quotes of earlier mails under a heading of its own."""

import re

from selectolax.lexbor import LexborHTMLParser

from bedplate.parsers.html import add_html
from bedplate.parsers.outline import Outline
from bedplate.parsers.replies import lead_of

# What Gmail, Apple Mail, Thunderbird, Yahoo, Proton and Outlook on the web put around a quotation.
_QUOTES = (
    "blockquote[type=cite], div.gmail_quote, div.gmail_quote_container, div.yahoo_quoted, "
    "div.protonmail_quote, div.moz-forward-container, blockquote.gmail_quote"
)
# What Outlook puts above one; the rest of the mail is then quoted.
_OUTLOOK = re.compile(
    r"<div[^<>]{0,200}(?:id=\"?(?:divRplyFwdMsg|appendonsend)\"?"
    r"|border:none;border-top:solid #(?:E1E1E1|B5C4DF) 1\.0pt)",
    re.IGNORECASE,
)
_MOST_QUOTES = 50


def add_mail_html(outline: Outline, html: str) -> None:
    """Add what is new in the mail, and after it what it quotes."""
    start = _OUTLOOK.search(html)
    own, earlier = (html[: start.start()], html[start.start() :]) if start else (html, "")
    tree = LexborHTMLParser(own)
    quotes: list[str] = []
    for _ in range(_MOST_QUOTES):
        quote = tree.css_first(_QUOTES)
        if quote is None:
            break
        quotes.append(quote.html or "")
        quote.decompose()
    if tree.body is not None:
        add_html(outline, tree.body)
    for quoted in (*quotes, earlier):
        body = LexborHTMLParser(quoted).body if quoted else None
        if body is None:
            continue
        first, *_ = body.text(separator="\n").strip().split("\n")
        lead = lead_of(" ".join(first.split()))
        outline.heading(f"Quoted: {lead}" if lead else "Quoted", 2)
        add_html(outline, body)


def html_text(html: str) -> str:
    """The words of a page, roughly: enough to see how many there are."""
    body = LexborHTMLParser(html).body
    return " ".join(body.text(separator=" ").split()) if body is not None else ""
