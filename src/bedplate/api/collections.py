"""/api/collections: named sets of documents."""

from fastapi import APIRouter, Response

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.schemas import Collection, CollectionList, Deleted, NewCollection

router = APIRouter(prefix="/api/collections", tags=["collections"])


@router.get("")
async def list_collections(app: CurrentApp, tenant: Tenant) -> CollectionList:
    found = await app.catalog.collections.list(tenant)
    return CollectionList(collections=[Collection.of(collection) for collection in found])


@router.post("", status_code=201, responses={200: {"description": "It was there already."}})
async def create_collection(
    body: NewCollection, app: CurrentApp, tenant: Tenant, response: Response
) -> Collection:
    known = {collection.name for collection in await app.catalog.collections.list(tenant)}
    if body.name in known:
        response.status_code = 200
    return Collection.of(await app.ingest.create(app.scope(body.name, tenant)))


@router.get("/{collection}")
async def get_collection(collection: str, app: CurrentApp, tenant: Tenant) -> Collection:
    return Collection.of(await app.catalog.collections.get(app.scope(collection, tenant)))


@router.delete("/{collection}")
async def delete_collection(collection: str, app: CurrentApp, tenant: Tenant) -> Deleted:
    await app.ingest.drop(app.scope(collection, tenant))
    return Deleted(id=collection)
