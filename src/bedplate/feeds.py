"""Sources as they were set up, opened with what their kind is given."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bedplate.config import Slot, resolve_secrets
from bedplate.domain.sources import SourceSpec
from bedplate.slots import open_slot
from bedplate.sources import SOURCES
from bedplate.sources.protocol import Source
from bedplate.state.protocol import Catalog


@asynccontextmanager
async def open_source(catalog: Catalog, spec: SourceSpec) -> AsyncGenerator[Source]:
    """The source that was set up so, its secrets read now.

    Raises:
        ConfigError: a kind that does not exist, options it does not take, or a secret not there.
    """
    key = f"source {spec.name!r}"
    options = resolve_secrets(spec.options, key)
    slot = Slot.model_validate({**options, "use": spec.kind})
    given = {"pushed": catalog.pushed_rows, "tenant": spec.tenant} if spec.kind == "push" else {}
    async with open_slot(key, slot, SOURCES.load, name=spec.name, **given) as source:
        yield source
