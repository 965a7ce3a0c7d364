"""The section of responses."""

from pydantic import Field

from bedplate.sections import Section


class ResponsesConfig(Section):
    """Responses, conversations and chat completions that are kept, and responses made in the background."""

    keep_days: float = Field(default=30.0, gt=0, le=36_500)
    """Since they were last used."""
    max_stored: int = Field(default=100_000, gt=0)
    """Responses, and as many conversations and as many chat completions, of each tenant; the oldest go."""
    background_at_once: int = Field(default=16, gt=0, le=1_000)
    """By each process; further ones wait."""
    background_waiting: int = Field(default=256, ge=0)
    """Further ones are refused as busy."""
    background_seconds: float = Field(default=3_600.0, gt=0)
    """The longest time for one, once it is begun."""
    mcp: bool = True
    """Whether a request may name MCP servers to be called."""
    mcp_hosts: tuple[str, ...] = ()
    """Names or networks at private addresses that such a server may have."""
    file_urls: bool = True
    """Whether files that a request names by a URL are fetched."""
    file_hosts: tuple[str, ...] = ()
    """Names or networks at private addresses where they may be."""
