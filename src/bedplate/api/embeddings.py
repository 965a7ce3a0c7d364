"""POST /v1/embeddings. Source: OpenAI API reference, "Create embeddings".

`model` is the embedder's fingerprint, the name of its adapter, or "default".
"""

import math
from typing import cast

from fastapi import APIRouter, Request, Response

from bedplate.api.current import CurrentApp
from bedplate.api.embeddings_requests import EmbeddingsBody, EmbeddingsCall, read_embeddings
from bedplate.api.openapi import body_of
from bedplate.api.wire import Embedding, EmbeddingList, EmbeddingUsage, encode, wire_vector
from bedplate.app import App
from bedplate.errors import InvalidInput, NotFound

CHARACTERS_PER_TOKEN = 4
"""For `usage`, which is an estimate: embedders do not count."""

router = APIRouter(prefix="/v1/embeddings", tags=["embeddings"])


@router.post("", response_class=Response, openapi_extra=body_of(EmbeddingsBody))
async def create_embeddings(request: Request, app: CurrentApp) -> Response:
    call = read_embeddings(await request.body())
    texts = _texts(app, call)
    vectors = await app.embedder.embed(texts)
    tokens = sum(math.ceil(len(text) / CHARACTERS_PER_TOKEN) for text in texts)
    answer = EmbeddingList(
        tuple(
            Embedding(index, wire_vector(row, call.encoding_format))
            for index, row in enumerate(vectors)
        ),
        model=app.embedder.fingerprint,
        usage=EmbeddingUsage(tokens, tokens),
    )
    return Response(encode(answer), media_type="application/json")


def _texts(app: App, call: EmbeddingsCall) -> tuple[str, ...]:
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
    if not isinstance(call.input[0], str):
        raise InvalidInput(
            "input: token ids belong to another model's tokenizer; send the text itself. "
            "(LangChain: check_embedding_ctx_length=False.)",
            param="input",
        )
    return cast(tuple[str, ...], call.input)
