"""Sections of the configuration as the options that parts and flows take, and checked as a whole."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal

from bedplate import __version__
from bedplate.config import Config, IngestConfig, SearchConfig
from bedplate.domain.tables import BusinessTable
from bedplate.embedders.protocol import ImageEmbedder
from bedplate.errors import ConfigError
from bedplate.guards.calls import PiiCalls
from bedplate.guards.closed import FailsClosed
from bedplate.guards.policy import Kept, Mode, Policy
from bedplate.guards.protocol import CallGuard, PiiGuard
from bedplate.ingest.sync import SyncLimits
from bedplate.ingest.sync_batch import ReadLimits
from bedplate.models import EXTRACTIVE
from bedplate.parsers.protocol import ParseLimits
from bedplate.rag.retrieve import Ranking
from bedplate.rag.rewriter import OFF, RULES
from bedplate.sections import PiiPolicyConfig, PiiSlot

READERS = ("rapidocr", "faster-whisper", "kreuzberg")
"""Distributions that read what is nothing but text to no parser of our own."""


def parse_limits(config: Config) -> ParseLimits:
    """The configured bounds on one file, as a parser takes them; ConfigError for a bad model."""
    settings, model = config.ingest, config.speech.model
    if model is not None and not (model / "model.bin").is_file():
        raise ConfigError(
            f"speech.model is {str(model)!r}, which is no folder of a Whisper model: it holds no "
            "model.bin."
        )
    return ParseLimits(
        bytes=settings.max_file_bytes,
        expanded=settings.max_expanded_bytes,
        pages=settings.max_pages,
        characters=settings.max_characters,
        seconds=settings.parse_seconds,
        memory=settings.parse_memory_bytes,
        speech_model="" if model is None else str(model.resolve()),
        tesseract="" if find_spec("rapidocr") else shutil.which("tesseract") or "",
    )


def sync_limits(config: Config) -> SyncLimits:
    """The configured bounds on a sync, as the flow takes them."""
    settings = config.sync
    return SyncLimits(
        read=ReadLimits(
            items=settings.batch_items,
            bytes=settings.batch_bytes,
            file_bytes=config.ingest.max_file_bytes,
            seconds=settings.read_seconds,
            readers=settings.readers,
            in_a_row=settings.failures_in_row,
        ),
        items=settings.max_items,
        list_seconds=settings.list_seconds,
        attempts=settings.attempts,
        shrink_items=settings.shrink_items,
        shrink_share=settings.shrink_share,
        complete=settings.complete_every,
        lease_seconds=settings.lease_seconds,
    )


def document_guards(settings: IngestConfig) -> tuple[str, ...]:
    """The guards that say which documents are held in quarantine, by name."""
    return ("secrets",) if settings.secrets == "quarantine" else ()


def recipe(config: Config, collection: str) -> str:
    """The settings that shape what ingest makes of a document of that collection."""
    own = config.collections.get(collection)
    parts = [
        repr(own.chunker if own else config.chunker),
        repr(_redaction(config.guards.pii)),
        *document_guards(config.ingest),
    ]
    return "|".join(parts)


def _redaction(slot: PiiSlot | Literal[False]) -> object:
    """What of the settings shapes the text of a document; an empty one where nothing is replaced."""
    if not slot or "ingest" not in slot.on:
        return ()
    kept = sorted(type for type, mode in _modes(slot).items() if mode == "keep")
    return (slot.use, slot.options, slot.mode == "keep", kept, slot.allow)


def _modes(slot: PiiSlot, own: PiiPolicyConfig | None = None) -> dict[str, Mode]:
    kept: dict[str, Mode] = dict.fromkeys(slot.keep, "keep")
    return {**kept, **slot.modes, **((own and own.modes) or {})}


def pii_policy(slot: PiiSlot, own: PiiPolicyConfig | None = None) -> Policy:
    """What the guard against personal data is to do, for a tenant with settings of its own or all."""
    own = own or PiiPolicyConfig()
    return Policy(
        on=frozenset(slot.on if own.on is None else own.on),
        mode=own.mode or slot.mode,
        modes=_modes(slot, own),
        allow=frozenset(v.casefold() for v in (slot.allow if own.allow is None else own.allow)),
        key=slot.hash_key.get_secret_value().encode() if slot.hash_key else b"",
    )


def pii_guards(
    config: Config, guard: PiiGuard | None
) -> tuple[PiiGuard | None, PiiGuard | None, CallGuard | None]:
    """The guard alone, and as documents and model calls meet it; None where it leaves all as it is."""
    slot = config.guards.pii
    if not slot or guard is None:
        return None, None, None
    guard = FailsClosed(guard, "guards.pii")
    policy = pii_policy(slot)
    tenants = {name: pii_policy(slot, own) for name, own in slot.tenants.items()}
    calls = any(each.on & {"input", "output"} for each in (policy, *tenants.values()))
    return (
        guard,
        Kept(guard, policy) if "ingest" in policy.on else None,
        PiiCalls(guard, policy, tenants) if calls else None,
    )


def reading_recipe(config: Config, images: ImageEmbedder | None) -> str:
    """The settings, versions and installed parts that shape what is read of a file."""
    parts = [__version__, repr(config.ingest), repr(config.speech)]
    parts += [f"{name} {_installed(name)}" for name in READERS]
    parts += [] if images is None else [images.fingerprint]
    return "|".join(parts)


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def ranking(settings: SearchConfig) -> Ranking:
    """The configured order of hits, as the search flow takes it."""
    return Ranking(
        candidates=settings.candidates,
        keyword_weight=settings.keyword_weight,
        late_top=settings.late_top,
        late_chunks=settings.late_chunks,
        late_weight=settings.late_weight,
        smoothing=settings.smoothing,
        rerank_top=settings.rerank_top,
        rerank_weight=settings.rerank_weight,
        max_limit=settings.max_limit,
        recency=settings.recency,
        diversity=settings.diversity,
    )


def business_tables(config: Config) -> dict[str, BusinessTable]:
    """The declared tables by name."""
    return {
        name: BusinessTable(
            name=name,
            table=table.table,
            key=table.key,
            field=table.field,
            columns=table.columns,
            tenant_column=table.tenant_column,
            database=None if table.database is None else table.database.absolute(),
        )
        for name, table in config.tables.items()
    }


def check_assistants(config: Config) -> None:
    if config.ask.passages > config.search.max_limit:
        raise ConfigError(
            f"ask.passages is {config.ask.passages}, more than search.max_limit "
            f"({config.search.max_limit}) allows: raise the latter or lower the former."
        )
    if config.ask.model not in config.models:
        raise ConfigError(
            f"ask.model is {config.ask.model!r}; configured models: {', '.join(config.models)}."
        )
    for name, assistant in config.assistants.items():
        if name in config.models:
            raise ConfigError(f"{name!r} is both a model and an assistant: rename one of them.")
        if assistant.model not in config.models:
            raise ConfigError(
                f"assistants.{name}.model is {assistant.model!r}; configured models: "
                f"{', '.join(config.models)}."
            )


def check_readers(config: Config) -> None:
    """Questions are read and rewritten by rules, or by a model that can be told what to do."""
    search = config.search
    for key, name in (("reader", search.reader), ("rewrite", search.rewrite)):
        if name == RULES or (key, name) == ("rewrite", OFF):
            continue
        if name not in config.models or config.models[name].use in EXTRACTIVE:
            able = [model for model, slot in config.models.items() if slot.use not in EXTRACTIVE]
            raise ConfigError(
                f"search.{key} is {name!r}; it must be {RULES!r} or a configured model that follows "
                f"instructions: {', '.join(able) or 'there is none'}."
            )


def remembers_answers(config: Config) -> bool:
    """Whether any model has a cache of answers."""
    return any(slot.cache.exact or slot.cache.semantic for slot in config.models.values())
