"""Speech as it is really heard: a Whisper model's weights, and a voice that espeak-ng makes.

No weights are shipped. WHISPER_MODEL names the folder of a model in the form of CTranslate2, such as
Systran/faster-whisper-base.
"""

import io
import os
import re
import shutil
import subprocess
import wave
from pathlib import Path

import pytest

from bedplate.config import Config
from bedplate.domain.documents import Blob
from bedplate.options import parse_limits
from bedplate.parsers.isolated import open_parser

MODEL = os.environ.get("WHISPER_MODEL", "")
SILENCE = 60
# Each sentence under the minute that it begins in. Numbers may be written as figures.
SAID = [
    ("The umbrella keeps you dry in rainy weather, and it weighs less than an apple.", "00:00:00"),
    ("Please return the tents within fourteen days to the shop where they came from.", "00:01:00"),
]

pytestmark = [
    pytest.mark.skipif(not MODEL, reason="needs a Whisper model: WHISPER_MODEL names its folder"),
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs the program espeak-ng"),
]


def spoken(folder: Path) -> Path:
    """The sentences as one file of sound, with a long silence between them."""
    path = folder / "talk.wav"
    frames: list[bytes] = []
    for number, (text, _) in enumerate(SAID):
        command = ["espeak-ng", "-v", "en-us", "-s", "140", "--stdout", text]
        made = subprocess.run(command, check=True, capture_output=True).stdout
        # What it writes to a pipe has no length in its head.
        with wave.open(io.BytesIO(made)) as sound:
            rate = sound.getframerate()
            frames += [bytes(2 * rate * SILENCE * number), sound.readframes(10**9)]
    with wave.open(str(path), "wb") as whole:
        whole.setnchannels(1)
        whole.setsampwidth(2)
        whole.setframerate(rate)
        whole.writeframes(b"".join(frames))
    return path


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


async def test_what_a_voice_says_stands_under_its_time(tmp_path: Path) -> None:
    blob = Blob(spoken(tmp_path).read_bytes(), "talk.wav")
    # In the confined process, with the limits of the default configuration.
    limits = parse_limits(Config.model_validate({"speech": {"model": MODEL}}))
    async with open_parser(limits) as parser:
        parsed = await parser.parse(blob)
    assert parsed.failures == ()
    (document,) = parsed.documents
    for text, heading in SAID:
        heard = words(" ".join(b.text for b in document.blocks if b.heading == heading))
        expected = [word for word in words(text) if word != "fourteen"]
        missed = [word for word in expected if word not in heard]
        assert len(missed) <= 0.2 * len(expected), (missed, document.text)
    assert document.metadata["lang"] == "en"
    assert 65 <= float(str(document.metadata["seconds"])) <= 75
