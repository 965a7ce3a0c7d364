"""`secrets`: keys and tokens by the shapes that the `patterns` guard knows.

A password beside a word that names it is left to that guard, which replaces it: manuals are full
of them.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict

from bedplate.domain.guard import Finding
from bedplate.guards.pii import PatternGuard
from bedplate.guards.protocol import DocumentGuard, LocalInjectionModel

_SURE = 0.8
_CLOUD = ("AKIA", "ASIA", "AIza")


class SecretOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SecretGuard:
    def __init__(self) -> None:
        self._patterns = PatternGuard(("KEY",))

    def reasons(self, text: str) -> Counter[str]:
        return Counter(
            _kind(text, finding) for finding in self._patterns.find(text) if finding.score >= _SURE
        )


def _kind(text: str, finding: Finding) -> str:
    value = text[finding.start : finding.end]
    if value.startswith("-----BEGIN"):
        return "PRIVATE_KEY"
    if value.startswith(_CLOUD):
        return "CLOUD_KEY"
    if text[: finding.start].endswith(":") and text[finding.end :].startswith("@"):
        return "PASSWORD_IN_URL"
    return "TOKEN"


@asynccontextmanager
async def open_secret_guard(
    options: Mapping[str, Any], *, model: LocalInjectionModel | None = None
) -> AsyncGenerator[DocumentGuard]:
    """Secrets have a shape: `model` is not asked."""
    SecretOptions.model_validate(dict(options))
    yield SecretGuard()
