import io
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from tests.fixtures.tiny_whisper import SAID, save_whisper, wav

from bedplate.config import Config
from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import ConfigError, Unreadable
from bedplate.options import parse_limits
from bedplate.parsers.detect import read_blob
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.speech import read_sound


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_whisper(tmp_path_factory.mktemp("whisper")))


def read(content: bytes, model: str, source: str = "a/talk.wav") -> Parsed:
    return read_blob(Blob(content, source), ParseLimits(speech_model=model))


def encoded(format: str, *, picture: bool = False, sound: bool = True) -> bytes:
    """Two seconds in a container that holds sound, a picture or both."""
    file = io.BytesIO()
    with av.open(file, "w", format=format) as container:
        if picture:
            video = container.add_stream("mpeg4", rate=1)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
        if sound:
            audio = container.add_stream("aac" if format != "ogg" else "flac", rate=44_100)
        if picture:
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux([*video.encode(frame), *video.encode(None)])
        if sound:
            with av.open(io.BytesIO(wav(2))) as tone:
                for samples in tone.decode(audio=0):
                    container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return file.getvalue()


def test_what_is_said_stands_under_its_time(model: str) -> None:
    (document,) = read(wav(90), model).documents
    assert next(block.text for block in document.blocks if block.kind == "heading") == "00:00:00"
    assert document.blocks[1].text.startswith(SAID)
    assert {block.heading for block in document.blocks} >= {"00:00:00", "00:01:00"}
    assert (document.title, document.media_type) == ("talk", "audio/mpeg")
    assert document.metadata == {"seconds": 62.0, "lang": "en"}


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("a.ogg", encoded("ogg")),
        ("a.mov", encoded("mov")),
        ("a.avi", encoded("avi", picture=True)),
        ("unnamed", encoded("matroska", picture=True)),
    ],
)
def test_the_sound_of_containers_and_videos_is_heard(
    source: str, content: bytes, model: str
) -> None:
    (document,) = read(content, model, source).documents
    assert SAID in document.text


def test_a_video_without_sound_holds_no_text(model: str) -> None:
    with pytest.raises(Unreadable, match="has no sound") as caught:
        read(encoded("avi", picture=True, sound=False), model, "a.avi")
    assert caught.value.reason == "no_text"


def test_no_other_file_is_opened(model: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(2))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{tmp_path}/a.wav\n"
    for content in (playlist, f"ffconcat version 1.0\nfile {tmp_path}/a.wav\n"):
        with pytest.raises(Unreadable) as caught:
            read_sound(Blob(content.encode(), "a.mp4"), ParseLimits(speech_model=model))
        assert caught.value.reason == "malformed"


def test_what_there_is_no_time_for_is_named_and_the_rest_is_kept(model: str) -> None:
    limits = ParseLimits(speech_model=model, seconds=100, spent=100)
    parsed = read_sound(Blob(wav(70), "a.wav"), limits)
    assert parsed.documents[0].text == f"00:00:00\n\n{SAID}"
    (failure,) = parsed.failures
    assert (failure.source, failure.code) == ("a.wav#00:00:02", "timeout")
    assert "from 00:00:02 on was not heard" in failure.message


def test_without_a_model_sound_is_refused_with_the_setting() -> None:
    with pytest.raises(Unreadable, match=r"set speech.model to its folder") as caught:
        read(wav(1), "")
    assert caught.value.reason == "unsupported"


def test_without_the_extra_sound_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(Unreadable, match=r"pip install 'bedplate\[speech\]'") as caught:
        read(wav(1), str(tmp_path))
    assert caught.value.reason == "unsupported"


def test_a_folder_without_a_model_is_refused_at_the_start(model: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which is no folder of a Whisper model"):
        parse_limits(Config.model_validate({"speech": {"model": str(tmp_path)}}))
    config = Config.model_validate({"speech": {"model": model}})
    assert parse_limits(config).speech_model == model


async def test_sound_is_heard_in_a_confined_process(model: str) -> None:
    async with open_parser(ParseLimits(speech_model=model), slots=1) as parser:
        parsed = await parser.parse(Blob(wav(2), "a.wav"))
    assert parsed.documents[0].text == f"00:00:00\n\n{SAID}"
