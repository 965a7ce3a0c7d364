"""Sections of the configuration as the options that parts and flows take, and checked as a whole."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from bedplate import __version__
from bedplate.config import Config, SearchConfig
from bedplate.domain.documents import ChunkHeader
from bedplate.domain.pushes import PushLimits
from bedplate.domain.tables import BusinessTable
from bedplate.embedders.protocol import ImageEmbedder
from bedplate.errors import ConfigError
from bedplate.ingest.originals import OriginalLimits
from bedplate.ingest.sync import SyncLimits
from bedplate.ingest.sync_batch import ReadLimits
from bedplate.models import EXTRACTIVE
from bedplate.parsers.protocol import ParseLimits
from bedplate.rag.retrieve import Ranking
from bedplate.rag.rewriter import OFF, RULES
from bedplate.safeguards import document_guards, redaction
from bedplate.sealing import Seals
from bedplate.spelling import did_you_mean

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


def push_limits(config: Config) -> PushLimits:
    """The configured bounds on pushed documents."""
    settings = config.push
    return PushLimits(
        documents=settings.max_documents,
        waiting=settings.max_waiting,
        waiting_bytes=settings.max_waiting_bytes,
    )


def original_limits(config: Config) -> OriginalLimits | None:
    """What may be kept of the files that documents were made from; None for nothing."""
    settings = config.originals
    return OriginalLimits(settings.max_file_bytes, settings.max_bytes) if settings.keep else None


def original_seals(config: Config) -> Seals | None:
    """What encrypts originals, and opens them; ConfigError for a key that is none."""
    settings = config.originals
    if settings.key is None:
        if settings.former_keys:
            raise ConfigError("originals.former_keys are set, and originals.key is not: set both.")
        return None
    keys = [each.get_secret_value() for each in (settings.key, *settings.former_keys)]
    return Seals(keys, setting="originals.key")


def recipe(config: Config, collection: str) -> str:
    """The settings that shape what ingest makes of a document of that collection."""
    own = config.collections.get(collection)
    parts = [
        repr((own and own.chunker) or config.chunker),
        repr(redaction(config.guards.pii)),
        *document_guards(config),
    ]
    # Nothing for what was always so: it is no change.
    if (header := chunk_header(config, collection)) != "full":
        parts.append(f"header {header}")
    return "|".join(parts)


def chunk_header(config: Config, collection: str) -> ChunkHeader:
    """What is embedded before the text of a chunk of that collection."""
    own = config.collections.get(collection)
    return (own and own.chunk_header) or config.ingest.chunk_header


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
            f"{did_you_mean(config.ask.model, config.models)}"
        )
    for name, assistant in config.assistants.items():
        if name in config.models:
            raise ConfigError(f"{name!r} is both a model and an assistant: rename one of them.")
        if assistant.model not in config.models:
            raise ConfigError(
                f"assistants.{name}.model is {assistant.model!r}; configured models: "
                f"{', '.join(config.models)}.{did_you_mean(assistant.model, config.models)}"
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
