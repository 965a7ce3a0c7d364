"""The settings of guards: what is looked for, where, and what becomes of it."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from bedplate.sections import Section, Slot

PiiMode = Literal["mask", "hash", "pseudonym", "block", "keep"]
PiiDirection = Literal["ingest", "input", "output", "traces", "logs"]
PiiReading = Literal["ingest", "input", "output"]


class PiiPolicyConfig(Section):
    """What becomes of personal data: `None` leaves a setting to the guard's own."""

    on: tuple[PiiDirection, ...] | None = None
    mode: PiiMode | None = None
    modes: Mapping[str, PiiMode] | None = None
    allow: tuple[str, ...] | None = None


class PiiSlot(Slot):
    """A guard against personal data, and what becomes of what it finds."""

    on: tuple[PiiDirection, ...] = ("ingest", "logs")
    """Documents that are kept; what models are asked; what they answer; what traces keep, where they
    are redacted; what the log says. Without "traces" all that is found is masked there."""
    names: tuple[PiiReading, ...] = ("ingest", "input", "output")
    """Where a guard that reads also looks for what has no shape, which takes longer."""
    mode: PiiMode = "mask"
    modes: Mapping[str, PiiMode] = Field(default_factory=dict[str, PiiMode])
    """Of single types, by their names."""
    keep: tuple[str, ...] = (
        "ADDRESS", "AGE", "BIRTH_DATE", "DATE", "LOCATION", "NRP", "ORGANIZATION", "TITLE", "URL",
        "VAT", "ZIP",
    )  # fmt: skip
    """Types that are found and left alone where `modes` does not name them: of firms and of the dead
    they are public."""
    allow: tuple[str, ...] = ()
    """Values that are left alone, or "@domain" for all of its e-mail addresses."""
    hash_key: SecretStr | None = None
    """What hashes are made with."""
    tenants: Mapping[str, PiiPolicyConfig] = Field(default_factory=dict[str, PiiPolicyConfig])

    @model_validator(mode="after")
    def _hashes_have_a_key(self) -> Self:
        modes = [self.mode, *self.modes.values()]
        for own in self.tenants.values():
            modes += [*([own.mode] if own.mode else []), *(own.modes or {}).values()]
        if "hash" in modes and self.hash_key is None:
            raise ValueError("mode hash needs hash_key, a secret that hashes are made with")
        return self


InjectionAction = Literal["flag", "sanitise", "block"]
InjectionKind = Literal["user", "document", "tool"]


class InjectionJudgeSlot(Slot):
    """A model that is asked about texts which rules and model are in doubt about."""

    model: str
    """One of `[models]`."""
    above: float = Field(default=0.2, ge=0, le=1)
    below: float = Field(default=0.9, gt=0, le=1)
    """Scores from the one to less than the other are in doubt."""


class InjectionSlot(Slot):
    """A guard against orders to a model, and what becomes of texts that hold some."""

    on: tuple[InjectionKind, ...] = ()
    """What users ask; documents that are ingested or retrieved; what tools answer."""
    action: InjectionAction = "flag"
    actions: Mapping[InjectionKind, InjectionAction] = Field(
        default_factory=dict[InjectionKind, InjectionAction]
    )
    """Of single kinds."""
    model: Slot | Literal[False] = Slot(use="encoder")
    """A trained model beside the rules; `false` leaves it to them."""
    judge: InjectionJudgeSlot | None = None


class AnswersConfig(Section):
    """What must not stand in any model's answer."""

    terms: tuple[str, ...] = Field(default=(), max_length=10_000)
    """Words and phrases, whatever their case."""
    instruction_words: int = Field(default=0, ge=0)
    """So many words of the instructions in a row are a leak; 0 does not look."""
    action: Literal["mask", "block"] = "mask"

    @model_validator(mode="after")
    def _terms_are_terms(self) -> Self:
        for term in self.terms:
            if not term.strip() or len(term) > 200:
                raise ValueError("a term has 1 to 200 characters")
        return self


class GuardsConfig(Section):
    answers: AnswersConfig = AnswersConfig()
    injection: InjectionSlot = InjectionSlot(use="scanner")
    pii: PiiSlot | Literal[False] = PiiSlot(use="patterns")
    """`false` keeps personal data as it is."""
    groundedness: Slot = Slot(use="evidence")
