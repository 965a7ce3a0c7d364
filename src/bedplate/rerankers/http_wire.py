"""The two forms of the rerank call: Cohere's, which Jina, vLLM and llama.cpp share, and TEI's.

Cohere: https://docs.cohere.com/reference/rerank, {"model", "query", "documents", "top_n"} to
{"results": [{"index", "relevance_score"}]}. Hugging Face's text-embeddings-inference:
https://huggingface.github.io/text-embeddings-inference, {"query", "texts"} to
[{"index", "score"}].
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from bedplate.upstream.options import ApiKey, BaseUrl

Wire = Literal["cohere", "tei"]

# One search unit at Cohere is 100 documents; TEI refuses more than 32 unless told otherwise.
BATCHES: Mapping[Wire, int] = {"cohere": 100, "tei": 32}
MOST_NAMED = 5


class HttpOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: BaseUrl
    wire: Wire = "cohere"
    model: str | None = Field(default=None, min_length=1)
    """Needed for `cohere`; a TEI server has one model and is told none."""
    api_key: ApiKey | None = None
    connect_seconds: float = Field(default=5.0, gt=0, le=3600)
    seconds: float = Field(default=30.0, gt=0, le=3600)
    """For all requests of one call, repeats and their pauses included."""
    batch: int | None = Field(default=None, gt=0, le=10_000)
    """Documents a request; see BATCHES when not set. Requests of one call follow one another."""
    max_characters: int = Field(default=10_000, gt=0, le=1_000_000)
    """What is sent of a document, and of the query."""
    retries: int = Field(default=2, ge=0, le=10)
    """Repeats of a request that was limited (429), failed on the server's side, or broke."""
    max_connections: int = Field(default=20, gt=0, le=1_000)

    @model_validator(mode="after")
    def _model_belongs_to_the_wire(self) -> Self:
        if self.wire == "cohere" and self.model is None:
            raise ValueError("model is needed: the name of the reranker on that server")
        if self.wire == "tei" and self.model is not None:
            raise ValueError("model has no place on the tei wire; leave it out")
        return self

    @property
    def endpoint(self) -> str:
        parts = urlsplit(self.base_url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/rerank").geturl()

    @property
    def shown_url(self) -> str:
        """Without the query, which may hold a key."""
        return urlsplit(self.base_url)._replace(query="", fragment="").geturl()

    @property
    def documents_at_once(self) -> int:
        return self.batch or BATCHES[self.wire]

    @property
    def sent_headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key.get_secret_value()}"
        return headers


class CohereResult(msgspec.Struct):
    index: int
    relevance_score: float


class CohereAnswer(msgspec.Struct):
    results: list[CohereResult]


class TeiResult(msgspec.Struct):
    index: int
    score: float


class BadAnswer(Exception):
    """An answer that does not give every document its score; the text says why."""


def encode_request(query: str, texts: Sequence[str], options: HttpOptions) -> bytes:
    """The JSON body; "?" stands for half surrogate pairs, which JSON in UTF-8 cannot carry."""
    query, *texts = (_sendable(text, options.max_characters) for text in (query, *texts))
    body: dict[str, Any]
    match options.wire:
        case "cohere":
            body = {
                "model": options.model,
                "query": query,
                "documents": texts,
                "top_n": len(texts),
            }
        case "tei":
            # Raw scores do not crowd near 0 and 1 as probabilities do. Without `truncate`, one
            # text beyond the model's window fails the request.
            body = {"query": query, "texts": texts, "raw_scores": True, "truncate": True}
    return msgspec.json.encode(body)


def decode_scores(body: bytes, wire: Wire, count: int) -> list[float]:
    """The scores of `count` documents, in their order; BadAnswer unless each has exactly one."""
    found: dict[int, float] = {}
    for index, score in _pairs(body, wire):
        if not 0 <= index < count:
            raise BadAnswer(f"it scored document {index} of {count}, numbered from 0")
        if index in found:
            raise BadAnswer(f"it scored document {index} twice")
        if not math.isfinite(score):
            raise BadAnswer(f"the score of document {index} is {score}, no finite number")
        found[index] = score
    missing = [str(index) for index in range(count) if index not in found]
    if missing:
        named = ", ".join(missing[:MOST_NAMED]) + (", ..." if len(missing) > MOST_NAMED else "")
        raise BadAnswer(f"{len(missing)} of {count} documents have no score: {named}")
    return [found[index] for index in range(count)]


def _pairs(body: bytes, wire: Wire) -> list[tuple[int, float]]:
    try:
        match wire:
            case "cohere":
                answer = msgspec.json.decode(body, type=CohereAnswer)
                return [(result.index, result.relevance_score) for result in answer.results]
            case "tei":
                ranks = msgspec.json.decode(body, type=list[TeiResult])
                return [(rank.index, rank.score) for rank in ranks]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"it is no answer of the {wire} wire ({error})") from error


def _sendable(text: str, characters: int) -> str:
    return text[:characters].encode("utf-8", "replace").decode()
