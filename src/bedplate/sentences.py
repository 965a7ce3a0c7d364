"""Passages to sentences, by rule, with offsets: every sentence is a slice of its passage.

Lines are read first (headings, list items, rows, questions, e-mail headers), prose is cut inside
them. A line that answers nothing by itself, such as a heading, becomes the context of what
follows it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Form = Literal["prose", "item", "row", "lead", "heading", "question", "header"]
"""`lead` introduces a list and ends in a colon; `header` is a line such as "From: ..."."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text[start:end]` of a passage. `context` is the span of the heading, question or list
    lead-in that it stands under, where there is one.
    """

    start: int
    end: int
    form: Form = "prose"
    context: Span | None = None


_ABBREVIATIONS = frozenset(
    """mr mrs ms messrs dr prof st sr jr rev hon gen col capt lt sgt maj cmdr gov sen rep pres vs viz
    cf e.g i.e eg ie al fig figs eq eqs sec ch vol vols pp ed eds approx ca est dept univ jan feb mar
    apr jun jul aug sep sept oct nov dec mt ft tel ext ref art incl max min avg
    """.split()  # noqa: SIM905 - one word a line would hide the list's shape
)
_BEFORE_NUMBER = frozenset({"no", "nos", "p", "c", "item", "para", "nr", "sect"})
_SOMETIMES_LAST = frozenset(
    [
        "etc",
        "a.m",
        "p.m",
        "u.s",
        "u.k",
        "u.s.a",
        "u.n",
        "e.u",
        "d.c",
        "inc",
        "ltd",
        "co",
        "corp",
        "llc",
        "plc",
        "bros",
        "ph.d",
        "b.c",
        "a.d",
    ]
)
_STARTERS = frozenset(
    """the a an this that these those it its he she they we you i in on at by for from if when
    while as after before there however his her their our your most many some all no not each
    every both one two please although since to with under during
    """.split()  # noqa: SIM905
)
_END = re.compile(r"(?:[.!?…]+|[。！？])(?:[\"'”’»)\]]|\[[^\]\n]{1,24}\])*")
_WORD_BEFORE = re.compile(r"[\w.&'-]+$")
_NEXT_WORD = re.compile(r"\s*[\"'“‘«(\[`]*\s*([\w']+)?")

_BULLET = re.compile(r"\s*(?:[-*•‣◦▪–—]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+(?=\S)")
_MARKDOWN_HEADING = re.compile(r"\s*#{1,6}\s+(?=\S)")
_EMAIL_HEADER = re.compile(
    r"\s*(?:From|To|Cc|Bcc|Subject|Date|Sent|Reply-To|Message-ID):\s", re.IGNORECASE
)
_QUESTION_MARK = re.compile(r"\s*(?:\*\*)?(?:Q(?:uestion)?\s*\d*)\s*[:.]\s*(?=\S)")
_ANSWER_MARK = re.compile(r"\s*(?:\*\*)?(?:A(?:nswer)?\s*\d*)\s*[:.]\s*(?=\S)")
# A table's row as the parsers write it, "name: value; name: value", is one whatever its case.
_ROW = re.compile(
    r"\s*(?:[^.!?:;(\n]{1,40}: [^;\n]*; [^:;\n]{1,40}: .*|\|.*\||[A-Z][^.!?:(\n]{0,40}:\s+\S(?:(?![.!?]\s).){0,160}|[^|]+(?:\|[^|]+)+)\s*"
)
_MARK_ONLY = re.compile(r"\s*(?:#{1,6}|(?:\*\*)?Q(?:uestion)?\s*\d*\s*[:.])?\s*")
_HEADING_WORDS = 12
_WRAP_WIDTH = 45
_LINE = re.compile(r"[^\n]+")


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    form: Form
    opens: bool
    """Whether it begins a new unit rather than continuing the line above."""


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of a passage in reading order; headings and questions are among them.

    A passage that is nothing but a heading gives it as prose: it is all there is to say.
    """
    found = list(_with_contexts(text, _units(text)))
    if found and all(s.form in ("heading", "question") for s in found):
        return [Sentence(s.start, s.end) for s in found]
    return found


def _units(text: str) -> Iterator[Sentence]:
    for start, end, form in _joined(text, list(_lines(text))):
        if form in ("prose", "item"):
            yield from _prose(text, start, end, form)
        else:
            yield Sentence(start, end, form)


def _lines(text: str) -> Iterator[_Line]:
    previous_end = 0
    for match in _LINE.finditer(text):
        start, end = match.span()
        if not text[start:end].strip():
            continue
        opens = "\n\n" in re.sub(r"[ \t\r]", "", text[previous_end:start]) or previous_end == 0
        previous_end = end
        start, form = _form(text, start, end)
        start += len(text[start:end]) - len(text[start:end].lstrip())
        end = start + len(text[start:end].rstrip())
        yield _Line(start, end, form, opens or form != "prose")


def _form(text: str, start: int, end: int) -> tuple[int, Form]:
    """Where the line's own words begin, and what it is."""
    for pattern, form in _MARKED:
        if (
            match := pattern.fullmatch(text, start, end)
            if form == "row"
            else pattern.match(text, start, end)
        ):
            return (start if form in ("row", "header") else match.end()), form
    return start, "prose"


_MARKED: tuple[tuple[re.Pattern[str], Form], ...] = (
    (_MARKDOWN_HEADING, "heading"),
    (_QUESTION_MARK, "question"),
    (_ANSWER_MARK, "item"),
    (_EMAIL_HEADER, "header"),
    (_BULLET, "item"),
    (_ROW, "row"),
)


def _joined(text: str, lines: list[_Line]) -> Iterator[tuple[int, int, Form]]:
    """Lines that were only wrapped are put together again."""
    index = 0
    while index < len(lines):
        line = lines[index]
        last = index
        end = line.end
        while last + 1 < len(lines) and _continues(text, lines[last], lines[last + 1]):
            last += 1
            end = lines[last].end
        yield line.start, end, line.form
        index = last + 1


def _continues(text: str, line: _Line, after: _Line) -> bool:
    if after.opens or line.form not in ("prose", "item", "row"):
        return False
    return line.end - line.start >= _WRAP_WIDTH or text[after.start].islower()


def _with_contexts(text: str, units: Iterator[Sentence]) -> Iterator[Sentence]:
    heading: Span | None = None
    lead: Span | None = None
    for unit in (_named(text, u) for u in units):
        if unit.form in ("heading", "question"):
            yield Sentence(unit.start, unit.end, unit.form, heading)
            if _is_alone(text, unit):
                heading, lead = (unit.start, unit.end), None
        elif unit.form == "lead":
            yield Sentence(unit.start, unit.end, "lead", heading)
            lead = (unit.start, unit.end)
        else:
            if unit.form == "prose":
                lead = None
            yield Sentence(unit.start, unit.end, unit.form, lead or heading)


def _named(text: str, unit: Sentence) -> Sentence:
    """What prose and rows turn out to be once their last character is seen."""
    words = text[unit.start : unit.end]
    if unit.form not in ("prose", "item", "row"):
        return unit
    if words.endswith("?"):
        return Sentence(unit.start, unit.end, "question")
    if words.endswith((":", ":**")):
        return Sentence(unit.start, unit.end, "lead")
    if unit.form == "prose" and _is_title(text, unit):
        return Sentence(unit.start, unit.end, "heading")
    return unit


def _is_title(text: str, unit: Sentence) -> bool:
    """A short line of its own without a full stop, with more text below it."""
    words = text[unit.start : unit.end]
    return (
        _is_alone(text, unit)
        and bool(text[unit.end :].strip())
        and len(words.split()) <= _HEADING_WORDS
        and words[-1] not in ".!…。！;,)\"'”’"
        and not any(c in words for c in "$€£%")
    )


def _is_alone(text: str, unit: Sentence) -> bool:
    line = text[text.rfind("\n", 0, unit.start) + 1 : unit.start]
    return text[unit.end : unit.end + 1] in ("", "\n", "\r") and bool(_MARK_ONLY.fullmatch(line))


def _prose(text: str, start: int, end: int, form: Form) -> Iterator[Sentence]:
    begin = start
    for match in _END.finditer(text, start, end):
        if match.end() < end and not is_boundary(text, match, begin, end):
            continue
        if begin == start and match.end() < end and _is_label(text[begin : match.end()]):
            continue
        yield from _stripped(text, begin, match.end(), form)
        begin = match.end()
    yield from _stripped(text, begin, end, form)


def _is_label(words: str) -> bool:
    """A single word before a sentence, such as "RRF." or "Yes.", says nothing without it."""
    return len(words.split()) == 1 and words.rstrip().endswith(".")


def _stripped(text: str, start: int, end: int, form: Form) -> Iterator[Sentence]:
    words = text[start:end]
    start += len(words) - len(words.lstrip())
    words = words.strip()
    if any(c.isalnum() for c in words):
        yield Sentence(start, start + len(words), form)


def is_boundary(
    text: str, match: re.Match[str], begin: int, end: int, *, lower: bool = False
) -> bool:
    """Whether the full stop (or the like) that `match` begins with ends the sentence that began at
    `begin`; of what follows only the next word is looked at. With `lower` a sentence may begin with
    a small letter.
    """
    mark = match.group()
    if mark[0] in "。！？":
        return True
    if not text[match.end()].isspace():
        return False
    following = _NEXT_WORD.match(text, match.end(), end)
    word = (following.group(1) or "") if following else ""
    if word and not (lower or word[0].isupper() or word[0].isdigit() or not word[0].isascii()):
        return False
    if mark[0] != "." or (len(mark) > 1 and mark.startswith("..")):
        return True
    before = _WORD_BEFORE.search(text, begin, match.start())
    return not _is_abbreviation(before.group() if before else "", word)


def _is_abbreviation(before: str, after: str) -> bool:
    """Whether the full stop behind `before` belongs to the word."""
    lower = before.lower().strip("'-")
    if lower in _ABBREVIATIONS:
        return True
    if lower in _BEFORE_NUMBER:
        return after[:1].isdigit() or (before == "No" and len(after) == 1)
    is_initial = len(before) == 1 and before.isupper()
    if lower in _SOMETIMES_LAST or is_initial or re.fullmatch(r"(?:[a-z]\.)+[a-z]", lower):
        return after.lower() not in _STARTERS
    return False
