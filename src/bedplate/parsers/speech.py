"""Sound and video by what is said in them: decoded by PyAV, heard by Whisper (extra `speech`).

The model is a folder in the form of CTranslate2, which faster-whisper reads; none is downloaded.
"""

import importlib
import io
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.documents import Blob, Failure, MetadataValue, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import SHARE_OF_TIME, ParseLimits
from bedplate.parsers.subtitles import Cue, add_cues, clock

VERSION = "speech/1"

_RATE = 16_000
_PIECE_SECONDS = 300
# Playlists and scripts that name other files are no formats of ours, and nothing else is opened.
_OPTIONS = {
    "format_whitelist": "aac,aiff,asf,avi,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,"
    "mpegts,ogg,wav",
    "protocol_whitelist": "none",
}

Samples = NDArray[np.float32]


def read_sound(blob: Blob, limits: ParseLimits) -> Parsed:
    """What is said, under the time it is said at, as subtitles have it.

    What there is no time for is a failure that names where it begins; what was heard is kept.
    """
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    if not limits.speech_model:
        raise Unreadable(
            f"{blob.source!r} is sound or video; hearing what is said in it needs a Whisper model: "
            "set speech.model to its folder.",
            reason="unsupported",
        )
    hearing = _Hearing(blob, limits)
    for offset, samples in _pieces(blob):
        if not hearing.hear(offset, samples):
            break
    if not hearing.cues:
        if hearing.failures:
            raise Unreadable(hearing.failures[0].message, reason="timeout")
        raise Unreadable(f"Nothing is said in {blob.source!r}.", reason="no_text")
    outline = Outline(blob, limits.characters)
    add_cues(outline, hearing.cues)
    metadata: dict[str, MetadataValue] = {"seconds": hearing.cues[-1].end}
    if hearing.language:
        metadata["lang"] = hearing.language
    parsed = outline.parsed(VERSION, "audio/mpeg", title=None, metadata=metadata)
    return Parsed(parsed.documents, tuple(hearing.failures))


class _Hearing:
    """What was heard of one file so far."""

    def __init__(self, blob: Blob, limits: ParseLimits) -> None:
        self._source = blob.source
        self._seconds = limits.seconds
        self._start = time.monotonic() - limits.spent
        self._model = _model(limits.speech_model, blob.source)
        self.language: str | None = None
        self.cues: list[Cue] = []
        self.failures: list[Failure] = []

    def hear(self, offset: float, samples: Samples) -> bool:
        """Hear a piece that begins at `offset` seconds; False when time has run out."""
        # Each window for itself: a mistake does not carry on to the next one.
        segments, info = self._model.transcribe(
            samples, language=self.language, condition_on_previous_text=False
        )
        self.language = cast(str | None, info.language)
        heard = offset
        for segment in segments:
            heard = round(offset + segment.end, 2)
            if text := " ".join(segment.text.split()):
                self.cues.append(Cue(round(offset + segment.start, 2), heard, text))
            if self._is_late():
                break
        if self._is_late() and heard < offset + len(samples) / _RATE:
            self.failures.append(self._failure(heard))
            return False
        return True

    def _is_late(self) -> bool:
        return time.monotonic() - self._start > SHARE_OF_TIME * self._seconds

    def _failure(self, heard: float) -> Failure:
        place = clock(heard)
        message = (
            f"{self._source!r}: what is said from {place} on was not heard; that would take longer "
            f"than the {self._seconds:g} s of ingest.parse_seconds."
        )
        return Failure(f"{self._source}#{place}", "timeout", message)


@lru_cache(maxsize=1)
def _loaded(folder: str) -> Any:
    library = importlib.import_module("faster_whisper")
    return library.WhisperModel(
        folder, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
    )


def _model(folder: str, source: str) -> Any:
    try:
        return _loaded(folder)
    except ModuleNotFoundError as error:
        raise Unreadable(
            f"{source!r} is sound or video; hearing what is said in it needs an optional "
            "dependency: pip install 'bedplate[speech]'.",
            reason="unsupported",
        ) from error
    except (RuntimeError, OSError, ValueError) as error:
        raise Unreadable(
            f"{source!r} was not heard: the model in speech.model, {folder!r}, cannot be opened: "
            f"{error}",
            reason="unsupported",
        ) from error


def _pieces(blob: Blob) -> Iterator[tuple[float, Samples]]:
    """The first sound track, of one channel, in pieces with the second each begins at."""
    av = importlib.import_module("av")
    try:
        with av.open(io.BytesIO(blob.content), options=_OPTIONS, metadata_errors="ignore") as file:
            if not file.streams.audio:
                raise Unreadable(f"{blob.source!r} has no sound.", reason="no_text")
            gathered: list[Samples] = []
            size, offset = 0, 0
            for samples in _samples(av, file):
                gathered.append(samples)
                size += len(samples)
                if size >= _PIECE_SECONDS * _RATE:
                    yield offset / _RATE, np.concatenate(gathered)
                    offset, size = offset + size, 0
                    gathered.clear()
            if gathered:
                yield offset / _RATE, np.concatenate(gathered)
    except (av.FFmpegError, ValueError) as error:
        raise Unreadable(
            f"{blob.source!r} is no sound or video that can be read: {error}", reason="malformed"
        ) from error


def _samples(av: Any, file: Any) -> Iterator[Samples]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=_RATE)
    for packet in file.demux(audio=0):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue  # a damaged packet costs what is said in it
        for frame in frames:
            for even in resampler.resample(frame):
                yield even.to_ndarray().reshape(-1)
    for even in resampler.resample(None):
        yield even.to_ndarray().reshape(-1)
