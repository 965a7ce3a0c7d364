"""`presidio`: what `patterns` finds, and what Microsoft's presidio-analyzer does with a spaCy model.

Presidio reads segments (guards/segments.py), so that its findings in a stream are those in the whole;
it sees no more context than a segment has. Its recogniser of e-mail addresses is left out: it fetches
a list from the network, and patterns find them.
"""

import asyncio
import importlib
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.guard import Finding
from bedplate.errors import ConfigError
from bedplate.guards.pii import TYPES, PatternGuard, PiiType, Recogniser
from bedplate.guards.protocol import PiiGuard
from bedplate.guards.tagged import TaggedGuard

# By name, as this package brings half a gigabyte along, and is not there where it is not used.
_presidio: Any = importlib.import_module("presidio_analyzer")
_engines: Any = importlib.import_module("presidio_analyzer.nlp_engine")

OURS = {
    "CREDIT_CARD": "CARD", "PHONE_NUMBER": "PHONE", "US_SSN": "SSN", "IBAN_CODE": "IBAN",
    "EMAIL_ADDRESS": "EMAIL", "IP_ADDRESS": "IP", "MAC_ADDRESS": "MAC", "DATE_TIME": "DATE",
    "US_DRIVER_LICENSE": "DRIVER_LICENSE", "US_PASSPORT": "PASSPORT",
}  # fmt: skip
"""Presidio's names of types that have one here; others keep theirs."""

_NAME = re.compile(r"[A-Z][A-Z_]{1,30}")


class PresidioOptions(BaseModel):
    """`model` is an installed spaCy model of `language`. `entities` are presidio's names of what to
    look for; all that it knows where none is given. `types` and `custom` are those of `patterns`.
    """

    model_config = ConfigDict(extra="forbid")
    model: str = Field(default="en_core_web_sm", pattern=r"^[\w.\-]+$")
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    threshold: float = Field(default=0.35, ge=0, le=1)
    entities: tuple[str, ...] = ()
    types: tuple[PiiType, ...] = Field(default=TYPES, min_length=1)
    custom: tuple[Recogniser, ...] = Field(default=(), max_length=100)
    workers: int = Field(default=1, ge=1, le=64)


class Presidio:
    def __init__(self, options: PresidioOptions) -> None:
        engine = _engines.NlpEngineProvider(
            nlp_configuration={
                "nlp_engine_name": "spacy",
                "models": [{"lang_code": options.language, "model_name": options.model}],
            }
        ).create_engine()
        self._analyzer = _presidio.AnalyzerEngine(
            nlp_engine=engine, supported_languages=[options.language]
        )
        self._analyzer.registry.remove_recognizer("EmailRecognizer")
        self._options = options
        known: list[str] = self._analyzer.get_supported_entities(options.language)
        unknown = sorted(set(options.entities) - set(known))
        if unknown:
            raise ConfigError(
                f"guards.pii.entities: presidio has no {unknown[0]!r}; it knows "
                f"{', '.join(sorted(known))}."
            )
        self.types = sorted({OURS.get(name, name) for name in options.entities or known})

    def find(self, text: str) -> list[Finding]:
        """The surest of those that overlap."""
        options = self._options
        given: list[Any] = self._analyzer.analyze(
            text=text,
            language=options.language,
            entities=list(options.entities) or None,
            score_threshold=options.threshold,
        )
        found: list[Finding] = []
        for each in sorted(given, key=lambda e: (-e.score, e.start - e.end, e.start)):
            free = all(each.end <= f.start or f.end <= each.start for f in found)
            if free and each.start < each.end and _NAME.fullmatch(each.entity_type):
                name: str = each.entity_type
                found.append(Finding(OURS.get(name, name), each.start, each.end, float(each.score)))
        return sorted(found, key=lambda each: each.start)


def _opened(options: PresidioOptions) -> Presidio:
    # spaCy would fetch a model that is missing.
    try:
        __import__(options.model)
    except ImportError as error:
        raise ConfigError(
            f"guards.pii.model: the spaCy model {options.model!r} is not installed: install its "
            "package, or name another."
        ) from error
    return Presidio(options)


@asynccontextmanager
async def open_presidio_guard(options: Mapping[str, Any]) -> AsyncGenerator[PiiGuard]:
    """ConfigError for a spaCy model that is not installed, and for entities that presidio lacks."""
    chosen = PresidioOptions.model_validate(dict(options))
    presidio = await asyncio.to_thread(_opened, chosen)
    shaped = PatternGuard(chosen.types, [own.made() for own in chosen.custom])
    yield TaggedGuard(shaped, presidio, presidio.types, chosen.workers)
