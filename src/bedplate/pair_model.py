"""A model in ONNX that reads two texts as one input, from files of one's own.

`folder` is a model's folder as hubs lay it out, `tokenizer.json` with `model.onnx` or
`onnx/model.onnx`; `model` and `tokenizer` name the two files one by one. Nothing is downloaded.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from tokenizers import Encoding, Tokenizer

from bedplate.batches import by_length
from bedplate.errors import ConfigError
from bedplate.onnx_session import RUNTIME_ERRORS, open_session, said

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


class PairModelFiles(BaseModel):
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
                raise ConfigError(f"The model's file {str(path)!r} is not there.")
        return model, tokenizer


class PairModel:
    """`name` is the model's file, `pairs` its tokenizer."""

    def __init__(self, options: PairModelFiles) -> None:
        """Raises:
        ConfigError: files that are not there or are none, or inputs of another kind.
        """
        model, tokenizer = options.paths()
        try:
            self.pairs = PairTokenizer(tokenizer.read_bytes(), options.window)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The tokenizer {str(tokenizer)!r} cannot be read: {error}."
            ) from error
        self.name = str(model)
        self._session = open_session(model, options.threads)
        self._types = {node.name: node.type for node in self._session.get_inputs()}
        unknown = sorted(self._types.keys() - INPUTS)
        if unknown or "input_ids" not in self._types:
            raise ConfigError(
                f"The model {self.name!r} takes {', '.join(self._types)}; a cross-encoder takes "
                "input_ids, and optionally attention_mask and token_type_ids."
            )
        odd = [name for name, kind in self._types.items() if kind not in INTEGERS]
        if odd:
            raise ConfigError(f"The model {self.name!r} takes no integers as {odd[0]}.")

    def try_out(self) -> NDArray[Any]:
        """The first output for two pairs, one of the full window; ConfigError where it fails."""
        window = self.pairs.window
        try:
            return self.run(self.pairs.encode("ready", ["ready " * window, "ready"]))
        except RUNTIME_ERRORS as error:
            raise ConfigError(
                f"The model {self.name!r} cannot read a pair of {window} pieces: {said(error)}. Lower "
                "window to what the model was made for, and check that the tokenizer is its own."
            ) from error

    def run(self, encodings: Sequence[Encoding]) -> NDArray[Any]:
        """The model's first output, as it is. Errors are RUNTIME_ERRORS."""
        width = max(len(encoding.ids) for encoding in encodings)
        shape = (len(encodings), width)
        ids = np.full(shape, self.pairs.padding, dtype=np.int64)
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
        return cast(NDArray[Any], outputs[0])


class PairTokenizer:
    """Two texts as one input."""

    def __init__(self, file: bytes, window: int) -> None:
        """ValueError when `file` is no tokenizer.json."""
        self._tokenizer: Any = Tokenizer.from_buffer(file)
        self.padding = _padding(self._tokenizer)
        self.window = window
        self._tokenizer.no_padding()
        # Cuts the longer one.
        self._tokenizer.enable_truncation(window, strategy="longest_first")
        special: int = self._tokenizer.num_special_tokens_to_add(True)  # noqa: FBT003 - no keywords
        self._query_pieces = (window - special) // 2
        self._characters = window * CHARACTERS_PER_PIECE

    def encode(self, query: str, texts: Sequence[str]) -> list[Encoding]:
        """The query with each text. A query that would fill over half of the window is cut to that,
        so that a text is cut to what the window leaves for it.
        """
        query = _encodable(query[: self._characters])
        alone = self._tokenizer.encode(query, add_special_tokens=False)
        if len(alone.ids) > self._query_pieces:
            query = query[: alone.offsets[self._query_pieces - 1][1]]
        return self.encode_pairs([(query, text) for text in texts])

    def encode_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Encoding]:
        """One encoding a pair; of one that is too long, the longer text is cut."""
        most = self._characters
        short = [(_encodable(one[:most]), _encodable(other[:most])) for one, other in pairs]
        return self._tokenizer.encode_batch_fast(short)


def _padding(tokenizer: Any) -> int:
    """The id of the padding token: models of the RoBERTa family count positions by it."""
    told = cast(Mapping[str, Any], tokenizer.padding or {}).get("pad_id")
    named = (tokenizer.token_to_id(token) for token in ("[PAD]", "<pad>"))
    return next((int(id) for id in (told, *named) if id is not None), 0)


def _encodable(text: str) -> str:
    """The text with "?" for half surrogate pairs, which the tokenizer refuses."""
    return text.encode("utf-8", "replace").decode()


def batches_of(encodings: Sequence[Encoding]) -> list[list[int]]:
    """Numbers of the pairs that are read together."""
    return by_length([len(e.ids) for e in encodings], tokens=BATCH_TOKENS, most=BATCH_PAIRS)
