"""One search of several collections at once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bedplate.domain.retrieval import Hit, Scope, SelfQuery
from bedplate.errors import BedplateError
from bedplate.rag.diversity import without_copies
from bedplate.rag.interpret import Interpret
from bedplate.rag.retrieve import SearchRequest


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first, and how the question was read in the collections where it was."""

    hits: list[Hit]
    self_query: Mapping[str, SelfQuery]


async def find(search: Interpret, scopes: Sequence[Scope], request: SearchRequest) -> Found:
    """The best `request.limit` hits of all, taking turns by rank; the text is embedded once.

    A collection that is named twice counts once. The first error of a search ends
    the others and is raised.
    """
    asked = search.asked(request.text)
    offset, depth = request.offset, request.offset + request.limit
    # What is passed over is passed over in the order of all.
    request = replace(request, offset=0, limit=depth)
    distinct = list(dict.fromkeys(scopes))
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(search.search(scope, request, asked)) for scope in distinct]
    except ExceptionGroup as failed:
        for error in failed.exceptions:
            if isinstance(error, BedplateError):
                raise error from failed
        raise
    results = [task.result() for task in tasks]
    hits = interleave([result.hits for result in results])
    return Found(
        (without_copies(hits) if request.unique else hits)[offset:depth],
        {
            scope.collection: result.self_query
            for scope, result in zip(distinct, results, strict=True)
            if result.self_query is not None
        },
    )


def interleave(ranked: Sequence[Sequence[Hit]]) -> list[Hit]:
    """By rank, since scores of different collections do not compare."""
    longest = max((len(hits) for hits in ranked), default=0)
    return [hits[rank] for rank in range(longest) for hits in ranked if rank < len(hits)]
