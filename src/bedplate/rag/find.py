"""One search of several collections at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bedplate.domain.retrieval import Hit, Scope
from bedplate.errors import BedplateError
from bedplate.rag.diversity import without_copies
from bedplate.rag.interpret import Interpret
from bedplate.rag.retrieve import SearchRequest


async def find(search: Interpret, scopes: Sequence[Scope], request: SearchRequest) -> list[Hit]:
    """The best `request.limit` hits of all, taking turns by rank; the text is embedded once.

    A collection that is named twice counts once. The first error of a search ends
    the others and is raised.
    """
    asked = search.asked(request.text)
    offset, depth = request.offset, request.offset + request.limit
    # What is passed over is passed over in the order of all.
    request = replace(request, offset=0, limit=depth)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(search.search(scope, request, asked))
                for scope in dict.fromkeys(scopes)
            ]
    except ExceptionGroup as failed:
        for error in failed.exceptions:
            if isinstance(error, BedplateError):
                raise error from failed
        raise
    hits = interleave([task.result().hits for task in tasks])
    return (without_copies(hits) if request.unique else hits)[offset:depth]


def interleave(ranked: Sequence[Sequence[Hit]]) -> list[Hit]:
    """By rank, since scores of different collections do not compare."""
    longest = max((len(hits) for hits in ranked), default=0)
    return [hits[rank] for rank in range(longest) for hits in ranked if rank < len(hits)]
