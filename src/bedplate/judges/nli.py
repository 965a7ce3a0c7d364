"""`nli`: a cross-encoder in ONNX that reads evidence and claim together, from files of your own.

Models of natural language inference (Bowman et al. 2015, arXiv:1508.05326) say of a premise and a
hypothesis whether the first entails the second; models of consistency such as HHEM give one logit.
The premise is the sentences that share most with the claim, in their order; `swapped` is for models
that take the claim first. The score is the probability of the label `supported`.
"""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bedplate.domain.answers import Claim
from bedplate.errors import ConfigError, GuardFailed
from bedplate.judges.drafts import Asked, Draft, draft, judged_as_cited
from bedplate.judges.protocol import Bench, Case, ClaimJudge, OpenEncoder, Statement
from bedplate.judges.sources import Line, Sources
from bedplate.models.protocol import ChatModel
from bedplate.pair_model import (
    RUNTIME_ERRORS,
    PairModel,
    PairModelFiles,
    batches_of,
    said,
)

LABELS = ("entailment", "entailed", "supported", "consistent", "label_entailment")
"""Names that models give to what is carried, in small letters."""
MOST_SENTENCES = 6
_STEEPEST = 30.0

Pair = tuple[str, str]


class NliOptions(PairModelFiles):
    """`supported` is the label of what is carried, by name or number; without one it is looked for in
    the model's `config.json`, and not needed of a model with one logit.
    """

    supported: str | int | None = None
    sentences: int = Field(default=4, ge=1, le=MOST_SENTENCES)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    swapped: bool = False


class NliModel:
    """The probability that a premise carries a hypothesis."""

    def __init__(self, options: NliOptions) -> None:
        self._read = PairModel(options)
        tried = self._read.try_out()
        if tried.ndim not in (1, 2) or tried.shape[0] != 2:
            raise ConfigError(
                f"The model {self._read.name!r} gives an output of the shape {tried.shape} for 2 pairs; "
                "a classifier of pairs gives one number a label."
            )
        self._labels = 1 if tried.ndim == 1 else tried.shape[1]
        self._wanted = _wanted(options, self._labels)

    def probabilities(self, pairs: Sequence[Pair], stop: threading.Event) -> NDArray[np.float64]:
        """Raises:
        GuardFailed: the model failed, or gave what is no number.
        """
        found = np.zeros(len(pairs))
        encodings = self._read.pairs.encode_pairs(pairs)
        for batch in batches_of(encodings):
            if stop.is_set():
                return found
            try:
                output = self._read.run([encodings[place] for place in batch])
            except RUNTIME_ERRORS as error:
                raise GuardFailed(
                    f"The model {self._read.name!r} failed: {said(error)}."
                ) from error
            logits = output.astype(np.float64).reshape(len(batch), self._labels)
            if not np.isfinite(logits).all():
                raise GuardFailed(
                    f"The model {self._read.name!r} gave what is no finite number; its file may be "
                    "damaged or badly quantised."
                )
            found[batch] = self._of(logits)
        return found

    def _of(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._labels == 1:
            return 1 / (1 + np.exp(-np.clip(logits[:, 0], -_STEEPEST, _STEEPEST)))
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares[:, self._wanted] / shares.sum(axis=1)


def _wanted(options: NliOptions, labels: int) -> int:
    """The number of the label of what is carried."""
    names = _label_names(options)
    wanted = options.supported
    if isinstance(wanted, int):
        found = [wanted] if wanted < labels else []
    elif wanted is not None:
        found = [number for number, name in names.items() if name == wanted.lower()]
    elif labels == 1:
        return 0
    else:
        found = [number for number, name in names.items() if name in LABELS]
    if len(found) != 1 or not 0 <= found[0] < labels:
        told = ", ".join(f"{number} ({name})" for number, name in sorted(names.items()))
        raise ConfigError(
            f"supported is {wanted!r}: of the model's {labels} labels it is not clear which one says "
            f"that a claim is carried. They are {told or 'without names'}; set supported to one of "
            f"them, 0 to {labels - 1}."
        )
    return found[0]


def _label_names(options: NliOptions) -> dict[int, str]:
    """Those of the `config.json` beside the model, in small letters."""
    folder = options.folder or cast(Path, options.model).parent
    try:
        told: Any = json.loads((folder / "config.json").read_bytes())
        return {int(number): str(name).lower() for number, name in told["id2label"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


class NliJudge:
    def __init__(self, model: NliModel, options: NliOptions, pool: ThreadPoolExecutor) -> None:
        self._model = model
        self._options = options
        self._pool = pool

    @property
    def threshold(self) -> float:
        return self._options.threshold

    async def read(self, case: Case) -> Bench:
        loop = asyncio.get_running_loop()
        sources = await loop.run_in_executor(self._pool, Sources, case.passages)
        return NliBench(sources, case.question, self._model, self._options, self._pool)


class NliBench:
    def __init__(
        self,
        sources: Sources,
        question: str,
        model: NliModel,
        options: NliOptions,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._sources = sources
        self._question = question
        self._model = model
        self._options = options
        self._pool = pool

    async def judge(self, statements: Sequence[Statement]) -> Sequence[Claim]:
        return await judged_as_cited(statements, self._sources.numbers, self._judge)

    async def _judge(self, asked: Sequence[Asked]) -> list[Claim]:
        loop, stop = asyncio.get_running_loop(), threading.Event()
        try:
            return await loop.run_in_executor(self._pool, self._claims, asked, stop)
        finally:
            stop.set()

    def _claims(self, asked: Sequence[Asked], stop: threading.Event) -> list[Claim]:
        drafts = [draft(each, self._question, self._sources) for each in asked]
        pairs = [self._pair(each) for each in drafts if each.open]
        scores = iter(self._model.probabilities(pairs, stop).tolist() if pairs else [])
        return [
            each.claim(next(scores) if each.open else None, self._options.threshold)
            for each in drafts
        ]

    def _pair(self, found: Draft) -> Pair:
        near = sorted(found.near[: self._options.sentences], key=_place)
        premise = " ".join(line.text for line in near)
        claim = found.wording.text
        return (claim, premise) if self._options.swapped else (premise, claim)


def _place(line: Line) -> tuple[int, int]:
    return line.evidence.passage, line.evidence.start


@asynccontextmanager
async def open_nli_judge(
    options: Mapping[str, Any], *, encoder: OpenEncoder, models: Mapping[str, ChatModel]
) -> AsyncGenerator[ClaimJudge]:
    """See NliOptions.

    Raises:
        ConfigError: files that are not there or do not go together, or labels that do not tell.
    """
    del encoder, models
    chosen = NliOptions.model_validate(dict(options))
    model = await asyncio.to_thread(NliModel, chosen)
    with ThreadPoolExecutor(chosen.workers, thread_name_prefix="judge") as pool:
        yield NliJudge(model, chosen, pool)
