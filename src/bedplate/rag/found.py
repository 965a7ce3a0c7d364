"""What is told of a search in its trace."""

import msgspec

from bedplate.domain.retrieval import SearchResult
from bedplate.rag.retrieve import SearchRequest
from bedplate.telemetry.conventions import DOCUMENTS, FILTER, HITS, READ_BY, RECALL
from bedplate.telemetry.trace import Span

MOST_TOLD = 50
"""Of the hits, the best."""


def tell_found(step: Span, request: SearchRequest, found: SearchResult) -> None:
    """The filter as it was used, and the hits with the scores that each leg gave them."""
    if not step.records:
        return
    hits = found.hits[:MOST_TOLD]
    step.set(RECALL, found.recall)
    step.set(
        HITS,
        [
            {
                "chunk_id": hit.chunk_id,
                "score": round(hit.score, 4),
                "cosine": hit.cosine and round(hit.cosine, 4),
                "bm25": hit.bm25 and round(hit.bm25, 4),
            }
            for hit in hits
        ],
    )
    read = found.self_query
    if read is not None:
        step.set(READ_BY, read.reader)
    used = {
        "filter": request.filter,
        "join": request.join,
        "read": read.filter if read is not None and read.applied else None,
        "sort": request.sort,
    }
    if any(value is not None for value in used.values()):
        shown = {name: value for name, value in used.items() if value is not None}
        step.content(FILTER, msgspec.json.encode(shown, enc_hook=str).decode())
    step.content(DOCUMENTS, [{"id": hit.chunk_id, "content": hit.text} for hit in hits])
