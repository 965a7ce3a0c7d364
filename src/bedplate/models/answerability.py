"""How likely passages hold the answer to a question: the estimate by which `quote` refuses."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bedplate.domain.chat import ChatRequest
from bedplate.embedders.protocol import Embedder
from bedplate.models.quote import QuoteModel, open_quote_model


class QuoteAnswerability:
    """An Answerability (models/protocol.py)."""

    def __init__(self, quote: QuoteModel) -> None:
        self._quote = quote

    async def likely(self, request: ChatRequest) -> float:
        return (await self._quote.choose(request)).probability


@asynccontextmanager
async def open_answerability(embedder: Embedder) -> AsyncGenerator[QuoteAnswerability]:
    """By the packaged weights."""
    async with open_quote_model({}, embedder=embedder) as quote:
        yield QuoteAnswerability(quote)
