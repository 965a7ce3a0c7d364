"""`cross_encoder`: a cross-encoder in ONNX, from files of your own.

A cross-encoder reads query and passage as one input and gives one logit for the pair (Nogueira and
Cho 2019, arXiv:1901.04085). The score is that logit, and for a model with two classes the second
logit less the first. The sigmoid that makes a probability of it is left out: it changes no order,
and it presses good passages together near 1.

Nothing is downloaded. `folder` is a model's folder as hubs lay it out, `tokenizer.json` with
`model.onnx` or `onnx/model.onnx`; `model` and `tokenizer` name the two files one by one.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from tokenizers import Encoding, Tokenizer

from bedplate.errors import ConfigError, UpstreamError, UpstreamTimeout
from bedplate.rerankers.protocol import Reranker

PROVIDER = "cross_encoder"
MODEL_NAMES = ("model.onnx", "onnx/model.onnx")
TOKENIZER_NAME = "tokenizer.json"
INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
INTEGERS: Mapping[str, type[np.signedinteger[Any]]] = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}

BATCH_TOKENS = 2_048
BATCH_PAIRS = 64
# Words of more characters a piece are rare; without a bound, megabytes are read to be cut away.
CHARACTERS_PER_PIECE = 64

_runtime: Any = onnxruntime
_state: Any = _runtime.capi.onnxruntime_pybind11_state
# The runtime's errors have no base of their own.
RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    _state.EPFail,
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NoSuchFile,
    _state.NotImplemented,
    _state.RuntimeException,
)

Scores = NDArray[np.float64]


class CrossEncoderOptions(BaseModel):
    """`window` counts the pieces of a pair; `threads` is how many cores one batch may use."""

    model_config = ConfigDict(extra="forbid")
    folder: Path | None = None
    model: Path | None = None
    tokenizer: Path | None = None
    window: int = Field(default=512, ge=16, le=8192)
    threads: int = Field(default=1, ge=1, le=64)
    workers: int = Field(default=2, ge=1, le=64)

    @model_validator(mode="after")
    def _folder_or_files(self) -> Self:
        files = (self.model is not None, self.tokenizer is not None)
        if (self.folder is not None) == any(files) or any(files) != all(files):
            raise ValueError("give either folder, or model and tokenizer")
        return self

    def paths(self) -> tuple[Path, Path]:
        """Model and tokenizer, both there; ConfigError."""
        if self.folder is None:
            model, tokenizer = cast(Path, self.model), cast(Path, self.tokenizer)
        else:
            named = [self.folder / name for name in MODEL_NAMES]
            model = next((path for path in named if path.is_file()), named[0])
            tokenizer = self.folder / TOKENIZER_NAME
        for path in (model, tokenizer):
            if not path.is_file():
                raise ConfigError(f"The reranker's file {str(path)!r} is not there.")
        return model, tokenizer


class CrossEncoder:
    def __init__(self, model: Path, tokenizer: Path, options: CrossEncoderOptions) -> None:
        try:
            self._pairs = PairTokenizer(tokenizer.read_bytes(), options.window)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The tokenizer {str(tokenizer)!r} cannot be read: {error}."
            ) from error
        self._session = _open_session(model, options.threads)
        self._types = {node.name: node.type for node in self._session.get_inputs()}
        self._model = str(model)
        self._check()
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix="rerank")

    async def score(
        self, query: str, texts: Sequence[str], *, deadline: float | None
    ) -> list[float]:
        """See Reranker. Work that nobody waits for any more ends after its current batch."""
        if not texts:
            return []
        loop = asyncio.get_running_loop()
        late = UpstreamTimeout(
            f"The cross-encoder {self._model!r} was not done by the deadline; rerank fewer hits, "
            "or give it more threads.",
            provider=PROVIDER,
        )
        if deadline is not None and loop.time() >= deadline:
            raise late
        stop = threading.Event()
        try:
            async with asyncio.timeout_at(deadline):
                scores = await loop.run_in_executor(self._pool, self._score, query, texts, stop)
        except TimeoutError as error:
            raise late from error
        finally:
            stop.set()
        return scores.tolist()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _score(self, query: str, texts: Sequence[str], stop: threading.Event) -> Scores:
        scores = np.zeros(len(texts))
        encodings: list[Encoding] = []
        for start in range(0, len(texts), BATCH_PAIRS):
            if stop.is_set():
                return scores
            encodings += self._pairs.encode(query, texts[start : start + BATCH_PAIRS])
        for batch in batches_by_length([len(encoding.ids) for encoding in encodings]):
            if stop.is_set():
                return scores
            try:
                scores[batch] = self._run([encodings[i] for i in batch])
            except RUNTIME_ERRORS as error:
                raise UpstreamError(
                    f"The cross-encoder {self._model!r} failed: {_said(error)}.", provider=PROVIDER
                ) from error
        if not np.isfinite(scores).all():
            wrong = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise UpstreamError(
                f"The cross-encoder {self._model!r} gave text {wrong} the score {scores[wrong]}, "
                "no finite number; its file may be damaged or badly quantised.",
                provider=PROVIDER,
            )
        return scores

    def _run(self, encodings: Sequence[Encoding]) -> Scores:
        width = max(len(encoding.ids) for encoding in encodings)
        shape = (len(encodings), width)
        ids = np.full(shape, self._pairs.padding, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        types = np.zeros(shape, dtype=np.int64)
        for row, encoding in enumerate(encodings):
            length = len(encoding.ids)
            ids[row, :length] = encoding.ids
            mask[row, :length] = 1
            types[row, :length] = encoding.type_ids
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        feed = {name: given[name].astype(INTEGERS[kind]) for name, kind in self._types.items()}
        outputs: Any = self._session.run([self._session.get_outputs()[0].name], feed)
        return _logits(cast(NDArray[Any], outputs[0]), len(encodings))

    def _check(self) -> None:
        """Run two pairs, one of the full window; ConfigError where this is no cross-encoder."""
        unknown = sorted(self._types.keys() - INPUTS)
        if unknown or "input_ids" not in self._types:
            raise ConfigError(
                f"The model {self._model!r} takes {', '.join(self._types)}; a cross-encoder takes "
                "input_ids, and optionally attention_mask and token_type_ids."
            )
        odd = [name for name, kind in self._types.items() if kind not in INTEGERS]
        if odd:
            raise ConfigError(f"The model {self._model!r} takes no integers as {odd[0]}.")
        window = self._pairs.window
        try:
            self._run(self._pairs.encode("ready", ["ready " * window, "ready"]))
        except RUNTIME_ERRORS as error:
            raise ConfigError(
                f"The model {self._model!r} cannot read a pair of {window} pieces: {_said(error)}. Lower "
                "window to what the model was made for, and check that the tokenizer is its own."
            ) from error
        except ValueError as error:
            raise ConfigError(f"The model {self._model!r} is no cross-encoder: {error}") from error


class PairTokenizer:
    """Query and passage as one input. The passage is cut to what the window leaves for it."""

    def __init__(self, file: bytes, window: int) -> None:
        """ValueError when `file` is no tokenizer.json."""
        self._tokenizer: Any = Tokenizer.from_buffer(file)
        self.padding = _padding(self._tokenizer)
        self.window = window
        self._tokenizer.no_padding()
        # Cuts the longer one, which is never the query: that has at most half of the room.
        self._tokenizer.enable_truncation(window, strategy="longest_first")
        special: int = self._tokenizer.num_special_tokens_to_add(True)  # noqa: FBT003 - no keywords
        self._query_pieces = (window - special) // 2
        self._characters = window * CHARACTERS_PER_PIECE

    def encode(self, query: str, texts: Sequence[str]) -> list[Encoding]:
        """One encoding a text. A query that would fill over half of the window is cut to that."""
        query = _encodable(query[: self._characters])
        alone = self._tokenizer.encode(query, add_special_tokens=False)
        if len(alone.ids) > self._query_pieces:
            query = query[: alone.offsets[self._query_pieces - 1][1]]
        pairs = [(query, _encodable(text[: self._characters])) for text in texts]
        return self._tokenizer.encode_batch_fast(pairs)


def _padding(tokenizer: Any) -> int:
    """The id of the padding token: models of the RoBERTa family count positions by it."""
    told = cast(Mapping[str, Any], tokenizer.padding or {}).get("pad_id")
    named = (tokenizer.token_to_id(token) for token in ("[PAD]", "<pad>"))
    return next((int(id) for id in (told, *named) if id is not None), 0)


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _open_session(model: Path, threads: int) -> Any:
    settings = _runtime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    # What fails is raised, in words of our own.
    settings.log_severity_level = 4
    try:
        # By path: weights beyond 2 GB lie in a second file beside the model.
        return _runtime.InferenceSession(str(model), settings, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise ConfigError(f"The model {str(model)!r} cannot be loaded: {_said(error)}.") from error


def _logits(output: NDArray[Any], pairs: int) -> Scores:
    """One score a pair, of an output of one logit a pair, or of two."""
    match output.shape:
        case (rows,) | (rows, 1) if rows == pairs:
            return output.reshape(pairs).astype(np.float64)
        case (rows, 2) if rows == pairs:
            wide = output.astype(np.float64)
            return wide[:, 1] - wide[:, 0]
        case _:
            raise ValueError(
                f"its first output for {pairs} pairs has the shape {output.shape}; one logit a "
                "pair is needed, or two."
            )


def _encodable(text: str) -> str:
    """The text with "?" for half surrogate pairs, which the tokenizer refuses."""
    return text.encode("utf-8", "replace").decode()


def batches_by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Numbers of pairs in batches of about equal length, so that little padding is computed."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        batch = batches[-1] if batches else []
        full = len(batch) == BATCH_PAIRS or (len(batch) + 1) * lengths[index] > BATCH_TOKENS
        if not batch or full:
            batches.append([index])
        else:
            batch.append(index)
    return batches


@asynccontextmanager
async def open_cross_encoder(options: Mapping[str, Any]) -> AsyncGenerator[Reranker]:
    """See CrossEncoderOptions.

    Raises:
        ConfigError: files that are not there or do not go together, or a model of another shape.
    """
    chosen = CrossEncoderOptions.model_validate(dict(options))
    encoder = await asyncio.to_thread(lambda: CrossEncoder(*chosen.paths(), chosen))
    try:
        yield encoder
    finally:
        encoder.close()
