"""`classifier`: any ONNX sequence classifier against injections, from a folder or a model hub.

Prompt Guard, ProtectAI's DeBERTa and their like: `model.onnx` or `onnx/model.onnx`, `tokenizer.json`,
and `config.json` for the names of its classes. Their weights are not ours to ship, and some are
gated. No code that comes with a model is run.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import huggingface_hub
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from tokenizers import Tokenizer

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.guard import Reason, TextKind
from bedplate.errors import ConfigError
from bedplate.guards.disguises import bare
from bedplate.guards.injection_model import spread, stretched
from bedplate.guards.protocol import LocalInjectionModel
from bedplate.onnx_session import open_session

RULE = "classifier"
FILES = ("model.onnx", "onnx/model.onnx")
HARMLESS = frozenset({"safe", "benign", "legit", "legitimate", "normal", "label_0", "negative"})
"""Names of the class that is no injection."""

READ_AT_ONCE = 20_000
BATCH = 8


class ClassifierOptions(BaseModel):
    """`model` is a name on the hub, `folder` a folder; `harmless` names the class that is no
    injection, where its name does not tell. `threshold` is the probability of all others together
    from which a text is flagged: measure it with `bedplate calibrate injection`.
    """

    model_config = ConfigDict(extra="forbid")
    model: str | None = Field(default=None, min_length=1)
    revision: str | None = Field(default=None, min_length=1)
    cache: Path = Path("bedplate-data/models")
    offline: bool = False
    folder: Path | None = None
    harmless: str | None = Field(default=None, min_length=1)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    window: int = Field(default=512, ge=16, le=8_192)
    windows: int = Field(default=16, ge=2, le=1_024)
    threads: int = Field(default=1, ge=1, le=64)
    workers: int = Field(default=1, ge=1, le=64)

    @model_validator(mode="after")
    def _model_or_folder(self) -> Self:
        if (self.model is None) == (self.folder is None):
            raise ValueError("give either model, a name on the hub, or folder")
        return self


class Classifier:
    def __init__(self, folder: Path, options: ClassifierOptions, pool: ThreadPoolExecutor) -> None:
        self._options = options
        self._pool = pool
        model = next((folder / name for name in FILES if (folder / name).is_file()), None)
        if model is None:
            raise ConfigError(
                f"The classifier's folder {str(folder)!r} holds neither {' nor '.join(FILES)}: "
                "export the model to ONNX."
            )
        try:
            tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
            names = _names(folder / "config.json")
            self._session = open_session(model, options.threads)
        except Exception as error:
            # Neither library has an error of its own for files that do not fit.
            raise ConfigError(
                f"The classifier in {str(folder)!r} cannot be used: {error}."
            ) from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._inputs = {node.name: node.type for node in self._session.get_inputs()}
        self._harmless = _harmless(names, options.harmless, str(folder))
        self._pad = _pad(tokenizer)
        (logits,) = self._logits([self._marked([])])
        if logits.shape != (len(names),):
            raise ConfigError(
                f"The classifier in {str(folder)!r} gives {logits.shape[-1]} numbers a text, and "
                f"config.json names {len(names)} classes."
            )

    async def score(
        self, texts: Sequence[str], kind: TextKind, account: Account = LOCAL
    ) -> list[list[Reason]]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.look, texts, kind)

    def look(self, texts: Sequence[str], kind: TextKind) -> list[list[Reason]]:
        return [self._look(text) for text in texts]

    def _look(self, text: str) -> list[Reason]:
        view = bare(text)
        windows = self._windows(view.text)
        scored: list[Reason] = []
        logits = self._logits([self._marked(ids) for ids, _, _ in windows])
        for (_, start, end), each in zip(windows, logits, strict=True):
            shares = np.exp(each - each.max())
            likely = 1 - float(shares[self._harmless] / shares.sum())
            score = stretched(likely, self._options.threshold)
            scored.append(Reason(RULE, score, *view.span(start, end), view.how))
        scored.sort(key=lambda reason: -reason.score)
        return [r for n, r in enumerate(scored) if n == 0 or r.score >= 0.5]

    def _windows(self, text: str) -> list[tuple[list[int], int, int]]:
        """Ids without markers, and where they begin and end in the text."""
        width = self._options.window - 2
        found: list[tuple[list[int], int, int]] = []
        stretches = list(range(0, max(1, len(text)), READ_AT_ONCE))
        for place in spread(len(stretches), self._options.windows * 2):
            start = stretches[place]
            part = text[start : start + READ_AT_ONCE].encode("utf-8", "replace").decode()
            encoded = self._tokenizer.encode(part, add_special_tokens=False)
            for first in range(0, max(1, len(encoded.ids)), width):
                offsets = encoded.offsets[first : first + width]
                begin, end = (offsets[0][0], offsets[-1][1]) if offsets else (0, 0)
                found.append((encoded.ids[first : first + width], begin + start, end + start))
        return [found[place] for place in spread(len(found), self._options.windows)]

    def _marked(self, ids: Sequence[int]) -> list[int]:
        """Between the markers that this model's tokenizer puts around a text."""
        empty = self._tokenizer.encode("", add_special_tokens=True).ids
        middle = (len(empty) + 1) // 2
        return [*empty[:middle], *ids, *empty[middle:]]

    def _logits(self, given: Sequence[Sequence[int]]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(given), BATCH):
            batch = given[start : start + BATCH]
            width = max(1, *(len(ids) for ids in batch))
            ids = np.full((len(batch), width), self._pad, dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, each in enumerate(batch):
                ids[row, : len(each)], mask[row, : len(each)] = each, 1
            feed = {
                "input_ids": ids,
                "attention_mask": mask,
                "token_type_ids": np.zeros_like(ids),
            }
            cast_to = {
                name: np.int32 if "int32" in t else np.int64 for name, t in self._inputs.items()
            }
            fed = {n: v.astype(cast_to[n]) for n, v in feed.items() if n in self._inputs}
            found += list(self._session.run(None, fed)[0])
        return found


def _names(config: Path) -> list[str]:
    """The model's classes in the order of its numbers."""
    read: Any = json.loads(config.read_text(encoding="utf-8"))
    named: Mapping[str, str] = read.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    return [named[key] for key in sorted(named, key=int)]


def _harmless(names: Sequence[str], wanted: str | None, folder: str) -> int:
    found = [
        n
        for n, name in enumerate(names)
        if (name == wanted if wanted else name.casefold() in HARMLESS)
    ]
    if len(found) != 1:
        raise ConfigError(
            f"The classes of the classifier in {folder!r} are {', '.join(map(repr, names))}: say "
            "with `harmless` which of them is no injection."
        )
    return found[0]


def _pad(tokenizer: Any) -> int:
    for name in ("[PAD]", "<pad>"):
        if (found := tokenizer.token_to_id(name)) is not None:
            return int(found)
    return 0


def _folder(options: ClassifierOptions) -> Path:
    if options.folder is not None:
        if not options.folder.is_dir():
            raise ConfigError(f"The classifier's folder {str(options.folder)!r} is not there.")
        return options.folder
    try:
        return Path(
            huggingface_hub.snapshot_download(
                options.model or "",
                revision=options.revision,
                cache_dir=options.cache,
                allow_patterns=["*.json", *FILES, *(f"{name}_data" for name in FILES)],
                local_files_only=options.offline,
            )
        )
    except Exception as error:
        raise ConfigError(
            f"The classifier {options.model!r} could not be fetched into "
            f"{str(options.cache)!r}: {error}. Name a folder that holds it."
        ) from error


@asynccontextmanager
async def open_classifier(options: Mapping[str, Any]) -> AsyncGenerator[LocalInjectionModel]:
    """Raises ConfigError for files that are not there, do not fit, or cannot be fetched."""
    chosen = ClassifierOptions.model_validate(dict(options))
    folder = await asyncio.to_thread(_folder, chosen)
    with ThreadPoolExecutor(chosen.workers, thread_name_prefix="injection-classifier") as pool:
        yield await asyncio.to_thread(Classifier, folder, chosen, pool)
