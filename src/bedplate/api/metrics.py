"""GET /metrics: numbers over all tenants, in Prometheus's text format."""

import asyncio

from fastapi import APIRouter, Response

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.errors import PERMISSION, refuse
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.metering import measured

MEDIA_TYPE = "text/plain; version=0.0.4"

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_class=Response)
async def metrics(app: CurrentApp, tenant: Tenant) -> Response:
    """Of all workers. They tell of all tenants, so that only the default one's operator may ask."""
    if tenant != DEFAULT_TENANT:
        return refuse(
            403,
            "Metrics are over all tenants: ask with a key of the default tenant.",
            code="insufficient_scope",
            type=PERMISSION,
        )
    await measured(app)
    text = await asyncio.to_thread(app.tracing.metrics.exposition)
    return Response(text, media_type=MEDIA_TYPE)
