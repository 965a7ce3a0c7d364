"""`quote`: answers with sentences of the retrieved passages, word for word, or says that it cannot.

No language model: sentences are scored against the question (quote_scoring), the best are chosen
in reading order (quote_choice), and a small logistic regression decides whether they answer at all
(quote_refusal). The answer reads "Sentence text [n]", n being the passage's number.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.answers import REFUSAL as REFUSAL
from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    FinishReason,
    ImagePart,
    TextDelta,
    Usage,
)
from bedplate.embedders.protocol import Embedder, gives_tokens
from bedplate.errors import InvalidInput, UpstreamTimeout
from bedplate.models.quote_choice import Choice, Means, Piece, choose
from bedplate.models.quote_question import completed, read_question
from bedplate.models.quote_reader import SpanReader, open_reader
from bedplate.models.quote_reading import Reader
from bedplate.models.quote_refusal import Weights, load_weights

NAME = "quote"
CHARACTERS_PER_TOKEN = 4
FREE = Decimal(0)


class QuoteOptions(BaseModel):
    """`caution` is how sure it must be, 0 to 1, before it answers: 0 always quotes something, 1
    always refuses; left out, it is the point chosen on development data. `words` is the limit a
    sentence is shortened to, `passages` how many of those retrieved are read. `reader` has a small
    model read around the best sentence: more refusals are right, for some 12 ms of CPU and 23 MB.
    """

    model_config = ConfigDict(extra="forbid")
    caution: float | None = Field(default=None, ge=0, le=1)
    words: int = Field(default=40, ge=8, le=400)
    passages: int = Field(default=5, ge=1, le=50)
    reader: bool = True
    workers: int = Field(default=2, ge=1, le=64)


class QuoteModel:
    def __init__(
        self,
        options: QuoteOptions,
        weights: Weights,
        embedder: Embedder,
        pool: ThreadPoolExecutor,
        span_reader: SpanReader | None,
    ) -> None:
        self._options = options
        self._caution = weights.caution if options.caution is None else options.caution
        odds = weights.odds(tokens=gives_tokens(embedder), read=span_reader is not None)
        self._means = Means(odds, span_reader)
        self._reader = Reader(embedder, options.passages)
        self._pool = pool

    @property
    def name(self) -> str:
        return NAME

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """InvalidInput for an empty question and for what sentences of passages cannot be: a tool
        call that is demanded, JSON, probabilities, a look at an image. Tools that it may call it
        does not. UpstreamTimeout past the deadline.
        """
        _check(request)
        if not request.question.strip():
            raise InvalidInput("The question is empty: ask something.", param="messages")
        try:
            async with asyncio.timeout_at(request.deadline):
                choice = await self.choose(request)
        except TimeoutError as error:
            raise UpstreamTimeout(
                "The answer was not found before the deadline.", provider=NAME
            ) from error
        pieces = choice.pieces if choice.probability >= self._caution else ()
        texts, reason = _within(_texts(pieces) or [REFUSAL], request.max_output_tokens)
        for text in texts:
            yield TextDelta(text)
        yield Finished(reason, _usage(request, texts), NAME)

    async def choose(self, request: ChatRequest) -> Choice:
        """What it would quote, and the chance that this answers, before any refusal."""
        question = read_question(request.question)
        if question.greeting or not request.passages:
            return Choice((), 0.0)
        if request.whole.strip():
            question = completed(question, read_question(request.whole))
        material = await self._reader.read(question, request.passages)
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, choose, material, self._means, self._options.words
        )


def _check(request: ChatRequest) -> None:
    choice = request.tool_choice
    seen = (part for message in request.messages for part in message.parts)
    asked = {
        "tool_choice": choice is not None and choice.mode == "required",
        "response_format": request.output is not None,
        "logprobs": request.logprobs is not None,
        "messages": any(isinstance(part, ImagePart) for part in seen),
    }
    for param, wrong in asked.items():
        if wrong:
            raise InvalidInput(
                f"{param}: the model 'quote' picks sentences from passages: it calls no tools, "
                "writes no JSON, knows no probabilities and sees no images. Leave it out, or "
                "choose another model.",
                param=param,
            )


def _texts(pieces: tuple[Piece, ...]) -> list[str]:
    """One text a piece, the space or line break before it included."""
    texts: list[str] = []
    for piece in pieces:
        lead = "\n- " if piece.item else " " if texts else ""
        if texts and not piece.item and "\n- " in texts[-1][:3]:
            lead = "\n"
        texts.append(f"{lead}{piece.text} [{piece.passage.number}]")
    return [texts[0].lstrip(), *texts[1:]] if texts else []


def _within(texts: list[str], tokens: int | None) -> tuple[list[str], FinishReason]:
    """Whole pieces within the limit; the first is cut where even that is too long."""
    if tokens is None:
        return texts, "stop"
    room, kept = tokens * CHARACTERS_PER_TOKEN, 0
    for text in texts:
        if len(text) > room:
            return texts[:kept] or [texts[0][:room]], "length"
        room, kept = room - len(text), kept + 1
    return texts, "stop"


def _usage(request: ChatRequest, texts: list[str]) -> Usage:
    read = sum(len(m.content) for m in request.messages)
    written = sum(len(t) for t in texts)
    return Usage(
        read // CHARACTERS_PER_TOKEN, written // CHARACTERS_PER_TOKEN, estimated=True, cost_usd=FREE
    )


@asynccontextmanager
async def open_quote_model(
    options: Mapping[str, Any], *, embedder: Embedder
) -> AsyncGenerator[QuoteModel]:
    chosen = QuoteOptions.model_validate(dict(options))
    weights = await asyncio.to_thread(load_weights)
    reader = await asyncio.to_thread(open_reader) if chosen.reader else None
    pool = ThreadPoolExecutor(chosen.workers, thread_name_prefix="quote")
    try:
        yield QuoteModel(chosen, weights, embedder, pool, reader)
    finally:
        pool.shutdown(cancel_futures=True)
