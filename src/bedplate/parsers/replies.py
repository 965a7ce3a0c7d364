"""Plain text of mails: what is new in it, what it quotes of earlier mails, and the signature."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bedplate.parsers.outline import Outline, paragraphs

_MARKS = re.compile(r"(?:> ?)+")
_DEEPEST = 5
_LONGEST_LEAD = 240
_SIGNATURE = "-- "
_MOST_SIGNATURE_LINES = 15
# How the line above a quotation ends, in the languages of common mail programs.
_LEAD = re.compile(
    r"(?:wrote|writes|said|schrieb|geschrieben|a écrit|escribió|ha scritto|schreef|escreveu"
    r"|skrev|napisał(?:\(a\))?|написал(?:\(а\))?|kirjoitti|写道)\s?[:：]$",
    re.IGNORECASE,
)
_DIVIDER = re.compile(
    r"(?:-{2,}|_{2,})\s?(?:original message|forwarded message|ursprüngliche nachricht"
    r"|weitergeleitete nachricht|message d'origine|message transféré|mensaje original"
    r"|messaggio originale|oorspronkelijk bericht)\s?(?:-{2,}|_{2,})$"
    r"|begin forwarded message:$",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"\*?(from|sent|date|to|cc|subject|von|gesendet|an|betreff|datum|de|envoyé|à|objet"
    r"|enviado|para|asunto|da|inviato|a|oggetto)\s?:\*?\s",
    re.IGNORECASE,
)
_SENDER = re.compile(r"\*?(?:from|von|de|da)\s?:\*?\s+(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Run:
    """Lines of one depth of quotation; `lead` introduces them."""

    depth: int
    lines: tuple[str, ...]
    lead: str = ""


def add_mail_text(outline: Outline, text: str) -> None:
    """Add the text in its order; quotations and signatures go under headings of their own."""
    quoted = False
    for run in _runs(text.split("\n")):
        lines, signature = _signature(run.lines)
        if run.depth:
            title = f"Quoted: {run.lead}" if run.lead else "Quoted"
            outline.heading(title, 1 + min(run.depth, _DEEPEST))
            quoted = True
        elif quoted and any(line.strip() for line in lines):
            outline.heading("Reply", 2)
        for paragraph in paragraphs("\n".join(lines)):
            outline.add(paragraph)
        if signature:
            outline.heading("Signature", 2 + min(run.depth, _DEEPEST))
            outline.add("\n".join(signature))


def unflow(text: str, *, delete_space: bool) -> str:
    """Lines of format=flowed put together again (RFC 3676, 4)."""
    flowed: list[str] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        body = line.lstrip(">")
        depth = len(line) - len(body)
        body = body.removeprefix(" ")
        signature = body == _SIGNATURE
        if open_depth == depth and not signature:
            flowed[-1] += body
        else:
            flowed.append(f"{'>' * depth} {body}" if depth else body)
        open_depth = depth if body.endswith(" ") and not signature else None
        if open_depth is not None and delete_space:
            flowed[-1] = flowed[-1][:-1]
    return "\n".join(flowed)


def _runs(lines: Sequence[str]) -> Iterator[_Run]:
    """The lines by depth: marks count, and so does all that follows an Outlook-like head."""
    below = depth = 0
    lead, held = "", list[str]()
    for at, line in enumerate(lines):
        marks = _MARKS.match(line)
        body = line[marks.end() :] if marks else line
        count = marks.group().count(">") if marks else 0
        if _starts_earlier_mail(lines, at) and below < _DEEPEST:
            below += 1
            yield _Run(depth, tuple(held), lead)
            depth, held = below + count, [] if _DIVIDER.match(body.strip()) else [body]
            lead = _sender(lines[at : at + 8])
            continue
        # A blank line belongs to what is around it, whatever its marks.
        if body.strip() and below + count != depth:
            held, next_lead = _split_lead(held) if below + count > depth else (held, "")
            yield _Run(depth, tuple(held), lead)
            depth, held, lead = below + count, [], next_lead
        held.append(body)
    yield _Run(depth, tuple(held), lead)


def _starts_earlier_mail(lines: Sequence[str], at: int) -> bool:
    """Whether a divider or a block of header fields begins here: the rest is an earlier mail."""
    line = lines[at].strip()
    if _DIVIDER.match(line):
        return any(other.strip() for other in lines[at + 1 : at + 4])
    before = [other for other in lines[max(0, at - 2) : at] if other.strip()]
    if not _SENDER.match(line) or (before and _is_head(before[-1])):
        return False
    return sum(bool(_FIELD.match(other.strip())) for other in lines[at : at + 6]) >= 3


def _is_head(line: str) -> bool:
    return bool(_DIVIDER.match(line.strip()) or _FIELD.match(line.strip()))


def _sender(lines: Sequence[str]) -> str:
    found = (_SENDER.match(line.strip("> \t")) for line in lines)
    return next((match.group(1)[:_LONGEST_LEAD] for match in found if match), "")


def _split_lead(lines: Sequence[str]) -> tuple[list[str], str]:
    """The lines without the one that introduces the quotation, which may be broken in two."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    for size in (1, 2, 3):
        start = end - size
        if start < 0 or not lines[start].strip():
            break
        lead = " ".join(line.strip() for line in lines[start:end])
        if shown := lead_of(lead):
            return list(lines[:start]), shown
    return list(lines), ""


def lead_of(line: str) -> str:
    """The line as a title, if it introduces a quotation; empty when it is any other."""
    # It does not begin in the middle of a sentence.
    opens = line[:1].isupper() or not line[:1].isalpha()
    leads = opens and len(line) <= _LONGEST_LEAD and _LEAD.search(line)
    return line.rstrip(":： ") if leads else ""


def _signature(lines: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    for at, line in enumerate(lines):
        if line in {_SIGNATURE, "--"} and len(lines) - at <= _MOST_SIGNATURE_LINES + 1:
            return lines[:at], lines[at + 1 :]
    return lines, ()
