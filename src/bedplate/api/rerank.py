"""POST /v1/rerank and /v2/rerank: documents in the order of a query, by the configured reranker.

Source: Cohere API reference, "Rerank", which Jina's API shares but for `return_documents`.
"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bedplate.api.current import CurrentApp, Deadline
from bedplate.api.schemas import Body, Text
from bedplate.domain.ids import new_id
from bedplate.errors import InvalidInput, NotFound

MAX_DOCUMENTS = 1_000
MAX_CHARACTERS = 20_000
DEFAULT = "default"

Passage = Annotated[Text, Field(min_length=1, max_length=MAX_CHARACTERS)]

router = APIRouter(tags=["rerank"])


class TextDocument(Body):
    text: Passage


class Rerank(Body):
    """`model` is the reranker's adapter, or "default"."""

    model: str | None = DEFAULT
    query: Passage
    documents: Annotated[
        list[Passage | TextDocument], Field(min_length=1, max_length=MAX_DOCUMENTS)
    ]
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool = False


class RerankResult(BaseModel):
    """`document` is there where it was asked for."""

    index: int
    relevance_score: float
    document: dict[str, str] | None = None


class RerankAnswer(BaseModel):
    id: str
    model: str
    results: list[RerankResult]


@router.post("/v1/rerank", response_model_exclude_none=True)
@router.post("/v2/rerank", response_model_exclude_none=True, operation_id="rerank_v2")
async def rerank(body: Rerank, app: CurrentApp, deadline: Deadline) -> RerankAnswer:
    """Best first; equal scores in the order given. Scores are the reranker's own, of any scale."""
    slot, reranker = app.config.reranker, app.reranker
    if slot is None or reranker is None:
        raise InvalidInput(
            "There is no reranker: set [reranker] in the configuration.", param="model"
        )
    if body.model not in (None, DEFAULT, slot.use):
        raise NotFound(
            f"There is no reranker {body.model!r}; there is {slot.use!r}, also as {DEFAULT!r}.",
            param="model",
        )
    texts = [each if isinstance(each, str) else each.text for each in body.documents]
    scores = await reranker.score(body.query, texts, deadline=deadline)
    order = sorted(range(len(texts)), key=lambda index: (-scores[index], index))
    results = [
        RerankResult(
            index=index,
            relevance_score=scores[index],
            document={"text": texts[index]} if body.return_documents else None,
        )
        for index in order[: body.top_n]
    ]
    return RerankAnswer(id=new_id(), model=slot.use, results=results)
