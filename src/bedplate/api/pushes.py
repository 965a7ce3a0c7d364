"""/api/sources/{source}/documents: what clients push to a source of the kind `push`, by key."""

import asyncio
from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.media_types import JSON, media_type
from bedplate.api.push_schemas import Pushed, Receipt, Stated
from bedplate.api.schemas import Values
from bedplate.domain import pushes
from bedplate.errors import InvalidInput
from bedplate.ingest.pushes import MAX_METADATA, PushBody

MAX_KEYS = 1_000_000
FILE: dict[str, Any] = {
    "requestBody": {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
}
LISTING: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["keys"],
                    "additionalProperties": False,
                    "properties": {
                        "keys": {
                            "type": "array", "items": {"type": "string"}, "maxItems": MAX_KEYS,
                        },
                        "as_of": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    },
                }
            }
        },
    }
}  # fmt: skip
KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "Nothing to do: that is known already.", "model": Receipt}
}

_VALUES = TypeAdapter(Values)

router = APIRouter(prefix="/api/sources/{source}", tags=["sources"])


class _Listing(msgspec.Struct, forbid_unknown_fields=True):
    """As many keys as there are documents: read past Pydantic, and not in the event loop."""

    keys: Annotated[set[str], msgspec.Meta(max_length=MAX_KEYS)]
    as_of: int | None = None


@router.put(
    "/documents/{key:path}",
    status_code=202,
    response_model=Receipt,
    responses=KNOWN,
    openapi_extra=FILE,
)
async def push_document(
    source: str,
    key: str,
    request: Request,
    app: CurrentApp,
    tenant: Tenant,
    metadata: Annotated[
        str | None, Query(max_length=MAX_METADATA, description="A JSON object of its fields.")
    ] = None,
) -> Response:
    """Give this file the key; 202 when it is safe on disk. It is indexed soon, see `GET`."""
    body = PushBody(await request.body(), media_type(request) or None, _metadata(metadata))
    return _answer(await app.pushes.put(tenant, source, key, body))


@router.get("/documents/{key:path}")
async def get_pushed(source: str, key: str, app: CurrentApp, tenant: Tenant) -> Pushed:
    """How it stands."""
    return Pushed.model_validate(await app.pushes.get(tenant, source, key))


@router.delete("/documents/{key:path}", status_code=202, response_model=Receipt, responses=KNOWN)
async def remove_pushed(source: str, key: str, app: CurrentApp, tenant: Tenant) -> Response:
    """Let it go. Such deletions are believed, however many there are."""
    return _answer(await app.pushes.remove(tenant, source, key))


@router.post("/complete", status_code=202, openapi_extra=LISTING)
async def complete_listing(
    source: str, request: Request, app: CurrentApp, tenant: Tenant
) -> Stated:
    """State that these keys are all there are. What lacks is deleted, as far as that is believed."""
    listing = await asyncio.to_thread(_listing, await request.body())
    stated = await app.pushes.complete(tenant, source, listing.keys, as_of=listing.as_of)
    return Stated.model_validate(stated)


def _answer(receipt: pushes.Receipt) -> Response:
    shown = Receipt.model_validate(receipt)
    return Response(shown.model_dump_json(), 202 if receipt.changed else 200, media_type=JSON)


def _metadata(text: str | None) -> Values:
    if text is None:
        return {}
    try:
        raw = cast(object, msgspec.json.decode(text.encode()))
        return _VALUES.validate_python(raw, strict=True)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(
            f"The metadata are not valid JSON: {error}.", param="metadata"
        ) from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"][:1])) or "The whole"
        raise InvalidInput(
            f"The metadata are a JSON object of values or lists of values. {where}: "
            f"{problem['msg']}.",
            param="metadata",
        ) from error


def _listing(body: bytes) -> _Listing:
    try:
        return msgspec.json.decode(body, type=_Listing)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(
            f'The body must be {{"keys": […], "as_of"?}} as JSON: {error}.', param="keys"
        ) from error
