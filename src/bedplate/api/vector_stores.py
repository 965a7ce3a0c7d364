"""/v1/vector_stores: collections as OpenAI's clients know them, and their search.

Source: OpenAI API reference, "Vector stores".
"""

from fastapi import APIRouter

from bedplate.api.current import CurrentAccount, CurrentApp, CurrentLibrary, Deadline, Tenant
from bedplate.api.file_filters import read_file_filter, settled
from bedplate.api.object_pages import AskedPage, ObjectList, object_list, one_more
from bedplate.api.vector_store_schemas import (
    ExpiresAfter,
    FileCounts,
    FoundContent,
    NewVectorStore,
    SearchPage,
    StoreSearch,
    TextContent,
    VectorStoreChange,
    VectorStoreDeleted,
    VectorStoreObject,
    sizes,
)
from bedplate.domain.documents import Scalar
from bedplate.domain.retrieval import Hit, SearchResult
from bedplate.library.attaching import Attachment
from bedplate.library.ids import file_of
from bedplate.library.vector_stores import Expiry, Viewed
from bedplate.objects.protocol import Sums
from bedplate.rag.find import interleave
from bedplate.rag.retrieve import SearchRequest

router = APIRouter(prefix="/v1/vector_stores", tags=["vector stores"])


@router.post("")
async def create_vector_store(
    body: NewVectorStore, library: CurrentLibrary, tenant: Tenant
) -> VectorStoreObject:
    """A new collection, called by the name where that is free; its files are ingested by a job."""
    for file in body.file_ids or ():
        # Before anything is made.
        await library.objects.files.get(tenant, file)
    made = await library.stores.create(
        tenant,
        name=body.name or "",
        description=body.description,
        metadata=body.metadata,
        expires_days=body.expires_after and body.expires_after.days,
    )
    if body.file_ids:
        cut = sizes(body.chunking_strategy)
        wanted = [Attachment(file, chunking=cut) for file in body.file_ids]
        await library.attaching.attach_all(tenant, made.store.id, wanted)
        made = await library.stores.get(tenant, made.store.id)
    return shown(made)


@router.get("")
async def list_vector_stores(
    page: AskedPage, library: CurrentLibrary, tenant: Tenant
) -> ObjectList[VectorStoreObject]:
    """Every collection, whoever made it."""
    found = await library.stores.list(tenant, one_more(page))
    return object_list([shown(each) for each in found], page, [each.store.id for each in found])


@router.get("/{vector_store_id}")
async def get_vector_store(
    vector_store_id: str, library: CurrentLibrary, tenant: Tenant
) -> VectorStoreObject:
    """By its id, or by its collection's name."""
    return shown(await library.stores.get(tenant, vector_store_id))


@router.post("/{vector_store_id}")
async def modify_vector_store(
    vector_store_id: str, body: VectorStoreChange, library: CurrentLibrary, tenant: Tenant
) -> VectorStoreObject:
    """Its collection keeps its name. `"expires_after": null` lets it stay for good."""
    expires = None
    if "expires_after" in body.model_fields_set:
        expires = Expiry(body.expires_after and body.expires_after.days)
    metadata = body.metadata
    if "metadata" in body.model_fields_set:
        metadata = metadata or {}
    changed = await library.stores.modify(
        tenant, vector_store_id, name=body.name, metadata=metadata, expiry=expires
    )
    return shown(changed)


@router.delete("/{vector_store_id}")
async def delete_vector_store(
    vector_store_id: str, library: CurrentLibrary, tenant: Tenant
) -> VectorStoreDeleted:
    """Its collection goes with it; files stay."""
    return VectorStoreDeleted(id=await library.stores.delete(tenant, vector_store_id))


@router.post("/{vector_store_id}/search")
async def search_vector_store(
    vector_store_id: str,
    body: StoreSearch,
    app: CurrentApp,
    library: CurrentLibrary,
    account: CurrentAccount,
    deadline: Deadline,
) -> SearchPage:
    """Passages, best first. `score` is the cosine of query and passage, 0 where it is negative.

    With `rewrite_query` conditions that the query speaks of become a filter; `search_query` is
    what was searched for then. Several queries take turns.
    """
    scope = await library.stores.scope(account.tenant, vector_store_id)
    queries = [body.query] if isinstance(body.query, str) else body.query
    filter = None
    if body.filters is not None:
        fields = (await app.catalog.collections.get(scope)).fields
        read = settled(read_file_filter(body.filters, "filters"), fields)
        if read is False:
            return SearchPage(search_query=queries, data=[])
        filter = None if read is True else read
    results: list[SearchResult] = []
    for query in queries:
        request = SearchRequest(
            text=query,
            filter=filter,
            limit=body.max_num_results,
            limit_given=True,
            self_query=body.rewrite_query,
            by_relevance=True,
            rerank=body.ranking_options.ranker != "none",
            deadline=deadline,
            account=account,
        )
        results.append(await app.search.search(scope, request))
    hits = {hit.chunk_id: hit for hit in interleave([result.hits for result in results])}
    least = body.ranking_options.score_threshold
    found = [_found(hit) for hit in hits.values() if _score(hit) >= least]
    return SearchPage(
        search_query=[
            result.self_query.text or query if result.self_query else query
            for query, result in zip(queries, results, strict=True)
        ],
        data=found[: body.max_num_results],
    )


def shown(viewed: Viewed) -> VectorStoreObject:
    store = viewed.store
    counts = counted(viewed.sums, viewed.others)
    days = store.expires_days
    return VectorStoreObject(
        id=store.id,
        created_at=store.created_at,
        name=store.name,
        description=store.description,
        usage_bytes=viewed.sums.bytes,
        file_counts=counts,
        status="expired"
        if store.expired_at is not None
        else "in_progress"
        if counts.in_progress
        else "completed",
        expires_after=None if days is None else ExpiresAfter(anchor="last_active_at", days=days),
        expires_at=store.expires_at,
        last_active_at=store.active_at,
        metadata=dict(store.metadata),
        collection=store.collection,
    )


def counted(sums: Sums, others: int = 0) -> FileCounts:
    """By status; `others` are documents that did not come as files."""
    counts = sums.counts
    return FileCounts(
        in_progress=counts["in_progress"],
        completed=counts["completed"] + others,
        failed=counts["failed"],
        cancelled=counts["cancelled"],
        total=sum(counts.values()) + others,
    )


def _score(hit: Hit) -> float:
    return max(0.0, min(1.0, hit.cosine or 0.0))


def _found(hit: Hit) -> FoundContent:
    scalars: dict[str, Scalar] = {
        name: value
        for name, value in hit.metadata.items()
        if isinstance(value, str | int | float | bool)
    }
    return FoundContent(
        file_id=file_of(hit.document_id),
        filename=hit.source,
        score=_score(hit),
        attributes=scalars,
        content=[TextContent(text=hit.text)],
        chunk_id=hit.chunk_id,
        page=hit.page,
        heading=hit.heading,
    )
