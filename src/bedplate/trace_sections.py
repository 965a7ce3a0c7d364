"""The settings of traces: what is kept of them here, and where else they go."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr

from bedplate.sections import MEBIBYTE, Section

TraceContent = Literal["off", "redacted", "full"]


class ExportConfig(Section):
    """Another place for traces, by OTLP over HTTP."""

    url: HttpUrl
    """With its path, which mostly ends in /v1/traces."""
    headers: Mapping[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    resource: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Attributes of the resource, such as the name of a project."""
    openinference: bool = False
    """Whether spans carry OpenInference's attributes too."""
    seconds: float = Field(default=10.0, gt=0)
    max_waiting_bytes: int = Field(default=32 * MEBIBYTE, gt=0)
    """What waits while the place is down; further traces are dropped."""


class TracingConfig(Section):
    content: TraceContent = "off"
    """What is kept of prompts, answers and passages; redacted: without what guards.pii finds."""
    tenants: Mapping[str, TraceContent] = Field(default_factory=dict[str, TraceContent])
    """The same for single tenants."""
    content_characters: int = Field(default=20_000, gt=0)
    """Of one text."""
    share: float = Field(default=1.0, ge=0, le=1)
    """Of the traces that are kept; those that failed are kept in any case."""
    keep: bool = True
    """Whether traces are kept here."""
    keep_days: float = Field(default=14.0, gt=0, le=36_500)
    max_bytes: int = Field(default=1024 * MEBIBYTE, gt=0)
    """The oldest go where the file would grow larger."""
    max_waiting: int = Field(default=10_000, gt=0)
    """Traces that wait to be written; further ones are dropped."""
    exports: Mapping[str, ExportConfig] = Field(default_factory=dict[str, ExportConfig])
