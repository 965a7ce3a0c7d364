"""POST /api/search: passages of one collection."""

from fastapi import APIRouter

from bedplate.api.current import CurrentAccount, CurrentApp, Deadline
from bedplate.api.schemas import Search, SearchResult
from bedplate.domain.retrieval import Sort
from bedplate.rag.retrieve import SearchRequest

router = APIRouter(prefix="/api", tags=["search"])


@router.post("/search")
async def search(
    body: Search, app: CurrentApp, account: CurrentAccount, deadline: Deadline
) -> SearchResult:
    """By a query, by a filter, or both; `sort` orders everything that passes the filter.

    Conditions that the query speaks of become a filter; `self_query` in the answer shows it, and
    `"self_query": false` leaves the query as it is.
    """
    request = SearchRequest(
        text=body.query,
        mode=body.mode,
        filter=body.filter,
        join=body.join,
        sort=None if body.sort is None else _sort(body.sort),
        limit=app.config.search.limit if body.limit is None else body.limit,
        offset=body.offset,
        self_query=app.config.search.self_query if body.self_query is None else body.self_query,
        limit_given=body.limit is not None,
        diversity=body.diversity,
        deadline=deadline,
        images=True,
        wide=body.wide,
        account=account,
    )
    found = await app.search.search(app.scope(body.collection, account.tenant), request)
    return SearchResult.model_validate(found)


def _sort(written: str) -> Sort:
    return Sort(written.removeprefix("-"), descending=written.startswith("-"))
