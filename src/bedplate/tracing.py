"""Traces, wired: what of them is kept, where, and for how long."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bedplate.config import Config
from bedplate.domain.ids import TenantId
from bedplate.domain.traces import Content
from bedplate.errors import BedplateError, ConfigError, NotFound, StorageError
from bedplate.guards.protocol import PiiGuard
from bedplate.guards.redaction import Redaction
from bedplate.safeguards import Safeguards
from bedplate.telemetry.ending import Ending
from bedplate.telemetry.export import ExportOptions, open_export
from bedplate.telemetry.metrics import Metrics
from bedplate.telemetry.protocol import TraceSink
from bedplate.telemetry.recorder import Recording, TraceRecorder, running
from bedplate.telemetry.trace import recorded_by
from bedplate.trace_sections import ExportConfig
from bedplate.traces.protocol import Traces
from bedplate.traces.sqlite import open_sqlite_traces

logger = logging.getLogger(__name__)

TRACES_FILE = "traces.db"
PRUNE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Tracing:
    """`traces` is None where none are kept here."""

    recorder: TraceRecorder
    traces: Traces | None
    metrics: Metrics

    @property
    def kept(self) -> Traces:
        """NotFound where none are kept."""
        if self.traces is None:
            raise NotFound("No traces are kept here: tracing.keep is false, or its file failed.")
        return self.traces


class PiiRedactor:
    """Where the policy of the tenant names traces, it says what is kept, masked or hashed. Elsewhere
    every finding is replaced by its type.
    """

    def __init__(self, guard: PiiGuard, policy: Redaction) -> None:
        self._guard = guard
        self._policy = policy

    def redact(self, text: str, tenant: TenantId) -> str:
        if self._policy.holds("traces", tenant):
            return self._policy(text, "traces", tenant)
        return self._guard.scrub(text).text


@asynccontextmanager
async def open_tracing(config: Config, safeguards: Safeguards) -> AsyncGenerator[Tracing]:
    """What begins within is recorded. ConfigError where content is to be redacted and guards.pii is switched off."""
    settings = config.tracing
    levels = {settings.content, *settings.tenants.values()}
    if "redacted" in levels and safeguards.finding is None:
        raise ConfigError(
            'tracing.content is "redacted", and guards.pii is false, so nothing would be: switch '
            'guards.pii on, or set tracing.content to "off" or "full".'
        )
    recording = Recording(
        waiting=settings.max_waiting,
        content_characters=0 if levels == {"off"} else settings.content_characters,
        share=settings.share,
    )

    def level(tenant: TenantId) -> Content:
        return settings.tenants.get(tenant, settings.content)

    finding = safeguards.finding
    policy = safeguards.in_traces
    redactor = None if finding is None or policy is None else PiiRedactor(finding, policy)
    async with AsyncExitStack() as stack:
        sinks: list[TraceSink] = []
        traces = await _opened(config, stack)
        if traces is not None:
            sinks.append(traces)
        for name, export in settings.exports.items():
            sinks.append(await stack.enter_async_context(open_export(_export(name, export))))
        metrics = Metrics()
        recorder = TraceRecorder(Ending(level, redactor), sinks, recording, [metrics])
        await stack.enter_async_context(running(recorder))
        if traces is not None:
            await stack.enter_async_context(_pruned(traces, config))
        stack.enter_context(recorded_by(recorder))
        yield Tracing(recorder, traces, metrics)


def _export(name: str, export: ExportConfig) -> ExportOptions:
    return ExportOptions(
        name=name,
        url=str(export.url),
        headers={key: value.get_secret_value() for key, value in export.headers.items()},
        resource=export.resource,
        openinference=export.openinference,
        seconds=export.seconds,
        max_waiting_bytes=export.max_waiting_bytes,
    )


async def _opened(config: Config, stack: AsyncExitStack) -> Traces | None:
    """None, with a warning, where the file cannot be used: requests go on without."""
    if not config.tracing.keep:
        return None
    try:
        return await stack.enter_async_context(open_sqlite_traces(config.data.dir / TRACES_FILE))
    except StorageError as error:
        logger.warning("traces are not kept", extra={"error": error.message})
        return None


@asynccontextmanager
async def _pruned(traces: Traces, config: Config) -> AsyncGenerator[None]:
    """Forget old traces, now and then, while the block runs."""
    pruning = asyncio.get_running_loop().create_task(_prune(traces, config))
    try:
        yield
    finally:
        pruning.cancel()
        await asyncio.wait([pruning])


async def _prune(traces: Traces, config: Config) -> None:
    settings = config.tracing
    while True:
        await asyncio.sleep(PRUNE_SECONDS)
        before = datetime.now(UTC) - timedelta(days=settings.keep_days)
        try:
            await traces.prune(before, max_bytes=settings.max_bytes)
        except BedplateError as error:
            logger.warning("old traces are not forgotten", extra={"error": error.message})
