"""POST /v1/embeddings. Source: OpenAI API reference, "Create embeddings".

`model` is the embedder's fingerprint, the name of its adapter, or "default".
"""

import asyncio
import math

from fastapi import APIRouter, Request, Response

from bedplate.api.current import CurrentApp
from bedplate.api.embeddings_requests import EmbeddingsBody, EmbeddingsCall, read_embeddings
from bedplate.api.openapi import answers, body_of, schema_of
from bedplate.api.token_ids import vocabulary
from bedplate.api.wire import Embedding, EmbeddingList, EmbeddingUsage, encode, wire_vector
from bedplate.app import App
from bedplate.errors import InvalidInput, NotFound

CHARACTERS_PER_TOKEN = 4
"""For `usage`, which is an estimate where texts came: embedders do not count."""

router = APIRouter(prefix="/v1/embeddings", tags=["embeddings"])


@router.post(
    "",
    response_class=Response,
    responses=answers("The vectors.", schema_of(EmbeddingList)),
    openapi_extra=body_of(EmbeddingsBody),
)
async def create_embeddings(request: Request, app: CurrentApp) -> Response:
    call = read_embeddings(await request.body())
    _check(app, call)
    texts = await _texts(call)
    vectors = await app.embedder.embed(texts)
    tokens = sum(_count(each) for each in call.input)
    answer = EmbeddingList(
        tuple(
            Embedding(index, wire_vector(row, call.encoding_format))
            for index, row in enumerate(vectors)
        ),
        model=app.embedder.fingerprint,
        usage=EmbeddingUsage(tokens, tokens),
    )
    return Response(encode(answer), media_type="application/json")


def _check(app: App, call: EmbeddingsCall) -> None:
    names = (app.embedder.fingerprint, app.config.embedder.use, "default")
    if call.model not in names:
        raise NotFound(
            f"There is no embedding model {call.model!r}; there is {', '.join(map(repr, names))}.",
            param="model",
        )
    if call.dimensions not in (None, app.embedder.dimensions):
        raise InvalidInput(
            f"dimensions: {names[0]} makes vectors of {app.embedder.dimensions}, they cannot be "
            f"cut to {call.dimensions}; leave it out.",
            param="dimensions",
        )


async def _texts(call: EmbeddingsCall) -> tuple[str, ...]:
    if all(isinstance(each, str) for each in call.input):
        return tuple(each for each in call.input if isinstance(each, str))
    known = await asyncio.to_thread(vocabulary)
    return tuple(
        each if isinstance(each, str) else known.text(each, f"input.{at}")
        for at, each in enumerate(call.input)
    )


def _count(input: str | tuple[int, ...]) -> int:
    return math.ceil(len(input) / CHARACTERS_PER_TOKEN) if isinstance(input, str) else len(input)
