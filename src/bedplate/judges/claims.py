"""An answer's text to claims, while it comes: sentences, items of lists, rows of tables.

Code, headings, questions and words that only keep a conversation going claim nothing. However the
text is cut into pieces, the claims are the same: nothing is decided before the next word is there.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from bedplate.judges.protocol import Statement
from bedplate.judges.tables import Table, is_row
from bedplate.judges.talk import claims_nothing
from bedplate.markers import cited, without_markers
from bedplate.sentences import is_boundary

LONGEST = 1_000
"""Characters of a claim; what goes on without an end is cut."""

SLICE = 4_096

_MARKERS = r"(?:[ \t]{0,3}[\[\u3010][\d\s,;]{1,40}[\]\u3011])*"
_END = re.compile(rf"(?:[.!?\u2026]+|[\u3002\uff01\uff1f])[\"'\u201d\u2019\u00bb)*_]*{_MARKERS}")
_UNDECIDED = re.compile(r"[ \t]*(?:[\[\u3010][\d\s,;]{0,40}|[^\s\[\u3010]\S{0,60})?\Z")
_WHOLE_LINE = "|`~#"
_BULLET = re.compile(r"[ \t]*(?:[-*+\u2022\u2013]|\(?\d{1,3}[.)]|\(?[a-z][.)])[ \t]+(?=\S)")
_BULLET_ROOM = 12
_FENCE = re.compile(r"\s*(?:```|~~~)")
_EMPHASIS = re.compile(r"\*\*|__|(?<!\w)[*_`]+|[*_`]+(?!\w)")
_BOLD_LINE = re.compile(r"\s*(?:\*\*|__)[^*_\n]{1,120}(?:\*\*|__):?\s*")
_SPACE = re.compile(r"\s+")
_COUNTS = re.compile(r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten)\b", re.IGNORECASE)


@dataclass(slots=True)
class ClaimSplitter:
    """`numbers` are those of the passages; a marker with another is invalid."""

    numbers: Collection[int]
    _held: str = ""
    _at: int = 0
    """Where `_held` begins in the answer."""
    _last: bool = False
    _line_start: bool = True
    _in_item: bool = False
    _in_code: bool = False
    _heading: str = ""
    _lead: str = ""
    """The line before a list, such as "The fees are:"."""
    _table: Table = field(default_factory=Table)

    def push(self, text: str) -> list[Statement]:
        """The claims that end in this text, in order."""
        found: list[Statement] = []
        # In slices, as what is held is copied with each claim.
        for start in range(0, len(text), SLICE):
            self._held += text[start : start + SLICE]
            found += self._take()
        return found

    def finish(self) -> list[Statement]:
        """What is left."""
        self._last = True
        found = list(self._take())
        found += self._rows(self._table.finish())
        return found

    def _take(self) -> Iterator[Statement]:
        while self._held:
            before = (len(self._held), self._line_start)
            yield from self._line() if self._line_start else self._prose()
            if before == (len(self._held), self._line_start):
                return

    def _line(self) -> Iterator[Statement]:
        """Reads how a line begins; takes all of one that is not prose."""
        blank = len(self._held) - len(self._held.lstrip())
        if blank:
            self._skip(blank)
            return
        whole = self._last or "\n" in self._held or len(self._held) >= LONGEST
        if self._in_code or self._held[0] in _WHOLE_LINE:
            if whole:
                yield from self._whole_line()
        elif whole or len(self._held) >= _BULLET_ROOM:
            yield from self._rows(self._table.finish())
            bullet = _BULLET.match(self._held)
            self._in_item, self._line_start = bullet is not None, False
            if bullet:
                self._skip(bullet.end())
            else:
                self._lead = ""

    def _whole_line(self) -> Iterator[Statement]:
        end = self._held.find("\n")
        line = self._held[: end if end >= 0 else LONGEST]
        start = self._at
        self._skip(len(line))
        self._line_start = end >= 0
        if _FENCE.match(line):
            self._in_code = not self._in_code
        elif self._in_code:
            return
        elif is_row(line):
            yield from self._rows(self._table.push(line, start))
        else:
            yield from self._rows(self._table.finish())
            if line.startswith("#"):
                self._heading, self._lead = line.strip("# \t"), ""
            else:
                yield from self._statement(line, start)

    def _rows(self, rows: list[tuple[str, str, int, int]]) -> Iterator[Statement]:
        for text, heads, start, end in rows:
            yield from self._made(text, start, end, heads or self._under)

    def _prose(self) -> Iterator[Statement]:
        """Takes one sentence, if its end is there."""
        end = self._sentence_end()
        if end is None:
            return
        text, start = self._held[:end], self._at
        self._skip(end)
        self._line_start = self._held.startswith("\n")
        yield from self._statement(text, start)

    def _sentence_end(self) -> int | None:
        held = self._held
        line = self._line_end()
        limit = min(len(held) if line is None else line, LONGEST)
        for match in _END.finditer(held, 0, limit):
            after = match.end()
            if line is not None and after >= line:
                return line
            if not self._last and line is None and _UNDECIDED.match(held, after):
                return None
            if after >= len(held):
                return after
            if is_boundary(held, match, 0, len(held), lower=True):
                return after
        if line is not None and line <= LONGEST:
            return line
        if len(held) >= LONGEST + len("\n") or (self._last and len(held) >= LONGEST):
            return held.rfind(" ", 1, LONGEST) if " " in held[1:LONGEST] else LONGEST
        return len(held) if self._last else None

    def _line_end(self) -> int | None:
        """Where the line ends, if that is known; a line that was only wrapped goes on."""
        place = self._held.find("\n")
        while place >= 0:
            rest = self._held[place + 1 :].lstrip(" \t")
            if not rest:
                return place if self._last else None
            if not rest[0].islower() or self._held[:place].rstrip().endswith((".", "!", "?", ":")):
                return place
            place = self._held.find("\n", place + 1)
        return None

    def _statement(self, text: str, start: int) -> Iterator[Statement]:
        bare, under = text.rstrip(), self._under
        if not self._in_item and _BOLD_LINE.fullmatch(text):
            self._heading = _plain(bare).rstrip(":")
            return
        if bare.endswith((":", ":**")):
            self._lead = _plain(bare).rstrip(":")
            if not _COUNTS.search(bare):
                return
        yield from self._made(text, start, start + len(text), under)

    @property
    def _under(self) -> str:
        return self._lead or self._heading

    def _made(self, text: str, start: int, end: int, under: str) -> Iterator[Statement]:
        lead = len(text) - len(text.lstrip())
        plain = _plain(without_markers(text))
        if not any(map(str.isalnum, plain)) or claims_nothing(plain):
            return
        marked = list(dict.fromkeys(number for number, _, _ in cited(text)))
        yield Statement(
            plain,
            start + lead,
            end - (len(text) - len(text.rstrip())),
            tuple(number for number in marked if number in self.numbers),
            tuple(number for number in marked if number not in self.numbers),
            under,
        )

    def _skip(self, count: int) -> None:
        self._held = self._held[count:]
        self._at += count


def split_claims(answer: str, numbers: Collection[int]) -> list[Statement]:
    """The claims of a whole answer."""
    splitter = ClaimSplitter(numbers)
    return [*splitter.push(answer), *splitter.finish()]


def _plain(text: str) -> str:
    return _SPACE.sub(" ", _EMPHASIS.sub("", text)).strip()
