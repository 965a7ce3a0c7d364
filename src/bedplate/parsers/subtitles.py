"""Subtitles: SubRip, WebVTT, YouTube's SBV and SubStation Alpha, as what is said and when."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.decode import decode
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import ParseLimits

VERSION = "subtitles/1"

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})(?:[.,](\d{1,3}))?"
_SPAN = re.compile(rf"\s*{_TIME}\s*(?:-->|,)\s*{_TIME}(?:\s.*)?$")
_DIALOGUE = re.compile(rf"Dialogue:[^,]*,\s*{_TIME}\s*,\s*{_TIME}\s*,(.*)$")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^<>]{1,100})>")
_TAG = re.compile(r"</?[A-Za-z0-9:.][^<>]{0,100}>|\{\\[^{}]{0,500}\}")
_SILENCE = 2.0
_LONGEST_PARAGRAPH = 600
_SECTION = 60.0
# Dialogue: Layer, Start, End | Style, Name, MarginL, MarginR, MarginV, Effect, Text
_FIELDS_AFTER_TIMES = 7


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str
    speaker: str = ""


def read_subtitles(blob: Blob, limits: ParseLimits) -> Parsed:
    decoded = decode(blob.content, blob.source, most_characters=limits.characters)
    cues = list(_cues(decoded.text.split("\n")))
    if not cues:
        raise Unreadable(f"{blob.source!r} holds no subtitles.", reason="malformed")
    outline = Outline(blob, limits.characters)
    add_cues(outline, cues)
    return outline.parsed(
        VERSION,
        "text/vtt",
        title=None,
        metadata={"seconds": max(cue.end for cue in cues)},
        warnings=decoded.warnings,
    )


def add_cues(outline: Outline, cues: Sequence[Cue]) -> None:
    """Cues are put together to paragraphs until there is a silence or another speaker.

    A heading gives the time, "00:01:20", at most once a minute.
    """
    section: float | None = None
    for group in _paragraphs(cues):
        start = group[0].start
        if section is None or not 0 <= start - section < _SECTION:
            outline.heading(clock(start), 1)
            section = start
        said = " ".join(cue.text for cue in group)
        outline.add(f"{group[0].speaker}: {said}" if group[0].speaker else said)


def _cues(lines: Sequence[str]) -> Iterator[Cue]:
    at, last = 0, ""
    while at < len(lines):
        line = lines[at]
        at += 1
        if said := _DIALOGUE.match(line):
            yield from _dialogue(said)
        elif span := _SPAN.match(line):
            shown: list[str] = []
            while at < len(lines) and lines[at].strip() and not _SPAN.match(lines[at]):
                shown.append(lines[at])
                at += 1
            if at < len(lines) and _SPAN.match(lines[at]) and shown and shown[-1].strip().isdigit():
                shown.pop()
            # Rolling captions show a line again under the next one.
            fresh = [text for text in map(_plain, shown) if text and text != last]
            last = fresh[-1] if fresh else last
            if fresh:
                voice = _VOICE.search("".join(shown))
                speaker = " ".join(voice.group(1).split()) if voice else ""
                yield Cue(*_times(span.groups()), " ".join(fresh), speaker)


def _dialogue(line: re.Match[str]) -> Iterator[Cue]:
    fields = line.group(9).split(",", _FIELDS_AFTER_TIMES - 1)
    if len(fields) == _FIELDS_AFTER_TIMES:
        text = _plain(fields[-1].replace("\\N", " ").replace("\\n", " ").replace("\\h", " "))
        if text:
            yield Cue(*_times(line.groups()[:8]), text, fields[1].strip())


def _plain(line: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", line)).split())


def _times(parts: Sequence[str | None]) -> tuple[float, float]:
    return _seconds(parts[:4]), _seconds(parts[4:8])


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return round(whole + float(f"0.{fraction}"), 3)


def _paragraphs(cues: Sequence[Cue]) -> Iterator[list[Cue]]:
    group: list[Cue] = []
    size = 0
    for cue in cues:
        if group and (
            cue.speaker != group[-1].speaker
            or cue.start < group[-1].start
            or cue.start - group[-1].end >= _SILENCE
            or size + len(cue.text) > _LONGEST_PARAGRAPH
        ):
            yield group
            group, size = [], 0
        group.append(cue)
        size += len(cue.text)
    yield group


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"
