import pytest

from bedplate.domain.documents import Blob, Document
from bedplate.errors import Unreadable
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.subtitles import read_subtitles


def read(text: str) -> Document:
    (document,) = read_subtitles(Blob(text.encode(), "talk.srt"), ParseLimits()).documents
    return document


def said(text: str) -> list[tuple[str | None, str]]:
    return [(b.heading, b.text) for b in read(text).blocks if b.kind != "heading"]


def test_cues_are_put_together_until_there_is_a_silence() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,500\nIt rains\n<i>cats</i>\n\n"
        "2\n00:00:02,600 --> 00:00:04,000\nand dogs.\n\n"
        "3\n00:00:09,000 --> 00:00:10,000\nIt stops.\n"
    )
    assert said(text) == [("00:00:01", "It rains cats and dogs."), ("00:00:01", "It stops.")]
    assert read(text).metadata == {"seconds": 10.0}
    assert read(text).title == "talk"


def test_a_new_minute_has_a_heading_of_its_own() -> None:
    text = "0:59.000 --> 1:00.000\nOne.\n\n01:02:05.000 --> 01:02:06.000\nTwo.\n"
    assert said(text) == [("00:00:59", "One."), ("01:02:05", "Two.")]


def test_speakers_are_named_and_never_mixed() -> None:
    text = (
        "WEBVTT\n\nNOTE nothing to show\n\nSTYLE\n::cue { color: red }\n\n"
        "00:01.000 --> 00:02.000 align:start\n<v Ann>Hello\n\n"
        "00:02.000 --> 00:03.000\n<v.loud Bob>Hi &amp; <00:02.500>bye</v>\n"
    )
    assert said(text) == [("00:00:01", "Ann: Hello"), ("00:00:01", "Bob: Hi & bye")]


def test_rolling_captions_are_read_once() -> None:
    text = (
        "00:01.000 --> 00:02.000\nit rains\n\n00:02.000 --> 00:03.000\nit rains\nin the hills\n\n"
        "00:03.000 --> 00:04.000\nin the hills\nof Wales\n"
    )
    assert said(text) == [("00:00:01", "it rains in the hills of Wales")]


def test_sbv_is_read() -> None:
    assert said("0:00:01.000,0:00:02.000\nIt rains.\n") == [("00:00:01", "It rains.")]


def test_substation_alpha_is_read_with_its_speakers() -> None:
    text = (
        "[Script Info]\nTitle: x\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:01:20.50,0:01:22.00,Default,Ann,0,0,0,,{\\i1}It rains,\\Nalways.\n"
        "Comment: 0,0:01:20.50,0:01:22.00,Default,Ann,0,0,0,,hidden\n"
    )
    assert said(text) == [("00:01:20", "Ann: It rains, always.")]


def test_cues_without_a_blank_line_between_them_are_told_apart() -> None:
    text = "1\n0:01 --> 0:02\nOne.\n2\n0:09 --> 0:10\nTwo.\n"
    assert said(text) == [("00:00:01", "One."), ("00:00:01", "Two.")]


@pytest.mark.parametrize("text", ["just words", "WEBVTT\n\n00:01 -->\nx", "99 --> 100\nx"])
def test_what_holds_no_cue_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="no subtitles"):
        read(text)
