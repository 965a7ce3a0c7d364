"""Metrics sent to other servers, again and again."""

import asyncio
import gzip
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from bedplate.domain.ids import new_id
from bedplate.telemetry.export import LEVEL, SAID_SECONDS, ExportOptions, post
from bedplate.telemetry.metrics import Metrics
from bedplate.telemetry.otlp_metrics import INSTANCE, Span, encoded_metrics

logger = logging.getLogger(__name__)


class MetricExport:
    """Waits for nobody. An export that fails is not repeated: the next holds everything."""

    def __init__(
        self,
        metrics: Metrics,
        places: Sequence[ExportOptions],
        session: aiohttp.ClientSession,
        *,
        measure: Callable[[], Awaitable[None]],
    ) -> None:
        """`measure` brings up to date what is read only when it is asked for."""
        self._metrics = metrics
        self._places = tuple(places)
        self._session = session
        self._measure = measure
        self._since = time.time_ns()
        self._instance = new_id()
        self._said_at: dict[str, float] = {}

    async def run(self, seconds: float) -> None:
        """Send until cancelled, each time so long after the one before."""
        while True:
            await asyncio.sleep(seconds)
            await self.send()

    async def send(self) -> None:
        """Send all there is to each place, once."""
        await self._measure()
        await asyncio.gather(*map(self._send, self._places))

    async def _send(self, place: ExportOptions) -> None:
        body = await asyncio.to_thread(self._body, place)
        problem, _ = await post(self._session, place, body)
        now = asyncio.get_running_loop().time()
        if problem is not None and now >= self._said_at.get(place.name, 0.0):
            self._said_at[place.name] = now + SAID_SECONDS
            facts = {"export": place.name, "why": problem}
            logger.warning("metrics are not exported", extra=facts)

    def _body(self, place: ExportOptions) -> bytes:
        resource = {INSTANCE: self._instance, **place.resource}
        families = self._metrics.registry.collect()
        span = Span(self._since, time.time_ns())
        return gzip.compress(encoded_metrics(families, resource, span), LEVEL)
